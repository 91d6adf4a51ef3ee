"""A worker of the command line: connections to all servers, a slot for each job that may run, and signals."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final, Self

from geartrain.cli.entry import ExitCode, say
from geartrain.cli.gearman.worker_link import Job, Link, Slots
from geartrain.cli.servers import Servers
from geartrain.cli.streams import write_all
from geartrain.errors import ServerUnavailable

Perform = Callable[[Job], Awaitable[None]]

_BY_SIGNAL: Final = 128
# How long the last results may take to leave.
_GOODBYE_SECONDS: Final = 5.0
# How long an answer may take that comes when the worker is about to end.
_PATIENCE_SECONDS: Final = 2.0
# The server takes a job back somewhat later than the worker ends it: that is for workers that hang.
_MARGIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works; ``program`` stands in front of what it says on stderr.

    With ``job_limit`` it ends after so many jobs. ``idle_seconds`` without a job count as one of them.
    """

    program: str
    functions: Sequence[bytes]
    job_limit: int | None = None
    idle_seconds: float | None = None
    time_limit_seconds: float | None = None
    concurrency: int = 1

    def abilities(self) -> list[tuple[bytes, float | None]]:
        """The functions, and how long the server waits for a job of each."""
        limit = self.time_limit_seconds
        return [(function, None if limit is None else limit + _MARGIN_SECONDS) for function in self.functions]


def run_worker(servers: Servers, options: WorkerOptions, perform: Perform) -> int:
    """Works until the limit of jobs is reached, or a signal comes; returns the exit code.

    Raises RequestRefused when a server does not let it work, and whatever ``perform`` raises except for
    ServerUnavailable.
    """
    return asyncio.run(_run(servers, options, perform))


async def _run(servers: Servers, options: WorkerOptions, perform: Perform) -> int:
    async with Worker(servers, options, perform) as worker:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Shells ignore some of them for programs in the background, and so does nohup.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, worker.signalled, number)
        return await worker.wait()


async def print_job(job: Job) -> None:
    """Performs a job by printing its data. Raises BrokenPipeError when nobody reads it."""
    write_all(sys.stdout, job.data)
    await job.complete(b"")


class Worker:
    """A running worker. A signal lets the jobs that run finish, a second one does not."""

    def __init__(self, servers: Servers, options: WorkerOptions, perform: Perform) -> None:
        self._options = options
        self._perform = perform
        self._slots = Slots(options.concurrency, options.job_limit)
        self._links = [
            Link(address, servers, options.abilities(), self._slots, self._start, self._say)
            for address in servers.addresses
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._jobs = 0
        self._ended = 0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._is_signalled = False
        self._is_stopping = False
        self._code = ExitCode.DONE
        self._outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        for link in self._links:
            self._spawn(link.run())
        self._arm_idle_timer()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                for link in self._links:
                    await link.close()
        except TimeoutError:
            # A server that does not take the last result gives the job to somebody else.
            pass

    async def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        return await self._outcome

    def signalled(self, number: signal.Signals) -> None:
        """Stops when the jobs that run are done; at once if that has been asked for already."""
        if self._is_signalled:
            self._finish(_BY_SIGNAL + number)
            return
        self._is_signalled = True
        if self._jobs:
            self._say("stopping when the running jobs are done; a second signal stops at once")
        self._stop(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.DONE)

    def _stop(self, code: int) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._disarm_idle_timer()
            self._spawn(self._drain(code))

    async def _drain(self, code: int) -> None:
        while True:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._slots.wait_until_free()
                break
            except TimeoutError:
                # If no job runs, a server is slow to say whether it has one.
                if not self._jobs:
                    break
        self._finish(code)

    def _finish(self, code: int) -> None:
        if not self._outcome.done():
            self._outcome.set_result(code)

    def _start(self, job: Job) -> None:
        self._jobs += 1
        self._disarm_idle_timer()
        self._spawn(self._work(job))

    async def _work(self, job: Job) -> None:
        try:
            await self._perform(job)
        except ServerUnavailable as error:
            handle = job.handle.decode(errors="replace")
            self._say(f"the result of job {handle} is lost: {error}")
        self._jobs -= 1
        self._slots.finish()
        self._count()

    def _count(self) -> None:
        """One of the jobs has ended that the worker is there for."""
        self._ended += 1
        if self._ended == self._options.job_limit:
            self._stop(self._code)
        elif not self._jobs:
            self._arm_idle_timer()

    # --- waiting in vain --------------------------------------------------------------------------------

    def _arm_idle_timer(self) -> None:
        if self._options.idle_seconds is not None and self._options.job_limit is not None:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._options.idle_seconds, self._waited_in_vain)

    def _disarm_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()

    def _waited_in_vain(self) -> None:
        self._say(f"no job within {self._options.idle_seconds:g} seconds")
        self._code = ExitCode.UNREACHABLE
        self._count()

    # --- tasks ------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None or self._outcome.done():
            return
        error = task.exception()
        assert error is not None
        self._outcome.set_exception(error)

    def _say(self, text: str) -> None:
        say(self._options.program, text)
