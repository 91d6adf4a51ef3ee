"""What makes a record of a job one that a server can run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from geartrain.engine.job import PRIORITIES
from geartrain.store.base import StoredJob

# The fields of StoredJob, with the size of the data in front of the data; of any type in a damaged database.
Row = tuple[Any, ...]

_BYTES: Final = (bytes, bytearray, memoryview)
_NUMBER: Final = (int, float)
_WHOLE: Final = (int,)
_FIELDS: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("sequence", _WHOLE),
    ("handle", _BYTES),
    ("function", _BYTES),
    ("unique", _BYTES),
    ("priority", _WHOLE),
    ("run_at", _NUMBER),
    ("reducer", _BYTES),
    ("attempts", _WHOLE),
    ("submitted_at", _NUMBER),
    ("data_bytes", _WHOLE),
    ("data", _BYTES),
)


def fault_of_row(row: Row) -> str:
    """Why a row of a database is no job; empty when it is one."""
    for (name, types), value in zip(_FIELDS, row, strict=True):
        if not isinstance(value, types):
            found = "missing" if value is None else f"of type {type(value).__name__}"
            return f"job {row[0]}: its {name} is {found}"
    *_, data_bytes, data = row
    if len(data) != data_bytes:
        return f"job {row[0]}: {len(data)} of its {data_bytes} bytes of data are there"
    return ""


def job_of(row: Row) -> StoredJob:
    """The job of a row that has no fault."""
    sequence, handle, function, unique, priority, run_at, reducer, attempts, submitted_at, _, data = row
    return StoredJob(
        sequence,
        bytes(handle),
        bytes(function),
        bytes(unique),
        priority,
        run_at,
        bytes(reducer),
        attempts,
        submitted_at,
        bytes(data),
    )


def sound(job: StoredJob) -> StoredJob | str:
    """The job, or what is wrong with it."""
    faults = "; ".join(_faults(job))
    return f"job {job.sequence}: {faults}" if faults else job


def _faults(job: StoredJob) -> Iterator[str]:
    if job.sequence <= 0:
        yield "no handle has this number"
    if job.priority not in range(PRIORITIES):
        yield f"its priority is {job.priority}, and there are 0 to {PRIORITIES - 1}"
    if job.attempts < 0:
        yield f"it has {job.attempts} attempts"
    for name, value in (("run_at", job.run_at), ("submitted_at", job.submitted_at)):
        if not (math.isfinite(value) and value >= 0):
            yield f"its {name} is {value}"
    if not job.handle.endswith(b":%d" % job.sequence):
        yield f"its handle is that of another job, {job.handle!r}"
