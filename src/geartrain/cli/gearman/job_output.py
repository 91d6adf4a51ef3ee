"""What ``gearman`` prints of the events of its jobs: what the C tool prints, in the order of the events."""

from __future__ import annotations

from geartrain.cli.entry import say
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.gearman.progress import ProgressBars
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


class JobOutput:
    """Prints the events of jobs; ``has_failed`` tells whether one of them did not succeed.

    With ``prefix`` each piece is led by the name of the function. With ``verbose`` handles are printed. With
    ``percent`` progress is printed too; ``bars`` show it on a terminal.
    """

    def __init__(
        self, program: str, *, prefix: bool, verbose: bool, percent: bool, bars: ProgressBars | None = None
    ) -> None:
        self._program = program
        self._prefix = prefix
        self._verbose = verbose
        self._percent = percent
        self._bars = bars
        self._streams = Streams(bars)
        self.has_failed = False

    def show(self, request: JobRequest, event: Event) -> None:
        """Prints an event. Raises BrokenPipeError when nobody reads stdout any more."""
        if isinstance(event, Data):
            self._out(request, event.data)
        elif isinstance(event, Completed):
            self._end(request)
            self._out(request, event.data)
        elif isinstance(event, Warning_):
            self._error(request, event.data)
        elif isinstance(event, Progress):
            self._show_progress(request, event)
        elif isinstance(event, Created):
            self._show_created(request, event)
        else:
            self._end(request)
            self._show_failure(request, event)

    def _show_created(self, request: JobRequest, event: Created) -> None:
        if self._verbose:
            self._streams.out(b"Task created: %s\n" % event.handle)
        if self._bars is not None and not request.ends_when_created:
            self._bars.begin(request, request.name)

    def _show_progress(self, request: JobRequest, event: Progress) -> None:
        if self._bars is not None:
            self._bars.update(request, event.numerator, event.denominator)
        if self._percent:
            self._out(request, b"%d%% Complete\n" % _percent(event))

    def _show_failure(self, request: JobRequest, event: Event) -> None:
        self.has_failed = True
        if isinstance(event, Failed):
            self._error(request, b"Job failed\n")
        elif isinstance(event, Exception_):
            self._error(request, event.data)
        elif isinstance(event, Refused):
            say(self._program, str(RequestRefused(request.name, event.code, event.text)))

    def _end(self, request: JobRequest) -> None:
        if self._bars is not None:
            self._bars.end(request)

    def _out(self, request: JobRequest, data: bytes) -> None:
        self._streams.out(self._led(request, data))

    def _error(self, request: JobRequest, data: bytes) -> None:
        self._streams.error(self._led(request, data))

    def _led(self, request: JobRequest, data: bytes) -> bytes:
        return request.function + b": " + data if self._prefix else data


def _percent(event: Progress) -> int:
    """How much of a job is done; 0 if its worker does not say of how much."""
    return event.numerator * 100 // event.denominator if event.denominator else 0
