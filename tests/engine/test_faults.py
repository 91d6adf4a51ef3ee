"""Messages that cannot be understood, and connections that come to an end."""

from __future__ import annotations

import logging

import pytest

from geartrain.protocol.codec import AdminLine
from geartrain.protocol.packets import ECHO_REQ, ECHO_RES, ERROR, SUBMIT_JOB, Packet
from tests.engine.world import World


def request(number: int, payload: bytes = b"", magic: bytes = b"\0REQ") -> bytes:
    return magic + number.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    ("data", "code", "named"),
    [
        (request(SUBMIT_JOB, b"foo"), b"INVALID_ARGUMENTS", b"SUBMIT_JOB takes 3 arguments"),
        (request(SUBMIT_JOB), b"INVALID_ARGUMENTS", b"got 1"),
        (request(0), b"INVALID_COMMAND", b"Unknown packet type 0"),
        (request(43), b"INVALID_COMMAND", b"Unknown packet type 43"),
        (request(0x80000000), b"INVALID_COMMAND", b"Unknown packet type 2147483648"),
        (request(0xFFFFFFFF), b"INVALID_COMMAND", b"Unknown packet type 4294967295"),
        (request(ECHO_REQ, b"x", magic=b"\0RES"), b"INVALID_MAGIC", b"Request magic expected"),
    ],
)
def test_a_faulty_packet_is_answered_with_an_error_and_the_connection_goes_on(
    world: World, data: bytes, code: bytes, named: bytes
) -> None:
    """The length was known, so the next message is where it should be."""
    client = world.connect()

    client.raw(data + request(ECHO_REQ, b"still here"))

    error, echo = client.received()
    assert isinstance(error, Packet)
    assert error.number == ERROR
    assert error.arguments[0] == code
    assert named in error.arguments[1]
    assert echo == Packet(ECHO_RES, (b"still here",))
    assert not client.closed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (request(ECHO_REQ, b"", magic=b"\0FOO"), b"INVALID_MAGIC"),
        (b"\0REQ" + ECHO_REQ.to_bytes(4, "big") + b"\xff\xff\xff\xff", b"PACKET_TOO_LARGE"),
    ],
)
def test_lost_framing_is_answered_with_an_error_and_the_end(world: World, data: bytes, code: bytes) -> None:
    """What follows could be anything, so nothing of it is heard."""
    client = world.connect()

    client.raw(data)
    client.raw(request(ECHO_REQ, b"more"))

    [error] = client.received()
    assert isinstance(error, Packet)
    assert error.arguments[0] == code
    assert client.closed


def test_an_endless_text_line_is_answered_in_text(world: World) -> None:
    """Whoever speaks text is answered in text."""
    client = world.connect()

    client.raw(b"x" * 9000)

    [line] = client.received()
    assert isinstance(line, AdminLine)
    assert line.text.startswith(b"ERR LINE_TOO_LONG ")
    assert client.closed


def test_the_faults_of_a_connection_are_noted_once(world: World) -> None:
    """A flood of bad packets does not become a flood of log lines."""
    client = world.connect()

    for _ in range(100):
        client.raw(request(99))

    [notice] = world.notices()
    assert (notice.level, notice.event) == (logging.WARNING, "message not understood")
    assert notice.fields == {
        "peer": b"127.0.0.1",
        "code": "INVALID_COMMAND",
        "text": "Unknown packet type 99",
    }
    assert world.notices() == []


def test_nothing_is_heard_from_a_connection_that_left(world: World) -> None:
    """Messages read before the end was noticed come too late; leaving twice is leaving once."""
    client = world.connect()
    client.leave()

    world.engine.receive(client.peer, Packet(SUBMIT_JOB, (b"f", b"", b"")), world.now)
    world.engine.disconnect(client.peer, world.now)

    assert world.engine.unfinished_jobs == 0


def test_a_connection_is_ready_once_however_much_it_is_sent(world: World) -> None:
    """Whoever writes the output is told once, and again only when there is more."""
    client = world.connect()
    for _ in range(3):
        client.raw(request(ECHO_REQ, b"x"))

    assert world.engine.take_ready_peers() == [client.peer]
    assert world.engine.take_ready_peers() == []


def test_packets_connections_and_jobs_are_readable_in_a_debugger(world: World) -> None:
    """A repr names the thing and shortens payloads."""
    client = world.connect()
    handle = client.submit(data=b"x" * 1000)
    job = world.engine._jobs.by_handle[handle]

    assert repr(client.peer) == "<Peer 10 b'127.0.0.1' b'-'>"
    assert repr(job) == "<Job b'H:test:1' of b'f', state 2>"
    assert repr(job.function) == "<Function b'f', 1 jobs, 0 workers>"
