"""Nobody loses a queue when switching: the C server's jobs are imported, and run by our server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import redis

from geartrain.engine.job import HIGH, LOW, NORMAL
from geartrain.protocol.packets import (
    CAN_DO,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    NO_JOB,
    WORK_COMPLETE,
)
from geartrain.store.gearmand.base import ForeignJob
from geartrain.store.gearmand.naming import Naming
from geartrain.store.gearmand.urls import make_foreign_queue
from tests.cli.queue.conftest import QueueTool
from tests.interop.servers import HOST, start_ours
from tests.server.wire import Wire
from tests.store.conftest import running_database
from tests.store.databases import Database
from tests.store.gearmand.c_queues import KINDS, CQueue

_JOBS = [
    ForeignJob(b"f", b"a", NORMAL, b"1", 0),
    ForeignJob(b"f", b"b", LOW, b"a\0b", 0),
    ForeignJob(b"f", b"c", NORMAL, b"", 0),
    ForeignJob(b"f", b"", HIGH, b"\xff", 0),
    ForeignJob(b"f", b"d", NORMAL, b"2", 0),
    ForeignJob(b"my-func", b"0f6a1c3e-9a7b-4c2d-8e5f-0123456789ab", NORMAL, b"uuid", 0),
]
# By priority, and by submission inside of one.
_RUN = [(b"", b"\xff"), (b"a", b"1"), (b"c", b""), (b"d", b"2"), (b"b", b"a\0b")]


@pytest.fixture(params=KINDS)
def c_queue(request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path) -> CQueue:
    kind: str = request.param
    return CQueue(kind, running_database(kind, databases), tmp_path)


def _left(queue: CQueue) -> int:
    with closing(make_foreign_queue(queue.url, Naming())) as source:
        source.open(to_delete=False)
        return source.count()


def _work(tool: QueueTool, function: bytes) -> list[tuple[bytes, bytes]]:
    """Has our server run all jobs of a function; their uniques and data."""
    found: list[tuple[bytes, bytes]] = []
    server = start_ours("--queue", tool.url)
    try:
        with Wire((HOST, server.port)) as worker:
            worker.send(CAN_DO, function)
            while True:
                worker.send(GRAB_JOB_UNIQ)
                packet = worker.read()
                if packet.number == NO_JOB:
                    return found
                assert packet.number == JOB_ASSIGN_UNIQ
                handle, _, unique, data = packet.arguments
                found.append((unique, data))
                worker.send(WORK_COMPLETE, handle, b"")
    finally:
        server.stop()


def test_jobs_of_the_c_server_are_run_by_ours(tool: QueueTool, c_queue: CQueue) -> None:
    """All of them, with their data, by priority and in order, and once."""
    c_queue.fill(*_JOBS)

    told = tool.run("import-gearmand", c_queue.url)
    assert told == f"{len(_JOBS)} jobs imported into {tool.url}\n"

    found = _work(tool, b"f")
    assert (sorted(found) if c_queue.kind == "redis" else found) == (
        sorted(_RUN) if c_queue.kind == "redis" else _RUN
    )
    assert _work(tool, b"my-func") == [(b"0f6a1c3e-9a7b-4c2d-8e5f-0123456789ab", b"uuid")]
    assert tool.jobs() == []
    assert _left(c_queue) == len(_JOBS)


def test_the_source_is_deleted_on_demand(tool: QueueTool, c_queue: CQueue) -> None:
    """When all jobs are safe."""
    c_queue.fill(*_JOBS)

    told = tool.run("import-gearmand", c_queue.url, "--delete")

    assert "deleted from" in told
    assert len(tool.jobs()) == len(_JOBS)
    assert _left(c_queue) == 0


def test_the_source_stays_when_the_target_fails(tool: QueueTool, c_queue: CQueue) -> None:
    """Nothing is deleted that has not been imported."""
    c_queue.fill(*_JOBS)

    with closing(tool.hold()):
        tool.refusal("import-gearmand", c_queue.url, "--delete")

    assert _left(c_queue) == len(_JOBS)


def test_jobs_can_go_to_any_store(tool: QueueTool, databases: dict[str, Database], tmp_path: Path) -> None:
    """Here from the SQLite file of the C server to Redis."""
    database = running_database("redis", databases)
    assert database is not None
    target = f"{database.url}?prefix={tmp_path.name}:"
    source = CQueue("sqlite", None, tmp_path)
    source.fill(*_JOBS)

    tool.run("import-gearmand", source.url, target)

    told = tool.json("list", "--queue", target)["jobs"]
    assert [job["unique"] for job in told] == [job.unique.decode() for job in _JOBS]
    assert {job["attempts"] for job in told} == {0}


def _redis_key(databases: dict[str, Database], tmp_path: Path) -> str:
    """The URL of a queue with a key that is not clear."""
    database = running_database("redis", databases)
    assert database is not None
    with closing(redis.Redis.from_url(database.url)) as client:
        client.hset(f"{tmp_path.name}-my-func-a-b", mapping={"data": "d", "priority": "1"})
    return f"{database.url}?prefix={tmp_path.name}"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--function", "my-func"], (b"my-func", b"a-b")),
        (["--hyphen", "first"], (b"my", b"func-a-b")),
        (["--hyphen", "last"], (b"my-func-a", b"b")),
    ],
)
def test_a_name_that_is_not_clear_needs_a_word(
    tool: QueueTool,
    databases: dict[str, Database],
    tmp_path: Path,
    words: list[str],
    names: tuple[bytes, bytes],
) -> None:
    """Without it nothing is imported, and the options are named."""
    url = _redis_key(databases, tmp_path)

    refusal = tool.refusal("import-gearmand", url)
    assert "--function" in refusal
    assert "--hyphen" in refusal
    assert tool.jobs() == []

    tool.run("import-gearmand", url, *words)
    assert [(job.function, job.unique) for job in tool.jobs()] == [names]


@pytest.mark.parametrize(("source", "status"), [("none.db", 3), ("memcached://host", 2), ("sqlite:///", 2)])
def test_a_source_that_cannot_be_read_is_told(tool: QueueTool, source: str, status: int) -> None:
    """Wrong usage or out of reach; no target is made."""
    tool.refusal("import-gearmand", source, status=status)

    assert not tool.path.exists()


def test_a_file_of_something_else_is_refused(tool: QueueTool, tmp_path: Path) -> None:
    """Such as a queue of ours."""
    other = tmp_path / "other.db"
    tool.fill(path=other)

    assert "there is no table gearman_queue" in tool.refusal("import-gearmand", str(other))


def test_jobs_that_could_not_be_deleted_are_not_imported_again(tool: QueueTool, tmp_path: Path) -> None:
    """The message says that they have been imported: otherwise somebody would try again."""
    path = tmp_path / "c.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE gearman_queue (unique_key, function_name, priority, data)")
        connection.execute("INSERT INTO gearman_queue VALUES ('u', 'f', 1, 'd')")
        connection.execute(
            "CREATE TRIGGER t BEFORE DELETE ON gearman_queue BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    refusal = tool.refusal("import-gearmand", str(path), "--delete", status=3)

    assert "its jobs have been imported" in refusal
    assert len(tool.jobs()) == 1
