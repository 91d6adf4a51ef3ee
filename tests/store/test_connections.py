"""Queues in databases that freeze, crash or lose a connection: private ones, which it really happens to."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from queue import Queue as Inbox

import pytest
import sqlalchemy as sa

from geartrain.errors import StoreError, StoreInUse
from geartrain.store import committer as committer_module
from geartrain.store import sql
from geartrain.store.base import Batch, Store
from geartrain.store.committer import Committer, Outcome, Work
from geartrain.store.mysql import MysqlStore
from geartrain.store.postgresql import PostgresqlStore
from geartrain.store.redis import RedisStore
from tests.store.conftest import empty, running_database
from tests.store.databases import Database
from tests.store.jobs import stored_job

_PATIENCE_SECONDS = 30
# How long the stores of these tests wait for an answer.
_ANSWER_SECONDS = 1
_KINDS = ("postgresql", "mysql", "redis")


def _store(kind: str, url: str) -> Store:
    """A store that gives a silent database up soon."""
    if kind == "redis":
        return RedisStore(url, prefix="connections:", answer_seconds=_ANSWER_SECONDS)
    if kind == "postgresql":
        return PostgresqlStore(sa.make_url(url), answer_seconds=_ANSWER_SECONDS)
    return MysqlStore(sa.make_url(url), answer_seconds=_ANSWER_SECONDS)


class Place:
    """A database, and stores for one queue in it."""

    def __init__(self, kind: str, database: Database) -> None:
        self.kind = kind
        self.database = database
        self._stores: list[Store] = []

    def store(self) -> Store:
        store = _store(self.kind, self.database.url)
        self._stores.append(store)
        return store

    def open(self) -> Store:
        store = self.store()
        store.open()
        return store

    def close(self) -> None:
        for store in self._stores:
            store.close()


@pytest.fixture(params=_KINDS)
def place(request: pytest.FixtureRequest, databases: dict[str, Database]) -> Iterator[Place]:
    kind: str = request.param
    database = running_database(kind, databases)
    assert database is not None
    place = Place(kind, database)
    empty(place.store())
    yield place
    place.close()


def _wait_until(action: Callable[[], object]) -> None:
    """Tries until it does not fail any more."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            action()
            return
        except StoreInUse:
            raise
        except StoreError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_frozen_database_is_given_up(place: Place) -> None:
    """After some time; what was under way is repeated when the database is there again, and done once."""
    store = place.open()
    store.apply(Batch(added=[stored_job(1)]))
    batch = Batch(added=[stored_job(2), stored_job(3)], removed=[1])
    place.database.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreError):
            store.apply(batch)
        assert _ANSWER_SECONDS * 0.9 < time.monotonic() - began < 10
    finally:
        place.database.send_signal(signal.SIGCONT)

    _wait_until(store.open)
    store.apply(batch, again=True)

    assert list(store.read()) == batch.added


def test_an_idle_store_notices_a_frozen_database(place: Place) -> None:
    """When it looks after it."""
    store = place.open()
    place.database.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError):
            store.keep()
    finally:
        place.database.send_signal(signal.SIGCONT)

    _wait_until(store.open)
    store.keep()


