"""Many jobs are taken out of a queue."""

from __future__ import annotations

import pytest

from geartrain.store.base import Batch
from geartrain.store.clearing import clear
from tests.store.conftest import Queue
from tests.store.jobs import stored_job


@pytest.mark.parametrize(
    ("function", "until", "left"),
    [
        (None, None, []),
        (b"f", None, list(range(2, 2501, 2))),
        (None, 2400, list(range(2401, 2501))),
        (b"nobody", None, list(range(1, 2501))),
    ],
    ids=["all", "of a function", "up to a number", "none"],
)
def test_jobs_are_removed(queue: Queue, function: bytes | None, until: int | None, left: list[int]) -> None:
    """Those that are meant, however many; the sequences of all of them are told."""
    store = queue.open()
    jobs = [stored_job(number, function=b"f" if number % 2 else b"g") for number in range(1, 2501)]
    store.apply(Batch(added=jobs))

    gone = list(clear(store, function=function, until=until))

    assert [job.sequence for job in store.read()] == left
    assert sorted([*gone, *left]) == list(range(1, 2501))
