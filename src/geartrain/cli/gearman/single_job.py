"""Submits one job and shows what comes of it, for people or as JSON."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import ExitStack
from typing import Final

from geartrain.cli.entry import ExitCode, say
from geartrain.cli.gearman.job_client import JobClient
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.gearman.progress import ProgressBars
from geartrain.cli.output import Json, show_json
from geartrain.cli.servers import Servers
from geartrain.cli.streams import Streams
from geartrain.errors import RequestRefused
from geartrain.roles.events import (
    Completed,
    Created,
    Data,
    Event,
    Exception_,
    Failed,
    Progress,
    Refused,
    Warning_,
)

_PROGRAM: Final = "geartrain"


def run_job(servers: Servers, request: JobRequest, *, wait_seconds: float | None, as_json: bool) -> ExitCode:
    """Submits a job and shows what comes of it. Raises ServerUnavailable, ProtocolError or RequestRefused."""
    with ExitStack() as cleanup:
        runner = cleanup.enter_context(asyncio.Runner())
        bars = cleanup.enter_context(ProgressBars()) if sys.stderr.isatty() else None
        view = JobView(request, bars, is_silent=as_json)
        client = cleanup.enter_context(
            JobClient(servers, answer_seconds=servers.timeout_seconds, exceptions=True)
        )
        try:
            runner.run(_follow(client, request, view, wait_seconds))
        except TimeoutError:
            view.state = "timeout"
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
    if as_json:
        show_json(view.as_json())
    return view.conclude(wait_seconds)


async def _follow(client: JobClient, request: JobRequest, view: JobView, wait_seconds: float | None) -> None:
    async with asyncio.timeout(wait_seconds):
        async for event in client.run([request]):
            view.show(event)


class JobView:
    """What is known of a job; shown as it comes, unless ``is_silent``."""

    def __init__(self, request: JobRequest, bars: ProgressBars | None, *, is_silent: bool) -> None:
        self._request = request
        self._bars = bars
        self._is_silent = is_silent
        self._streams = Streams(bars)
        self._handle = ""
        self._pieces: list[bytes] = []
        self._warnings: list[bytes] = []
        self._exception: bytes | None = None
        self._refused: Refused | None = None
        self.state = "submitted"

    def show(self, event: Event) -> None:
        """Takes what happened. Raises BrokenPipeError when nobody reads stdout any more."""
        if isinstance(event, Data):
            self._add(event.data)
        elif isinstance(event, Progress):
            if self._bars is not None:
                self._bars.update(self, event.numerator, event.denominator)
        elif isinstance(event, Warning_):
            self._warnings.append(event.data)
            self._error(event.data)
        elif isinstance(event, Created):
            self._handle = event.handle.decode(errors="replace")
            self._created()
        else:
            self._end(event)

    def _created(self) -> None:
        if not self._request.ends_when_created:
            self.state = "running"
            if self._bars is not None:
                self._bars.begin(self, self._request.name)
            return
        self.state = "accepted"
        if not self._is_silent:
            self._streams.out(f"{self._handle}\n".encode())

    def _end(self, event: Event) -> None:
        if self._bars is not None:
            self._bars.end(self)
        if isinstance(event, Completed):
            self.state = "completed"
            self._add(event.data)
        elif isinstance(event, Failed):
            self.state = "failed"
        elif isinstance(event, Exception_):
            self.state = "exception"
            self._exception = event.data
            self._error(event.data)
        elif isinstance(event, Refused):
            self.state = "refused"
            self._refused = event

    def _add(self, data: bytes) -> None:
        if self._is_silent:
            self._pieces.append(data)
        else:
            self._streams.out(data)

    def _error(self, data: bytes) -> None:
        if not self._is_silent:
            self._streams.error(data)

    def conclude(self, wait_seconds: float | None) -> ExitCode:
        """Says on stderr what went wrong, if anything, and returns the exit code. Raises RequestRefused."""
        self._streams.end_line()
        if self.state == "timeout":
            say(_PROGRAM, f"no result within {wait_seconds:g} seconds")
            return ExitCode.UNREACHABLE
        elif self._refused is not None:
            raise RequestRefused(self._request.name, self._refused.code, self._refused.text)
        elif self.state in ("failed", "exception"):
            say(_PROGRAM, f"job {self._handle} of {self._request.name} failed")
            return ExitCode.FAILED
        return ExitCode.DONE

    def as_json(self) -> Json:
        """All that is known, for programs."""
        result, encoding = _text(b"".join(self._pieces))
        return {
            "handle": self._handle or None,
            "function": self._request.name,
            "unique": self._request.unique.decode(errors="replace"),
            "state": self.state,
            "run_at": self._request.epoch,
            "result": result,
            "result_encoding": encoding,
            "warnings": [_readable(warning) for warning in self._warnings],
            "exception": None if self._exception is None else _readable(self._exception),
            "error": None if self._refused is None else f"{self._refused.code}: {self._refused.text}",
        }


def _text(data: bytes) -> tuple[str, str]:
    """Data as text and how it is encoded in there."""
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"


def _readable(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
