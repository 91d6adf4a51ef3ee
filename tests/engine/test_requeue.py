"""Jobs that come back: lost workers, abilities taken back, time limits, and the limit of attempts."""

from __future__ import annotations

import logging

import pytest

from geartrain.engine import EngineOptions
from geartrain.protocol.packets import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ERROR,
    GET_STATUS,
    NO_JOB,
    NOOP,
    RESET_ABILITIES,
    STATUS_RES,
    WORK_COMPLETE,
    WORK_FAIL,
    WORK_STATUS,
    Packet,
)
from tests.engine.world import Connection, World

NOT_FOUND = Packet(ERROR, (b"JOB_NOT_FOUND", b"Job given in work result not found"))


def lose(worker: Connection) -> None:
    worker.leave()


def cannot_do(worker: Connection) -> None:
    worker.send(CANT_DO, b"f")


def reset(worker: Connection) -> None:
    worker.send(RESET_ABILITIES)


@pytest.mark.parametrize("give_up", [lose, cannot_do, reset])
def test_a_job_goes_back_when_its_worker_gives_it_up(world: World, give_up: object) -> None:
    """The client is told nothing, and the next worker gets the same job."""
    client, worker, other = world.connect(), world.worker(), world.worker()
    handle = client.submit()
    worker.grab_handle()

    assert callable(give_up)
    give_up(worker)

    assert other.grab_handle() == handle
    other.send(WORK_COMPLETE, handle, b"r")
    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_the_result_of_a_worker_that_gave_its_job_up_is_refused(world: World) -> None:
    """After CANT_DO the job is no longer its own."""
    client, worker = world.connect(), world.worker()
    handle = client.submit()
    worker.grab_handle()
    worker.send(CANT_DO, b"f")

    assert worker.ask(WORK_COMPLETE, handle, b"late") == NOT_FOUND
    assert client.received() == []


def test_cant_do_leaves_the_jobs_of_other_functions_alone(world: World) -> None:
    """Only jobs of that function go back."""
    client, worker = world.connect(), world.worker(b"f", b"g")
    client.submit(b"g")
    handle = worker.grab_handle()

    worker.send(CANT_DO, b"f")
    worker.send(WORK_COMPLETE, handle, b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_job_that_comes_back_queues_behind_the_others(world: World) -> None:
    """The tail of its priority, as in the C server."""
    client, worker, other = world.connect(), world.worker(), world.worker()
    for data in (b"1", b"2", b"3"):
        client.submit(data=data)
    worker.grab_handle()

    worker.leave()

    assert [other.grab_data() for _ in range(3)] == [b"2", b"3", b"1"]


def test_several_jobs_come_back_in_the_order_they_were_taken(world: World) -> None:
    """First taken, first offered again."""
    client, worker, other = world.connect(), world.worker(), world.worker()
    for data in (b"1", b"2", b"3"):
        client.submit(data=data)
        worker.grab_handle()

    worker.leave()

    assert [other.grab_data() for _ in range(3)] == [b"1", b"2", b"3"]


def test_progress_starts_over(world: World) -> None:
    """What the lost worker had reported does not count any more."""
    client, worker = world.connect(), world.worker()
    handle = client.submit_background()
    worker.grab_handle()
    worker.send(WORK_STATUS, handle, b"3", b"7")

    worker.leave()

    assert client.ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"1", b"0", b"0", b"0"))


