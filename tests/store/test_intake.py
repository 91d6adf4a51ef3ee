"""Jobs from elsewhere are added behind those that are there, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from geartrain.errors import StoreError, StoreInUse
from geartrain.store.base import Batch, Store, StoredJob
from geartrain.store.intake import add_surely, take_in
from tests.store.conftest import Queue
from tests.store.jobs import ALL_KINDS, stored_job, without_numbers

_NOW = 1800000000.0
_FIRST = 1800000000000000


def _take_in(store: Store, jobs: Iterable[StoredJob]) -> int:
    return take_in(store, jobs, handle_prefix=b"H:new", now=_NOW)


def test_jobs_get_new_handles_and_keep_all_else(queue: Queue) -> None:
    """In their order, with numbers that follow the clock."""
    store = queue.open()

    count = _take_in(store, ALL_KINDS)

    found = list(store.read())
    assert count == len(ALL_KINDS)
    assert without_numbers(found) == without_numbers(ALL_KINDS)
    assert [job.sequence for job in found] == list(range(_FIRST, _FIRST + count))
    assert found[0].handle == b"H:new:1800000000000000"


def test_jobs_come_behind_those_that_are_there(queue: Queue) -> None:
    """Also when those have numbers ahead of the clock."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(5), stored_job(_FIRST + 10)]))

    _take_in(store, [stored_job(1), stored_job(2)])

    assert [job.sequence for job in store.read()] == [5, _FIRST + 10, _FIRST + 11, _FIRST + 12]


def test_the_same_jobs_may_be_taken_in_twice(queue: Queue) -> None:
    """They are new jobs, each time."""
    store = queue.open()

    assert [_take_in(store, ALL_KINDS), _take_in(store, ALL_KINDS)] == [len(ALL_KINDS)] * 2

    assert len(list(store.read())) == 2 * len(ALL_KINDS)


def test_no_jobs_are_no_problem(queue: Queue) -> None:
    """An export of an empty queue can be imported."""
    assert _take_in(queue.open(), []) == 0


class _Broken(Exception):
    """What the source of jobs raises."""


def _breaking(jobs: Iterable[StoredJob]) -> Iterator[StoredJob]:
    yield from jobs
    raise _Broken


def test_a_source_that_breaks_leaves_nothing_behind(queue: Queue) -> None:
    """The next attempt begins anew, and functions of the first one are no problem for it."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(1)]))
    many = [stored_job(1, function=b"new") for _ in range(2500)]

    with pytest.raises(_Broken):
        _take_in(store, _breaking(many))
    store.open()
    before = list(store.read())
    _take_in(store, many)

    assert before == [stored_job(1)]
    assert len(list(store.read())) == 2501


def test_a_queue_that_is_not_held_takes_nothing_in(queue: Queue) -> None:
    """A server that runs would not know of the jobs."""
    queue.open()
    second = queue.store()

    with pytest.raises(StoreError):
        second.open()
    with pytest.raises(StoreError):
        second.add_all([stored_job(1)])


class _LosesTheAnswer:
    """Stands in for a store whose database is lost at the very end, with the jobs or without them."""

    def __init__(self, store: Store, *, adds: bool) -> None:
        self._store = store
        self._adds = adds
        self.url = store.url

    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        if self._adds:
            self._store.add_all(jobs, origin=origin)
        raise StoreError(self.url, "lost")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.mark.parametrize("adds", [True, False])
def test_jobs_that_have_arrived_are_known_to_be_there(queue: Queue, adds: bool) -> None:
    """When the answer of the database is lost, nobody has to guess, and nothing is added twice."""
    store = queue.open()
    _take_in(store, [stored_job(1)])
    losing: Store = _LosesTheAnswer(store, adds=adds)  # type: ignore[assignment]

    if adds:
        assert _take_in(losing, ALL_KINDS) == len(ALL_KINDS)
    else:
        with pytest.raises(StoreError, match="lost"):
            _take_in(losing, ALL_KINDS)

    assert len(list(store.read())) == (1 + len(ALL_KINDS) if adds else 1)


def test_an_end_that_cannot_be_looked_up_is_told(queue: Queue) -> None:
    """Whoever tries again has to look first."""
    queue.open()
    cannot_open: Store = _LosesTheAnswer(queue.store(), adds=False)  # type: ignore[assignment]

    with pytest.raises(StoreError, match="lost; look whether the jobs are in it"):
        add_surely(cannot_open, ALL_KINDS, origin="import", least=1)


class _IsTaken(_LosesTheAnswer):
    """Stands in for a store that another server has taken."""

    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        del jobs, origin
        raise StoreInUse(self.url, "somebody")


def test_another_owner_is_not_an_unknown_end(queue: Queue) -> None:
    """What a store refuses it has not done."""
    store = queue.open()

    taken: Store = _IsTaken(store, adds=False)  # type: ignore[assignment]

    with pytest.raises(StoreInUse):
        _take_in(taken, ALL_KINDS)
