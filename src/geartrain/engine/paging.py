"""Keeps queued jobs in the store only, when they take too much memory, and has them loaded ahead of need."""

from __future__ import annotations

from typing import Final

from geartrain.engine.backlog import NO_BACKLOG, Backlog
from geartrain.engine.function import SAME_DATA, Function
from geartrain.engine.job import Job
from geartrain.engine.journal import Journal, Load
from geartrain.engine.sequences import SequenceIndex

# Memory of a job besides its data.
JOB_BYTES: Final = 700
# Fewer jobs of a queue than this always stay in memory; when fewer than this are left, more are loaded.
FEW_JOBS: Final = 500
_MAX_SERIAL_DIGITS: Final = 18
# At most so many, and of so much data, are loaded at once.
_LOADED_JOBS: Final = 1000
_LOADED_BYTES: Final = 8 * 1024 * 1024


class Paging:
    """What is in the store only, and how much memory the rest takes.

    ``limit_bytes`` is the memory from which on jobs go to the store only; 0 for no limit.
    """

    __slots__ = ("_index", "_journal", "_limit_bytes", "jobs", "memory_bytes")

    def __init__(self, journal: Journal, limit_bytes: int) -> None:
        self._journal = journal
        self._limit_bytes = limit_bytes
        # Jobs that are not in memory at all, and the memory of those that are.
        self.jobs = 0
        self.memory_bytes = 0
        self._index = SequenceIndex()

    # --- into the store only ----------------------------------------------------------------------------

    def takes(self, job: Job) -> bool:
        """Whether a durable job that is to be queued has to be in the store only."""
        if self._limit_bytes == 0 or not job.change or job.clients:
            return False
        return self.wants_away(job.function, job.priority)

    def wants_away(self, function: Function, priority: int) -> bool:
        """Whether the next durable job of this queue has to be in the store only."""
        if function.backlogs[priority].jobs > 0:
            return True
        return self.memory_bytes > self._limit_bytes > 0 and len(function.queues[priority]) >= FEW_JOBS

    def put_away(self, function: Function, priority: int, sequence: int, key: bytes, data_bytes: int) -> None:
        """Counts a job that is in the store only; ``key`` is what ``unique_key`` says of it."""
        if function.backlogs[priority] is NO_BACKLOG:
            function.backlogs[priority] = Backlog()
        function.backlogs[priority].add(sequence, data_bytes)
        self.jobs += 1
        if key:
            self._index.add(_hash(function, key), sequence)

    def find(self, function: Function, unique: bytes, data: bytes) -> int:
        """The sequence of a job in the store only that a submission seems to join; 0 if there is none."""
        if self.jobs == 0:
            return 0
        key = unique_key(unique, data)
        return self._index.get(_hash(function, key)) if key else 0

    def sequence_of(self, handle: bytes) -> int:
        """The sequence of a job that may be in the store only; 0 if that handle cannot be one's."""
        serial = handle[handle.rfind(b":") + 1 :]
        if self.jobs == 0 or not serial.isdigit() or len(serial) > _MAX_SERIAL_DIGITS:
            return 0
        return int(serial)

    # --- out of it --------------------------------------------------------------------------------------

    def take_out(self, function: Function, sequence: int, key: bytes) -> None:
        """Forgets a job that was in the store only: it is in memory now, or it has ended."""
        if key:
            self._index.discard(_hash(function, key), sequence)
        self.drop(1)

    def drop(self, count: int) -> None:
        """So many jobs are not in the store any more."""
        self.jobs -= count
        if self.jobs == 0:
            # What is left over in it belonged to functions that were dropped.
            self._index = SequenceIndex()

    def load_ahead(self, function: Function, priority: int) -> None:
        """Has the next jobs of a queue loaded, if there are any and few are left in memory."""
        backlog = function.backlogs[priority]
        if backlog.jobs == 0 or backlog.loading or len(function.queues[priority]) >= FEW_JOBS:
            return
        backlog.loading = True
        backlog.fresh = 0
        self._journal.ask(Load(function.name, priority, backlog.after, _batch_size(backlog)))


def unique_key(unique: bytes, data: bytes) -> bytes:
    """What makes two submissions to a function the same job; empty if nothing does."""
    if unique == SAME_DATA:
        return b"=" + data if data else b""
    return b"#" + unique if unique else b""


def _hash(function: Function, key: bytes) -> int:
    return hash((function.name, key))


def _batch_size(backlog: Backlog) -> int:
    average = max(backlog.data_bytes // backlog.jobs, 1)
    return max(min(_LOADED_BYTES // average, _LOADED_JOBS), 1)
