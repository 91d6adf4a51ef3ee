"""Moves a queue into another store, with the handles, the order and all else that its jobs have.

The target keeps, in the same step that adds the jobs, up to which sequence they have arrived. Whenever a move
is stopped, all jobs are in one of the stores or in both, and the next attempt knows which have arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, Protocol

from geartrain.errors import QueueConflict
from geartrain.store.base import Store, StoredJob
from geartrain.store.clearing import clear
from geartrain.store.intake import add_surely

_ORIGIN_LETTERS: Final = 24


class Watch(Protocol):
    """Lets jobs pass and shows how many have passed."""

    def __call__(self, jobs: Iterator[StoredJob], /) -> Iterator[StoredJob]: ...


def move(source: Store, target: Store, watch: Watch) -> int:
    """Moves all jobs between open stores; returns how many, those of an attempt before included.

    Raises StoreError, and QueueConflict when the target has other jobs with the same numbers; the source is
    as it was then.
    """
    origin = _origin(source)
    arrived = target.arrived(origin)
    last = source.last_sequence()
    if last > arrived:
        _check_numbers(source, target, arrived)
        add_surely(target, watch(source.read(arrived)), origin=origin, least=last)
    count = sum(1 for _ in clear(source, until=last))
    target.forget_arrival(origin)
    return count


def _origin(source: Store) -> str:
    """A short name for the source that is the same in the next attempt."""
    return hashlib.sha256(source.url.encode()).hexdigest()[:_ORIGIN_LETTERS]


def _check_numbers(source: Store, target: Store, after: int) -> None:
    """Two queues have numbered their jobs from the time of day, so the numbers are hardly ever the same."""
    last = target.last_sequence()
    for heads in source.read_heads(after):
        wanted = [head.sequence for head in heads if head.sequence <= last]
        if not wanted:
            return
        taken = target.find_all(wanted)
        if taken:
            raise QueueConflict(target.url, taken[0].handle)
