"""``gearman`` as a client: submits its jobs and prints what comes back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from geartrain.cli.entry import ExitCode
from geartrain.cli.gearman.job_client import JobClient
from geartrain.cli.gearman.job_input import make_unique
from geartrain.cli.gearman.job_output import JobOutput
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.gearman.progress import ProgressBars
from geartrain.cli.servers import Servers
from geartrain.roles.client import PRIORITY_NORMAL
from geartrain.roles.events import JobEvent, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What is the same for all jobs; each goes to all ``functions`` at once."""

    program: str
    functions: Sequence[bytes]
    unique: str | None = None
    priority: int = PRIORITY_NORMAL
    background: bool = False
    # How long a server may be silent; None is without limit.
    silence_seconds: float | None = None
    prefix: bool = False
    verbose: bool = False
    progress: bool = False

    def requests(self, data: bytes) -> list[JobRequest]:
        """The jobs for one piece of data."""
        return [
            JobRequest(
                function=function,
                data=data,
                unique=make_unique(self.unique, data),
                priority=self.priority,
                background=self.background,
            )
            for function in self.functions
        ]

    def rounds(self, payloads: Iterable[Sequence[bytes]]) -> Iterator[list[JobRequest]]:
        """Jobs that go out together, and the next ones when they have ended.

        For background jobs the end is that the server has them: all that are there do not wait for that.
        """
        for group in payloads:
            if not self.background:
                yield from map(self.requests, group)
            elif group:
                yield [request for data in group for request in self.requests(data)]


def run_client(servers: Servers, options: ClientOptions, payloads: Iterable[Sequence[bytes]]) -> ExitCode:
    """Submits a job for each payload, in their order; they come in groups that are there at the same time.

    Raises ServerUnavailable or ProtocolError; payloads that are left are not submitted then.
    """
    try:
        return _run(servers, options, payloads)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _run(servers: Servers, options: ClientOptions, payloads: Iterable[Sequence[bytes]]) -> ExitCode:
    with ExitStack() as cleanup:
        # The loop runs only while a job is under way, so that Ctrl-C ends the wait for input at once.
        runner = cleanup.enter_context(asyncio.Runner())
        has_bars = options.progress and sys.stderr.isatty()
        bars = cleanup.enter_context(ProgressBars()) if has_bars else None
        output = JobOutput(
            options.program,
            prefix=options.prefix,
            verbose=options.verbose,
            percent=not options.progress,
            bars=bars,
        )
        silence_seconds = options.silence_seconds
        client = cleanup.enter_context(
            JobClient(servers, answer_seconds=silence_seconds, result_seconds=silence_seconds)
        )
        for requests in options.rounds(payloads):
            runner.run(_run_jobs(client, requests, output))
    return ExitCode.FAILED if output.has_failed else ExitCode.DONE


async def _run_jobs(client: JobClient, requests: Sequence[JobRequest], output: JobOutput) -> None:
    async for event in client.run(requests):
        assert isinstance(event, JobEvent | Refused)
        assert isinstance(event.token, JobRequest)
        output.show(event.token, event)
