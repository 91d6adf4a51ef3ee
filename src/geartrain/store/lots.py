"""Many jobs, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from geartrain.store.base import StoredJob

# A lot is full with so many jobs or so much data, whichever comes first.
LOT_JOBS: Final = 1000
LOT_BYTES: Final = 4 * 1024 * 1024


def in_lots(jobs: Iterable[StoredJob]) -> Iterator[list[StoredJob]]:
    """The jobs in lists that are not empty, and small enough to be held in memory."""
    lot: list[StoredJob] = []
    lot_bytes = 0
    for job in jobs:
        lot.append(job)
        lot_bytes += len(job.data)
        if len(lot) == LOT_JOBS or lot_bytes >= LOT_BYTES:
            yield lot
            lot = []
            lot_bytes = 0
    if lot:
        yield lot
