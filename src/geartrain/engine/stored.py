"""Jobs that come out of the store: at the start, when their turn is near, and when somebody asks for one."""

from __future__ import annotations

from geartrain.engine.function import Function
from geartrain.engine.job import STORED, Job
from geartrain.engine.jobs import LAST_SEQUENCE, Jobs
from geartrain.engine.journal import Load, StoredJob
from geartrain.engine.paging import unique_key


class StoredJobs:
    """Takes in what the store answers."""

    __slots__ = ("_jobs",)

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    # --- the start --------------------------------------------------------------------------------------

    def has_room(self, name: bytes, priority: int) -> bool:
        """Whether the next job of that queue is to be restored whole; otherwise it stays in the store."""
        return not self._jobs.paging.wants_away(self._jobs.function(name), priority)

    def restore(self, stored: StoredJob, now: float, wall: float) -> None:
        """Takes in a durable job from before the start; they come in order."""
        job = self._jobs.bring_in(stored)
        job.function.total += 1
        self._jobs.admit(job, now, wall)

    def leave(self, sequence: int, name: bytes, unique: bytes, priority: int, data: bytes, size: int) -> None:
        """Counts a durable job from before the start that stays in the store.

        ``data`` matters only where it says which jobs are the same; ``size`` is how much there is of it.
        """
        function = self._jobs.function(name)
        function.total += 1
        function.submitted += 1
        self._jobs.paging.put_away(function, priority, sequence, unique_key(unique, data), size)

    # --- their turn is near -----------------------------------------------------------------------------

    def loaded(self, question: Load, answer: list[StoredJob], now: float) -> None:
        """Lines up the next jobs of a queue."""
        function = self._jobs.functions.get(question.function)
        if function is None or not function.backlogs[question.priority].loading or self._jobs.keeps_durable:
            # Dropped in the meantime, and perhaps made anew; or nothing durable is to be run any more.
            return
        backlog = function.backlogs[question.priority]
        backlog.loading = False
        for stored in answer:
            self._jobs.close_ranks(function, question.priority, stored.sequence)
            if stored.sequence not in backlog.ended:
                self._line_up(stored, function)
            backlog.after = stored.sequence
        backlog.ended.clear()
        if len(answer) < question.limit and backlog.jobs > backlog.fresh:
            # Somebody else has taken them out of the store.
            function.total -= backlog.jobs - backlog.fresh
            backlog.jobs = backlog.fresh
        if backlog.jobs == 0:
            self._jobs.close_ranks(function, question.priority, LAST_SEQUENCE)
        self._jobs.paging.load_ahead(function, question.priority)
        self._jobs.wake(function, function.queued, now)

    def _line_up(self, stored: StoredJob, function: Function) -> None:
        job = self._jobs.by_handle.get(stored.handle)
        if job is None:
            job = self.bring_in(stored)
        elif job.state != STORED:
            # It has been in memory all along, and has its place there.
            return
        function.backlogs[stored.priority].take(len(stored.data))
        self._jobs.line_up(job)

    # --- somebody asks for one --------------------------------------------------------------------------

    def bring_in(self, stored: StoredJob) -> Job:
        """The job that the store has found; its place in the queue remains where it is."""
        job = self._jobs.by_handle.get(stored.handle)
        if job is None:
            job = self._jobs.bring_in(stored)
            key = unique_key(stored.unique, stored.data)
            self._jobs.paging.take_out(job.function, stored.sequence, key)
        return job
