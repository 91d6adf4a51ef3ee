"""The queues of the C server, as it has written them, are read whole."""

from __future__ import annotations

from contextlib import closing

import pytest

from geartrain.engine.job import HIGH, LOW, NORMAL
from geartrain.errors import ForeignQueueError, StoreError
from geartrain.store.gearmand.base import ForeignJob, ForeignQueue
from geartrain.store.gearmand.naming import Naming
from geartrain.store.gearmand.urls import make_foreign_queue
from tests.store.gearmand.c_queues import CQueue

# As submitted: the C server keeps 63 bytes of a unique, and ends them with a zero byte.
JOBS = [
    ForeignJob(b"f", b"u1", NORMAL, b"a\0b", 0),
    ForeignJob(b"f", b"u2", HIGH, b"", 0),
    ForeignJob(b"f", b"u3" * 32, LOW, b"x", 0),
    ForeignJob("zähler".encode(), "ü".encode(), HIGH, b"\xff", 0),
    ForeignJob(b"f", b"", NORMAL, b"empty", 0),
    ForeignJob(b"f", b"-", NORMAL, b"same", 0),
    ForeignJob(b"g", b"u9", NORMAL, bytes(range(256)) * 1000, 0),
    ForeignJob(b"g", b"u1", NORMAL, b"", 0),
]
AS_KEPT = [job._replace(unique=job.unique[:63]) for job in JOBS]
LATER = ForeignJob(b"f", b"later", NORMAL, b"x", 2000000000)


def read(queue: ForeignQueue, *, to_delete: bool = False) -> list[ForeignJob]:
    with closing(queue):
        queue.open(to_delete=to_delete)
        return list(queue.jobs())


def source(url: str, naming: Naming | None = None) -> ForeignQueue:
    return make_foreign_queue(url, naming or Naming())


def in_order(jobs: list[ForeignJob], kind: str) -> list[ForeignJob]:
    """The order in which they come: that of submission, but for Redis, which has none."""
    return sorted(jobs) if kind == "redis" else jobs


def test_jobs_of_the_c_server_are_read(c_queue: CQueue) -> None:
    """Bytes of all values, no data, uniques that are too long, empty and - ones, all priorities, in order."""
    c_queue.fill(*JOBS)

    found = read(source(c_queue.url))

    assert in_order(found, c_queue.kind) == in_order(AS_KEPT, c_queue.kind)


def test_the_number_of_jobs_is_known(c_queue: CQueue) -> None:
    """For progress bars."""
    c_queue.fill(*JOBS)
    with closing(source(c_queue.url)) as queue:
        queue.open(to_delete=False)

        assert queue.count() == len(JOBS)


def test_times_are_kept(c_queue: CQueue) -> None:
    """By those that can do it: the C server refuses such jobs with Redis."""
    if c_queue.kind == "redis":
        with pytest.raises(AssertionError, match="QUEUE_ERROR"):
            c_queue.fill(LATER)
    else:
        c_queue.fill(LATER)

        assert read(source(c_queue.url)) == [LATER]


def test_reading_changes_nothing(c_queue: CQueue) -> None:
    """The source is as it was until it is deleted."""
    c_queue.fill(*JOBS)

    first, second = read(source(c_queue.url)), read(source(c_queue.url), to_delete=True)

    assert first == second != []


def test_what_was_read_can_be_deleted(c_queue: CQueue) -> None:
    """The C server starts with an empty queue then."""
    c_queue.fill(*JOBS)
    with closing(source(c_queue.url)) as queue:
        queue.open(to_delete=True)
        list(queue.jobs())

        queue.delete()

    assert read(source(c_queue.url)) == []
    server = c_queue.start()
    assert server.ask("status") == []
    server.stop()


def test_a_closed_queue_says_so(c_queue: CQueue) -> None:
    """Closing twice does no harm."""
    c_queue.fill(JOBS[0])
    queue = source(c_queue.url)
    queue.open(to_delete=False)

    queue.close()
    queue.close()

    if c_queue.kind != "redis":
        with pytest.raises(StoreError):
            queue.count()


def test_no_queue_is_not_an_empty_one(c_queue: CQueue) -> None:
    """Somebody has mistyped a name; keys in Redis are just not there."""
    if c_queue.kind == "redis":
        assert read(source(c_queue.url)) == []
    else:
        with pytest.raises((ForeignQueueError, StoreError), match="there is no"):
            read(source(c_queue.url))
