"""A queue moves from any store to any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.errors import QueueConflict
from geartrain.store.base import Batch, Store, StoredJob
from geartrain.store.moving import move
from geartrain.store.sqlite import SqliteStore
from tests.store.conftest import Queue
from tests.store.jobs import ALL_KINDS, stored_job


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """A second queue, open."""
    store = SqliteStore(str(tmp_path / "other.db"))
    store.open()
    yield store
    store.close()


def _all(jobs: Iterator[StoredJob]) -> Iterator[StoredJob]:
    return jobs


class _Stopped(Exception):
    """The command was stopped."""


def _first(jobs: Iterator[StoredJob]) -> Iterator[StoredJob]:
    """Is stopped after the first job."""
    yield next(jobs)
    raise _Stopped


def test_jobs_move_as_they_are(queue: Queue, other: Store) -> None:
    """With handles and numbers, there and back."""
    store = queue.open()
    store.apply(Batch(added=ALL_KINDS))

    there = move(store, other, _all)
    moved = list(other.read())
    back = move(other, store, _all)

    assert (there, back) == (len(ALL_KINDS), len(ALL_KINDS))
    assert moved == ALL_KINDS
    assert list(store.read()) == ALL_KINDS
    assert list(other.read()) == []


def test_jobs_move_among_those_that_are_there(queue: Queue, other: Store) -> None:
    """All are in the order of their submission then."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1), stored_job(3)]))
    other.apply(Batch(added=[stored_job(2), stored_job(4)]))

    assert move(other, store, _all) == 2

    assert [job.sequence for job in store.read()] == [1, 2, 3, 4]


def test_an_empty_queue_moves_too(queue: Queue, other: Store) -> None:
    """There is nothing to do."""
    assert move(other, queue.open(), _all) == 0


def test_a_move_that_is_stopped_early_has_moved_nothing(queue: Queue, other: Store) -> None:
    """The source is whole, and the target is as it was."""
    other.apply(Batch(added=ALL_KINDS))
    store = queue.open()

    with pytest.raises(_Stopped):
        move(other, store, _first)
    store.open()

    assert list(store.read()) == []
    assert list(other.read()) == ALL_KINDS
    assert move(other, store, _all) == len(ALL_KINDS)
    assert list(store.read()) == ALL_KINDS


class _StopsAtRemoval(SqliteStore):
    """Is killed before it has removed anything."""

    def apply(self, batch: Batch, *, again: bool = False) -> None:
        if batch.removed:
            raise _Stopped
        super().apply(batch, again=again)


def test_a_move_that_is_stopped_late_goes_on(queue: Queue, tmp_path: Path) -> None:
    """Jobs that have arrived are not moved again, also when the server there has done some since."""
    target = queue.open()
    source = _StopsAtRemoval(str(tmp_path / "other.db"))
    source.open()
    source.apply(Batch(added=ALL_KINDS))
    with pytest.raises(_Stopped):
        move(source, target, _all)
    source.close()
    target.apply(Batch(removed=[1, 2]))

    again = SqliteStore(str(tmp_path / "other.db"))
    again.open()
    again.apply(Batch(added=[stored_job(500)]))
    move(again, target, _all)

    assert list(again.read()) == []
    assert list(target.read()) == [*ALL_KINDS[2:], stored_job(500)]
    again.close()


def test_the_next_move_is_another_one(queue: Queue, other: Store) -> None:
    """Nothing remains of the one that is done."""
    store = queue.open()
    other.apply(Batch(added=[stored_job(5)]))
    move(other, store, _all)
    store.apply(Batch(removed=[5]))
    other.apply(Batch(added=[stored_job(4)]))

    move(other, store, _all)

    assert [job.sequence for job in store.read()] == [4]


def test_numbers_that_are_taken_stop_a_move(queue: Queue, other: Store) -> None:
    """Before anything has changed: a job must not be replaced by another one."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(3, data=b"mine")]))
    other.apply(Batch(added=[stored_job(2), stored_job(3, data=b"yours")]))

    with pytest.raises(QueueConflict, match="H:host:3"):
        move(other, store, _all)

    assert list(store.read()) == [stored_job(3, data=b"mine")]
    assert len(list(other.read())) == 2
