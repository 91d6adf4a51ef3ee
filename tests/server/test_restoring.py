"""A server that starts with jobs in its queue: how they come back, with and without room for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from geartrain.server import ServerConfig, run_in_thread
from geartrain.store.base import Batch, StoredJob
from geartrain.store.sqlite import SqliteStore
from tests.server.wire import Wire
from tests.store.jobs import stored_job

_LITTLE = 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def _keep(path: Path, jobs: list[StoredJob]) -> None:
    store = SqliteStore(str(path))
    store.open()
    store.apply(Batch(added=jobs))
    store.close()


def _kept(path: Path) -> list[StoredJob]:
    store = SqliteStore(str(path))
    store.open()
    try:
        return list(store.read())
    finally:
        store.close()


@pytest.fixture(params=[0, _LITTLE], ids=["all in memory", "little memory"])
def worker(path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], Wire]]:
    """Starts a server with the queue, once; a worker of "f" there."""
    memory_bytes: int = request.param
    with ExitStack() as cleanup:

        def start() -> Wire:
            config = ServerConfig(port=0, queue=f"sqlite:///{path}", queue_memory_bytes=memory_bytes)
            server = cleanup.enter_context(run_in_thread(config))
            wire = cleanup.enter_context(Wire(("127.0.0.1", server.port)))
            wire.send(packets.CAN_DO, b"f")
            return wire

        yield start


def _take(worker: Wire) -> Packet:
    """The next job; sleeps until there is one."""
    while (packet := worker.grab()).number == packets.NO_JOB:
        worker.send(packets.PRE_SLEEP)
        assert worker.read().number == packets.NOOP
    return packet


def _finish_all(worker: Wire, count: int) -> list[bytes]:
    """Takes so many jobs, and completes them; their handles."""
    handles = []
    for _ in range(count):
        handle = _take(worker).arguments[0]
        handles.append(handle)
        worker.send(packets.WORK_COMPLETE, handle, b"")
    worker.echo()
    return handles


@pytest.mark.parametrize("priority", [0, 1, 2])
def test_jobs_come_back_in_order(path: Path, worker: Callable[[], Wire], priority: int) -> None:
    """That of their submission, whatever their number; nothing is left of them."""
    jobs = [stored_job(number, priority=priority, data=bytes(500)) for number in range(1, 2401)]
    _keep(path, jobs)

    handles = _finish_all(worker(), len(jobs))

    assert handles == [job.handle for job in jobs]


def test_a_job_comes_back_as_it_was(path: Path, worker: Callable[[], Wire]) -> None:
    """With everything that a worker gets to see, and under the same handle."""
    _keep(path, [stored_job(7, unique=b"u\xff", reducer=b"sum", data=bytes(range(256)) * 2000)])
    wire = worker()

    wire.send(packets.GRAB_JOB_ALL)

    assert wire.read() == Packet(
        packets.JOB_ASSIGN_ALL, (b"H:host:7", b"f", b"u\xff", b"sum", bytes(range(256)) * 2000)
    )


def test_a_submission_joins_a_job_that_came_back(path: Path, worker: Callable[[], Wire]) -> None:
    """By its unique, or by its data; also where that is in the store only."""
    fillers = [stored_job(number, data=bytes(500)) for number in range(1, 1001)]
    same = [stored_job(2001, unique=b"u"), stored_job(2002, unique=b"-", data=b"same"), stored_job(2003)]
    _keep(path, [*fillers, *same])
    wire = worker()

    for unique, data in ((b"u", b"other"), (b"-", b"same")):
        wire.send(packets.SUBMIT_JOB_BG, b"f", unique, data)

    assert [wire.read().arguments[0] for _ in range(2)] == [job.handle for job in same[:2]]
    wire.send(packets.SUBMIT_JOB_BG, b"f", b"-", b"another")
    assert wire.read().arguments[0] not in [job.handle for job in same]


def test_a_job_for_later_waits_for_its_time(path: Path, worker: Callable[[], Wire]) -> None:
    """However many others there are before it."""
    soon = time.time() + 1.5
    later = stored_job(2001, run_at=time.time() + 1000)
    fillers = [stored_job(number, data=bytes(500)) for number in range(1, 1501)]
    _keep(path, [*fillers, later, stored_job(2002, run_at=soon)])
    wire = worker()

    handles = _finish_all(wire, 1501)

    assert time.time() >= soon
    assert handles[-1] == b"H:host:2002"


def test_new_handles_are_above_those_that_came_back(path: Path, worker: Callable[[], Wire]) -> None:
    """Also if somebody has set the clock back."""
    _keep(path, [stored_job(2**60)])
    wire = worker()

    handle = wire.submit(b"g", number=packets.SUBMIT_JOB_BG)

    assert handle.endswith(b":%d" % (2**60 + 1))


def test_what_was_done_does_not_come_back(path: Path) -> None:
    """Nor does a function that was dropped, wherever its jobs were."""
    _keep(path, [stored_job(number, data=bytes(500)) for number in range(1, 2001)])
    config = ServerConfig(port=0, queue=f"sqlite:///{path}", queue_memory_bytes=_LITTLE)
    with run_in_thread(config) as server:
        with Wire(("127.0.0.1", server.port)) as wire:
            wire.send(packets.CAN_DO, b"f")
            _finish_all(wire, 100)
        with Wire(("127.0.0.1", server.port)) as wire:
            kept = wire.submit(b"g", number=packets.SUBMIT_JOB_BG)
            assert wire.ask(b"drop function f").startswith(b"OK")

    assert [job.handle for job in _kept(path)] == [kept]
