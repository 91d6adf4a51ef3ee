"""Numbered changes to the durable queue.

The engine writes down what must survive; whoever owns a store takes the changes in batches, makes them
durable, and reports the number up to which they are settled. Replies wait on these numbers.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.job import Job

ADD: Final = 1
REMOVE: Final = 2
# The job was given back to its queue once more.
ATTEMPT: Final = 3


class Change:
    """One change: its number (from 1, without gaps), its kind and the job it is about."""

    __slots__ = ("job", "kind", "number")

    def __init__(self, number: int, kind: int, job: Job) -> None:
        self.number = number
        self.kind = kind
        self.job = job

    def __repr__(self) -> str:
        return f"<Change {self.number} {('ADD', 'REMOVE', 'ATTEMPT')[self.kind - 1]} {self.job.handle!r}>"


class Journal:
    """Changes in order: those not taken yet, and the number up to which all are settled."""

    __slots__ = ("_changes", "last", "refusal", "settled")

    def __init__(self) -> None:
        # Number of the last change written down.
        self.last = 0
        # Up to here every change is durable or refused.
        self.settled = 0
        # Why no addition can be taken now; empty while they can.
        self.refusal = ""
        self._changes: list[Change] = []

    def write(self, kind: int, job: Job) -> int:
        """Writes a change down and returns its number."""
        self.last += 1
        self._changes.append(Change(self.last, kind, job))
        return self.last

    def take(self) -> list[Change]:
        """Takes the changes written since the last call, as the next batch."""
        changes, self._changes = self._changes, []
        return changes
