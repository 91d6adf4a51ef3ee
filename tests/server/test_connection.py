"""The decisions of one connection, with the time under control."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import cast

import pytest

from geartrain.addresses import TcpAddress
from geartrain.engine import Engine, EngineOptions
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request, encode_response
from geartrain.server import ServerConfig
from geartrain.server.connection import Connection, join_small
from geartrain.server.gear import GearConnection
from geartrain.server.hub import Hub

_CONFIG = ServerConfig(pause_bytes=1000, max_unread_bytes=5000, stall_seconds=10, linger_seconds=2)


class _Timer:
    def __init__(self, seconds: float, run: Callable[[], None]) -> None:
        self.seconds = seconds
        self.run = run
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class _Loop:
    """Keeps timers and calls instead of running them."""

    def __init__(self) -> None:
        self.timers: list[_Timer] = []
        self.soon: deque[Callable[[], None]] = deque()

    def call_later(self, seconds: float, function: Callable[..., None], *arguments: object) -> _Timer:
        timer = _Timer(seconds, lambda: function(*arguments))
        self.timers.append(timer)
        return timer

    def call_soon(self, function: Callable[..., None], *arguments: object) -> None:
        self.soon.append(lambda: function(*arguments))

    def run_soon(self) -> None:
        while self.soon:
            self.soon.popleft()()

    def waiting(self) -> list[float]:
        return [timer.seconds for timer in self.timers if not timer.is_cancelled]


class _Transport:
    """Keeps what is written until the test takes it."""

    def __init__(self) -> None:
        self.protocol: Connection
        self.unread = b""
        self.high = 0
        self.is_paused = False
        self.is_reading = True
        self.state = "open"
        self.is_reset = False

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return len(self.unread)

    def write(self, data: bytes) -> None:
        self.unread += data
        if not self.is_paused and len(self.unread) > self.high:
            self.is_paused = True
            self.protocol.pause_writing()

    def take(self, count: int) -> None:
        """The peer reads so many bytes."""
        self.unread = self.unread[count:]
        if self.is_paused and len(self.unread) <= self.high // 4:
            self.is_paused = False
            self.protocol.resume_writing()

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.state in ("closing", "aborted")

    def write_eof(self) -> None:
        if self.is_reset:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        self.state = "half-closed"

    def close(self) -> None:
        self.state = "closing"

    def abort(self) -> None:
        self.state = "aborted"


class _Server:
    """An engine on a loop that stands still."""

    def __init__(self, *, durable: bool = False) -> None:
        self.loop = _Loop()
        loop = cast("asyncio.AbstractEventLoop", self.loop)
        self.hub = Hub(Engine(EngineOptions(durable=durable)), _CONFIG, loop, lambda: None)

    def connect(self) -> tuple[Connection, _Transport]:
        connection = GearConnection(self.hub, 1, b"test", TcpAddress("127.0.0.1", 4730))
        transport = _Transport()
        transport.protocol = connection
        connection.connection_made(cast("asyncio.Transport", transport))
        return connection, transport


@pytest.fixture
def server() -> _Server:
    return _Server()


def _echo(count: int) -> bytes:
    return encode_request(packets.ECHO_REQ, b"x" * (count - 12))


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        ([], []),
        ([b"a"], [b"a"]),
        ([b"a", b"b", b"c"], [b"abc"]),
        ([b"a", b"B" * 70000, b"c", b"d"], [b"a", b"B" * 70000, b"cd"]),
        ([b"B" * 70000, b"C" * 70000], [b"B" * 70000, b"C" * 70000]),
        ([b"a" * 40000, b"b" * 20000, b"c" * 20000], [b"a" * 40000 + b"b" * 20000, b"c" * 20000]),
    ],
)
def test_small_pieces_are_joined_and_big_ones_are_not_copied(
    pieces: list[bytes], joined: list[bytes]
) -> None:
    """Few writes, and no copy of a payload; what is joined has a limit too."""
    assert list(join_small(pieces)) == joined
    assert {id(piece) for piece in pieces if len(piece) > 65536} <= {
        id(piece) for piece in join_small(pieces)
    }


def test_a_peer_that_reads_slowly_is_not_dropped(server: _Server) -> None:
    """Only one that reads nothing at all for the whole time is."""
    connection, transport = server.connect()
    connection.data_received(_echo(2000))
    assert server.loop.waiting() == [10]

    transport.take(1)
    server.loop.timers[0].run()
    assert transport.state == "open"
    server.loop.timers[1].run()

    assert transport.state == "aborted"


def test_a_peer_that_has_drained_is_watched_no_more(server: _Server) -> None:
    """It may read nothing for as long as it likes while little is waiting for it."""
    connection, transport = server.connect()
    connection.data_received(_echo(2000))

    transport.take(1900)

    assert server.loop.waiting() == []


def test_a_held_up_connection_keeps_its_requests_for_later(server: _Server) -> None:
    """In order, and not one of them is handled before the answers have gone."""
    connection, transport = server.connect()
    connection.data_received(_echo(200) * 6 + _echo(300) * 4 + _echo(40))
    assert not transport.is_reading
    assert len(transport.unread) == 200 * 6

    transport.take(200 * 6)
    server.loop.run_soon()
    assert len(transport.unread) == 300 * 4
    assert not transport.is_reading

    transport.take(300 * 4)
    server.loop.run_soon()
    assert len(transport.unread) == 40
    assert transport.is_reading


def test_many_requests_at_once_are_handled_in_turns(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others come between them; no more is read meanwhile, and nothing is lost."""
    monkeypatch.setattr("geartrain.server.gear.TURN_SECONDS", 0.0)
    connection, transport = server.connect()

    connection.data_received(_echo(20) * 2 + _echo(30))

    for unread in (20, 40):
        assert len(transport.unread) == unread
        assert not transport.is_reading
        server.loop.soon.popleft()()
    assert len(transport.unread) == 70
    assert transport.is_reading
    assert not server.loop.soon


