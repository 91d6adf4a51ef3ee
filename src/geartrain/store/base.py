"""What every durable queue is: records of jobs, batches of changes, and the promise that goes with them.

A store is used by one thread at a time and may block it. The promise: when ``apply`` returns, the whole batch
survives the death of the job server, and, in the words of each store, more than that. When it raises, nothing
is known: the batch may have been applied, all of it or nothing of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from geartrain.engine.journal import StoredJob

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueReader

__all__ = ["Batch", "QueueCount", "Store", "StoredHead", "StoredJob"]

# How many jobs are handed on at a time.
_READ_JOBS: Final = 500


class StoredHead(NamedTuple):
    """What is known of a job without reading its data."""

    sequence: int
    function: bytes
    unique: bytes
    priority: int
    run_at: float
    data_bytes: int


@dataclass(slots=True)
class Batch:
    """Changes that become durable together; no job is in it twice.

    ``attempts`` has the new number of attempts by sequence. ``purged`` are functions whose jobs go, all those
    with a sequence below the number.
    """

    added: list[StoredJob] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    purged: list[tuple[bytes, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.attempts or self.purged)


class QueueCount(NamedTuple):
    """How many jobs of one function and priority are kept, those for later included."""

    function: bytes
    priority: int
    jobs: int


class Store(ABC):
    """A durable queue. Every method but ``close`` raises StoreError; after one, ``open`` may help."""

    # Names the queue for people, without a password.
    url: str
    # Whether a part of a queue is found without reading the rest, so that not all has to be in memory.
    can_page = False
    # Where a corrupt queue was put out of the way by ``open``; empty if none was.
    set_aside = ""

    @abstractmethod
    def open(self) -> list[str]:
        """Takes hold of the queue, making or migrating what it needs, and returns what is unsafe about it.

        Opening again after an error begins anew. Raises StoreInUse when another server holds the queue, or
        has held it since this store opened it first, and StoreCorrupt.
        """

    @abstractmethod
    def apply(self, batch: Batch, *, again: bool = False) -> None:
        """Makes a batch durable, all of it or nothing; ``again`` if an attempt before had an unknown end.

        Raises JobsRefused when the database does not want some of the added jobs; the store stays open then.
        """

    @abstractmethod
    def keep(self) -> None:
        """To be called every few seconds: makes sure that the queue can be reached and is still ours."""

    @abstractmethod
    def counts(self) -> list[QueueCount]:
        """How many jobs there are."""

    @abstractmethod
    def last_sequence(self) -> int:
        """The highest sequence of a job that is kept; 0 when there is none."""

    @abstractmethod
    def read(self, after: int = 0) -> Iterator[StoredJob]:
        """All jobs with a sequence above ``after``, in order."""

    def read_heads(self, after: int = 0) -> Iterator[list[StoredHead]]:
        """The same without their data, some at a time."""
        jobs = self.read(after)
        while some := [head_of(job) for job in islice(jobs, _READ_JOBS)]:
            yield some

    def read_queue(self, function: bytes, priority: int, after: int, limit: int) -> list[StoredJob]:
        """The first jobs of one function and priority with a sequence above ``after``, in order."""
        found: list[StoredJob] = []
        for job in self.read(after):
            if len(found) == limit:
                break
            if (job.function, job.priority) == (function, priority):
                found.append(job)
        return found

    @abstractmethod
    def find_all(self, sequences: Collection[int]) -> list[StoredJob]:
        """The jobs of these sequences, as far as there are any, in order."""

    def find(self, sequence: int) -> StoredJob | None:
        """The job of that sequence."""
        found = self.find_all([sequence])
        return found[0] if found else None

    def files(self) -> list[str]:
        """The files and folders that are its own, for whoever changes their owner; none in a server."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Lets go of the queue; harmless if it is not open."""

    # --- without a server -------------------------------------------------------------------------------

    @abstractmethod
    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        """Adds jobs in one step, all of them or none, whatever happens meanwhile; holds few in memory.

        They come in order, with sequences that are not used. ``origin``, a name of at most 24 letters, keeps
        in the same step that they have come from there. What ``jobs`` raises is passed on. After an error
        the store is to be opened again.
        """

    @abstractmethod
    def arrived(self, origin: str) -> int:
        """The highest sequence of a job that came from there; 0 if none did."""

    @abstractmethod
    def forget_arrival(self, origin: str) -> None:
        """Forgets what came from there."""

    @abstractmethod
    def reader(self) -> QueueReader:
        """Looks at the same queue without holding it."""


def head_of(job: StoredJob) -> StoredHead:
    """What is known of a job without its data."""
    return StoredHead(job.sequence, job.function, job.unique, job.priority, job.run_at, len(job.data))
