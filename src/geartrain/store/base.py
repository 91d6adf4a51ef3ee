"""What every durable queue is: records of jobs, batches of changes, and the promise that goes with them.

A store is used by one thread at a time and may block it. The promise: when ``apply`` returns, the whole batch
survives the death of the job server, and, in the words of each store, more than that. When it raises, nothing
is known: the batch may have been applied, all of it or nothing of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class StoredJob(NamedTuple):
    """A background job as it is kept.

    ``sequence`` orders all jobs of a queue by their submission, and is never used again. ``run_at`` and
    ``submitted_at`` are seconds since 1970-01-01 UTC, ``run_at`` 0 for at once. ``attempts`` counts how often
    the job was taken from a worker and given back.
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


@dataclass(slots=True)
class Batch:
    """Changes that become durable together; no job is in it twice.

    ``attempts`` has the new number of attempts by sequence.
    """

    added: list[StoredJob] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.attempts)


class QueueCount(NamedTuple):
    """How many jobs of one function and priority are kept, those for later included."""

    function: bytes
    priority: int
    jobs: int


class Store(ABC):
    """A durable queue. All methods but ``url`` raise StoreError; after one, ``open`` may help."""

    # Names the queue for people, without a password.
    url: str

    @abstractmethod
    def open(self) -> list[str]:
        """Takes hold of the queue, making or migrating its tables, and returns what is unsafe about it.

        Raises StoreInUse when another server holds it. Opening again after an error begins anew.
        """

    @abstractmethod
    def apply(self, batch: Batch, *, again: bool = False) -> None:
        """Makes a batch durable, all of it or nothing; ``again`` if an attempt before had an unknown end."""

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

    @abstractmethod
    def find(self, sequence: int) -> StoredJob | None:
        """The job of that sequence."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the queue; harmless if it is not open."""
