"""How a server stops: gracefully, within bounds, and at once."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from geartrain.addresses import HTTP, TCP, TcpAddress
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request
from geartrain.server import Server
from geartrain.server.binding import adopt

_PATIENCE_SECONDS = 10.0
_FOREVER_SECONDS = 10_000.0


async def _submit(server: Server) -> asyncio.StreamWriter:
    """A client that waits for a job that no worker takes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(encode_request(packets.SUBMIT_JOB, b"f", b"", b""))
    await reader.readexactly(12)
    return writer


async def test_a_drain_is_given_up_when_its_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """The log says how many jobs are left."""
    async with Server(port=0, drain_timeout=0.01) as server:
        writers = [await _submit(server), await _submit(server)]

        server.drain()

        await asyncio.wait_for(server.wait_stopped(), _PATIENCE_SECONDS)
        for writer in writers:
            writer.close()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["stopping although jobs are left jobs=2"]


async def test_the_time_of_a_drain_counts_from_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks a second time, or by another way, does not put the stop off."""
    async with Server(port=0, drain_timeout=_FOREVER_SECONDS) as server:
        writer = await _submit(server)
        loop = asyncio.get_running_loop()
        delays: list[float] = []
        monkeypatch.setattr(loop, "call_later", lambda delay, *_: delays.append(delay))

        server.drain()
        server.drain()

        monkeypatch.undo()
        assert delays == [_FOREVER_SECONDS]
        server._drain_timer = None
        writer.close()


async def test_a_drain_that_ends_in_time_says_nothing_of_jobs(caplog: pytest.LogCaptureFixture) -> None:
    """There are none left."""
    async with Server(port=0, drain_timeout=_FOREVER_SECONDS) as server:
        server.drain()

        await asyncio.wait_for(server.wait_stopped(), _PATIENCE_SECONDS)

        assert server.unfinished_jobs == 0
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


async def test_an_abort_waits_for_no_reader() -> None:
    """The last answers of a peer that does not take them would hold the stop up."""
    server = Server(port=0, linger_seconds=_FOREVER_SECONDS, stall_seconds=_FOREVER_SECONDS)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as stalled:
        stalled.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(stalled, encode_request(packets.ECHO_REQ, b"x" * 30_000_000))
        server.stop()
        closing = asyncio.create_task(server.close())
        # It is under way, and waits for the reader.
        await asyncio.sleep(0)

        server.abort()

        await asyncio.wait_for(closing, _PATIENCE_SECONDS)


async def test_an_abort_ends_the_wait_for_a_stop_too() -> None:
    """It may be the first thing that is asked for."""
    async with Server(port=0) as server:
        server.abort()

        await asyncio.wait_for(server.wait_stopped(), _PATIENCE_SECONDS)


async def test_adopted_listeners_are_served_beside_those_of_the_config() -> None:
    """And without any in the config they are the only ones."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        async with Server(adopted=[adopt(bound.dup().detach())], listen=("127.0.0.1:0",)) as server:
            both = server.addresses
        async with Server(adopted=[adopt(bound.dup().detach())]) as server:
            alone = server.addresses

    assert len(both) == 2
    assert alone == both[:1]


@pytest.mark.parametrize(("scheme", "is_bound"), [(TCP, True), (HTTP, False)])
async def test_http_is_served_beside_adopted_listeners_that_do_not_speak_it(
    scheme: str, *, is_bound: bool
) -> None:
    """It is there because somebody asked for it, and must not be missing in silence."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        adopted = [adopt(bound.dup().detach(), scheme)]
        async with Server(adopted=adopted, protocol="http", http_port=0) as server:
            others = server.addresses[1:]

    assert bool(others) == is_bound
    assert all(isinstance(other, TcpAddress) and other.scheme == HTTP for other in others)
