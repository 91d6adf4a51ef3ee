"""What ``geartrain top`` knows: samples of a server, and the rates between two of them.

Pure: no terminal, no network, no clock. None stands for what a server does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSample:
    """One function at one moment.

    ``high``, ``normal`` and ``low`` are jobs that are queued, ``later`` jobs that wait for their time.
    ``busy`` workers run a job of the function, ``idle`` ones wait for one. ``oldest_seconds`` is the age of
    the oldest queued job, None also when there is none. The last four count since the server's start.
    """

    name: str
    high: int
    normal: int
    low: int
    running: int
    workers: int
    later: int | None = None
    busy: int | None = None
    idle: int | None = None
    oldest_seconds: float | None = None
    submitted: int | None = None
    completed: int | None = None
    failed: int | None = None
    requeued: int | None = None

    @property
    def queued(self) -> int:
        """Jobs that a worker could take now, of all priorities."""
        return self.high + self.normal + self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A server at one moment; ``at_seconds`` is the time of a clock that only goes forward.

    ``counts`` says whether the server counts jobs: without that there are no rates.
    """

    at_seconds: float
    server: str
    version: str
    counts: bool
    functions: tuple[FunctionSample, ...]
    connections: int
    workers: int
    busy: int

    @property
    def idle(self) -> int:
        """Workers without a job."""
        return self.workers - self.busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A function now, and what it did per second since the sample before; None where that is not known."""

    now: FunctionSample
    submitted: float | None = None
    completed: float | None = None
    failed: float | None = None
    requeued: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is shown at one moment: a sample, a row for each function, and the sum of the rows."""

    sample: Sample
    rows: tuple[Row, ...]
    total: Row


def compare(before: Sample | None, now: Sample) -> Frame:
    """The frame between two samples of one server; without the first one there are no rates."""
    earlier = {function.name: function for function in before.functions} if before is not None else {}
    seconds = now.at_seconds - before.at_seconds if before is not None else 0.0
    rows = tuple(
        # What was not there at the first sample began to count from zero since.
        _row(earlier.get(function.name, _nothing(function.name)), function, seconds)
        for function in now.functions
    )
    return Frame(sample=now, rows=rows, total=_total(rows, now))


def _nothing(name: str) -> FunctionSample:
    return FunctionSample(
        name=name,
        high=0,
        normal=0,
        low=0,
        running=0,
        workers=0,
        submitted=0,
        completed=0,
        failed=0,
        requeued=0,
    )


def _row(before: FunctionSample, now: FunctionSample, seconds: float) -> Row:
    return Row(
        now=now,
        submitted=_rate(before.submitted, now.submitted, seconds),
        completed=_rate(before.completed, now.completed, seconds),
        failed=_rate(before.failed, now.failed, seconds),
        requeued=_rate(before.requeued, now.requeued, seconds),
    )


def _rate(before: int | None, now: int | None, seconds: float) -> float | None:
    # A counter that fell was started again: how far it had come before is not known.
    if before is None or now is None or now < before or seconds <= 0:
        return None
    return (now - before) / seconds


def _total(rows: Sequence[Row], sample: Sample) -> Row:
    samples = [row.now for row in rows]
    sums = FunctionSample(
        name="total",
        high=sum(function.high for function in samples),
        normal=sum(function.normal for function in samples),
        low=sum(function.low for function in samples),
        later=_sum(function.later for function in samples),
        running=sum(function.running for function in samples),
        # Not the sum: one worker may be there for many functions.
        workers=sample.workers,
        busy=sample.busy,
        idle=sample.idle,
        oldest_seconds=max(
            (function.oldest_seconds for function in samples if function.oldest_seconds is not None),
            default=None,
        ),
        submitted=_sum(function.submitted for function in samples),
        completed=_sum(function.completed for function in samples),
        failed=_sum(function.failed for function in samples),
        requeued=_sum(function.requeued for function in samples),
    )
    return Row(
        now=sums,
        submitted=_sum(row.submitted for row in rows),
        completed=_sum(row.completed for row in rows),
        failed=_sum(row.failed for row in rows),
        requeued=_sum(row.requeued for row in rows),
    )


def _sum(numbers: Iterable[Number | None]) -> Number | int | None:
    """The sum of what is known; None when there are numbers, and none of them is."""
    given = list(numbers)
    known = [number for number in given if number is not None]
    return sum(known) if known or not given else None


# By what rows can be sorted, in the order of the columns.
SORT_KEYS: Final[dict[str, Callable[[Row], float | None]]] = {
    "in": lambda row: row.submitted,
    "done": lambda row: row.completed,
    "failed": lambda row: row.failed,
    "again": lambda row: row.requeued,
    "queued": lambda row: row.now.queued,
    "high": lambda row: row.now.high,
    "normal": lambda row: row.now.normal,
    "low": lambda row: row.now.low,
    "later": lambda row: row.now.later,
    "oldest": lambda row: row.now.oldest_seconds,
    "running": lambda row: row.now.running,
    "workers": lambda row: row.now.workers,
    "busy": lambda row: row.now.busy,
    "idle": lambda row: row.now.idle,
}
BY_NAME: Final = "function"
SORT_NAMES: Final = (BY_NAME, *SORT_KEYS)


def sort_rows(rows: Iterable[Row], by: str, *, is_reversed: bool = False) -> list[Row]:
    """The rows sorted: names from A, numbers from the greatest, the other way round if reversed.

    Equal ones follow by name; those whose number is not known come last either way.
    """
    named = sorted(rows, key=lambda row: row.now.name, reverse=is_reversed and by == BY_NAME)
    if by == BY_NAME:
        return named
    key = SORT_KEYS[by]
    known = [(number, row) for row in named if (number := key(row)) is not None]
    unknown = [row for row in named if key(row) is None]
    sign = 1 if is_reversed else -1
    return [row for _, row in sorted(known, key=lambda pair: sign * pair[0])] + unknown
