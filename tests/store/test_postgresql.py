"""What is particular about a queue in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from geartrain.store.base import Batch
from geartrain.store.postgresql import PostgresqlStore
from tests.store.conftest import empty, running_database
from tests.store.databases import Database
from tests.store.jobs import ALL_KINDS


@pytest.fixture
def url(databases: dict[str, Database]) -> sa.URL:
    database = running_database("postgresql", databases)
    assert database is not None
    return sa.make_url(database.url)


@pytest.fixture
def store(url: sa.URL) -> Iterator[PostgresqlStore]:
    store = PostgresqlStore(url)
    empty(store)
    yield store
    store.close()


@pytest.fixture
def administrator(url: sa.URL) -> Iterator[sa.Connection]:
    """Statements outside of transactions."""
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _commit_level(store: PostgresqlStore) -> object:
    with store._transaction() as connection:
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_an_unsafe_database_is_reported(
    store: PostgresqlStore, administrator: sa.Connection, setting: str
) -> None:
    """By the name of its setting."""
    assert store.open() == []
    administrator.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
    try:
        _reload(administrator, setting, "off")

        assert store.open() == [f"{setting} is off: a crash of the machine may lose jobs"]
    finally:
        administrator.exec_driver_sql(f"ALTER SYSTEM RESET {setting}")
        _reload(administrator, setting, "on")


def _reload(administrator: sa.Connection, setting: str, value: str) -> None:
    """Has the database read its settings, and waits until it has."""
    administrator.exec_driver_sql("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 20
    while administrator.exec_driver_sql(f"SHOW {setting}").scalar() != value:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_commits_wait_for_the_disk_whatever_the_database_is_set_to(url: sa.URL) -> None:
    """Only relaxed mode does without, and levels that promise more than that are left as they are."""
    levels = {}
    for level in ("off", "remote_apply"):
        options = url.update_query_dict({"options": f"-csynchronous_commit={level}"})
        for relaxed in (False, True):
            store = PostgresqlStore(options, relaxed=relaxed)
            store.open()
            levels[level, relaxed] = _commit_level(store)
            store.close()

    assert levels == {
        ("off", False): "on",
        ("off", True): "off",
        ("remote_apply", False): "remote_apply",
        ("remote_apply", True): "off",
    }


def test_each_schema_has_a_queue_of_its_own(
    url: sa.URL, store: PostgresqlStore, administrator: sa.Connection
) -> None:
    """With a lock of its own, so that two servers may share a database."""
    administrator.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS second_queue")
    store.open()
    second = PostgresqlStore(url.update_query_dict({"options": "-csearch_path=second_queue"}))

    second.open()

    second.apply(Batch(added=ALL_KINDS))
    assert list(second.read()) == ALL_KINDS
    assert list(store.read()) == []
    second.apply(Batch(removed=[job.sequence for job in ALL_KINDS]))
    second.close()


def test_many_jobs_at_once_are_copied_in(store: PostgresqlStore) -> None:
    """Which makes no difference to what is kept."""
    store.open()
    jobs = [job._replace(sequence=job.sequence + 10 * turn) for turn in range(20) for job in ALL_KINDS]

    store.apply(Batch(added=jobs))

    assert list(store.read()) == jobs


def test_a_session_whose_machine_is_gone_ends_soon(store: PostgresqlStore) -> None:
    """So that another server gets the lock."""
    store.open()

    with store._transaction() as connection:
        seconds = [
            int(str(connection.exec_driver_sql(f"SHOW {name}").scalar()).rstrip("s"))
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
        ]

    assert seconds == [15, 5, 3]
