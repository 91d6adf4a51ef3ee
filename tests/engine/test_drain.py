"""A graceful stop with a durable queue: what a worker has may end, the rest is for the next start."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.protocol.packets import NO_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_EPOCH, WORK_COMPLETE
from tests.engine.world import World


@pytest.fixture
def world() -> World:
    return World(EngineOptions(handle_prefix=b"H:test", durable=True))


def _commit(world: World) -> None:
    (*_, last) = world.engine.journal.take()
    world.engine.committed(last.number, world.now)


def _submit_durable(world: World) -> None:
    world.connect().send(SUBMIT_JOB_BG, b"f", b"", b"")
    _commit(world)


def test_durable_jobs_that_are_queued_are_kept_for_the_next_start(world: World) -> None:
    """They are not waited for, and no worker gets them any more."""
    _submit_durable(world)

    world.engine.keep_durable_jobs()

    assert world.engine.unfinished_jobs == 0
    assert world.worker().grab().number == NO_JOB
    assert world.engine.journal.take() == []


def test_a_durable_job_that_runs_is_waited_for(world: World) -> None:
    """Its worker may finish, and then the store is told."""
    _submit_durable(world)
    worker = world.worker()
    handle = worker.grab_handle()

    world.engine.keep_durable_jobs()
    running = world.engine.unfinished_jobs
    worker.send(WORK_COMPLETE, handle, b"")

    assert running == 1
    assert world.engine.unfinished_jobs == 0
    assert len(world.engine.journal.take()) == 1


def test_a_durable_job_that_loses_its_worker_is_kept(world: World) -> None:
    """It is not begun again."""
    _submit_durable(world)
    worker = world.worker()
    worker.grab_handle()
    world.engine.keep_durable_jobs()

    worker.leave()

    assert world.engine.unfinished_jobs == 0
    assert world.worker().grab().number == NO_JOB


def test_a_durable_job_that_comes_meanwhile_is_kept_once_it_is_committed(world: World) -> None:
    """Until then the stop waits: its client has been promised nothing yet."""
    world.engine.keep_durable_jobs()
    world.connect().send(SUBMIT_JOB_BG, b"f", b"", b"")
    before = world.engine.unfinished_jobs

    _commit(world)

    assert before == 1
    assert world.engine.unfinished_jobs == 0
    assert world.worker().grab().number == NO_JOB


def test_a_durable_job_whose_time_comes_meanwhile_is_kept(world: World) -> None:
    """Late is better than interrupted."""
    world.connect().send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (world.wall + 10), b"")
    _commit(world)
    world.engine.keep_durable_jobs()

    world.advance(11)

    assert world.engine.unfinished_jobs == 0
    assert world.worker().grab().number == NO_JOB


def test_foreground_jobs_are_finished(world: World) -> None:
    """Their clients wait here, and would not find them after the next start."""
    handle = world.connect().submit()

    world.engine.keep_durable_jobs()

    assert world.engine.unfinished_jobs == 1
    assert world.worker().grab_handle() == handle


def test_a_job_that_is_kept_can_be_cancelled(world: World) -> None:
    """It leaves the store too."""
    _submit_durable(world)
    world.engine.keep_durable_jobs()

    assert world.connect().admin(b"cancel job H:test:1") == [b"OK"]
    assert len(world.engine.journal.take()) == 1


def test_without_a_durable_queue_every_job_is_waited_for() -> None:
    """What is in memory would be lost."""
    world = World()
    client = world.connect()
    handle = client.submit_background()

    world.engine.keep_durable_jobs()

    assert world.engine.unfinished_jobs == 1
    assert world.worker().grab_handle() == handle
