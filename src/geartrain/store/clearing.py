"""Takes many jobs out of a queue, some at a time: no statement takes long, however many they are."""

from __future__ import annotations

from collections.abc import Iterator

from geartrain.store.base import Batch, Store


def clear(store: Store, *, function: bytes | None = None, until: int | None = None) -> Iterator[int]:
    """Removes all jobs of an open store, or those of one function, or those with a sequence up to ``until``.

    Gives the sequences of the jobs that are gone. Raises StoreError.
    """
    for heads in store.read_heads():
        gone = [
            head.sequence
            for head in heads
            if function in (None, head.function) and (until is None or head.sequence <= until)
        ]
        if gone:
            store.apply(Batch(removed=gone))
            yield from gone
        if until is not None and heads[-1].sequence > until:
            return
