"""What every durable queue does, whichever database it is in."""

from __future__ import annotations

import os
from queue import Queue as Inbox
from typing import cast

import pytest
import sqlalchemy as sa

from geartrain.errors import JobsRefused, StoreError, StoreInUse
from geartrain.store.base import Batch, QueueCount, Store, StoredJob, head_of
from geartrain.store.committer import Committer, Outcome, Work
from geartrain.store.redis import RedisStore
from geartrain.store.sql import SCHEMA, SqlStore
from geartrain.store.sqlite import SqliteStore
from geartrain.store.tables import facts, functions, pieces
from tests.store.conftest import Queue
from tests.store.jobs import stored_job

_MIB = 1024 * 1024


def test_a_new_queue_is_empty(queue: Queue) -> None:
    """Tables and keys are made when they are missing."""
    store = queue.open()

    assert (list(store.read()), store.counts(), store.last_sequence()) == ([], [], 0)


@pytest.mark.parametrize(
    "kept",
    [
        stored_job(1),
        stored_job(2, data=b""),
        stored_job(3, unique=b"u" * 64, function=b"\xff\x00name"),
        stored_job(4, function=b""),
        stored_job(5, function=b"f" * 8000, reducer=b"r" * 8000),
        stored_job(6, data=bytes(range(256)) * 20),
        stored_job(7, data=b"x" * (9 * _MIB)),
        stored_job(8, priority=0, run_at=1893456000.5, attempts=255),
        stored_job(2**62, priority=2),
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
    jobs = [stored_job(sequence) for sequence in range(1, 2501)]

    store.apply(Batch(added=jobs[1000:]))
    store.apply(Batch(added=jobs[:1000]))

    assert list(store.read()) == jobs
    assert list(store.read(2400)) == jobs[2400:]
    assert store.last_sequence() == 2500


def test_removed_jobs_are_gone(queue: Queue) -> None:
    """Also many at once; one that is not there does no harm."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(sequence) for sequence in range(1, 1301)]))

    store.apply(Batch(removed=[*range(1, 1300), 5000]))

    assert [left.sequence for left in store.read()] == [1300]


def test_attempts_are_remembered(queue: Queue) -> None:
    """So that a limit of attempts holds over a restart."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1), stored_job(2)]))

    store.apply(Batch(attempts={2: 7, 3: 9}))

    assert list(store.read()) == [stored_job(1), stored_job(2, attempts=7)]


def test_a_batch_is_applied_whole(queue: Queue) -> None:
    """Additions, removals and attempts together."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1), stored_job(2)]))

    store.apply(Batch(added=[stored_job(3)], removed=[1], attempts={2: 1}))

    assert list(store.read()) == [stored_job(2, attempts=1), stored_job(3)]


def test_a_batch_may_be_applied_again(queue: Queue) -> None:
    """After a lost connection nobody knows whether it was applied."""
    store = queue.open()
    batch = Batch(added=[stored_job(2)], removed=[1])
    store.apply(Batch(added=[stored_job(1)]))
    store.apply(batch)

    store.apply(batch, again=True)

    assert list(store.read()) == [stored_job(2)]


def test_jobs_are_counted_by_function_and_priority(queue: Queue) -> None:
    """Each with how many there are."""
    store = queue.open()
    store.apply(
        Batch(
            added=[
                stored_job(1),
                stored_job(2),
                stored_job(3, priority=0),
                stored_job(4, function=b"g", run_at=1e10),
            ]
        )
    )

    assert sorted(store.counts()) == [QueueCount(b"f", 0, 1), QueueCount(b"f", 1, 2), QueueCount(b"g", 1, 1)]


def test_a_job_is_found_by_its_sequence(queue: Queue) -> None:
    """None stands for one that is not there."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1), stored_job(2)]))

    assert (store.find(2), store.find(3)) == (stored_job(2), None)


def test_several_jobs_are_found_at_once(queue: Queue) -> None:
    """In order, and those that are missing are left out."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(number) for number in (1, 2, 3)]))

    assert store.find_all([3, 7, 1]) == [stored_job(1), stored_job(3)]
    assert store.find_all([]) == []


def test_a_part_of_one_queue_is_read(queue: Queue) -> None:
    """Of one function and priority, in order, from a sequence on."""
    store = queue.open()
    mine = [stored_job(number, priority=2, data=b"x" * number * 30_000) for number in range(1, 9)]
    store.apply(Batch(added=[*mine, stored_job(20), stored_job(21, function=b"g", priority=2)]))

    assert store.read_queue(b"f", 2, 3, 4) == mine[3:7]
    assert store.read_queue(b"f", 2, 3, 100) == mine[3:]
    assert store.read_queue(b"unknown", 2, 0, 10) == []


def test_jobs_are_known_without_their_data(queue: Queue) -> None:
    """As much of them as is needed to keep them in order."""
    store = queue.open()
    numbers = range(1, 2000)
    jobs = [stored_job(number, unique=b"%d" % number, run_at=1e9, data=bytes(number)) for number in numbers]
    store.apply(Batch(added=jobs))

    heads = [head for some in store.read_heads(4) for head in some]

    assert heads == [head_of(job) for job in jobs[4:]]


def test_a_function_is_purged(queue: Queue) -> None:
    """Of all its jobs, those of a higher sequence excepted; big data goes with its job."""
    store = queue.open()
    mine = [stored_job(number, data=bytes(300_000)) for number in (1, 2, 3)]
    others = [stored_job(4), stored_job(5, function=b"g")]
    store.apply(Batch(added=[*mine, *others]))

    store.apply(Batch(purged=[(b"f", 4), (b"unknown", 9)]))

    assert list(store.read()) == others
    assert _pieces(store) == 0


def test_big_data_goes_with_its_job(queue: Queue) -> None:
    """Nothing is left of what has ended."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1, data=bytes(_MIB)), stored_job(2)]))
    store.close()
    store = queue.open()

    store.apply(Batch(removed=[1]))

    assert list(store.read()) == [stored_job(2)]
    assert _pieces(store) == 0


def _pieces(store: Store) -> int:
    if not isinstance(store, SqlStore):
        return 0
    with store.engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(pieces)) or 0


def test_a_job_that_cannot_be_kept_is_refused(queue: Queue) -> None:
    """Nothing of its batch is kept then, and the store goes on."""
    store = queue.open()
    poison = _poison(store)

    for others in (1, 100):
        jobs = [stored_job(number, function=b"new") for number in range(10, 10 + others)]
        with pytest.raises(JobsRefused):
            store.apply(Batch(added=[*jobs, poison], removed=[9]))

    store.apply(Batch(added=[stored_job(2, function=b"new")]))
    assert list(store.read()) == [stored_job(2, function=b"new")]


def _poison(store: Store) -> StoredJob:
    """A job that the database does not take."""
    if isinstance(store, RedisStore):
        store._max_value_bytes = _MIB
        return stored_job(5, data=bytes(_MIB))
    return stored_job(5)._replace(handle=cast("bytes", None))


@pytest.mark.parametrize("attempt", range(2))
def test_the_committer_finds_the_job_that_is_refused(queue: Queue, attempt: int) -> None:
    """The others of its batch are kept, those of functions that are new as well."""
    store = queue.open()
    done: Inbox[Outcome] = Inbox()
    committer = Committer(store, done.put, lambda _: None, lambda: None)
    committer.start()
    good = [stored_job(number, function=b"f%d" % number) for number in range(10, 80 + attempt)]

    committer.commit(Work(1, Batch(added=[*good[:50], _poison(store), *good[50:]])))

    assert set(done.get(timeout=20).refused) == {5}
    assert committer.stop(20)
    assert list(queue.open().read()) == good


def test_functions_without_jobs_are_forgotten(sql_queue: Queue) -> None:
    """At the next start: anybody may make up names."""
    store = sql_queue.open()
    jobs = [stored_job(number, function=b"f%d" % number) for number in range(1, 10)]
    store.apply(Batch(added=jobs))
    store.apply(Batch(removed=[job.sequence for job in jobs[1:]]))
    store.close()

    store = sql_queue.open()

    assert isinstance(store, SqlStore)
    with store.engine.connect() as connection:
        assert [bytes(name) for name in connection.scalars(sa.select(functions.c.name))] == [b"f1"]
    store.apply(Batch(added=jobs[1:]))
    assert list(store.read()) == jobs


@pytest.mark.usefixtures("little_patience")
def test_a_queue_has_one_owner(queue: Queue) -> None:
    """A second server is told who holds it, until that one lets go."""
    first = queue.open()
    second = queue.store()

    with pytest.raises(StoreInUse, match=r"held by process \d+"):
        second.open()
    first.close()
    second.open()

    assert list(second.read()) == []


@pytest.mark.usefixtures("little_patience")
def test_a_queue_that_had_another_owner_is_not_taken_up_again(queue: Queue) -> None:
    """A server that was cut off does not know what has become of its jobs."""
    first = queue.open()
    first.apply(Batch(added=[stored_job(1)]))
    _cut_off(first)
    second = queue.open()
    second.apply(Batch(removed=[1]))

    with pytest.raises(StoreInUse, match=r"held by process \d+"):
        first.open()
    second.close()
    with pytest.raises(StoreInUse, match=r"held by process \d+"):
        first.open()


def test_a_queue_that_nobody_else_had_is_taken_up_again(queue: Queue) -> None:
    """However long the connection was lost."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1)]))
    _cut_off(store)

    store.open()

    assert list(store.read()) == [stored_job(1)]


def _cut_off(store: Store) -> None:
    """Has the database forget that the store holds the queue, without a word to the store."""
    if isinstance(store, RedisStore):
        store.client.delete(store.lease_key)
    elif isinstance(store, SqliteStore):
        os.close(store._lock_descriptor)
        store._lock_descriptor = -1
    else:
        assert isinstance(store, SqlStore)
        store._disconnect()


def test_a_queue_of_a_newer_version_is_left_alone(queue: Queue) -> None:
    """And the message says which version it is of."""
    store = queue.open()
    _set_schema(store, "999")
    store.close()

    with pytest.raises(StoreError, match="schema 999, and this version knows up to 1"):
        queue.open()

    _set_schema(store, "1")


def _set_schema(store: Store, number: str) -> None:
    if isinstance(store, RedisStore):
        store.client.set(store.schema_key, number)
        return
    assert isinstance(store, SqlStore)
    with store.engine.begin() as connection:
        connection.execute(sa.update(facts).where(facts.c.name == SCHEMA).values(value=number))


def test_a_closed_queue_says_so(queue: Queue) -> None:
    """Nothing is lost in silence."""
    store = queue.open()
    store.close()

    with pytest.raises(StoreError):
        store.apply(Batch(added=[stored_job(1)]))


def test_a_queue_opens_again(queue: Queue) -> None:
    """As a server does that has lost its database."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1)]))

    store.open()
    store.apply(Batch(added=[stored_job(2)]))
    store.keep()

    assert [kept.sequence for kept in store.read()] == [1, 2]
