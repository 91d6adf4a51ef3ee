"""Jobs for the tests of queues: some of every kind."""

from __future__ import annotations

from collections.abc import Iterable

from geartrain.store.base import StoredJob

SUBMITTED_AT = 1700000000.25


def stored_job(
    sequence: int,
    *,
    function: bytes = b"f",
    unique: bytes = b"",
    priority: int = 1,
    run_at: float = 0.0,
    reducer: bytes = b"",
    attempts: int = 0,
    submitted_at: float = SUBMITTED_AT,
    data: bytes = b"data",
) -> StoredJob:
    handle = b"H:host:%d" % sequence
    return StoredJob(
        sequence, handle, function, unique, priority, run_at, reducer, attempts, submitted_at, data
    )


def without_numbers(jobs: Iterable[StoredJob]) -> list[StoredJob]:
    """The jobs without what an import gives them anew."""
    return [job._replace(sequence=0, handle=b"") for job in jobs]


# Bytes of all values, data of no bytes and of many, and a value other than the default in each field.
ALL_KINDS = [
    stored_job(1),
    stored_job(2, data=b"", submitted_at=SUBMITTED_AT + 0.125),
    stored_job(3, function=b"\xff\x00", unique=b"\xfe" * 64, reducer=b"\x80", data=bytes(range(256))),
    stored_job(4, function="Zähler".encode(), unique="ü".encode(), data='text\n\u2028 \\ "'.encode()),
    stored_job(5, priority=0, attempts=7, run_at=1893456000.5, reducer=b"sum"),
    stored_job(6, priority=2, unique=b"-", data=b"x" * 300_000),
    stored_job(7, function=b"f" * 8000, data=b"\x00"),
]
