"""Submits jobs and waits for their ends, over one connection at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Self

from geartrain.aio.transport import Connection
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.servers import Servers
from geartrain.errors import ProtocolError, ServerLost
from geartrain.protocol.packets import Packet
from geartrain.roles.client import ClientRole
from geartrain.roles.events import (
    Completed,
    Created,
    Event,
    Exception_,
    Failed,
    JobEvent,
    Refused,
    ServerError,
)

_EXCEPTIONS: Final = b"exceptions"


class JobClient:
    """Submits jobs to the first server that can be reached, and tells what becomes of them.

    The server may be silent for ``answer_seconds`` when it has to accept a job, and for ``result_seconds``
    afterwards; None is without limit. With ``exceptions`` it is asked to pass exceptions of workers on.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        answer_seconds: float | None = None,
        result_seconds: float | None = None,
        exceptions: bool = False,
    ) -> None:
        self._servers = servers
        self._answer_seconds = answer_seconds
        self._result_seconds = result_seconds
        self._exceptions = exceptions
        self._connection: Connection | None = None
        self._role = ClientRole()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def run(self, requests: Sequence[JobRequest]) -> AsyncIterator[Event]:
        """Submits jobs all at once, and yields what happens to them until each of them has ended.

        The token of an event is its request. Raises ConnectError when no server can be reached, ServerLost
        when the connection ends or is silent for too long, and ProtocolError.
        """
        connection = await self._connected()
        try:
            for request in requests:
                self._submit(request)
            unanswered = unfinished = len(requests)
            connection.send(self._role.drain())
            while unfinished:
                limit = self._answer_seconds if unanswered else self._result_seconds
                for packet in await self._receive(connection, limit):
                    for event in self._events(packet, connection):
                        yield event
                        unanswered -= isinstance(event, Created | Refused)
                        unfinished -= _is_last(event)
        except BaseException:
            # Nobody knows what would still come.
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection; the next jobs open another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connected(self) -> Connection:
        # A server that was stopped between two jobs is no reason to lose the second one.
        if self._connection is not None and not await self._connection.is_open():
            self.close()
        if self._connection is None:
            self._connection = await self._servers.connect()
            self._role = ClientRole()
            if self._exceptions:
                self._role.set_option(None, _EXCEPTIONS)
        return self._connection

    def _submit(self, request: JobRequest) -> None:
        if request.epoch is not None:
            self._role.submit_epoch(request, request.function, request.unique, request.data, request.epoch)
        else:
            self._role.submit(
                request,
                request.function,
                request.unique,
                request.data,
                request.priority,
                request.background,
            )

    async def _receive(self, connection: Connection, limit: float | None) -> list[Packet]:
        while True:
            before = connection.received_bytes, connection.unsent_bytes
            try:
                async with asyncio.timeout(limit):
                    return await connection.receive_packets()
            except TimeoutError:
                # As long as a long job is on its way in either direction, that is no silence.
                if before == (connection.received_bytes, connection.unsent_bytes):
                    reason = f"no answer within {limit:g} seconds"
                    raise ServerLost(connection.address, reason) from None

    def _events(self, packet: Packet, connection: Connection) -> list[Event]:
        """What a packet means for the jobs."""
        events = self._role.receive(packet)
        for event in events:
            if isinstance(event, ServerError):
                raise ProtocolError(event.code, f"{connection.address} says: {event.text}")
        return [event for event in events if _request_of(event) is not None]


def _request_of(event: Event) -> JobRequest | None:
    token = event.token if isinstance(event, JobEvent | Refused) else None
    return token if isinstance(token, JobRequest) else None


def _is_last(event: Event) -> bool:
    if isinstance(event, Created):
        request = _request_of(event)
        return request is not None and request.ends_when_created
    return isinstance(event, Completed | Failed | Exception_ | Refused)
