"""A peer that does not read cannot make the server's memory grow, nor hold the others up for ever."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request
from geartrain.protocol.packets import Packet
from geartrain.server import run_in_thread
from tests.server.process import Gearmand
from tests.server.wire import TIMEOUT_SECONDS, Wire

_MIB = 1 << 20
_CHUNK = b"x" * 65536
# How long a send has to make no progress for the sender to count as held up.
_HELD_UP_SECONDS = 0.5
# More than the server and both kernels' socket buffers take while nobody reads.
_TOO_MUCH = 48 * _MIB


@pytest.fixture(params=["uvloop", "asyncio"])
def event_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both event loops: their transports count, pause and close each in its own way."""
    if request.param == "asyncio":
        monkeypatch.setattr(uvloop, "new_event_loop", asyncio.new_event_loop)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


class _Sender:
    """Sends one packet again and again, and knows where it stopped."""

    def __init__(self, wire: Wire, packet: bytes) -> None:
        self._wire = wire
        self._packet = packet
        self.sent_bytes = 0

    def send(self, total_bytes: int, timeout: float = TIMEOUT_SECONDS) -> None:
        """Goes on until so many bytes are sent in total; TimeoutError when the server reads no more."""
        self._wire.socket.settimeout(timeout)
        view = memoryview(self._packet)
        while self.sent_bytes < total_bytes:
            self.sent_bytes += self._wire.socket.send(view[self.sent_bytes % len(view) :])
        self._wire.socket.settimeout(TIMEOUT_SECONDS)

    def send_until_held_up(self) -> None:
        with pytest.raises(TimeoutError):
            self.send(_TOO_MUCH, _HELD_UP_SECONDS)
        self._wire.socket.settimeout(TIMEOUT_SECONDS)

    def finish(self, packets_in_total: int) -> None:
        self.send(packets_in_total * len(self._packet))


def _narrow(port: int) -> Wire:
    """A connection with little room for unread bytes in the kernel."""
    wire = Wire(("127.0.0.1", port))
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    return wire


def _wire(port: int) -> Wire:
    return Wire(("127.0.0.1", port))


def _running_job(client: Wire, worker: Wire) -> bytes:
    """Submits a job and has the worker take it; its handle."""
    handle = client.submit(b"f")
    worker.send(packets.CAN_DO, b"f")
    assert worker.grab().arguments[0] == handle
    return handle


@pytest.mark.usefixtures("event_loop")
def test_a_worker_waits_while_its_client_does_not_read(pool: ThreadPoolExecutor) -> None:
    """Others are served meanwhile; once the client reads, all of it arrives."""
    count = 800
    with (
        run_in_thread(port=0, pause_bytes=_MIB) as server,
        _narrow(server.port) as client,
        _wire(server.port) as worker,
        _wire(server.port) as other,
    ):
        handle = _running_job(client, worker)
        sender = _Sender(worker, encode_request(packets.WORK_DATA, handle, _CHUNK))
        sender.send_until_held_up()
        other.echo()

        sending = pool.submit(sender.finish, count)

        for _ in range(count):
            assert client.read() == Packet(packets.WORK_DATA, (handle, _CHUNK))
        sending.result()
        worker.echo()


@pytest.mark.usefixtures("event_loop")
def test_a_peer_that_reads_no_answers_holds_itself_up(pool: ThreadPoolExecutor) -> None:
    """Its requests are not read any more; once it reads, each is answered."""
    count = 800
    with (
        run_in_thread(port=0, pause_bytes=_MIB) as server,
        _narrow(server.port) as flooding,
        _wire(server.port) as other,
    ):
        sender = _Sender(flooding, encode_request(packets.ECHO_REQ, _CHUNK))
        sender.send_until_held_up()
        other.echo()

        sending = pool.submit(sender.finish, count)

        for _ in range(count):
            assert flooding.read() == Packet(packets.ECHO_RES, (_CHUNK,))
        sending.result()


@pytest.mark.usefixtures("event_loop")
def test_a_worker_goes_on_when_the_client_it_waits_for_leaves(pool: ThreadPoolExecutor) -> None:
    """There is nobody left to wait for."""
    with run_in_thread(port=0, pause_bytes=_MIB) as server, _wire(server.port) as worker:
        with _narrow(server.port) as client:
            handle = _running_job(client, worker)
            sender = _Sender(worker, encode_request(packets.WORK_DATA, handle, _CHUNK))
            sender.send_until_held_up()
            sending = pool.submit(sender.finish, 800)

        sending.result()
        worker.echo()


