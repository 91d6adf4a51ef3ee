"""Sleeping workers: who is woken, when, and how often."""

from __future__ import annotations

from geartrain.engine import EngineOptions
from geartrain.engine.jobs import WAKE_GRACE_SECONDS
from geartrain.protocol.packets import (
    CAN_DO,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    WORK_COMPLETE,
    Packet,
)
from tests.engine.world import Connection, World

WOKEN = [Packet(NOOP)]


def woken(workers: list[Connection]) -> list[int]:
    """Which of the workers have been woken since the last look, by their place in the list."""
    return [index for index, worker in enumerate(workers) if worker.received() == WOKEN]


def test_a_worker_that_is_awake_gets_no_noop(world: World) -> None:
    """Only PRE_SLEEP asks for a wake-up."""
    worker = world.worker()

    world.connect().submit()

    assert worker.received() == []


def test_a_sleeper_of_another_function_sleeps_on(world: World) -> None:
    """A job wakes those who can do it."""
    sleeper = world.sleeper(b"g")

    world.connect().submit(b"f")

    assert sleeper.received() == []


def test_pre_sleep_with_work_queued_is_answered_at_once_as_often_as_asked(world: World) -> None:
    """A worker with runnable jobs must not fall asleep."""
    world.connect().submit()
    worker = world.worker()

    assert worker.ask(PRE_SLEEP) == Packet(NOOP)
    assert worker.ask(PRE_SLEEP) == Packet(NOOP)


def test_falling_asleep_beside_a_job_of_a_gone_client_costs_no_live_job(world: World) -> None:
    """The C server 2.0 destroys the live job in place of the dead one, and hands the dead one out."""
    gone, client, worker = world.connect(), world.connect(), world.worker(b"A", b"B")
    gone.submit(b"B", data=b"dead", number=SUBMIT_JOB_LOW)
    client.submit(b"A", data=b"live", number=SUBMIT_JOB_HIGH)
    gone.leave()

    assert worker.ask(PRE_SLEEP) == Packet(NOOP)
    assert [worker.grab_data(), worker.grab_data()] == [b"live", None]


def test_one_job_wakes_one_worker_the_longest_asleep(world: World) -> None:
    """No thundering herd: as many workers wake as there are jobs."""
    sleepers = [world.sleeper() for _ in range(5)]
    client = world.connect()

    client.submit()
    first = woken(sleepers)
    client.submit()
    client.submit()

    assert first == [0]
    assert woken(sleepers) == [1, 2]


def test_a_wakeup_of_n_wakes_n_workers_for_each_job() -> None:
    """The option of the C server still means what it says."""
    world = World(EngineOptions(wakeup=2))
    sleepers = [world.sleeper() for _ in range(5)]

    world.connect().submit()

    assert woken(sleepers) == [0, 1]


def test_a_woken_worker_that_does_not_grab_does_not_hold_the_job_up(world: World) -> None:
    """After the grace time the next sleeper is woken for the same job."""
    sleepers = [world.sleeper() for _ in range(3)]
    world.connect().submit()
    assert woken(sleepers) == [0]

    world.advance(WAKE_GRACE_SECONDS)
    second = woken(sleepers)
    world.advance(WAKE_GRACE_SECONDS)

    assert second == [1]
    assert woken(sleepers) == [2]


def test_nobody_else_is_woken_when_the_first_grabbed_in_time(world: World) -> None:
    """The grace time ends without a word when the job has gone."""
    sleepers = [world.sleeper() for _ in range(3)]
    world.connect().submit()
    woken(sleepers)
    sleepers[0].grab_handle()

    world.advance(10 * WAKE_GRACE_SECONDS)

    assert woken(sleepers) == []


def test_idle_sleepers_need_no_timer(world: World) -> None:
    """With nothing queued there is no next deadline, so an idle server does not wake itself."""
    sleepers = [world.sleeper() for _ in range(3)]
    client = world.connect()
    client.submit()
    handle = sleepers[0].received() and sleepers[0].grab_handle()
    assert handle
    sleepers[0].send(WORK_COMPLETE, handle, b"")
    world.advance(1.0)

    assert world.engine.next_deadline() == float("inf")


def test_a_worker_that_answers_noop_with_pre_sleep_can_be_woken_again(world: World) -> None:
    """The C server never wakes such a worker for new jobs."""
    worker, other = world.sleeper(), world.worker()
    client = world.connect()
    client.submit()
    other.grab_handle()
    assert worker.received() == WOKEN
    worker.sleep()

    client.submit()

    assert worker.received() == WOKEN


def test_can_do_of_a_function_with_jobs_wakes_the_sleeper(world: World) -> None:
    """A worker that learns a function in its sleep is told of the jobs waiting for it."""
    world.connect().submit(b"g")
    worker = world.sleeper(b"f")

    assert worker.ask(CAN_DO, b"g") == Packet(NOOP)


def test_a_function_learnt_asleep_wakes_for_later_jobs(world: World) -> None:
    """CAN_DO counts from then on, also for who sleeps."""
    worker = world.sleeper(b"f").can_do(b"g")

    world.connect().submit(b"g")

    assert worker.received() == WOKEN


def test_one_noop_for_each_sleep(world: World) -> None:
    """A woken worker gets no second NOOP before it slept again, whatever the function."""
    worker = world.sleeper(b"f", b"g")
    client = world.connect()

    for function in (b"f", b"g", b"f"):
        client.submit(function)

    assert worker.received() == WOKEN


def test_a_grab_ends_the_sleep(world: World) -> None:
    """Who grabs is awake, also without a NOOP."""
    worker = world.sleeper()
    worker.grab()

    world.connect().submit()

    assert worker.received() == []


def test_a_sleeper_that_left_is_not_woken_in_place_of_one_that_stayed(world: World) -> None:
    """Only the connected are woken."""
    gone, sleeper = world.sleeper(), world.sleeper()
    gone.leave()

    world.connect().submit()

    assert sleeper.received() == WOKEN


def test_a_woken_worker_that_leaves_does_not_take_the_job_along(world: World) -> None:
    """The next sleeper is woken when the first one was lost before it could grab."""
    gone, sleeper = world.sleeper(), world.sleeper()
    world.connect().submit()
    gone.leave()

    world.advance(WAKE_GRACE_SECONDS)

    assert sleeper.received() == WOKEN


def test_a_job_given_back_wakes_a_sleeper(world: World) -> None:
    """The job of a lost worker is offered again at once."""
    busy, sleeper = world.worker(), world.sleeper()
    client = world.connect()
    client.submit()
    sleeper.received()
    handle = busy.grab_handle()
    sleeper.sleep()

    busy.leave()

    assert sleeper.received() == WOKEN
    assert sleeper.grab_handle() == handle
