"""What an engine notices of its jobs, when it is told to."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions, Notice
from geartrain.engine.notices import DEBUG
from geartrain.protocol.packets import SUBMIT_JOB_BG, SUBMIT_JOB_EPOCH, WORK_COMPLETE, WORK_FAIL
from tests.engine.world import NEW_YEAR, World

SECRET = b"secret"


@pytest.fixture
def world() -> World:
    return World(EngineOptions(handle_prefix=b"H", log_jobs=True))


def told(world: World, event: str) -> dict[str, object]:
    """The fields of the one notice of that event."""
    [notice] = [notice for notice in world.notices() if notice.event == event]
    assert notice.level == DEBUG
    return notice.fields


def test_nothing_is_noticed_unless_the_options_say_so() -> None:
    """A busy server has better things to do."""
    world = World()
    world.connect().submit()
    worker = world.worker()
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert world.notices() == []


def test_the_life_of_a_job_is_told_step_by_step(world: World) -> None:
    """With sizes, and never with a payload, which a unique may be as well."""
    world.connect().submit(b"f", SECRET, SECRET, SUBMIT_JOB_BG)
    lost = world.worker()
    lost.grab_handle()
    lost.leave()
    worker = world.worker()
    worker.send(WORK_COMPLETE, worker.grab_handle(), SECRET)

    notices = world.notices()

    job = {"handle": b"H:1", "function": b"f"}
    assert notices == [
        Notice(DEBUG, "job created", {**job, "priority": b"normal", "background": True, "bytes": 6}),
        Notice(DEBUG, "job assigned", {**job, "worker": 11, "attempt": 1}),
        Notice(DEBUG, "job given back", {**job, "attempts": 1}),
        Notice(DEBUG, "job assigned", {**job, "worker": 11, "attempt": 2}),
        Notice(DEBUG, "job completed", {**job, "bytes": 6}),
    ]
    assert SECRET not in repr(notices).encode()


def test_a_job_for_later_is_told_with_its_time(world: World) -> None:
    """In seconds since 1970."""
    world.connect().send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (NEW_YEAR + 10), b"")

    assert told(world, "job created")["run_at"] == NEW_YEAR + 10


def test_a_failed_job_is_told(world: World) -> None:
    """Once."""
    world.connect().submit()
    worker = world.worker()
    worker.send(WORK_FAIL, worker.grab_handle())

    assert told(world, "job failed") == {"handle": b"H:1", "function": b"f"}


@pytest.mark.parametrize("runs", [False, True])
def test_a_cancelled_job_is_told_and_not_its_end(world: World, runs: bool) -> None:
    """Whether it had begun or not."""
    handle = world.connect().submit()
    worker = world.worker()
    if runs:
        worker.grab_handle()
    world.notices()

    world.connect().admin(b"cancel job " + handle)
    worker.send(WORK_COMPLETE, handle, b"r")

    assert [notice.event for notice in world.notices()] == ["job cancelled"]


def test_a_job_that_nobody_waits_for_is_told(world: World) -> None:
    """It would be missing otherwise."""
    client = world.connect()
    client.submit()
    client.leave()

    assert told(world, "job dropped") == {"handle": b"H:1", "function": b"f"}