def test_a_peer_that_ends_its_side_between_its_turns_gets_all_answers(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its side comes behind its requests."""
    monkeypatch.setattr("geartrain.server.gear.TURN_SECONDS", 0.0)
    connection, transport = server.connect()
    connection.data_received(_echo(20) * 4)

    connection.eof_received()
    assert transport.state == "open"
    server.loop.run_soon()

    assert len(transport.unread) == 80
    assert transport.state == "closing"


def test_a_connection_waits_for_every_peer_that_is_full(server: _Server) -> None:
    """It goes on when the last of them has drained."""
    worker, worker_transport = server.connect()
    clients = [server.connect() for _ in range(2)]
    worker.data_received(encode_request(packets.CAN_DO, b"f"))
    for client, _ in clients:
        client.data_received(encode_request(packets.SUBMIT_JOB, b"f", b"same", b""))
    worker.data_received(encode_request(packets.GRAB_JOB))
    handle = worker_transport.unread[12:].partition(b"\0")[0]

    worker.data_received(encode_request(packets.WORK_DATA, handle, b"x" * 2000))

    for _, transport in clients:
        assert not worker_transport.is_reading
        transport.take(len(transport.unread))
        server.loop.run_soon()
    assert worker_transport.is_reading


def test_what_one_packet_leads_to_is_cut_at_the_hard_limit(server: _Server) -> None:
    """A client that joined a job many times gets as many copies of its news, but not beyond all bounds."""
    client, transport = server.connect()
    worker, worker_transport = server.connect()
    worker.data_received(encode_request(packets.CAN_DO, b"f"))
    client.data_received(encode_request(packets.SUBMIT_JOB, b"f", b"same", b"") * 20)
    worker.data_received(encode_request(packets.GRAB_JOB))
    handle = worker_transport.unread[12:].partition(b"\0")[0]
    transport.take(len(transport.unread))

    worker.data_received(encode_request(packets.WORK_DATA, handle, b"x" * 4000))

    # The pieces that are written last are those that go over the limit.
    assert transport.state == "aborted"
    assert 5000 < len(transport.unread) <= 5000 + 65536


def test_a_peer_that_ends_its_side_is_closed_after_its_answers(server: _Server) -> None:
    """It is given time for them as long as it reads."""
    connection, transport = server.connect()
    connection.data_received(_echo(20))

    assert connection.eof_received()

    assert transport.state == "closing"
    assert transport.unread != b""
    server.loop.timers[0].run()
    assert transport.state == "aborted"


def test_a_peer_that_ends_its_side_gets_the_answer_that_waits_for_the_store() -> None:
    """It sent the job, so it may know its handle."""
    server = _Server(durable=True)
    connection, transport = server.connect()
    connection.data_received(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b""))

    connection.eof_received()
    assert (transport.state, transport.unread) == ("open", b"")
    server.hub.engine.committed(1, 0.0)
    server.hub.settle()

    assert transport.unread == encode_response(packets.JOB_CREATED, b"H:localhost:1")
    assert transport.state == "closing"


def test_a_fault_ends_the_output_and_then_the_connection(server: _Server) -> None:
    """The peer reads why; what it still sends is ignored, and when it ends its side too, all is over."""
    connection, transport = server.connect()

    connection.data_received(b"\0FOO" + bytes(8))
    assert transport.state == "half-closed"
    unread = transport.unread
    connection.data_received(_echo(20))
    assert transport.unread == unread
    connection.eof_received()

    assert transport.state == "closing"
    assert server.loop.waiting() == [2]
    connection.connection_lost(None)
    assert server.loop.waiting() == []
    assert server.hub.connections == set()


def test_a_fault_of_a_peer_that_has_reset_the_connection_is_nothing_special(server: _Server) -> None:
    """There is nobody left to read why."""
    connection, transport = server.connect()
    transport.is_reset = True

    connection.data_received(b"\0FOO" + bytes(8))

    assert transport.state == "aborted"


def test_nothing_is_written_to_a_connection_that_is_lost_already(server: _Server) -> None:
    """asyncio would complain in the log about each attempt."""
    connection, transport = server.connect()
    transport.state = "closing"

    connection.data_received(_echo(20))

    assert transport.unread == b""


def test_a_lost_connection_is_forgotten_by_the_engine(server: _Server) -> None:
    """Its jobs go to others."""
    connection, _ = server.connect()
    other, transport = server.connect()

    connection.connection_lost(ConnectionResetError())

    other.data_received(b"workers\n")
    assert transport.unread.count(b"\n") == 2
