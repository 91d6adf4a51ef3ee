"""What every durable queue does, whichever database it is in."""

from __future__ import annotations

import pytest

from geartrain.errors import StoreError, StoreInUse
from geartrain.store.base import Batch, QueueCount, StoredJob
from tests.store.conftest import Queue

_MIB = 1024 * 1024


def job(
    sequence: int,
    *,
    function: bytes = b"f",
    unique: bytes = b"",
    priority: int = 1,
    run_at: float = 0.0,
    reducer: bytes = b"",
    attempts: int = 0,
    data: bytes = b"data",
) -> StoredJob:
    handle = b"H:host:%d" % sequence
    return StoredJob(
        sequence, handle, function, unique, priority, run_at, reducer, attempts, 1700000000.25, data
    )


def test_a_new_queue_is_empty(queue: Queue) -> None:
    """Tables and keys are made when they are missing."""
    store = queue.open()

    assert (list(store.read()), store.counts(), store.last_sequence()) == ([], [], 0)


@pytest.mark.parametrize(
    "kept",
    [
        job(1),
        job(2, data=b""),
        job(3, unique=b"u" * 64, function=b"\xff\x00name"),
        job(4, function=b""),
        job(5, function=b"f" * 8000, reducer=b"r" * 8000),
        job(6, data=bytes(range(256)) * 20),
        job(7, data=b"x" * (9 * _MIB)),
        job(8, priority=0, run_at=1893456000.5, attempts=255),
        job(2**62, priority=2),
    ],
    ids=lambda kept: f"{kept.sequence}",
)
def test_a_job_comes_back_as_it_was(queue: Queue, kept: StoredJob) -> None:
    """Names and data of any bytes and size, times with fractions, high sequences."""
    store = queue.open()

    store.apply(Batch(added=[kept]))
    store.close()

    assert list(queue.open().read()) == [kept]


def test_jobs_come_back_in_order(queue: Queue) -> None:
    """By sequence, in whatever order they came, from wherever one wants to begin."""
    store = queue.open()
    jobs = [job(sequence) for sequence in range(1, 2501)]

    store.apply(Batch(added=jobs[1000:]))
    store.apply(Batch(added=jobs[:1000]))

    assert list(store.read()) == jobs
    assert list(store.read(2400)) == jobs[2400:]
    assert store.last_sequence() == 2500


def test_removed_jobs_are_gone(queue: Queue) -> None:
    """Also many at once; one that is not there does no harm."""
    store = queue.open()
    store.apply(Batch(added=[job(sequence) for sequence in range(1, 1301)]))

    store.apply(Batch(removed=[*range(1, 1300), 5000]))

    assert [left.sequence for left in store.read()] == [1300]


def test_attempts_are_remembered(queue: Queue) -> None:
    """So that a limit of attempts holds over a restart."""
    store = queue.open()
    store.apply(Batch(added=[job(1), job(2)]))

    store.apply(Batch(attempts={2: 7, 3: 9}))

    assert list(store.read()) == [job(1), job(2, attempts=7)]


def test_a_batch_is_applied_whole(queue: Queue) -> None:
    """Additions, removals and attempts together."""
    store = queue.open()
    store.apply(Batch(added=[job(1), job(2)]))

    store.apply(Batch(added=[job(3)], removed=[1], attempts={2: 1}))

    assert list(store.read()) == [job(2, attempts=1), job(3)]


def test_a_batch_may_be_applied_again(queue: Queue) -> None:
    """After a lost connection nobody knows whether it was applied."""
    store = queue.open()
    batch = Batch(added=[job(2)], removed=[1])
    store.apply(Batch(added=[job(1)]))
    store.apply(batch)

    store.apply(batch, again=True)

    assert list(store.read()) == [job(2)]


def test_jobs_are_counted_by_function_and_priority(queue: Queue) -> None:
    """Each with how many there are."""
    store = queue.open()
    store.apply(Batch(added=[job(1), job(2), job(3, priority=0), job(4, function=b"g", run_at=1e10)]))

    assert sorted(store.counts()) == [QueueCount(b"f", 0, 1), QueueCount(b"f", 1, 2), QueueCount(b"g", 1, 1)]


def test_a_job_is_found_by_its_sequence(queue: Queue) -> None:
    """None stands for one that is not there."""
    store = queue.open()
    store.apply(Batch(added=[job(1), job(2)]))

    assert (store.find(2), store.find(3)) == (job(2), None)


def test_a_queue_has_one_owner(queue: Queue) -> None:
    """A second server is told who holds it, until that one lets go."""
    first = queue.open()
    second = queue.store()

    with pytest.raises(StoreInUse, match=r"held by process \d+"):
        second.open()
    first.close()
    second.open()

    assert list(second.read()) == []


def test_a_closed_queue_says_so(queue: Queue) -> None:
    """Nothing is lost in silence."""
    store = queue.open()
    store.close()

    with pytest.raises(StoreError):
        store.apply(Batch(added=[job(1)]))


def test_a_queue_opens_again(queue: Queue) -> None:
    """As a server does that has lost its database."""
    store = queue.open()
    store.apply(Batch(added=[job(1)]))

    store.open()
    store.apply(Batch(added=[job(2)]))
    store.keep()

    assert [kept.sequence for kept in store.read()] == [1, 2]
