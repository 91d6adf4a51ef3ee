"""Loads a job server over many connections, each of which waits for the answer before it sends again."""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Final, NamedTuple

from geartrain.protocol.packets import ERROR, JOB_CREATED

HOST: Final = "127.0.0.1"

_HEADER: Final = struct.Struct(">4sII")
_PATIENCE_SECONDS: Final = 30.0
_MOST_ANSWER_BYTES: Final = 4096


class Figures(NamedTuple):
    """What came of a run: submissions that were acknowledged, those that were refused, and how long it took.

    ``busy`` is the part of that time in which the load itself was computing; near 1, it was the bottleneck.
    """

    acknowledged: int
    refused: int
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        """Acknowledged submissions in a second."""
        return self.acknowledged / self.seconds


def submit(
    port: int, *, number: int, connections: int, seconds: float, data_bytes: int, tag: bytes
) -> Figures:
    """Submits jobs of a kind (the packet's number) for some seconds; ``tag`` keeps uniques of runs apart."""
    sockets = {}
    poll = select.epoll()
    for _ in range(connections):
        connection = _connect(port)
        sockets[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    data = b"x" * data_bytes
    answers = {JOB_CREATED: 0, ERROR: 0}
    begin, begin_busy = time.perf_counter(), time.process_time()
    for count, connection in enumerate(sockets.values()):
        connection.sendall(_packet(number, tag, count, data))
    count = connections
    while time.perf_counter() - begin < seconds:
        for descriptor, _ in poll.poll(_PATIENCE_SECONDS):
            connection = sockets[descriptor]
            answers[_HEADER.unpack_from(connection.recv(_MOST_ANSWER_BYTES))[1]] += 1
            connection.sendall(_packet(number, tag, count, data))
            count += 1
    elapsed, busy = time.perf_counter() - begin, time.process_time() - begin_busy
    for connection in sockets.values():
        connection.close()
    return Figures(answers[JOB_CREATED], answers[ERROR], elapsed, busy / elapsed)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=_PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _packet(number: int, tag: bytes, count: int, data: bytes) -> bytes:
    body = b"bench\0%s%d\0%s" % (tag, count, data)
    return _HEADER.pack(b"\0REQ", number, len(body)) + body