def test_work_goes_on_after_a_crash_of_the_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was applied before is there, and what comes meanwhile is applied when it is back."""
    monkeypatch.setattr(committer_module, "_FIRST_PAUSE_SECONDS", 0.01)
    done: Inbox[Outcome] = Inbox()
    failed: Inbox[StoreError] = Inbox()
    recovered: Inbox[None] = Inbox()
    committer = Committer(place.open(), done.put, failed.put, lambda: recovered.put(None))
    committer.start()
    committer.commit(Work(1, Batch(added=[stored_job(1)])))
    assert done.get(timeout=_PATIENCE_SECONDS) == Outcome(1)

    place.database.kill()
    committer.commit(Work(2, Batch(removed=[1], attempts={7: 1})))
    failed.get(timeout=_PATIENCE_SECONDS)
    place.database.start()

    assert done.get(timeout=_PATIENCE_SECONDS) == Outcome(2)
    committer.commit(Work(3, Batch(added=[stored_job(2)])))
    assert done.get(timeout=_PATIENCE_SECONDS) == Outcome(3)
    recovered.get(timeout=_PATIENCE_SECONDS)
    assert committer.stop(_PATIENCE_SECONDS)
    assert list(place.open().read()) == [stored_job(2)]


def test_applied_jobs_survive_a_crash_of_the_database(place: Place) -> None:
    """All of them, at once after the last one."""
    store = place.open()
    jobs = [stored_job(number) for number in range(1, 301)]
    for start in range(0, 300, 30):
        store.apply(Batch(added=jobs[start : start + 30]))

    place.database.kill()
    place.database.start()

    _wait_until(store.open)
    assert list(store.read()) == jobs


def test_a_lock_that_the_database_has_dropped_is_noticed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever took the queue meanwhile keeps it."""
    store = place.open()
    _drop_lock(store)
    place.open()
    monkeypatch.setattr(sql, "LOCK_SECONDS", 0.1)

    with pytest.raises(StoreError):
        store.keep()

    with pytest.raises(StoreInUse):
        store.open()


def _drop_lock(store: Store) -> None:
    """Takes the lock from under the feet of a store, as a failover or an administrator may do."""
    if isinstance(store, RedisStore):
        store.client.delete(store.lease_key)
        return
    if isinstance(store, PostgresqlStore):
        statement = "SELECT pg_advisory_unlock_all()"
    else:
        assert isinstance(store, MysqlStore)
        statement = "DO RELEASE_ALL_LOCKS()"
    with store._transaction() as connection:
        connection.exec_driver_sql(statement)


def test_nothing_is_written_to_a_queue_that_was_taken_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the first server does not know of it yet."""
    first = place.open()
    first.apply(Batch(added=[stored_job(1)]))
    _cut_off(first)
    second = place.open()
    monkeypatch.setattr(sql, "LOCK_SECONDS", 0.1)

    with pytest.raises(StoreError):
        first.apply(Batch(added=[stored_job(2)]))
    with pytest.raises(StoreInUse):
        first.open()

    assert list(second.read()) == [stored_job(1)]


def _cut_off(store: Store) -> None:
    """Has the database end the connection that holds the queue, or the lease run out."""
    if isinstance(store, RedisStore):
        store.client.delete(store.lease_key)
        return
    if isinstance(store, PostgresqlStore):
        own, end = "pg_backend_pid()", "SELECT pg_terminate_backend({})"
    else:
        assert isinstance(store, MysqlStore)
        own, end = "connection_id()", "KILL {}"
    with store._transaction() as connection:
        number = connection.exec_driver_sql(f"SELECT {own}").scalar()
    with store.engine.begin() as other:
        other.exec_driver_sql(end.format(number))


def test_an_address_where_nobody_listens_is_an_error(place: Place) -> None:
    """Not a wait for ever, nor another kind of exception."""
    url = sa.make_url(place.database.url).set(port=1)

    with pytest.raises(StoreError, match="refused"):
        _store(place.kind, url.render_as_string(hide_password=False)).open()


def test_options_of_the_url_reach_the_driver(place: Place) -> None:
    """So that it complains about one that it does not know; that is no other kind of exception."""
    url = sa.make_url(place.database.url).update_query_dict({"no_such_option": "1"})

    with pytest.raises(StoreError, match="no_such_option"):
        _store(place.kind, url.render_as_string(hide_password=False)).open()


def test_no_message_holds_a_password(place: Place) -> None:
    """Wherever in the URL it is."""
    url = sa.make_url(place.database.url).set(password="hidden", port=1)
    url = url.update_query_dict({"password": "hidden"})
    store = _store(place.kind, url.render_as_string(hide_password=False))

    with pytest.raises(StoreError) as caught:
        store.open()

    assert "hidden" not in f"{caught.value} {store.url}"
