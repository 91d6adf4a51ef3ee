"""Brings jobs from elsewhere into a queue, behind those that are there: all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from geartrain.errors import JobsRefused, StoreError, StoreInUse
from geartrain.store.base import Store, StoredJob
from geartrain.store.numbering import first_number

# What the arrival of new jobs is kept under until it is known to be durable.
_ORIGIN: Final = "import"


class Numbered:
    """Jobs with new sequences and handles, in the order they come; ``count`` is how many have come."""

    def __init__(self, jobs: Iterable[StoredJob], first: int, handle_prefix: bytes) -> None:
        self.count = 0
        self._jobs = jobs
        self._first = first
        self._prefix = handle_prefix

    def __iter__(self) -> Iterator[StoredJob]:
        for job in self._jobs:
            sequence = self._first + self.count
            self.count += 1
            yield job._replace(sequence=sequence, handle=b"%s:%d" % (self._prefix, sequence))


def take_in(store: Store, jobs: Iterable[StoredJob], *, handle_prefix: bytes, now: float) -> int:
    """Adds jobs under new handles to an open store; returns how many.

    ``now`` is in seconds since 1970-01-01 UTC. Raises StoreError, and what ``jobs`` raises; nothing is added
    then.
    """
    first = first_number(now, store.last_sequence())
    numbered = Numbered(jobs, first, handle_prefix)
    add_surely(store, numbered, origin=_ORIGIN, least=first)
    store.forget_arrival(_ORIGIN)
    return numbered.count


def add_surely(store: Store, jobs: Iterable[StoredJob], *, origin: str, least: int) -> None:
    """Adds jobs with sequences from ``least`` on, and knows whether they are there.

    When the database is lost at the very end, the jobs may have been added. They must not be added twice.
    """
    try:
        store.add_all(jobs, origin=origin)
    except (StoreInUse, JobsRefused):
        raise
    except StoreError as error:
        if not _has_arrived(store, origin, least, error):
            raise


def _has_arrived(store: Store, origin: str, least: int, error: StoreError) -> bool:
    try:
        store.open()
        return store.arrived(origin) >= least
    except StoreError:
        reason = f"{error.reason}; look whether the jobs are in it before you try again"
        raise StoreError(error.url, reason) from error
