"""What the journal has and the store has not been given yet, as pieces of work in the right order.

Changes are collected until a question comes: its answer must see all changes before it, and none after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from itertools import islice
from typing import Final

from geartrain.engine.job import Job, serial_of
from geartrain.engine.journal import ADD, REMOVE, Change, Entry, Find, Load, Purge
from geartrain.engine.paging import JOB_BYTES
from geartrain.store.base import Batch, StoredJob
from geartrain.store.committer import Question, Work

# About so much is written at once: more would gain nothing, and have everybody wait for longer.
BATCH_BYTES: Final = 16 * 1024 * 1024


class _Part:
    """Changes, and the questions that follow them. ``last`` is the number of the last entry."""

    __slots__ = ("added", "attempts", "last", "purged", "questions", "removed")

    def __init__(self, last: int) -> None:
        # By the number of the job; the entry's number is there too.
        self.added: dict[int, tuple[int, StoredJob]] = {}
        self.removed: list[int] = []
        self.attempts: dict[int, int] = {}
        self.purged: list[tuple[bytes, int]] = []
        self.questions: list[Question] = []
        self.last = last

    def change(self, change: Change) -> None:
        job = change.job
        sequence = serial_of(job.handle)
        if change.kind == ADD:
            self.added[sequence] = (change.number, record_of(sequence, job))
        elif change.kind == REMOVE:
            self.remove(sequence)
        elif sequence in self.added:
            self.added[sequence] = (self.added[sequence][0], record_of(sequence, job))
        else:
            self.attempts[sequence] = job.retries

    def remove(self, sequence: int) -> None:
        self.attempts.pop(sequence, None)
        if self.added.pop(sequence, None) is None:
            self.removed.append(sequence)

    def take_added(self) -> tuple[int, list[StoredJob]]:
        """Takes additions out, as many as fit into a batch; returns the number of the last one, too."""
        last = 0
        taken = []
        room_bytes = BATCH_BYTES
        for number, job in self.added.values():
            last = number
            taken.append(job)
            room_bytes -= len(job.data) + JOB_BYTES
            if room_bytes <= 0:
                break
        self.added = dict(islice(self.added.items(), len(taken), None))
        return last, taken


class Pending:
    """Entries in, pieces of work out."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        # The number of the last entry so far.
        self._last = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, entry: Entry) -> None:
        """One more entry of the journal."""
        self._last = entry.number
        if isinstance(entry, Find | Load):
            part = self._parts[-1] if self._parts else self._new_part()
            part.questions.append(entry)
        else:
            part = self._changing_part()
            if isinstance(entry, Change):
                part.change(entry)
            elif isinstance(entry, Purge):
                part.purged.append((entry.function, entry.before))
        part.last = entry.number

    def withdraw(self, sequence: int) -> None:
        """Sees to it that a job is not in the store, although its addition may have been taken from here."""
        for part in self._parts:
            if part.added.pop(sequence, None) is not None:
                return
        self._changing_part().remove(sequence)

    def drop_questions(self, numbers: Container[int]) -> None:
        """Forgets questions that nobody waits for any more."""
        for part in self._parts:
            part.questions = [question for question in part.questions if question.number not in numbers]

    def take(self) -> Work:
        """Takes the next piece of work, which may turn out to be nothing to do; there has to be a part."""
        part = self._parts[0]
        number, added = part.take_added()
        batch = Batch(added, part.removed, part.attempts, part.purged)
        if part.added:
            # Nobody waits for the numbers of what is not an addition.
            part.removed, part.attempts, part.purged = [], {}, []
            return Work(number, batch)
        self._parts.popleft()
        return Work(part.last, batch, part.questions)

    def _changing_part(self) -> _Part:
        """The part that changes go into now."""
        if self._parts and not self._parts[-1].questions:
            return self._parts[-1]
        return self._new_part()

    def _new_part(self) -> _Part:
        part = _Part(self._last)
        self._parts.append(part)
        return part


def record_of(sequence: int, job: Job) -> StoredJob:
    """A job as the store is to keep it."""
    return StoredJob(
        sequence,
        job.handle,
        job.function.name,
        job.unique,
        job.priority,
        job.run_at,
        job.reducer,
        job.retries,
        job.submitted_at,
        job.data,
    )
