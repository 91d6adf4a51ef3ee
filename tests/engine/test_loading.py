"""What happens while jobs are on their way from the store."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions, paging
from geartrain.protocol.packets import SUBMIT_JOB_BG, SUBMIT_JOB_LOW, WORK_COMPLETE
from tests.engine.instant_store import InstantStore
from tests.engine.world import Connection, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Memory has room for two jobs of a queue."""
    monkeypatch.setattr(paging, "FEW_JOBS", 2)
    return World(EngineOptions(handle_prefix=b"H", durable=True, memory_bytes=1))


@pytest.fixture
def store(world: World) -> InstantStore:
    """What it is asked, it does when it is told to."""
    return InstantStore(world)


def _fill(world: World, store: InstantStore) -> Connection:
    """Three jobs of normal priority, one of them in the store only, and a low one that somebody awaits."""
    client = world.connect()
    for data in (b"1", b"2", b"3"):
        client.send(SUBMIT_JOB_BG, b"f", b"", data)
        store.settle()
    client.send(SUBMIT_JOB_LOW, b"f", b"", b"low")
    return client


def test_lower_priorities_wait_for_jobs_that_are_being_loaded(world: World, store: InstantStore) -> None:
    """Otherwise a quick worker would run them first."""
    _fill(world, store)
    worker = world.worker()

    before = [worker.grab_data() for _ in range(3)]
    store.settle()

    assert before == [b"1", b"2", None]
    assert [worker.grab_data() for _ in range(3)] == [b"3", b"low", None]


def test_a_worker_sleeps_until_they_are_loaded(world: World, store: InstantStore) -> None:
    """It is not woken for a job that it cannot have."""
    _fill(world, store)
    worker = world.worker()
    for _ in range(3):
        worker.grab_data()

    worker.sleep()
    asleep = worker.received()
    store.settle()

    assert asleep == []
    assert len(worker.received()) == 1


def test_a_graceful_stop_does_not_wait_for_what_is_in_the_store(world: World, store: InstantStore) -> None:
    """The next start has it; foreground jobs are run."""
    _fill(world, store)
    worker = world.worker()

    world.engine.keep_durable_jobs()
    packet = worker.grab()
    worker.send(WORK_COMPLETE, packet.arguments[0], b"")
    store.settle()

    assert packet.arguments[-1] == b"low"
    assert worker.grab_data() is None
    assert world.engine.unfinished_jobs == 0
    assert len(store.rows) == 3