def test_registering_again_leaves_a_running_job_alone(world: World) -> None:
    """A second CAN_DO changes nothing."""
    client, worker = world.connect(), world.worker()
    handle = client.submit()
    worker.grab_handle()

    worker.send(CAN_DO, b"f")
    worker.send(WORK_COMPLETE, handle, b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


# --- attempts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "attempts"), [(0, 1), (1, 1), (2, 2), (3, 3), (255, 255)])
def test_a_job_fails_when_its_attempts_are_used_up(limit: int, attempts: int) -> None:
    """--job-retries counts attempts in total; 0 and 1 both mean a single one."""
    world = World(EngineOptions(attempt_limit=limit))
    client = world.connect()
    handle = client.submit()

    for attempt in range(1, attempts + 1):
        worker = world.worker()
        assert worker.grab_handle() == handle, attempt
        assert client.received() == []
        worker.leave()

    assert client.received() == [Packet(WORK_FAIL, (handle,))]
    assert world.worker().grab().number == NO_JOB
    [notice] = world.notices()
    assert (notice.level, notice.event) == (logging.WARNING, "job given up")
    assert notice.fields == {"handle": handle, "function": b"f", "attempts": attempts}


def test_without_a_limit_a_job_comes_back_for_ever_and_its_attempts_are_counted(world: World) -> None:
    """The C server's count starts over at 256."""
    world.connect().submit_background()

    for _ in range(300):
        worker = world.worker()
        worker.grab_handle()
        worker.leave()

    assert world.connect().admin(b"show jobs") == [b"H:test:1\t300\t0\t1", b"."]


# --- time limits --------------------------------------------------------------------------------------------


def limited_worker(world: World, milliseconds: bytes, function: bytes = b"f") -> Connection:
    worker = world.connect()
    worker.send(CAN_DO_TIMEOUT, function, milliseconds)
    return worker


def test_a_job_over_its_time_limit_is_offered_again(world: World) -> None:
    """The limit is in milliseconds; nobody is told, and the late result is refused."""
    client, worker = world.connect(), limited_worker(world, b"1500")
    handle = client.submit()
    worker.grab_handle()

    world.advance(1.499)
    assert world.connect().admin(b"status") == [b"f\t1\t1\t1", b"."]
    world.advance(0.002)

    assert world.connect().admin(b"status") == [b"f\t1\t0\t1", b"."]
    assert worker.ask(WORK_COMPLETE, handle, b"late") == NOT_FOUND
    assert client.received() == []
    assert worker.grab_handle() == handle
    assert [notice.event for notice in world.notices()] == ["job ran out of time"]


def test_a_job_over_its_time_limit_and_its_attempts_fails_at_that_time() -> None:
    """The waiting client gets WORK_FAIL at the deadline."""
    world = World(EngineOptions(attempt_limit=1))
    client, worker = world.connect(), limited_worker(world, b"2000")
    handle = client.submit()
    worker.grab_handle()

    world.advance(2.0)

    assert client.received() == [Packet(WORK_FAIL, (handle,))]


@pytest.mark.parametrize("milliseconds", [b"1", b"5", b"999", b"1000"])
def test_a_time_limit_is_a_second_at_least(world: World, milliseconds: bytes) -> None:
    """Old programs send seconds; a limit of 5 ms would never let their jobs finish."""
    client, worker = world.connect(), limited_worker(world, milliseconds)
    client.submit()
    worker.grab_handle()

    world.advance(0.999)
    before = world.connect().admin(b"status")[0]
    world.advance(0.001)

    assert before == b"f\t1\t1\t1"
    assert world.connect().admin(b"status")[0] == b"f\t1\t0\t1"


@pytest.mark.parametrize("milliseconds", [b"0", b"-5", b"", b"soon"])
def test_a_time_limit_that_is_no_positive_number_is_none(world: World, milliseconds: bytes) -> None:
    """As in the C server."""
    client, worker = world.connect(), limited_worker(world, milliseconds)
    client.submit()
    worker.grab_handle()

    assert world.engine.next_deadline() == float("inf")


def test_each_running_job_has_its_own_time_limit(world: World) -> None:
    """In the C server a second job takes the limit of the first away."""
    client, worker = world.connect(), limited_worker(world, b"2000")
    first, second = client.submit(), client.submit()
    worker.grab_handle()
    world.advance(1.0)
    worker.grab_handle()

    world.advance(1.0)
    assert worker.ask(WORK_COMPLETE, first, b"") == NOT_FOUND
    worker.send(WORK_COMPLETE, second, b"in time")

    assert client.received() == [Packet(WORK_COMPLETE, (second, b"in time"))]


def test_a_time_limit_ends_with_its_job(world: World) -> None:
    """In the C server it runs on and takes another worker's job away."""
    client, worker, other = world.connect(), limited_worker(world, b"2000"), world.worker()
    client.submit()
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"")
    client.received()
    handle = client.submit()
    assert other.grab_handle() == handle

    assert world.engine.next_deadline() == float("inf")
    world.advance(10.0)
    other.send(WORK_COMPLETE, handle, b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_registering_again_changes_the_limit_of_later_jobs(world: World) -> None:
    """The last CAN_DO or CAN_DO_TIMEOUT counts."""
    client, worker = world.connect(), limited_worker(world, b"2000")
    worker.send(CAN_DO, b"f")
    client.submit()
    worker.grab_handle()

    assert world.engine.next_deadline() == float("inf")


def test_a_job_taken_away_wakes_a_sleeper(world: World) -> None:
    """The next worker need not wait for a poll."""
    client, worker, sleeper = world.connect(), limited_worker(world, b"2000"), world.worker()
    client.submit()
    worker.grab_handle()
    sleeper.sleep()

    world.advance(2.0)

    assert sleeper.received() == [Packet(NOOP)]
