"""A function: its queued jobs by priority, the workers able to run it, and the limits set for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from geartrain.engine.backlog import NO_BACKLOG
from geartrain.engine.job import PRIORITIES, Job, JobQueue

if TYPE_CHECKING:
    from geartrain.engine.peer import Peer
    from geartrain.engine.timers import Timer

# The unique that stands for "the same data is the same job".
SAME_DATA: Final = b"-"


class Function:
    """One function name that a worker, a client or an administrator has used."""

    __slots__ = (
        "_by_data",
        "_by_unique",
        "able",
        "backlogs",
        "completed",
        "failed",
        "limits",
        "name",
        "queued",
        "queues",
        "requeued",
        "running",
        "sleepers",
        "submitted",
        "total",
        "waiting",
        "wake_timer",
    )

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.queues = [JobQueue() for _ in range(PRIORITIES)]
        # What follows on each of them and is not in memory.
        self.backlogs = [NO_BACKLOG] * PRIORITIES
        # Jobs that have not ended, in whatever state; those that a worker could take now; those with a
        # worker; those whose time has not come.
        self.total = 0
        self.queued = 0
        self.running = 0
        self.waiting = 0
        # Jobs taken in, ended well, ended badly (cancelled ones too), and given back by their workers, ever
        # since the function is known.
        self.submitted = 0
        self.completed = 0
        self.failed = 0
        self.requeued = 0
        # The most jobs there may be for another one of that priority to be accepted; 0 for no limit.
        self.limits = [0] * PRIORITIES
        # A dict for a set in order of arrival.
        self.able: dict[Peer, None] = {}
        # Longest asleep first. OrderedDict and not dict: taking the first of many stays cheap.
        self.sleepers: OrderedDict[Peer, None] = OrderedDict()
        # Set while workers were woken that may not have come to grab yet.
        self.wake_timer: Timer | None = None
        self._by_unique: dict[bytes, Job] = {}
        self._by_data: dict[bytes, Job] = {}

    def enqueue(self, job: Job) -> None:
        """Puts a job behind the others of its priority."""
        self.queues[job.priority].append(job)
        self.queued += 1

    def dequeue(self, job: Job) -> None:
        """Takes a job out of its queue, wherever it stands there."""
        self.queues[job.priority].remove(job)
        self.queued -= 1

    def length(self, priority: int) -> int:
        """How many jobs of that priority are queued, in memory or not."""
        backlog = self.backlogs[priority]
        return len(self.queues[priority]) + backlog.jobs + len(backlog.behind)

    def first_job(self) -> Job | None:
        """The first of the queued jobs with the highest priority; None if there is none to be had now.

        While the next jobs of a priority are on their way from the store, those of lower ones have to wait.
        """
        if self.queued == 0:
            return None
        for priority in range(PRIORITIES):
            job = self.queues[priority].first
            if job is not None:
                return job
            if self.backlogs[priority].jobs > 0:
                return None
        return None

    def is_full(self, priority: int) -> bool:
        """Whether a limit set with ``maxqueue`` refuses one more job of this priority."""
        return 0 < self.limits[priority] <= self.total

    def find(self, unique: bytes, data: bytes) -> Job | None:
        """The live job that a submission with this unique and data joins, if there is one."""
        if not unique:
            return None
        if unique == SAME_DATA:
            return self._by_data.get(data) if data else None
        return self._by_unique.get(unique)

    def find_unique(self, unique: bytes) -> Job | None:
        """The live job submitted with exactly this unique; never one submitted with ``-``."""
        return self._by_unique.get(unique)

    def remember(self, job: Job) -> None:
        """Lets later submissions find the job."""
        if job.unique == SAME_DATA:
            if job.data:
                self._by_data[job.data] = job
        elif job.unique:
            self._by_unique[job.unique] = job

    def forget(self, job: Job) -> None:
        """Hides the job from later submissions."""
        index, key = (self._by_data, job.data) if job.unique == SAME_DATA else (self._by_unique, job.unique)
        if index.get(key) is job:
            del index[key]

    def __repr__(self) -> str:
        return f"<Function {self.name!r}, {self.total} jobs, {len(self.able)} workers>"
