"""What every queue of the C server is to an import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, NamedTuple

from geartrain.engine.job import NORMAL, PRIORITIES
from geartrain.store.base import StoredJob

# It keeps a unique in 64 bytes, the last of which is zero when the unique fills them.
_UNIQUE_BYTES: Final = 64


class ForeignJob(NamedTuple):
    """A background job as the C server keeps it; ``run_at`` is in seconds since 1970, 0 for at once.

    Handle, reducer, attempts and the time of submission are not kept there.
    """

    function: bytes
    unique: bytes
    priority: int
    data: bytes
    run_at: float


class ForeignQueue(ABC):
    """A queue of the C server. All methods but ``close`` raise StoreError."""

    # Names the queue for people, without a password.
    url: str

    @abstractmethod
    def open(self, *, to_delete: bool) -> None:
        """Connects, and keeps everybody from changing the queue if it is to be deleted and that is possible.

        Raises ForeignQueueError when there is no such queue.
        """

    @abstractmethod
    def count(self) -> int:
        """How many jobs there are, more or less."""

    @abstractmethod
    def jobs(self) -> Iterator[ForeignJob]:
        """The jobs, in the order in which they were submitted as far as that can be seen.

        Raises ForeignQueueError for what could mean this or that.
        """

    @abstractmethod
    def delete(self) -> None:
        """Deletes the jobs that ``jobs`` has given, after it came to its end."""

    @abstractmethod
    def close(self) -> None:
        """Disconnects; harmless if it is not open."""


def clean_unique(unique: bytes) -> bytes:
    """A unique without the zero byte that ends one of 64 bytes."""
    if len(unique) == _UNIQUE_BYTES:
        return unique.removesuffix(b"\0")
    return unique


def clean_priority(value: object) -> int:
    """The number of a priority; normal for what is none."""
    return value if isinstance(value, int) and value in range(PRIORITIES) else NORMAL


def stored_job(job: ForeignJob, now: float) -> StoredJob:
    """The job as a store of ours keeps it, without a number; it counts as submitted ``now``."""
    return StoredJob(0, b"", job.function, job.unique, job.priority, job.run_at, b"", 0, now, job.data)
