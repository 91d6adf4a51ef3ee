"""What a job server tells an administrator about its functions, jobs and connections, and its queue.

Our server answers ``list functions``, ``list jobs``, ``list workers`` and ``list queue``, whose columns have
names. The C server only knows the older lists, which say less: what they leave open is None. Names are as
the server writes them: our server escapes control characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from geartrain.errors import ProtocolError
from geartrain.protocol.admin import (
    ABSENT,
    join_rows,
    parse_function_status,
    parse_job_status,
    parse_priority_status,
    parse_worker_status,
)
from geartrain.protocol.packets import shorten

_DASH: Final = rb"\x2d"
_DIGITS: Final = b"0123456789"
_MAX_DIGITS: Final = 20
# Not all that Python takes for a number is one: it knows "nan" and "1_0" too.
_NUMBER: Final = re.compile(rb"[0-9]{1,20}")
_SECONDS: Final = re.compile(rb"-?[0-9]{1,20}(\.[0-9]{1,9})?")


class FunctionInfo(NamedTuple):
    """A function. ``queued`` counts the jobs that wait for a worker or for their time, not the running ones.

    ``high``, ``normal``, ``low`` and ``later`` divide ``queued``; the older lists count ``later`` among the
    others. ``busy`` and ``asleep`` are workers; ``oldest_seconds`` is how long the first queued job has been
    waiting; the last four count since the server knows the function.
    """

    function: bytes
    queued: int
    high: int | None = None
    normal: int | None = None
    low: int | None = None
    later: int | None = None
    running: int = 0
    workers: int = 0
    busy: int | None = None
    asleep: int | None = None
    oldest_seconds: float | None = None
    submitted: int | None = None
    completed: int | None = None
    failed: int | None = None
    requeued: int | None = None


class JobInfo(NamedTuple):
    """A job. ``run_at`` is in seconds since 1970-01-01 UTC, ``worker`` the descriptor of a connection.

    ``attempts`` counts the workers that got the job; by the older lists, those that gave it back.
    """

    handle: bytes
    function: bytes | None = None
    unique: bytes | None = None
    priority: bytes | None = None
    state: bytes | None = None
    background: bool | None = None
    attempts: int | None = None
    age_seconds: float | None = None
    run_at: float | None = None
    numerator: int | None = None
    denominator: int | None = None
    clients: int | None = None
    worker: int | None = None
    data_bytes: int | None = None


class WorkerInfo(NamedTuple):
    """A connection: ``running`` are the jobs it runs, ``waiting`` those it waits for as a client."""

    descriptor: int
    address: bytes
    client_id: bytes | None = None
    state: bytes | None = None
    running: int | None = None
    waiting: int | None = None
    connected_seconds: float | None = None
    listener: bytes | None = None
    functions: tuple[bytes, ...] = ()


class QueueInfo(NamedTuple):
    """Where jobs are kept; ``state`` is ``ok`` or ``failing``, and ``trouble`` says why it fails.

    ``waiting_bytes`` is the memory of what waits to be durable; ``stored_jobs`` counts the jobs that are in
    the store only; ``unsafe`` says which settings of the database may lose jobs.
    """

    url: bytes
    state: bytes | None = None
    waiting_bytes: int | None = None
    stored_jobs: int | None = None
    trouble: bytes | None = None
    unsafe: bytes | None = None


# --- from the tables of our server ----------------------------------------------------------------------


def functions_of_table(lines: Sequence[bytes]) -> list[FunctionInfo]:
    """Reads the answer to ``list functions``. Raises ProtocolError."""
    return [_function(row) for row in _read_table(lines)]


def jobs_of_table(lines: Sequence[bytes]) -> list[JobInfo]:
    """Reads the answer to ``list jobs``. Raises ProtocolError."""
    return [_job(row) for row in _read_table(lines)]


def workers_of_table(lines: Sequence[bytes]) -> list[WorkerInfo]:
    """Reads the answer to ``list workers``. Raises ProtocolError."""
    return [_worker(row) for row in _read_table(lines)]


def queue_of_table(lines: Sequence[bytes]) -> QueueInfo:
    """Reads the answer to ``list queue``. Raises ProtocolError."""
    rows = _read_table(lines)
    if len(rows) != 1:
        raise ProtocolError("INVALID_REPLY", f"{len(rows)} queues where there is one")
    return _queue(rows[0])


class _Row:
    """The fields of a row by the names of their columns; columns may be missing, or unknown."""

    __slots__ = ("_fields", "rest")

    def __init__(self, columns: list[bytes], fields: list[bytes]) -> None:
        self._fields = dict(zip(columns, fields, strict=False))
        # What the last column begins, where it holds any number of fields.
        self.rest = tuple(fields[len(columns) - 1 :])

    def text(self, column: bytes) -> bytes | None:
        field = self._fields.get(column, ABSENT)
        if field == ABSENT:
            return None
        return ABSENT if field == _DASH else field

    def name(self, column: bytes) -> bytes:
        text = self.text(column)
        if text is None:
            raise ProtocolError("INVALID_REPLY", f"a row without {column.decode()}")
        return text

    def seconds(self, column: bytes) -> float | None:
        text = self._matching(column, _SECONDS)
        return None if text is None else float(text)

    def number(self, column: bytes) -> int | None:
        text = self._matching(column, _NUMBER)
        return None if text is None else int(text)

    def count(self, column: bytes) -> int:
        return self.number(column) or 0

    def _matching(self, column: bytes, pattern: re.Pattern[bytes]) -> bytes | None:
        text = self.text(column)
        if text is not None and pattern.fullmatch(text) is None:
            raise ProtocolError("INVALID_REPLY", f"{shorten(text)} is no value of {column.decode()}")
        return text


def _read_table(lines: Sequence[bytes]) -> list[_Row]:
    if not lines:
        raise ProtocolError("INVALID_REPLY", "a table without a heading")
    columns = lines[0].split(b"\t")
    return [_Row(columns, line.split(b"\t")) for line in lines[1:]]


def _function(row: _Row) -> FunctionInfo:
    high, normal, low, later = (row.number(column) for column in (b"high", b"normal", b"low", b"later"))
    return FunctionInfo(
        function=row.name(b"function"),
        queued=(high or 0) + (normal or 0) + (low or 0) + (later or 0),
        high=high,
        normal=normal,
        low=low,
        later=later,
        running=row.count(b"running"),
        workers=row.count(b"workers"),
        busy=row.number(b"busy"),
        asleep=row.number(b"asleep"),
        oldest_seconds=row.seconds(b"oldest_seconds"),
        submitted=row.number(b"submitted"),
        completed=row.number(b"completed"),
        failed=row.number(b"failed"),
        requeued=row.number(b"requeued"),
    )


def _job(row: _Row) -> JobInfo:
    background = row.number(b"background")
    return JobInfo(
        handle=row.name(b"handle"),
        function=row.text(b"function"),
        unique=row.text(b"unique"),
        priority=row.text(b"priority"),
        state=row.text(b"state"),
        background=None if background is None else background != 0,
        attempts=row.number(b"attempts"),
        age_seconds=row.seconds(b"age_seconds"),
        run_at=row.seconds(b"run_at"),
        numerator=row.number(b"numerator"),
        denominator=row.number(b"denominator"),
        clients=row.number(b"clients"),
        worker=row.number(b"worker"),
        data_bytes=row.number(b"bytes"),
    )


def _worker(row: _Row) -> WorkerInfo:
    return WorkerInfo(
        descriptor=row.count(b"descriptor"),
        address=row.name(b"address"),
        client_id=row.text(b"id"),
        state=row.text(b"state"),
        running=row.number(b"running"),
        waiting=row.number(b"waiting"),
        connected_seconds=row.seconds(b"connected_seconds"),
        listener=row.text(b"listener"),
        functions=tuple(ABSENT if name == _DASH else name for name in row.rest),
    )


def _queue(row: _Row) -> QueueInfo:
    return QueueInfo(
        url=row.name(b"url"),
        state=row.text(b"state"),
        waiting_bytes=row.number(b"waiting_bytes"),
        stored_jobs=row.number(b"stored_jobs"),
        trouble=row.text(b"trouble"),
        unsafe=row.text(b"unsafe"),
    )


# --- from the lists that every server knows -------------------------------------------------------------


def functions_of_status(status: Sequence[bytes], priority_status: Sequence[bytes]) -> list[FunctionInfo]:
    """Joins the answers to ``status`` and ``prioritystatus``; a function may be in one of them only.

    Raises ProtocolError.
    """
    priorities = {
        row.function: row for row in map(parse_priority_status, join_rows(b"prioritystatus", priority_status))
    }
    functions = []
    for row in map(parse_function_status, join_rows(b"status", status)):
        queues = priorities.get(row.function)
        functions.append(
            FunctionInfo(
                function=row.function,
                queued=max(row.total - row.running, 0),
                high=None if queues is None else queues.high,
                normal=None if queues is None else queues.normal,
                low=None if queues is None else queues.low,
                running=row.running,
                workers=row.workers,
            )
        )
    return functions


def jobs_of_show(lines: Sequence[bytes]) -> list[JobInfo]:
    """Reads the answer to ``show jobs``, and puts the oldest job first. Raises ProtocolError."""
    jobs = []
    for row in map(parse_job_status, lines):
        state = b"abandoned" if row.abandoned else None
        jobs.append(JobInfo(handle=row.handle, state=state, background=row.stored, attempts=row.retries))
    return sorted(jobs, key=_handle_number)


def _handle_number(job: JobInfo) -> int:
    """Servers count their handles up; the number stands last."""
    digits = job.handle[len(job.handle.rstrip(_DIGITS)) :]
    return int(digits[-_MAX_DIGITS:] or 0)


def workers_of_list(lines: Sequence[bytes]) -> list[WorkerInfo]:
    """Reads the answer to ``workers``. Raises ProtocolError."""
    workers = []
    for row in map(parse_worker_status, join_rows(b"workers", lines)):
        client_id = None if row.client_id == ABSENT else row.client_id
        workers.append(WorkerInfo(row.descriptor, row.address, client_id, functions=row.functions))
    return workers
