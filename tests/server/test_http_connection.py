"""What an HTTP connection does when the store is slow, and when time goes by."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from geartrain.addresses import TcpAddress
from geartrain.engine import Engine, EngineOptions
from geartrain.server import ServerConfig
from geartrain.server.http import REQUEST_SECONDS, HttpConnection
from geartrain.server.hub import Hub
from tests.server.http_wire import request
from tests.server.wire import TIMEOUT_SECONDS

_BACKGROUND = request("POST", "/f", x_gearman_background="true")


class _Site:
    """A connection to a durable engine whose store does nothing by itself."""

    def __init__(self, hub: Hub, connection: HttpConnection, client: socket.socket) -> None:
        self.hub = hub
        self.connection = connection
        self._client = client

    def send(self, data: bytes) -> None:
        self._client.sendall(data)

    def end(self) -> None:
        self._client.shutdown(socket.SHUT_WR)

    def commit(self, number: int) -> None:
        """The store reports that the journal is on disk up to that entry."""
        self.hub.engine.committed(number, time.monotonic())
        self.hub.settle()

    async def until_jobs(self, count: int) -> None:
        """Until so many jobs have come to the engine."""
        await _until(lambda: self.hub.engine.unfinished_jobs == count)

    async def read(self) -> bytes:
        """The next that comes; nothing at the end."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await asyncio.get_running_loop().sock_recv(self._client, 65536)

    def has_answer(self) -> bool:
        try:
            return bool(self._client.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_true():
            await asyncio.sleep(0)


@asynccontextmanager
async def _connected() -> AsyncIterator[_Site]:
    loop = asyncio.get_running_loop()
    hub = Hub(Engine(EngineOptions(durable=True)), ServerConfig(), loop, lambda: None)
    client, accepted = socket.socketpair()
    client.setblocking(False)
    connection = HttpConnection(hub, 1, b"test", TcpAddress("127.0.0.1", 8080, "http"))
    with client:
        await loop.connect_accepted_socket(lambda: connection, accepted)
        yield _Site(hub, connection, client)
        await hub.close()


async def _store_is_slow() -> None:
    async with _connected() as site:
        site.send(_BACKGROUND * 2)
        await site.until_jobs(1)
        assert not site.has_answer()

        site.commit(1)
        first = await site.read()
        await site.until_jobs(2)
        assert not site.has_answer()
        site.commit(2)
        second = await site.read()

    assert b"X-Gearman-Job-Handle: H:localhost:1\r\n" in first
    assert b"X-Gearman-Job-Handle: H:localhost:2\r\n" in second


def test_a_background_job_is_acknowledged_when_it_is_on_disk() -> None:
    """Not before; and the next request is looked at after that."""
    asyncio.run(_store_is_slow())


async def _store_is_slow_and_the_client_ends_its_side() -> None:
    async with _connected() as site:
        site.send(_BACKGROUND * 2)
        site.end()
        await _until(lambda: site.connection._ended)

        site.commit(1)
        first = await site.read()
        await site.until_jobs(2)
        site.commit(2)
        second = await site.read()

        assert first.startswith(b"HTTP/1.1 200 OK")
        assert second.startswith(b"HTTP/1.1 200 OK")
        assert await site.read() == b""


def test_a_client_that_ends_its_side_learns_that_its_background_jobs_are_safe() -> None:
    """All that it sent, however long the store takes."""
    asyncio.run(_store_is_slow_and_the_client_ends_its_side())


async def _late_request() -> None:
    async with _connected() as site:
        site.connection._waiting_since -= REQUEST_SECONDS
        site.send(_BACKGROUND[:-1])
        await _until(lambda: not site.connection._dialogue.is_idle)

        site.connection._check_patience()
        site.send(_BACKGROUND[-1:])

        await site.until_jobs(1)


def test_a_request_has_all_its_time_however_late_it_begins() -> None:
    """It is not the one that pays for the silence before it."""
    asyncio.run(_late_request())
