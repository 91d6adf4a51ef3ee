"""The connection of a worker to one server: it registers functions, grabs jobs, and comes back when lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from geartrain.addresses import Address
from geartrain.aio.transport import Connection
from geartrain.cli.servers import Servers
from geartrain.errors import GeartrainError, ProtocolError, RequestRefused, ServerLost, ServerUnavailable
from geartrain.protocol.packets import GRAB_JOB_ALL
from geartrain.roles.events import Assigned, Event, LateResult, NoJob, Noop, ServerError
from geartrain.roles.servers import ServerRecord
from geartrain.roles.worker import WorkerRole

# A server answers a grab at once. One that does not must not keep the worker from the other servers.
_GRAB_SECONDS: Final = 30.0
_NOT_ALLOWED: Final = "NOT_ALLOWED"


class Slots:
    """How many jobs may run at a time, over all connections, and how many may run at all."""

    def __init__(self, concurrency: int, job_limit: int | None) -> None:
        self._concurrency = concurrency
        self._free = asyncio.Semaphore(concurrency)
        self._left = None if job_limit is None else asyncio.Semaphore(job_limit)
        self._is_closed = False
        self._closed = 0

    async def reserve(self) -> None:
        """Waits for the right to run one more job."""
        if self._left is not None:
            await self._left.acquire()
        await self._free.acquire()
        if self._is_closed:
            self.give_back()
            # There will be no such right any more; whoever waits for it is cancelled soon.
            await asyncio.Event().wait()

    def give_back(self) -> None:
        """No job came of it."""
        if self._left is not None:
            self._left.release()
        self._free.release()

    def finish(self) -> None:
        """The job has ended."""
        self._free.release()

    async def wait_until_free(self) -> None:
        """Waits until no job runs and no grab waits for its answer, and lets none begin any more."""
        self._is_closed = True
        while self._closed < self._concurrency:
            await self._free.acquire()
            self._closed += 1


class Session:
    """One connection with the role that it plays."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.role = WorkerRole(GRAB_JOB_ALL)

    def send(self) -> None:
        """Sends what the role wants sent."""
        self.connection.send(self.role.drain())

    async def receive(self) -> list[Event]:
        """Waits for the server. Raises ServerLost or ProtocolError."""
        events: list[Event] = []
        for packet in await self.connection.receive_packets():
            events += self.role.receive(packet)
        return events


class Job:
    """A job that was grabbed, and the connection that its reports go to.

    When that connection ends the server gives the job to another worker. What is sent then is dropped, and
    the final report raises ServerLost.
    """

    def __init__(self, session: Session, assigned: Assigned) -> None:
        self._session = session
        self.handle = assigned.handle
        self.function = assigned.function
        self.data = assigned.data

    async def send_data(self, *pieces: bytes) -> None:
        """Sends pieces of the result."""
        for piece in pieces:
            self._session.role.send_data(self.handle, piece)
        await self._report_piece()

    async def warn(self, text: bytes) -> None:
        """Sends a warning."""
        self._session.role.send_warning(self.handle, text)
        await self._report_piece()

    async def complete(self, result: bytes) -> None:
        """Ends the job with its result."""
        self._session.role.complete(self.handle, result)
        await self._report()

    async def fail(self) -> None:
        """Ends the job without a result."""
        self._session.role.fail(self.handle)
        await self._report()

    async def _report_piece(self) -> None:
        try:
            await self._report()
        except ServerLost:
            # The command may go on; the end of the job will tell.
            pass

    async def _report(self) -> None:
        connection = self._session.connection
        packets = self._session.role.drain()
        if not await connection.is_open():
            raise ServerLost(connection.address, "the server closed it")
        connection.send(packets)
        await connection.flush()


class Link:
    """The connection to one server, again and again.

    ``start`` gets each job, with a slot that is reserved for it. ``notify`` gets one line whenever the
    connection is lost or comes back.
    """

    def __init__(
        self,
        address: Address,
        servers: Servers,
        abilities: Sequence[tuple[bytes, float | None]],
        slots: Slots,
        start: Callable[[Job], None],
        notify: Callable[[str], None],
    ) -> None:
        self._address = address
        self._servers = servers
        # Functions, and how many seconds the server gives a job of each.
        self._abilities = abilities
        self._slots = slots
        self._start = start
        self._notify = notify
        self._record = ServerRecord()
        self._is_reported_down = False
        self._session: Session | None = None

    async def run(self) -> None:
        """Works for the server until it is cancelled. Raises RequestRefused when it may not."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._serve()
            except (ServerUnavailable, ProtocolError) as error:
                waited = loop.time() - began if self._session is None else 0.0
                self._record.failed(loop.time(), waited, random.random())
                self._report_down(error)
            finally:
                if self._session is not None:
                    self._session.connection.close()
            await asyncio.sleep(self._record.retry_at - loop.time())

    async def close(self) -> None:
        """Closes the connection once everything has been sent."""
        if self._session is not None:
            self._session.connection.close()
            await self._session.connection.wait_closed()

    async def _serve(self) -> None:
        """Connects, and works until the connection is lost."""
        self._session = None
        session = self._session = Session(await self._servers.connect_to(self._address))
        # As libgearman does: the C server prefers the function that it heard of last.
        for function, time_limit_seconds in reversed(self._abilities):
            session.role.can_do(function, time_limit_seconds)
        while True:
            await self._slots.reserve()
            try:
                job = await self._grab(session)
            except BaseException:
                self._slots.give_back()
                raise
            if job is not None:
                self._start(job)
            else:
                self._slots.give_back()
                await self._sleep(session)

    async def _grab(self, session: Session) -> Job | None:
        """Asks for a job; None if there is none."""
        session.role.grab()
        job = None
        try:
            async with asyncio.timeout(_GRAB_SECONDS):
                while session.role.grabbing:
                    # The grab, or an older kind of it for a server that does not know this one.
                    session.send()
                    for event in await session.receive():
                        self._look_at(event)
                        if isinstance(event, Assigned):
                            job = Job(session, event)
        except TimeoutError:
            raise ServerLost(self._address, f"no answer within {_GRAB_SECONDS:g} seconds") from None
        return job

    async def _sleep(self, session: Session) -> None:
        """Waits until there may be a job."""
        session.role.sleep()
        session.send()
        while session.role.sleeping:
            for event in await session.receive():
                self._look_at(event)

    def _look_at(self, event: Event) -> None:
        if isinstance(event, NoJob | Noop | Assigned):
            # Whoever answers sensibly is a job server, and not just somebody who accepts connections.
            self._record.succeeded()
            self._report_up()
        elif isinstance(event, LateResult):
            self._notify(f"{self._address} had given up a job before its result came")
        elif isinstance(event, ServerError):
            if event.code == _NOT_ALLOWED:
                functions = b", ".join(function for function, _ in self._abilities)
                raise RequestRefused(functions.decode(errors="replace"), event.code, event.text)
            if not self._is_reported_down:
                self._notify(f"{self._address} says: {event.code}: {event.text}")

    def _report_down(self, error: GeartrainError) -> None:
        if not self._is_reported_down:
            self._is_reported_down = True
            self._notify(f"{error}; trying again")

    def _report_up(self) -> None:
        if self._is_reported_down:
            self._is_reported_down = False
            self._notify(f"connected to {self._address} again")
