"""Gives an engine the jobs that its store holds from before the start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from geartrain.engine import Engine
from geartrain.engine.function import SAME_DATA
from geartrain.store.base import Store, StoredHead, StoredJob


def restore_jobs(engine: Engine, store: Store, now: float) -> int:
    """Has the engine take in all jobs, those that memory has no room for by name only; returns how many.

    Blocks until all are read. Raises StoreError.
    """
    with _no_collections():
        return _restore_all(engine, store, now)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keeps Python from looking for garbage among a million jobs again and again: there is none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _restore_all(engine: Engine, store: Store, now: float) -> int:
    count = 0
    last = 0
    for job in store.read():
        if store.can_page and not engine.has_room(job.function, job.priority):
            return count + _restore_heads(engine, store, last, now)
        engine.restore(job, now)
        last = job.sequence
        count += 1
    return count


def _restore_heads(engine: Engine, store: Store, after: int, now: float) -> int:
    """The same where memory is short: the data of jobs that stay in the store is not even read."""
    count = 0
    for heads in store.read_heads(after):
        whole = {head.sequence for head in heads if _is_for_memory(engine, head, now)}
        wanted = [head.sequence for head in heads if head.sequence in whole or head.unique == SAME_DATA]
        found = {job.sequence: job for job in store.find_all(wanted)}
        for head in heads:
            if head.sequence in whole:
                engine.restore(found[head.sequence], now)
            else:
                _leave(engine, head, found.get(head.sequence))
        count += len(heads)
    return count


def _is_for_memory(engine: Engine, head: StoredHead, now: float) -> bool:
    is_for_later = head.run_at > now + engine.wall_offset
    return is_for_later or engine.has_room(head.function, head.priority)


def _leave(engine: Engine, head: StoredHead, job: StoredJob | None) -> None:
    data = job.data if job is not None else b""
    engine.leave_stored(head.sequence, head.function, head.unique, head.priority, data, head.data_bytes)
