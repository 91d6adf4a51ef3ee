"""Jobs that are in the store only, because there is no room for them in memory.

The queue of a function and priority is then in two parts. The first jobs are in memory; when few of them are
left, the next ones are loaded. All further ones are in the store, in the same order. What joins the queue
meanwhile and is no matter of the store, such as a foreground job, waits *behind* until those before it are
loaded.
"""

from __future__ import annotations

from collections import OrderedDict

from geartrain.engine.job import Job


class Backlog:
    """The part of one queue that is in the store."""

    __slots__ = ("after", "behind", "data_bytes", "ended", "fresh", "jobs", "loading")

    def __init__(self) -> None:
        # Jobs whose place in the queue is in the store, and how much data they have.
        self.jobs = 0
        self.data_bytes = 0
        # All of those have a sequence above this one.
        self.after = 0
        # Whether some are being loaded; how many have come since that was asked for, and which jobs have
        # ended since: the store may still name them in its answer.
        self.loading = False
        self.fresh = 0
        self.ended: set[int] = set()
        # Jobs in memory with their place in the queue: behind the stored ones of a lower sequence.
        self.behind: OrderedDict[Job, int] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether anything is in the store only, or waits behind what was."""
        return self.jobs > 0 or bool(self.behind)

    def add(self, sequence: int, data_bytes: int) -> None:
        """One more job is in the store only; they come in order."""
        if self.jobs == 0 and not self.loading:
            self.after = sequence - 1
        self.jobs += 1
        self.fresh += 1
        self.data_bytes += data_bytes

    def take(self, data_bytes: int) -> None:
        """One of the jobs has its place in memory now, or has ended."""
        self.jobs -= 1
        self.data_bytes -= data_bytes

    def note_end(self, sequence: int) -> None:
        """A job of this queue has ended, wherever it was."""
        if self.loading:
            self.ended.add(sequence)

    def pop_behind(self, sequence: int) -> Job | None:
        """Takes the first job that waits behind, if its place is before that sequence."""
        if self.behind:
            job, place = next(iter(self.behind.items()))
            if place <= sequence:
                del self.behind[job]
                return job
        return None


# What a queue has that is all in memory. Functions may be many, so they share it until they need their own.
NO_BACKLOG = Backlog()
