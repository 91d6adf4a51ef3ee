"""How a client waits for a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from geartrain.addresses import TcpAddress
from geartrain.aio.transport import Connection
from geartrain.cli.gearman.job_client import JobClient
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.servers import Servers
from geartrain.errors import ServerLost
from geartrain.protocol.codec import AdminLine
from geartrain.protocol.packets import JOB_CREATED, WORK_COMPLETE, Packet
from geartrain.roles.events import Completed, Created, Event

SERVER = TcpAddress("127.0.0.1", 4730)
REQUEST = JobRequest(function=b"f", data=b"data", unique=b"u", background=True)
LIMIT_SECONDS = 0.01


class SlowConnection(Connection):
    """Looks as if bytes went out, or came in, during a number of waits; then the job is accepted."""

    def __init__(self, *, sent: int = 0, received: int = 0) -> None:
        self.address = SERVER
        self.received_bytes = 0
        self._sent = sent
        self._received = received
        self.is_closed = False

    def send(self, messages: Iterable[Packet | AdminLine]) -> None:
        pass

    @property
    def unsent_bytes(self) -> int:
        return self._sent

    async def receive_packets(self) -> list[Packet]:
        if self._sent or self._received:
            await self._move()
        return [Packet(JOB_CREATED, (b"H:1",))]

    async def _move(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if self._sent:
                self._sent -= 1
            else:
                self._received -= 1
                self.received_bytes += 1

    def close(self) -> None:
        self.is_closed = True


class SilentConnection(SlowConnection):
    """Nothing moves."""

    async def receive_packets(self) -> list[Packet]:
        await asyncio.Event().wait()
        raise AssertionError


class BusyConnection(SlowConnection):
    """The job is accepted at once, and takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self._is_created = False

    async def receive_packets(self) -> list[Packet]:
        if self._is_created:
            await asyncio.sleep(3 * LIMIT_SECONDS)
            return [Packet(WORK_COMPLETE, (b"H:1", b"result"))]
        self._is_created = True
        return [Packet(JOB_CREATED, (b"H:1",))]


class FixedServers(Servers):
    """Leads to a connection that is there already."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(addresses=(SERVER,))
        object.__setattr__(self, "_connection", connection)

    async def connect(self) -> Connection:
        connection: Connection = object.__getattribute__(self, "_connection")
        return connection


async def submit(connection: Connection, request: JobRequest = REQUEST) -> list[Event]:
    client = JobClient(FixedServers(connection), answer_seconds=LIMIT_SECONDS)
    return [event async for event in client.run([request])]


@pytest.mark.parametrize("connection", [SlowConnection(sent=3), SlowConnection(received=3)])
async def test_a_long_message_on_its_way_is_no_silence(connection: SlowConnection) -> None:
    """In either direction, and however often the limit passes meanwhile."""
    assert await submit(connection) == [Created(REQUEST, b"H:1")]


async def test_silence_ends_the_connection() -> None:
    """Nobody could tell what comes later from what belongs to the next job."""
    connection = SilentConnection()

    with pytest.raises(ServerLost, match=r"no answer within 0\.01 seconds"):
        await submit(connection)

    assert connection.is_closed


async def test_a_job_may_take_longer_than_the_server_to_answer() -> None:
    """The server is to accept a job soon; how long it runs is something else."""
    request = JobRequest(function=b"f", data=b"data", unique=b"u")

    events = await submit(BusyConnection(), request)

    assert events == [Created(request, b"H:1"), Completed(request, b"H:1", b"result")]
