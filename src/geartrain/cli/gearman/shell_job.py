"""Runs a command for a job: the data goes to its standard input, its standard output is the result."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence

from geartrain.cli.gearman.lines import READ_BYTES, Lines, LineSplitter
from geartrain.cli.gearman.shell_process import ShellProcess
from geartrain.cli.gearman.worker_link import Job


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
            process = await ShellProcess.start(self._command)
        except OSError as error:
            await self._fail(job, error.strerror or str(error))
            return
        try:
            await self._converse(process, job)
        finally:
            process.close()

    async def _converse(self, process: ShellProcess, job: Job) -> None:
        """Lets the command work, and reports what came of it."""
        printed: list[bytes] = []
        status: int | None = None
        try:
            async with asyncio.timeout(self._time_limit_seconds):
                status = await self._exchange(process, job, printed)
        except TimeoutError:
            await process.end()
        except BaseException:
            # Cancelled: there is no time left for this job.
            await process.end()
            raise
        output = b"".join(printed)
        if status == 0:
            await job.complete(output)
            return
        if output:
            await job.send_data(output)
        if status is None:
            await self._fail(job, f"not done within {self._time_limit_seconds:g} seconds")
        elif status < 0:
            await self._fail(job, f"killed by {_signal_name(-status)}")
        else:
            self._tell(job, f"exit code {status}")
            await job.fail()

    async def _exchange(self, process: ShellProcess, job: Job, printed: list[bytes]) -> int:
        """Feeds the command and reads what it prints, both at once, until it has ended."""
        feeding = asyncio.create_task(process.feed(job.data))
        try:
            if self._lines is Lines.WHOLE:
                # In pieces, so that what there is survives the end of its time.
                while data := await process.stdout.read(READ_BYTES):
                    printed.append(data)
            else:
                await self._pass_lines(process.stdout, job)
            return await process.wait()
        finally:
            feeding.cancel()

    async def _pass_lines(self, stdout: asyncio.StreamReader, job: Job) -> None:
        """Sends each line as soon as it is complete."""
        splitter = LineSplitter(self._lines)
        while data := await stdout.read(READ_BYTES):
            await job.send_data(*splitter.feed(data))
        await job.send_data(*splitter.finish())

    async def _fail(self, job: Job, reason: str) -> None:
        """Reports a failure that the command could not tell of itself."""
        self._tell(job, reason)
        await job.warn(os.fsencode(f"{self._command[0]}: {reason}\n"))
        await job.fail()

    def _tell(self, job: Job, reason: str) -> None:
        handle, function = job.handle.decode(errors="replace"), job.function.decode(errors="replace")
        self._notify(f"job {handle} of {function} failed: {self._command[0]}: {reason}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
