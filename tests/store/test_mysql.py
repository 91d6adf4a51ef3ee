"""What is particular about a queue in MariaDB or MySQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from geartrain.errors import JobsRefused, StoreError
from geartrain.store.base import Batch
from geartrain.store.mysql import MysqlStore
from tests.store.conftest import empty, running_database
from tests.store.databases import Database
from tests.store.jobs import stored_job


@pytest.fixture
def url(databases: dict[str, Database]) -> sa.URL:
    database = running_database("mysql", databases)
    assert database is not None
    return sa.make_url(database.url)


@pytest.fixture
def store(url: sa.URL) -> Iterator[MysqlStore]:
    store = MysqlStore(url)
    empty(store)
    yield store
    store.close()


@pytest.fixture
def administrator(url: sa.URL) -> Iterator[sa.Connection]:
    root = url.set(drivername="mysql+pymysql", username="root", password="")
    with sa.create_engine(root, poolclass=sa.NullPool).connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("setting", "unsafe", "complaint"),
    [
        ("innodb_flush_log_at_trx_commit", 2, "innodb_flush_log_at_trx_commit is 2: "),
        ("innodb_flush_log_at_trx_commit", 0, "innodb_flush_log_at_trx_commit is 0: "),
        ("sync_binlog", 0, ""),
    ],
)
def test_an_unsafe_database_is_reported(
    store: MysqlStore, administrator: sa.Connection, setting: str, unsafe: int, complaint: str
) -> None:
    """By the name of its setting; a binary log matters only if it is written."""
    administrator.exec_driver_sql(f"SET GLOBAL {setting} = {unsafe}")
    try:
        warnings = store.open()
    finally:
        administrator.exec_driver_sql(f"SET GLOBAL {setting} = 1")

    assert [warning.startswith(complaint) for warning in warnings] == ([True] if complaint else [])


def test_nothing_is_cut_off_in_silence(store: MysqlStore, administrator: sa.Connection) -> None:
    """Whatever mode the database is in; a value that does not fit is refused."""
    administrator.exec_driver_sql("SET GLOBAL sql_mode = ''")
    try:
        store.open()
    finally:
        administrator.exec_driver_sql("SET GLOBAL sql_mode = DEFAULT")

    with pytest.raises(JobsRefused, match="too long"):
        store.apply(Batch(added=[stored_job(1, reducer=bytes(70_000))]))


def test_a_database_that_takes_only_small_packets_is_refused(
    store: MysqlStore, administrator: sa.Connection
) -> None:
    """A job would end its connection again and again."""
    administrator.exec_driver_sql("SET GLOBAL max_allowed_packet = 65536")
    try:
        with pytest.raises(StoreError, match="max_allowed_packet is 65536; 1048576 is the least"):
            store.open()
    finally:
        administrator.exec_driver_sql("SET GLOBAL max_allowed_packet = DEFAULT")


def test_the_smallest_packets_are_enough_for_any_job(store: MysqlStore, administrator: sa.Connection) -> None:
    """Its data is cut into pieces."""
    administrator.exec_driver_sql("SET GLOBAL max_allowed_packet = 1048576")
    try:
        store.open()
        jobs = [
            stored_job(1, function=b"f" * 8000, reducer=b"r" * 8000, data=bytes(range(256)) * 20_000),
            *[stored_job(number, data=bytes(65_536)) for number in range(2, 40)],
        ]

        store.apply(Batch(added=jobs))

        assert list(store.read()) == jobs
    finally:
        administrator.exec_driver_sql("SET GLOBAL max_allowed_packet = DEFAULT")


def test_locks_of_databases_with_long_names_are_kept_apart(url: sa.URL) -> None:
    """The name of a lock may have 64 letters only, as many as that of a database."""
    names = [MysqlStore(url.set(database="d" * 63 + letter)).lock_name for letter in "ab"]

    assert names[0] != names[1]
    assert max(map(len, names)) <= 64
