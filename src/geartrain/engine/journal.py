"""Numbered entries for the durable queue: changes that must survive, and questions about what it holds.

The engine writes them down; whoever owns a store takes them in batches, makes the changes durable, answers
the questions, and reports the number up to which all is settled. Replies wait on these numbers. A question
sees all changes with a lower number, and none with a higher one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from geartrain.engine.job import Job

ADD: Final = 1
REMOVE: Final = 2
# The job was given back to its queue once more.
ATTEMPT: Final = 3

_KINDS: Final = ("", "ADD", "REMOVE", "ATTEMPT")


class StoredJob(NamedTuple):
    """A background job as a store keeps it.

    ``sequence`` is the number in the handle; it orders all jobs of a queue by their submission and is never
    used again. ``run_at`` and ``submitted_at`` are seconds since 1970-01-01 UTC, ``run_at`` 0 for at once.
    ``attempts`` counts how often the job was taken from a worker and given back.
    """

    sequence: int
    handle: bytes
    function: bytes
    unique: bytes
    priority: int
    run_at: float
    reducer: bytes
    attempts: int
    submitted_at: float
    data: bytes


class Entry:
    """Anything in the journal; numbers begin at 1 and have no gaps."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Change(Entry):
    """One change: its kind, and the job it is about."""

    __slots__ = ("job", "kind")

    def __init__(self, kind: int, job: Job) -> None:
        super().__init__()
        self.kind = kind
        self.job = job

    def __repr__(self) -> str:
        return f"<Change {self.number} {_KINDS[self.kind]} {self.job.handle!r}>"


class Find(Entry):
    """Asks for the job of one sequence; ``who`` wants to know, and knows why."""

    __slots__ = ("sequence", "who")

    def __init__(self, sequence: int, who: object) -> None:
        super().__init__()
        self.sequence = sequence
        self.who = who


class Load(Entry):
    """Asks for the next jobs of a function and priority: those with a sequence above ``after``, in order."""

    __slots__ = ("after", "function", "limit", "priority")

    def __init__(self, function: bytes, priority: int, after: int, limit: int) -> None:
        super().__init__()
        self.function = function
        self.priority = priority
        self.after = after
        self.limit = limit


class Purge(Entry):
    """Removes all jobs of a function with a sequence below ``before``."""

    __slots__ = ("before", "function")

    def __init__(self, function: bytes, before: int) -> None:
        super().__init__()
        self.function = function
        self.before = before


class Journal:
    """Entries in order: those not taken yet, and the number up to which all are settled."""

    __slots__ = ("_entries", "last", "refusal", "settled")

    def __init__(self) -> None:
        # Number of the last entry written down.
        self.last = 0
        # Up to here every entry is durable, answered or refused.
        self.settled = 0
        # Why no addition can be taken now; empty while they can.
        self.refusal = ""
        self._entries: list[Entry] = []

    def write(self, kind: int, job: Job) -> int:
        """Writes a change down and returns its number."""
        return self.ask(Change(kind, job))

    def ask(self, entry: Entry) -> int:
        """Writes an entry down and returns its number."""
        self.last += 1
        entry.number = self.last
        self._entries.append(entry)
        return self.last

    def take(self) -> list[Entry]:
        """Takes the entries written since the last call, as the next batch."""
        entries, self._entries = self._entries, []
        return entries
