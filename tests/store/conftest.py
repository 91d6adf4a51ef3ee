"""One fixture, ``queue``, that is every kind of store in turn."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from geartrain.store import sql
from geartrain.store.base import Store
from geartrain.store.clearing import clear
from geartrain.store.mysql import MysqlStore
from geartrain.store.postgresql import PostgresqlStore
from geartrain.store.redis import RedisStore
from geartrain.store.sqlite import SqliteStore
from tests.store.databases import Database, start_mariadb, start_postgresql, start_redis

_DATABASES: dict[str, Callable[[Path], Database]] = {
    "postgresql": start_postgresql,
    "mysql": start_mariadb,
    "redis": start_redis,
}
KINDS = ("sqlite", *_DATABASES)


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[str, Database]]:
    """The databases started so far, by kind; each is started when it is first needed."""
    running: dict[str, Database] = {}
    yield running
    for database in running.values():
        database.stop()
        shutil.rmtree(database.folder)


def running_database(kind: str, databases: dict[str, Database]) -> Database | None:
    """The database of that kind, started if need be; None for SQLite, which needs none."""
    if kind != "sqlite" and kind not in databases:
        # Not in pytest's own folder, which other users may not enter.
        databases[kind] = _DATABASES[kind](Path(tempfile.mkdtemp(prefix=f"geartrain-{kind}-")))
    return databases.get(kind)


class Queue:
    """One empty queue, which any number of stores may try to open."""

    def __init__(self, kind: str, database: Database | None, folder: Path) -> None:
        self.kind = kind
        self._database = database
        self._folder = folder
        self._made: list[Store] = []

    def store(self) -> Store:
        """A store for this queue, not open yet; it is closed at the end of the test."""
        store = self._make()
        self._made.append(store)
        return store

    def open(self) -> Store:
        store = self.store()
        store.open()
        return store

    def close(self) -> None:
        for store in self._made:
            store.close()

    def _make(self) -> Store:
        if self._database is None:
            return SqliteStore(str(self._folder / "queue.db"))
        if self.kind == "redis":
            return RedisStore(self._database.url, prefix=f"{self._folder.name}:")
        return (PostgresqlStore if self.kind == "postgresql" else MysqlStore)(sa.make_url(self._database.url))


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has stores give up soon where another one has the lock."""
    monkeypatch.setattr(sql, "LOCK_SECONDS", 0.1)


@pytest.fixture(params=KINDS)
def queue(request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path) -> Iterator[Queue]:
    """A queue in each kind of database."""
    yield from _queue(request.param, databases, tmp_path)


@pytest.fixture(params=[kind for kind in KINDS if kind != "redis"])
def sql_queue(
    request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path
) -> Iterator[Queue]:
    """A queue in each kind of SQL database."""
    yield from _queue(request.param, databases, tmp_path)


def empty(store: Store) -> None:
    """Takes out what an earlier test has left in a database that tests share."""
    store.open()
    list(clear(store))
    store.close()


def _queue(kind: str, databases: dict[str, Database], folder: Path) -> Iterator[Queue]:
    queue = Queue(kind, running_database(kind, databases), folder)
    empty(queue.store())
    yield queue
    queue.close()
