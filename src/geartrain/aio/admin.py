"""An administrator of a job server on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Self, TypeVar

from geartrain.addresses import Address
from geartrain.aio.transport import Connection
from geartrain.errors import ProtocolError, RequestRefused, ServerLost
from geartrain.protocol.admin import is_list_command, is_row, parse_error_line
from geartrain.protocol.codec import Message
from geartrain.protocol.packets import shorten
from geartrain.roles.admin import AdminRole, Answered, CommandRefused, UnexpectedLine, command_line
from geartrain.roles.events import Echoed, Event
from geartrain.roles.overview import (
    FunctionInfo,
    JobInfo,
    QueueInfo,
    WorkerInfo,
    functions_of_status,
    functions_of_table,
    jobs_of_show,
    jobs_of_table,
    queue_of_table,
    workers_of_list,
    workers_of_table,
)

Result = TypeVar("Result")

# Millions of jobs; a server that says more than this in one answer would never end.
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_OK: Final = b"OK"
_UNKNOWN_COMMAND: Final = "UNKNOWN_COMMAND"


class AsyncAdminClient:
    """Asks a job server about itself over a connection, one question at a time.

    Every question raises RequestRefused when the server says no, and ServerLost when the connection ends or
    the server is silent for ``timeout_seconds`` (None: without limit). ProtocolError means that something
    else than a job server is there. After the last two, and after a question that was cancelled, the
    connection is closed.
    """

    def __init__(self, connection: Connection, *, timeout_seconds: float | None = None) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._role = AdminRole()
        # Turns False when a server does not know the ``list`` commands.
        self._has_tables = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._connection.address

    @property
    def has_tables(self) -> bool:
        """Whether the server knows the ``list`` commands, as far as has been found out."""
        return self._has_tables

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    async def functions(self) -> list[FunctionInfo]:
        """The functions, in the order of the server."""
        if self._has_tables:
            try:
                return self._read(functions_of_table, await self.rows(b"list", b"functions"))
            except RequestRefused as error:
                self._note_refusal(error)
        status = await self.rows(b"status")
        try:
            priority_status = await self.rows(b"prioritystatus")
        except RequestRefused as error:
            self._note_refusal(error)
            priority_status = []
        return self._read(lambda rows: functions_of_status(rows, priority_status), status)

    async def jobs(self, *, limit: int = 0, function: bytes | None = None) -> list[JobInfo]:
        """The jobs, oldest first: at most ``limit`` of them (0 for all), of one function or of all.

        Raises RequestRefused for the jobs of one function when the server does not say which they are.
        """
        if self._has_tables:
            words = [b"list", b"jobs", b"%d" % limit, *([] if function is None else [function])]
            try:
                return self._read(jobs_of_table, await self.rows(*words))
            except RequestRefused as error:
                self._note_refusal(error)
        if function is not None:
            raise RequestRefused("list jobs", "", "it does not tell what function a job is of")
        jobs = self._read(jobs_of_show, await self.rows(b"show", b"jobs"))
        return jobs[:limit] if limit else jobs

    async def workers(self) -> list[WorkerInfo]:
        """The connections, those of plain clients and of the administrator too."""
        if self._has_tables:
            try:
                return self._read(workers_of_table, await self.rows(b"list", b"workers"))
            except RequestRefused as error:
                self._note_refusal(error)
        return self._read(workers_of_list, await self.rows(b"workers"))

    async def queue(self) -> QueueInfo | None:
        """Where jobs are kept; None if the server does not know the question, or does not allow it."""
        if not self._has_tables:
            return None
        try:
            rows = await self.rows(b"list", b"queue")
        except RequestRefused:
            # Earlier versions of our server know the other tables only, so they are not given up.
            return None
        return self._read(queue_of_table, rows)

    async def cancel(self, handle: bytes) -> None:
        """Takes a job out of the queue; a running one goes on, and nobody hears of it any more."""
        await self.ask(b"cancel", b"job", handle)

    async def rows(self, *words: bytes) -> Sequence[bytes]:
        """Sends a command that is answered by a list, and returns its rows."""
        return (await self._accepted(command_line(*words))).lines

    async def ask(self, *words: bytes) -> bytes:
        """Sends a command that is answered by one line; returns what stands there behind ``OK``."""
        [line] = (await self._accepted(command_line(*words))).lines
        return line.removeprefix(_OK).lstrip(b" ")

    async def answer(self, command: bytes) -> Answered | CommandRefused:
        """Sends a command line and returns the answer, whether the server accepts it or not."""
        self._role.ask(None, command)
        event = await self._exchange()
        assert isinstance(event, Answered | CommandRefused)
        return event

    async def echo(self, data: bytes) -> None:
        """Lets the server send the data back."""
        self._role.echo(None, data)
        event = await self._exchange()
        if not isinstance(event, Echoed) or event.data != data:
            self.close()
            raise ProtocolError("INVALID_REPLY", f"{self.address} sent other data back")

    async def _accepted(self, command: bytes) -> Answered:
        event = await self.answer(command)
        if isinstance(event, CommandRefused):
            raise RequestRefused(command.decode("utf-8", "backslashreplace"), *parse_error_line(event.line))
        return event

    async def _exchange(self) -> Event:
        """Sends what the role has asked and waits for the answer."""
        limit = self._connection.received_bytes + MAX_ANSWER_BYTES
        try:
            self._connection.send(self._role.drain())
            await self._flush()
            while self._connection.received_bytes <= limit:
                answer = self._answer_in(await self._receive())
                if answer is not None:
                    return answer
            raise ProtocolError("INVALID_REPLY", f"{self.address} sent an answer without an end")
        except BaseException:
            # A late answer would be taken for the answer to the next question.
            self.close()
            raise

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._connection.flush()
        except TimeoutError:
            raise self._silence() from None

    async def _receive(self) -> Sequence[Message]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._connection.receive()
        except TimeoutError:
            raise self._silence() from None

    def _read(self, read: Callable[[Sequence[bytes]], Result], rows: Sequence[bytes]) -> Result:
        """What the rows say. Raises ProtocolError when they make no sense."""
        try:
            return read(rows)
        except ProtocolError as error:
            self.close()
            raise ProtocolError(error.code, f"{self.address} sent something else: {error.text}") from error

    def _answer_in(self, messages: Sequence[Message]) -> Event | None:
        """The answer that the messages hold or complete, if any."""
        answer = None
        for message in messages:
            for event in self._role.receive(message):
                self._check(event)
                if isinstance(event, Answered | CommandRefused | Echoed):
                    answer = event
        if self._role.unfinished is not None:
            command, row = self._role.unfinished
            if not is_row(command, row):
                raise self._stranger(row)
        return answer

    def _check(self, event: Event) -> None:
        """Raises ProtocolError for what no job server says."""
        if isinstance(event, UnexpectedLine):
            raise self._stranger(event.line)
        if isinstance(event, Answered) and not is_list_command(event.command):
            [line] = event.lines
            if line != _OK and not line.startswith(_OK + b" "):
                raise self._stranger(line)

    def _note_refusal(self, error: RequestRefused) -> None:
        """Goes on with the older lists if the server does not know the tables."""
        if error.code != _UNKNOWN_COMMAND:
            raise error
        self._has_tables = False

    def _silence(self) -> ServerLost:
        return ServerLost(self.address, f"no answer within {self._timeout_seconds:g} seconds")

    def _stranger(self, line: bytes) -> ProtocolError:
        self.close()
        said = shorten(line)
        return ProtocolError("INVALID_REPLY", f"{self.address} is no job server; it says {said}")
