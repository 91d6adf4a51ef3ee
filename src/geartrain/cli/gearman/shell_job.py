"""Runs a command for a job: the data goes to its standard input, its standard output is the result."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from geartrain.cli.gearman.job_input import Lines
from geartrain.cli.gearman.worker_link import Job

_READ_BYTES: Final = 64 * 1024
# What a command gets to end by itself once its time is over.
_GRACE_SECONDS: Final = 2.0


class ShellCommand:
    """Performs jobs with a command, started once for each of them.

    It succeeds with exit code 0. Otherwise the job fails; what the command has printed is sent first, and
    what is not for the command to say itself is sent as a warning. ``notify`` gets one line for each of
    these. With ``time_limit_seconds`` a command that takes longer is ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        lines: Lines,
        notify: Callable[[str], None],
        time_limit_seconds: float | None = None,
    ) -> None:
        self._command = command
        self._lines = lines
        self._notify = notify
        self._time_limit_seconds = time_limit_seconds

    async def perform(self, job: Job) -> None:
        """Runs the command for a job and reports. Raises ServerLost when nobody takes the report."""
        try:
            # In a process group of its own Ctrl-C does not reach it: a job that has begun may finish.
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, process_group=0
            )
        except OSError as error:
            await self._fail(job, error.strerror or str(error))
            return
        try:
            await self._converse(process, job)
        finally:
            if process.returncode is None:
                # Cancelled: there is no time left for this job.
                await _end(process)

    async def _converse(self, process: Process, job: Job) -> None:
        """Lets the command work, and reports what came of it."""
        printed: list[bytes] = []
        is_in_time = True
        try:
            async with asyncio.timeout(self._time_limit_seconds):
                await self._exchange(process, job, printed)
        except TimeoutError:
            is_in_time = False
            await _end(process)
        output, status = b"".join(printed), process.returncode
        if is_in_time and status == 0:
            await job.complete(output)
            return
        if output:
            await job.send_data(output)
        if not is_in_time:
            await self._fail(job, f"not done within {self._time_limit_seconds:g} seconds")
        elif status is not None and status < 0:
            await self._fail(job, f"killed by {_signal_name(-status)}")
        else:
            self._tell(job, f"exit code {status}")
            await job.fail()

    async def _exchange(self, process: Process, job: Job, printed: list[bytes]) -> None:
        """Feeds the command and reads what it prints, both at once, until it has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = asyncio.create_task(_feed(process.stdin, job.data))
        try:
            if self._lines is Lines.WHOLE:
                while data := await process.stdout.read(_READ_BYTES):
                    printed.append(data)
            else:
                async for line in _split(process.stdout):
                    await job.send_data(self._lines.shape(line))
            await process.wait()
        finally:
            feeding.cancel()

    async def _fail(self, job: Job, reason: str) -> None:
        """Reports a failure that the command could not tell of itself."""
        self._tell(job, reason)
        await job.warn(os.fsencode(f"{self._command[0]}: {reason}\n"))
        await job.fail()

    def _tell(self, job: Job, reason: str) -> None:
        handle, function = job.handle.decode(errors="replace"), job.function.decode(errors="replace")
        self._notify(f"job {handle} of {function} failed: {self._command[0]}: {reason}")


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    try:
        stdin.write(data)
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        # The command does not want to know it all.
        pass
    finally:
        stdin.close()


async def _split(stdout: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream with their ends, however long they are, as soon as they are complete."""
    parts: list[bytes] = []
    while data := await stdout.read(_READ_BYTES):
        first, *others = data.split(b"\n")
        parts.append(first)
        for other in others:
            yield b"".join(parts) + b"\n"
            parts = [other]
    rest = b"".join(parts)
    if rest:
        yield rest


async def _end(process: Process) -> None:
    """Ends a command and what it has started, first politely."""
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
