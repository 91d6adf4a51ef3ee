"""A job, and the queue that holds jobs of one function and priority.

States and moves::

    COMMITTING → WAITING | QUEUED      its journal entry is durable
    COMMITTING → ENDED                 the store refused it, or it was cancelled
    WAITING    → QUEUED                its time has come
    QUEUED     → RUNNING               a worker took it
    QUEUED     → WAITING               it is durable, and the next start is to have it
    RUNNING    → QUEUED                its worker left or ran out of time
    any        → ENDED                 finished, failed, cancelled, or wanted by nobody

A job submitted in the foreground, or without a durable queue, starts as WAITING or QUEUED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from geartrain.engine.function import Function
    from geartrain.engine.peer import Peer
    from geartrain.engine.timers import Timer

COMMITTING: Final = 0
WAITING: Final = 1
QUEUED: Final = 2
RUNNING: Final = 3
ENDED: Final = 4
# Queued as well, for whoever asks: its place in the queue is in the store, or behind jobs that are there.
STORED: Final = 5
BEHIND: Final = 6

# Priorities in the order they are served, and the numbers that queue stores use for them.
HIGH: Final = 0
NORMAL: Final = 1
LOW: Final = 2
PRIORITIES: Final = 3

# By the numbers above, for people.
PRIORITY_NAMES: Final = (b"high", b"normal", b"low")
STATE_NAMES: Final = (b"committing", b"waiting", b"queued", b"running", b"ended", b"queued", b"queued")


class Job:
    """One job. Jobs are many: a field here costs memory a million times over."""

    __slots__ = (
        "background",
        "cancelled",
        "change",
        "clients",
        "data",
        "denominator",
        "function",
        "handle",
        "next",
        "numerator",
        "previous",
        "priority",
        "reducer",
        "retries",
        "run_at",
        "state",
        "submitted_at",
        "timer",
        "unique",
        "worker",
    )

    def __init__(
        self,
        handle: bytes,
        function: Function,
        unique: bytes,
        data: bytes,
        priority: int,
        background: bool,
        run_at: float,
        reducer: bytes,
        submitted_at: float,
    ) -> None:
        self.handle = handle
        self.function = function
        self.unique = unique
        self.data = data
        self.priority = priority
        # A promise to run it whether or not anybody waits; foreground clients come and go beside it.
        self.background = background
        # Not before this time: seconds since 1970-01-01 UTC, 0 for at once.
        self.run_at = run_at
        self.reducer = reducer
        # Seconds since 1970-01-01 UTC.
        self.submitted_at = submitted_at
        self.state = ENDED
        # Number of the journal entry that adds it; 0 when it has none.
        self.change = 0
        # How often it was taken from a worker and given back to its queue.
        self.retries = 0
        self.numerator = 0
        self.denominator = 0
        # Cancelled while running: the worker may finish, but nobody hears of it.
        self.cancelled = False
        self.worker: Peer | None = None
        # Clients waiting for it, one entry for each submission; None spares background jobs a list.
        self.clients: list[Peer] | None = None
        self.timer: Timer | None = None
        # Neighbours in the queue that holds it.
        self.previous: Job | None = None
        self.next: Job | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody would miss it."""
        return not self.cancelled and (self.background or bool(self.clients))

    def __repr__(self) -> str:
        return f"<Job {self.handle!r} of {self.function.name!r}, state {self.state}>"


def serial_of(handle: bytes) -> int:
    """The number in a handle, higher for each later job."""
    return int(handle[handle.rindex(b":") + 1 :])


class JobQueue:
    """Jobs in order of arrival; any of them can leave at any time.

    A linked list through the jobs themselves, so that taking a job out of the middle costs the same as
    taking the first, and an ended job leaves nothing behind.
    """

    __slots__ = ("_last", "_length", "first")

    def __init__(self) -> None:
        self.first: Job | None = None
        self._last: Job | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, job: Job) -> None:
        job.previous = self._last
        if self._last is None:
            self.first = job
        else:
            self._last.next = job
        self._last = job
        self._length += 1

    def remove(self, job: Job) -> None:
        if job.previous is None:
            self.first = job.next
        else:
            job.previous.next = job.next
        if job.next is None:
            self._last = job.previous
        else:
            job.next.previous = job.previous
        job.previous = None
        job.next = None
        self._length -= 1
