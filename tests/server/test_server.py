"""The server inside another program: on an event loop, and in a thread."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import threading
import time
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from geartrain.addresses import TcpAddress, UnixAddress
from geartrain.errors import ConfigError
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request, encode_response
from geartrain.server import BindError, Server, ServerConfig, run_in_thread
from geartrain.server.binding import adopt
from tests.server.wire import Wire

_ECHO = encode_request(packets.ECHO_REQ, b"ping")
_ECHO_ANSWER = encode_response(packets.ECHO_RES, b"ping")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server(port=0) as running:
        yield running


async def _echo(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ECHO)
    answer = await reader.readexactly(len(_ECHO_ANSWER))
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_server_serves_inside_async_with(server: Server) -> None:
    """It knows the port that it was given."""
    assert server.port != 0
    assert server.addresses[0] == TcpAddress("127.0.0.1", server.port)
    assert await _echo(server.port) == _ECHO_ANSWER


async def test_nothing_listens_after_the_block() -> None:
    """And connections that were there are closed."""
    async with Server(port=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(_ECHO)
        await reader.readexactly(len(_ECHO_ANSWER))

    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_closed_server_leaves_nothing_on_the_loop() -> None:
    """Though its jobs had timers, and the end of a worker woke others for its job."""
    sleepers: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    async with Server(port=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(encode_request(packets.SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (time.time() + 1000), b""))
        writer.write(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b""))
        writer.write(encode_request(packets.CAN_DO, b"f") + encode_request(packets.GRAB_JOB) + _ECHO)
        await reader.readuntil(_ECHO_ANSWER)
        for _ in range(20):
            sleepers.append(await asyncio.open_connection("127.0.0.1", server.port))
            sleepers[-1][1].write(encode_request(packets.CAN_DO, b"f") + encode_request(packets.PRE_SLEEP))
            sleepers[-1][1].write(_ECHO)
            await sleepers[-1][0].readuntil(_ECHO_ANSWER)

    gone = weakref.ref(server)
    del server
    for _, other in [(reader, writer), *sleepers]:
        other.close()
        await other.wait_closed()
    gc.collect()
    assert gone() is None


async def test_a_connection_that_just_arrives_is_closed_too() -> None:
    """Closing at any moment leaves no socket behind."""
    async with Server(port=0) as server:
        client = socket.create_connection(("127.0.0.1", server.port))
        # The event loop has not seen it yet.

    client.settimeout(10)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass
    client.close()


async def test_a_connection_that_is_gone_before_it_is_served_is_nothing_special(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one is served."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert await _echo(server.port) == _ECHO_ANSWER
    assert caplog.records == []


async def test_settings_come_as_config_as_keywords_or_both(tmp_path: Path) -> None:
    """Keywords win over the config."""
    path = str(tmp_path / "socket")
    config = ServerConfig(port=0, listen=(f"unix:{path}",))

    assert Server(config).config is not None
    assert Server(config, backlog=5).config == ServerConfig(port=0, listen=(f"unix:{path}",), backlog=5)
    async with Server(config) as server:
        assert server.addresses == (UnixAddress(path),)
        assert server.port == 0


def test_wrong_settings_are_refused_at_once() -> None:
    """ConfigError for a value, TypeError for a name."""
    with pytest.raises(ConfigError):
        Server(port=-1)
    with pytest.raises(TypeError):
        Server(prot=1)


async def test_sockets_that_listen_already_are_served() -> None:
    """Nothing else is bound then, whatever the config says; leaving the block closes them."""
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]

    async with Server(port=port, adopted=[adopt(bound.detach())]) as server:
        assert server.addresses == (TcpAddress("127.0.0.1", port),)
        assert await _echo(port) == _ECHO_ANSWER

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_in_use_raises(server: Server) -> None:
    """BindError, and nothing is left behind."""
    with pytest.raises(BindError, match="Address already in use"):
        async with Server(port=server.port):
            raise AssertionError("it must not get here")


async def test_closing_is_harmless_before_the_start_and_a_second_time(server: Server) -> None:
    """So that a program can do it whatever happened before."""
    other = Server(port=server.port)
    with pytest.raises(BindError):
        other.start()

    await other.close()
    await server.close()
    await server.close()


async def test_stop_ends_the_wait(server: Server) -> None:
    """Whoever serves until told otherwise goes on."""
    waiting = asyncio.create_task(server.wait_stopped())

    server.stop()

    await asyncio.wait_for(waiting, 10)


async def test_drain_ends_the_wait_when_the_last_job_ends(server: Server) -> None:
    """New connections are refused meanwhile; draining twice is like once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b""))
    created = await reader.read(1000)
    handle = created[12:]
    waiting = asyncio.create_task(server.wait_stopped())

    server.drain()
    server.drain()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    assert not waiting.done()
    writer.write(encode_request(packets.CAN_DO, b"f") + encode_request(packets.GRAB_JOB))
    await reader.read(1000)
    assert not waiting.done()
    writer.write(encode_request(packets.WORK_COMPLETE, handle, b""))
    await asyncio.wait_for(waiting, 10)
    writer.close()


async def test_log_lines_have_a_constant_message_and_fields(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The event and its fields are extras of the record; the text is readable, on one line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    with caplog.at_level(logging.INFO, "geartrain.server"):
        writer.write(b"\0FOO" + bytes(8))
        await reader.read()
    writer.close()

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert vars(record)["event"] == "message not understood"
    assert vars(record)["fields"]["code"] == "INVALID_MAGIC"
    assert record.msg == "message not understood%s"
    assert "INVALID_MAGIC" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_server_in_a_thread_serves_a_blocking_program() -> None:
    """For as long as the block lasts."""
    with run_in_thread(port=0) as server:
        with Wire(("127.0.0.1", server.port)) as wire:
            wire.echo()
        assert server.addresses[0] == TcpAddress("127.0.0.1", server.port)

    with pytest.raises(ConnectionRefusedError):
        Wire(("127.0.0.1", server.port))
    assert "geartrain-server" not in [thread.name for thread in threading.enumerate()]


def test_a_server_in_a_thread_that_cannot_start_raises_in_the_program() -> None:
    """The same errors as without the thread, which is gone then."""
    with run_in_thread(port=0) as first, pytest.raises(BindError), run_in_thread(port=first.port):
        raise AssertionError("it must not get here")
    with pytest.raises(ConfigError), run_in_thread(port=-1):
        raise AssertionError("it must not get here")


def test_a_server_in_a_thread_may_stop_before_the_block_ends() -> None:
    """An administrator was faster."""
    with run_in_thread(port=0, allow_shutdown=True) as server, Wire(("127.0.0.1", server.port)) as wire:
        assert wire.ask(b"shutdown") == b"OK"
        assert wire.read_until_closed() == []


def test_jobs_of_a_later_time_are_offered_on_time() -> None:
    """A sleeping worker is woken by the server's own timer."""
    with run_in_thread(port=0) as server, Wire(("127.0.0.1", server.port)) as wire:
        wire.send(packets.CAN_DO, b"f")
        wire.send(packets.PRE_SLEEP)
        wire.send_raw(_epoch_in(1))
        assert wire.read().number == packets.JOB_CREATED

        assert wire.read().number == packets.NOOP
        assert wire.grab().number == packets.JOB_ASSIGN


def _epoch_in(seconds: int) -> bytes:
    return encode_request(packets.SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (int(time.time()) + seconds), b"")
