"""What every durable queue shows to those who only look."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from geartrain.errors import StoreCorrupt, StoreError
from geartrain.store.base import Batch
from geartrain.store.lots import LOT_JOBS
from geartrain.store.reading.base import Filter, QueueSummary
from geartrain.store.redis import SEQUENCE, RedisStore
from geartrain.store.urls import make_store
from tests.store.conftest import KINDS, Queue, running_database
from tests.store.databases import Database
from tests.store.jobs import ALL_KINDS, SUBMITTED_AT, stored_job


def test_a_queue_can_be_read_while_a_server_holds_it(queue: Queue) -> None:
    """All of its jobs, as they are, and those that come meanwhile, also of functions that are new."""
    store = queue.open()
    store.apply(Batch(added=ALL_KINDS))

    with store.reader() as reader:
        found = list(reader.jobs())
        store.apply(Batch(added=[stored_job(1000, function=b"new")], removed=[1]))
        later = list(reader.jobs())

    assert found == ALL_KINDS
    assert later == [*ALL_KINDS[1:], stored_job(1000, function=b"new")]


def test_a_queue_can_be_read_when_no_server_runs(queue: Queue) -> None:
    """The store need not be open."""
    store = queue.open()
    store.apply(Batch(added=ALL_KINDS))
    store.close()

    with queue.store().reader() as reader:
        assert list(reader.jobs()) == ALL_KINDS


def test_looking_does_not_hold_the_queue(queue: Queue) -> None:
    """A server may start meanwhile."""
    queue.open().close()

    with queue.store().reader() as reader:
        queue.open()

        assert list(reader.jobs()) == []


@pytest.mark.parametrize(
    ("wanted", "sequences"),
    [
        (Filter(function=b"f"), [1, 2, 4]),
        (Filter(function=b"nobody"), []),
        (Filter(priority=0), [2, 3]),
        (Filter(unique=b"u"), [3, 4]),
        (Filter(unique=b""), [1, 2]),
        (Filter(handle=b"H:host:4"), [4]),
        (Filter(function=b"f", unique=b"u"), [4]),
        (Filter(function=b"F"), []),
    ],
)
def test_jobs_are_selected(queue: Queue, wanted: Filter, sequences: list[int]) -> None:
    """By all that is asked for, and byte for byte."""
    store = queue.open()
    added = [
        stored_job(1),
        stored_job(2, priority=0),
        stored_job(3, function=b"g", priority=0, unique=b"u"),
        stored_job(4, unique=b"u", priority=2),
    ]
    store.apply(Batch(added=added))

    with store.reader() as reader:
        assert [job.sequence for job in reader.jobs(wanted)] == sequences


def test_many_jobs_come_in_order(queue: Queue) -> None:
    """More than are read at once, in number and in bytes."""
    store = queue.open()
    many = [stored_job(number) for number in range(1, LOT_JOBS + 10)]
    big = [stored_job(number, data=bytes([number % 256]) * 1_500_000) for number in range(5000, 5008)]
    store.apply(Batch(added=many))
    store.apply(Batch(added=big))

    with store.reader() as reader:
        assert list(reader.jobs()) == [*many, *big]


def test_jobs_are_summed_up(queue: Queue) -> None:
    """By function and priority: how many, how much data, and how old the oldest is."""
    store = queue.open()
    added = [
        stored_job(1, data=b"123"),
        stored_job(2, data=b"x" * 100_000, submitted_at=SUBMITTED_AT - 5),
        stored_job(3, priority=0, data=b""),
        stored_job(4, function=b"g", run_at=1e10),
    ]
    store.apply(Batch(added=added))

    with store.reader() as reader:
        assert reader.summaries() == [
            QueueSummary(b"f", 0, 1, 0, SUBMITTED_AT),
            QueueSummary(b"f", 1, 2, 100_003, SUBMITTED_AT - 5),
            QueueSummary(b"g", 1, 1, 4, SUBMITTED_AT),
        ]


def test_an_empty_queue_has_nothing_to_sum_up(queue: Queue) -> None:
    """And nothing is damaged in it."""
    with queue.open().reader() as reader:
        assert (reader.summaries(), list(reader.problems())) == ([], [])


def test_a_reader_knows_who_holds_the_queue(queue: Queue) -> None:
    """The server that does, as long as it does."""
    store = queue.open()

    with store.reader() as reader:
        held = reader.facts()
        store.close()
        free = reader.facts()

    assert held.owner.startswith("process ")
    assert free.owner == ""
    assert held.schema.isdigit()


def test_a_reader_knows_how_big_the_queue_is(queue: Queue) -> None:
    """What the database takes for it, more or less."""
    store = queue.open()
    store.apply(Batch(added=[stored_job(number, data=bytes(60_000)) for number in range(1, 50)]))

    with store.reader() as reader:
        assert reader.facts().size_bytes > 1000


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_that_is_not_there_is_not_made(
    kind: str, databases: dict[str, Database], tmp_path: Path
) -> None:
    """A mistyped URL must not pass for an empty queue."""
    database = running_database(kind, databases)
    place = "" if database is None else database.url.rpartition("/")[0]
    urls = {
        "sqlite": f"sqlite:///{tmp_path}/none.db",
        "postgresql": f"{place}/template1",
        "mysql": f"{place}/nothing",
        "redis": f"{place}/9",
    }

    for _ in range(2):
        with pytest.raises(StoreError, match="there is no"):
            make_store(urls[kind]).reader().open()
    assert list(tmp_path.iterdir()) == []


def test_a_sound_queue_has_no_problems(queue: Queue) -> None:
    """Whatever is in it."""
    store = queue.open()
    store.apply(Batch(added=ALL_KINDS))

    with store.reader() as reader:
        assert list(reader.problems()) == []


def test_jobs_that_no_server_can_run_are_problems(queue: Queue) -> None:
    """A line for each, and what is wrong."""
    store = queue.open()
    bad = [
        stored_job(1, priority=7),
        stored_job(2, run_at=-1.0),
        stored_job(3)._replace(handle=b"H:host:33"),
        stored_job(4),
    ]
    store.apply(Batch(added=bad))

    with store.reader() as reader:
        assert list(reader.problems()) == [
            "job 1: its priority is 7, and there are 0 to 2",
            "job 2: its run_at is -1.0",
            "job 3: its handle is that of another job, b'H:host:33'",
        ]


def test_a_closed_reader_says_so(queue: Queue) -> None:
    """Closing it twice does no harm."""
    reader = queue.open().reader()
    reader.open()
    reader.close()
    reader.close()

    if queue.kind != "redis":
        with pytest.raises(StoreError, match="not open"):
            reader.facts()


def test_an_option_that_nobody_knows_is_an_error(databases: dict[str, Database]) -> None:
    """Of the queue, not of the program."""
    for kind in ("postgresql", "mysql"):
        database = running_database(kind, databases)
        assert database is not None
        with pytest.raises(StoreError):
            make_store(f"{database.url}?no_such_option=1").reader().open()


def test_damaged_records_of_redis_are_problems(databases: dict[str, Database], tmp_path: Path) -> None:
    """Those that are cut off, and those that are none; the others are summed up."""
    database = running_database("redis", databases)
    assert database is not None
    store = RedisStore(database.url, prefix=f"{tmp_path.name}:")
    store.open()
    store.apply(Batch(added=[stored_job(1), stored_job(2), stored_job(3)]))
    key = SEQUENCE.pack(2)
    record = store.client.hget(store.jobs_key, cast("str", key))
    assert isinstance(record, bytes)
    store.client.hset(store.jobs_key, cast("str", key), cast("str", record[:34]))
    store.client.hset(store.jobs_key, cast("str", SEQUENCE.pack(3)), "x")

    with store.reader() as reader:
        problems = list(reader.problems())
        summaries = reader.summaries()
        with pytest.raises(StoreCorrupt, match="job 2"):
            list(reader.jobs())

    store.close()
    assert problems == ["job 2: its record cannot be read", "job 3: its record cannot be read"]
    assert [summary.jobs for summary in summaries] == [1]