@pytest.mark.usefixtures("event_loop")
def test_a_peer_that_reads_nothing_for_too_long_is_dropped(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    """With one line in the log; the worker that waited for it goes on."""
    with (
        run_in_thread(port=0, pause_bytes=_MIB, stall_seconds=0.2) as server,
        _narrow(server.port) as client,
        _wire(server.port) as worker,
    ):
        handle = _running_job(client, worker)
        sender = _Sender(worker, encode_request(packets.WORK_DATA, handle, _CHUNK))

        pool.submit(sender.finish, 800).result()

        worker.echo()
    dropped = [record for record in caplog.records if vars(record)["event"] == "dropped a connection"]
    assert len(dropped) == 1
    assert dropped[0].levelno == logging.WARNING
    assert vars(dropped[0])["fields"]["reason"] == "it reads nothing"
    assert vars(dropped[0])["fields"]["unread_bytes"] > _MIB


@pytest.mark.usefixtures("event_loop")
def test_a_peer_over_the_hard_limit_gets_no_more_and_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """One big result may go over it; what comes on top of that may not."""
    with (
        run_in_thread(port=0, pause_bytes=_MIB, max_unread_bytes=4 * _MIB) as server,
        _narrow(server.port) as client,
        _wire(server.port) as first,
        _wire(server.port) as second,
    ):
        jobs = [(worker, _running_job(client, worker)) for worker in (first, second)]

        for worker, handle in jobs:
            worker.send(packets.WORK_COMPLETE, handle, b"x" * 20 * _MIB)

        # The first one was held up until the client was dropped.
        first.echo()
        second.echo()
    dropped = [record for record in caplog.records if vars(record)["event"] == "dropped a connection"]
    assert [vars(record)["fields"]["reason"] for record in dropped] == ["too much unread output"]


@pytest.mark.usefixtures("event_loop")
def test_a_peer_that_ends_its_side_gets_the_answers_that_are_due(pool: ThreadPoolExecutor) -> None:
    """Even those to requests that had not been read yet because it was held up; then the end."""
    count = 800
    with run_in_thread(port=0, pause_bytes=_MIB) as server, _narrow(server.port) as wire:
        sender = _Sender(wire, encode_request(packets.ECHO_REQ, _CHUNK))
        sender.send_until_held_up()

        sending = pool.submit(sender.finish, count)
        sending.add_done_callback(lambda _: wire.socket.shutdown(socket.SHUT_WR))

        assert wire.read_until_closed() == [Packet(packets.ECHO_RES, (_CHUNK,))] * count


@pytest.mark.usefixtures("event_loop")
def test_a_peer_that_breaks_the_protocol_reads_why_though_it_sent_more() -> None:
    """The connection is not reset under the answer because of input that nobody reads."""
    with run_in_thread(port=0) as server, _wire(server.port) as wire:
        wire.send_raw(b"\0FOO" + bytes(8))
        wire.send_raw(_CHUNK * 10)

        (error,) = wire.read_until_closed()

    assert isinstance(error, Packet)
    assert error.number == packets.ERROR
    assert error.arguments[0] == b"INVALID_MAGIC"


@pytest.mark.usefixtures("event_loop")
def test_a_peer_that_broke_the_protocol_and_stays_is_cut_off() -> None:
    """It has read why, and has no business here any more."""
    with run_in_thread(port=0, linger_seconds=0.1) as server, _wire(server.port) as wire:
        wire.send_raw(b"\0FOO" + bytes(8))
        wire.read_until_closed()

        sender = _Sender(wire, _CHUNK)
        with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
            sender.send(1000 * _TOO_MUCH)


def test_memory_stays_bounded_while_a_client_never_reads() -> None:
    """In the real process, with its real limits, however much a worker sends."""
    with (
        Gearmand() as server,
        server.connect() as client,
        server.connect() as worker,
        server.connect() as other,
    ):
        handle = _running_job(client, worker)
        before = server.memory_bytes()
        sender = _Sender(worker, encode_request(packets.WORK_DATA, handle, _CHUNK))

        sender.send_until_held_up()

        other.echo()
        assert server.memory_bytes() - before < 2 * _TOO_MUCH


def test_memory_stays_bounded_when_short_questions_have_long_answers() -> None:
    """Thousands of "status" lines fit into one read, and each may be answered by a long list."""
    with Gearmand() as server, server.connect() as asking, server.connect() as other:
        names = [b"%04d" % number + b"f" * 200 for number in range(2000)]
        asking.send_raw(b"".join(encode_request(packets.CAN_DO, name) for name in names))
        asking.echo()
        before = server.memory_bytes()

        # Unlimited, this would be more than 2 GB of answers.
        asking.send_raw(b"status\n" * 5000)

        other.echo()
        assert server.memory_bytes() - before < 2 * _TOO_MUCH
