"""Loads a job server over many connections, each of which waits for the answer before it sends again."""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import NamedTuple

from geartrain.protocol.packets import ERROR, JOB_CREATED

_HEADER = struct.Struct(">4sII")
_HOST = "127.0.0.1"


class Figures(NamedTuple):
    """What came of a run: submissions that were acknowledged, those that were refused, and how long it took."""

    acknowledged: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        """Acknowledged submissions in a second."""
        return self.acknowledged / self.seconds


class _Submitter:
    """One connection with one submission under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((_HOST, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, packet: bytes) -> None:
        self.socket.sendall(packet)

    def receive(self) -> int:
        """The number of the packet that answers."""
        number: int = _HEADER.unpack_from(self.socket.recv(4096))[1]
        return number


def submit(port: int, *, number: int, connections: int, seconds: float, data_bytes: int, tag: bytes) -> Figures:
    """Submits jobs of a kind (the packet's number) for some seconds; ``tag`` keeps uniques of runs apart."""
    data = b"x" * data_bytes
    submitters = {}
    poll = select.epoll()
    for _ in range(connections):
        submitter = _Submitter(port)
        submitters[submitter.socket.fileno()] = submitter
        poll.register(submitter.socket.fileno(), select.EPOLLIN)
    count = 0
    answers = {JOB_CREATED: 0, ERROR: 0}
    begin = time.perf_counter()
    for submitter in submitters.values():
        submitter.send(_packet(number, tag, count, data))
        count += 1
    while time.perf_counter() - begin < seconds:
        for descriptor, _ in poll.poll(1):
            submitter = submitters[descriptor]
            answers[submitter.receive()] += 1
            submitter.send(_packet(number, tag, count, data))
            count += 1
    elapsed = time.perf_counter() - begin
    for submitter in submitters.values():
        submitter.socket.close()
    return Figures(answers[JOB_CREATED], answers[ERROR], elapsed)


def _packet(number: int, tag: bytes, count: int, data: bytes) -> bytes:
    body = b"bench\0%s%d\0%s" % (tag, count, data)
    return _HEADER.pack(b"\0REQ", number, len(body)) + body
