"""What can be seen of every durable queue without holding it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, NamedTuple

from geartrain.errors import StoreCorrupt
from geartrain.store.base import StoredJob


class Filter(NamedTuple):
    """Which jobs are wanted: those that match all that is given."""

    function: bytes | None = None
    priority: int | None = None
    unique: bytes | None = None
    handle: bytes | None = None

    def matches(self, job: StoredJob) -> bool:
        return (
            self.function in (None, job.function)
            and self.priority in (None, job.priority)
            and self.unique in (None, job.unique)
            and self.handle in (None, job.handle)
        )


ALL: Final = Filter()


class QueueFacts(NamedTuple):
    """What is to be known of a queue as a whole.

    ``owner`` is the server that holds it, empty when none does. ``size_bytes`` is what it takes there.
    ``warnings`` are the settings of the database that may lose jobs.
    """

    schema: str
    owner: str
    size_bytes: int
    warnings: list[str]


class QueueSummary(NamedTuple):
    """The jobs of one function and priority; ``oldest`` is when the first of them was submitted."""

    function: bytes
    priority: int
    jobs: int
    data_bytes: int
    oldest: float


class QueueReader(ABC):
    """Reads a queue. All methods but ``url`` raise StoreError; a queue that is not there is not made."""

    # Names the queue for people, without a password.
    url: str

    @abstractmethod
    def open(self) -> None:
        """Connects. Raises StoreError when there is no queue, or one that this version cannot read."""

    @abstractmethod
    def facts(self) -> QueueFacts:
        """What is to be known of the queue as a whole."""

    @abstractmethod
    def summaries(self) -> list[QueueSummary]:
        """All functions and priorities that have jobs, by name."""

    @abstractmethod
    def scan(self, wanted: Filter = ALL) -> Iterator[StoredJob | str]:
        """The jobs in order, and in place of those that no server can run, what is wrong with them.

        They are read few at a time, so that those which end meanwhile may be missing.
        """

    def damage(self) -> Iterator[str]:
        """What the database itself finds damaged, a line for each."""
        return iter(())

    def jobs(self, wanted: Filter = ALL) -> Iterator[StoredJob]:
        """The same jobs. Raises StoreCorrupt for what no server can run."""
        for found in self.scan(wanted):
            if isinstance(found, str):
                raise StoreCorrupt(self.url, found)
            yield found

    def problems(self) -> Iterator[str]:
        """All that is damaged, a line for each. Raises StoreCorrupt where nothing more can be read."""
        yield from self.damage()
        for found in self.scan():
            if isinstance(found, str):
                yield found

    @abstractmethod
    def close(self) -> None:
        """Disconnects; harmless if it is not open."""

    def __enter__(self) -> QueueReader:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
