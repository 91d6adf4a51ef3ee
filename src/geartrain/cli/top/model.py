"""What ``geartrain top`` knows: samples of a server, and the rates between two of them.

Pure: no terminal, no network, no clock. None stands for what a server does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from geartrain.roles.overview import FunctionInfo, WorkerInfo

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a server said at one moment; ``at_seconds`` is the time of a clock that only goes forward.

    ``connections`` are all of them, clients and this one too; ``workers`` those with functions, and ``busy``
    those of the workers that run a job.
    """

    at_seconds: float
    server: str
    version: str
    functions: tuple[FunctionInfo, ...]
    connections: int
    workers: int
    busy: int

    @property
    def idle(self) -> int:
        """Workers without a job."""
        return self.workers - self.busy

    @property
    def counts_jobs(self) -> bool:
        """Whether the server counts what became of its jobs: the C server does not, so there are no rates."""
        return all(function.submitted is not None for function in self.functions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A function now, and what happened to its jobs per second since the sample before."""

    now: FunctionInfo
    submitted: float | None = None
    completed: float | None = None
    failed: float | None = None
    requeued: float | None = None

    @property
    def queued(self) -> int:
        """Jobs that a worker could take now, of all priorities."""
        return self.now.queued - (self.now.later or 0)

    @property
    def busy(self) -> int:
        """Workers that run a job of the function; by older lists the jobs, which is the same for most."""
        return min(self.now.running, self.now.workers) if self.now.busy is None else self.now.busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is shown at one moment: a sample, a row for each function, and the sums of the rows."""

    sample: Sample
    rows: tuple[Row, ...]
    total: Row


def sample_server(
    functions: Sequence[FunctionInfo],
    connections: Sequence[WorkerInfo],
    *,
    at_seconds: float,
    server: str,
    version: str,
) -> Sample:
    """Puts together what a server said about its functions and its connections."""
    workers = [connection for connection in connections if connection.functions]
    if any(worker.running is None for worker in workers):
        # The older lists only say how many jobs run.
        busy = min(sum(function.running for function in functions), len(workers))
    else:
        busy = sum(1 for worker in workers if worker.running)
    return Sample(
        at_seconds=at_seconds,
        server=server,
        version=version,
        functions=tuple(functions),
        connections=len(connections),
        workers=len(workers),
        busy=busy,
    )


def compare(before: Sample | None, now: Sample) -> Frame:
    """The frame between two samples of one server; without the first one there are no rates."""
    earlier = {info.function: info for info in before.functions} if before is not None else {}
    seconds = now.at_seconds - before.at_seconds if before is not None else 0.0
    # What was not there at the first sample has begun to count from zero since.
    rows = tuple(_row(earlier.get(info.function, _NEW), info, seconds) for info in now.functions)
    return Frame(sample=now, rows=rows, total=_total(rows))


_NEW: Final = FunctionInfo(b"", 0, submitted=0, completed=0, failed=0, requeued=0)


def _row(before: FunctionInfo, now: FunctionInfo, seconds: float) -> Row:
    return Row(
        now=now,
        submitted=_rate(before.submitted, now.submitted, seconds),
        completed=_rate(before.completed, now.completed, seconds),
        failed=_rate(before.failed, now.failed, seconds),
        requeued=_rate(before.requeued, now.requeued, seconds),
    )


def _rate(before: int | None, now: int | None, seconds: float) -> float | None:
    # A count that fell was started again; how far it had come before nobody knows.
    if before is None or now is None or now < before or seconds <= 0:
        return None
    return (now - before) / seconds


def _total(rows: Sequence[Row]) -> Row:
    """Sums of jobs and rates. Workers are not summed up: one may be there for several functions."""
    now = FunctionInfo(
        b"",
        sum(row.now.queued for row in rows),
        later=_sum(row.now.later for row in rows),
        running=sum(row.now.running for row in rows),
    )
    return Row(
        now=now,
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


# By which numbers rows can be sorted, in the order of the columns.
SORT_KEYS: Final[dict[str, Callable[[Row], float | None]]] = {
    "in": lambda row: row.submitted,
    "done": lambda row: row.completed,
    "failed": lambda row: row.failed,
    "again": lambda row: row.requeued,
    "queued": lambda row: row.queued,
    "high": lambda row: row.now.high,
    "normal": lambda row: row.now.normal,
    "low": lambda row: row.now.low,
    "later": lambda row: row.now.later,
    "oldest": lambda row: row.now.oldest_seconds,
    "running": lambda row: row.now.running,
    "workers": lambda row: row.now.workers,
    "busy": lambda row: row.busy,
    "idle": lambda row: row.now.asleep,
}
BY_NAME: Final = "function"
SORT_NAMES: Final = (BY_NAME, *SORT_KEYS)


def sort_rows(rows: Iterable[Row], by: str, *, is_reversed: bool = False) -> list[Row]:
    """The rows sorted: names from A, numbers from the greatest, the other way round if reversed.

    Rows with the same number follow by name; those whose number is not known come last either way.
    """
    named = sorted(rows, key=lambda row: row.now.function, reverse=is_reversed and by == BY_NAME)
    if by == BY_NAME:
        return named
    key = SORT_KEYS[by]
    known = [(number, row) for row in named if (number := key(row)) is not None]
    unknown = [row for row in named if key(row) is None]
    sign = 1 if is_reversed else -1
    return [row for _, row in sorted(known, key=lambda pair: sign * pair[0])] + unknown
