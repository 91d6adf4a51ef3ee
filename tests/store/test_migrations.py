"""How a queue of an older version becomes one of this: with a version that was made up for the test."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from geartrain.errors import StoreError
from geartrain.store import migrations
from geartrain.store.base import Batch
from geartrain.store.sql import SCHEMA, SqlStore
from geartrain.store.tables import SCHEMA_VERSION, facts
from tests.store.conftest import Queue
from tests.store.jobs import ALL_KINDS

_EXTRA = "geartrain_extra"


def _add_table(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_EXTRA} (sequence BIGINT NOT NULL)")


def _fill_table(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"DELETE FROM {_EXTRA}")
    connection.exec_driver_sql(f"INSERT INTO {_EXTRA} SELECT sequence FROM geartrain_jobs")


def _break_down(connection: sa.Connection) -> None:
    _fill_table(connection)
    connection.exec_driver_sql("SELECT * FROM geartrain_no_such_table")


def _newer(queue: Queue, *steps: migrations.Step) -> SqlStore:
    """The store of a version that has these steps behind the first schema."""
    store = queue.store()
    assert isinstance(store, SqlStore)
    store.steps = steps
    store.schema_version = 1 + len(steps)
    return store


@pytest.fixture
def old_queue(sql_queue: Queue) -> Queue:
    """A queue of schema 1 with jobs in it; afterwards the traces of newer ones are removed."""
    store = sql_queue.open()
    store.apply(Batch(added=ALL_KINDS))
    store.close()
    return sql_queue


def _clear(store: SqlStore) -> None:
    store.close()
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_EXTRA}")
        connection.execute(sa.update(facts).where(facts.c.name == SCHEMA).values(value="1"))


def _extra(store: SqlStore) -> list[int]:
    with store.engine.connect() as connection:
        return sorted(connection.exec_driver_sql(f"SELECT sequence FROM {_EXTRA}").scalars())


def test_the_number_of_the_schema_is_that_of_the_steps() -> None:
    """Each step makes it one higher."""
    assert len(migrations.STEPS) + 1 == SCHEMA_VERSION


def test_an_old_queue_is_brought_up_to_date(old_queue: Queue) -> None:
    """Step by step, and with all its jobs; an older version leaves it alone from then on."""
    store = _newer(old_queue, _add_table, _fill_table)

    store.open()

    assert list(store.read()) == ALL_KINDS
    assert _extra(store) == [job.sequence for job in ALL_KINDS]
    store.close()
    with pytest.raises(StoreError, match="schema 3, and this version knows up to 1"):
        old_queue.open()
    _clear(store)


def test_an_interrupted_migration_goes_on_later(old_queue: Queue) -> None:
    """Nothing is lost, whichever steps were done by then."""
    broken = _newer(old_queue, _add_table, _break_down)
    with pytest.raises(StoreError, match="geartrain_no_such_table"):
        broken.open()
    broken.close()

    store = _newer(old_queue, _add_table, _fill_table)
    store.open()

    assert list(store.read()) == ALL_KINDS
    assert _extra(store) == [job.sequence for job in ALL_KINDS]
    _clear(store)


def test_a_new_queue_needs_no_migration(sql_queue: Queue) -> None:
    """It has the latest schema from the start."""
    store = _newer(sql_queue, _break_down)
    first = sql_queue.store()
    assert isinstance(first, SqlStore)
    with first.engine.begin() as connection:
        connection.execute(sa.delete(facts).where(facts.c.name == SCHEMA))

    store.open()

    assert list(store.read()) == []
    _clear(store)
