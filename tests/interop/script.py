"""Packet scripts: what several connections send to a job server, and what they get back.

A script is a list of steps. After each step every connection sends an ECHO_REQ and reads until its answer
comes: a server handles requests in order, so by then everything that the step caused has arrived, without
any waiting for time to pass. The replies make a transcript in which handles are numbered in the order of
their appearance, so that two servers that behave alike give equal transcripts.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from geartrain.protocol.packets import ECHO_REQ, ECHO_RES, MAGIC_REQUEST, MAGIC_RESPONSE, packet_name
from tests.interop.processes import Deadline
from tests.interop.servers import HANDLE_PREFIX, JobServer

HEADER = struct.Struct(">4sII")
HANDLE = re.compile(HANDLE_PREFIX.encode() + rb":\d+")
# A line of ``workers`` begins with a file descriptor and an address.
CONNECTION = re.compile(rb"^\d+ 127\.0\.0\.1 ", re.MULTILINE)
CLOSED = "connection closed"
TEXT = "text"

# Stand in a script for the first, second, … handle that appeared.
H1, H2, H3, H4, H5, H6 = [b"<handle %d>" % number for number in range(1, 7)]


class Step(NamedTuple):
    """One thing that one connection does."""

    who: str
    action: str
    number: int = 0
    data: bytes = b""


class Reply(NamedTuple):
    """One thing that a connection gets: a packet, text, or the end of the connection."""

    who: str
    what: str
    payload: bytes = b""


def send(who: str, number: int, *arguments: bytes) -> Step:
    """Sends a packet; nothing checks that the arguments are those of its type."""
    return Step(who, "packet", number, b"\0".join(arguments))


def line(who: str, text: bytes) -> Step:
    """Sends a line of the text protocol."""
    return Step(who, "raw", 0, text + b"\n")


def raw(who: str, data: bytes) -> Step:
    """Sends bytes as they are."""
    return Step(who, "raw", 0, data)


def part(who: str, data: bytes) -> Step:
    """Sends the beginning of a message; nothing else can be asked on this connection before its end."""
    return Step(who, "part", 0, data)


def close(who: str) -> Step:
    """Closes the connection and waits until the server has noticed."""
    return Step(who, "close")


def finish(who: str, data: bytes) -> Step:
    """Sends bytes and then says that nothing more will come; the server answers what it can, and closes."""
    return Step(who, "finish", 0, data)


def wait(who: str, number: int) -> Step:
    """Waits for a packet that the server sends by itself when the time for it has come."""
    return Step(who, "wait", number)


def packet(number: int, *arguments: bytes) -> bytes:
    """A request packet as bytes."""
    payload = b"\0".join(arguments)
    return HEADER.pack(MAGIC_REQUEST, number, len(payload)) + payload


def reply(who: str, number: int, *arguments: bytes) -> Reply:
    """A packet in a transcript."""
    return Reply(who, packet_name(number), b"\0".join(arguments))


def text(who: str, answer: bytes) -> Reply:
    """Text in a transcript."""
    return Reply(who, TEXT, answer)


def closed(who: str) -> Reply:
    """The end of a connection in a transcript."""
    return Reply(who, CLOSED)


class Connection:
    """One connection of a script, with what it has read so far."""

    def __init__(self, who: str, server: JobServer) -> None:
        self.who = who
        self.is_open = True
        # The rest of a message is still to be sent: no barrier may come between.
        self.is_partial = False
        self._socket = server.connect()
        self._buffer = b""

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            # The server closed the connection; reading says so.
            pass

    def read(self) -> Reply:
        """The next packet or piece of text; a closed connection is a reply, too."""
        while (taken := self._take()) is None:
            try:
                data = self._socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self.close()
                return closed(self.who)
            self._buffer += data
        return taken

    def finish(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.is_open = False
        self._socket.close()

    def _take(self) -> Reply | None:
        if self._buffer[:1] not in (b"", b"\0"):
            answer, found, rest = self._buffer.partition(b"\n")
            self._buffer = rest if found else self._buffer
            return text(self.who, answer + b"\n") if found else None
        if len(self._buffer) < HEADER.size:
            return None
        magic, number, size = HEADER.unpack_from(self._buffer)
        assert magic == MAGIC_RESPONSE
        end = HEADER.size + size
        if len(self._buffer) < end:
            return None
        payload, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
        return Reply(self.who, packet_name(number), payload)


class Run:
    """One script on one server."""

    def __init__(self, server: JobServer) -> None:
        self._server = server
        self._connections: dict[str, Connection] = {}
        self._handles: list[bytes] = []
        self._barriers = 0
        # Asks the server whether it has noticed that another connection was closed.
        self._control = self._connect("control")

    def play(self, steps: Sequence[Step]) -> list[Reply]:
        """Takes all steps and returns everything that the server sent, in a reproducible order."""
        transcript: list[Reply] = []
        try:
            for step in steps:
                transcript += self._normalise([*self._take(step), *self._settle(step.who)])
        finally:
            for connection in self._connections.values():
                connection.close()
        return transcript

    def _connect(self, who: str) -> Connection:
        if who not in self._connections:
            self._connections[who] = Connection(who, self._server)
        return self._connections[who]

    def _take(self, step: Step) -> Iterator[Reply]:
        connection = self._connect(step.who)
        if step.action == "close":
            self._close(connection)
        elif step.action == "wait":
            yield from self._read_until(connection, packet_name(step.number))
        elif step.action == "finish":
            connection.send(step.data)
            connection.finish()
            yield from self._read_until(connection, CLOSED)
        else:
            data = self._fill_in_handles(step.data)
            connection.is_partial = step.action == "part"
            connection.send(packet(step.number, data) if step.action == "packet" else data)

    def _read_until(self, connection: Connection, what: str) -> Iterator[Reply]:
        while (got := connection.read()).what != what:
            assert got.what != CLOSED, f"{connection.who} waits for {what}"
            yield got
        yield got

    def _settle(self, actor: str) -> Iterator[Reply]:
        """Reads what the step has caused: first at its own connection, whose barrier follows the step."""
        for who in [actor, *sorted(set(self._connections) - {actor})]:
            yield from self._barrier(self._connections[who])

    def _barrier(self, connection: Connection) -> Iterator[Reply]:
        if not connection.is_open or connection.is_partial:
            return
        self._barriers += 1
        token = b"barrier %d" % self._barriers
        connection.send(packet(ECHO_REQ, token))
        while (got := connection.read()) != reply(connection.who, ECHO_RES, token):
            yield got
            if got.what == CLOSED:
                return

    def _close(self, connection: Connection) -> None:
        before = self._count_connections()
        connection.close()
        deadline = Deadline()
        while self._count_connections() >= before:
            deadline.check(f"the end of {connection.who}")

    def _count_connections(self) -> int:
        self._control.send(b"workers\n")
        count = 0
        while (got := self._control.read()).payload != b".\n":
            assert got.what == TEXT
            count += 1
        return count

    def _fill_in_handles(self, data: bytes) -> bytes:
        for number, handle in enumerate(self._handles, start=1):
            data = data.replace(b"<handle %d>" % number, handle)
        return data

    def _normalise(self, replies: list[Reply]) -> list[Reply]:
        """Replaces what differs from run to run, and sorts the lines of a list."""
        seen = [each._replace(payload=self._normalise_payload(each.payload)) for each in replies]
        lines = [each for each in seen if each.what == TEXT]
        if [each.payload for each in lines].count(b".\n") != 1 or lines[-1].payload != b".\n":
            return seen
        others = [each for each in seen if each.what != TEXT]
        return [*sorted(lines[:-1]), lines[-1], *others]

    def _normalise_payload(self, payload: bytes) -> bytes:
        return CONNECTION.sub(b"<fd> <address> ", HANDLE.sub(self._number_handle, payload))

    def _number_handle(self, found: re.Match[bytes]) -> bytes:
        if found[0] not in self._handles:
            self._handles.append(found[0])
        return b"<handle %d>" % (self._handles.index(found[0]) + 1)
