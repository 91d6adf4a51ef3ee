"""Jobs for later: SUBMIT_JOB_EPOCH and SUBMIT_JOB_SCHED."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from geartrain.engine import EngineOptions
from geartrain.engine.schedule import next_match
from geartrain.protocol.packets import (
    ERROR,
    GET_STATUS,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    STATUS_RES,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
    Packet,
)
from tests.engine.world import NEW_YEAR, Connection, World


def submit_at(client: Connection, when: float | bytes, unique: bytes = b"", data: bytes = b"") -> bytes:
    epoch = when if isinstance(when, bytes) else b"%d" % when if when == int(when) else repr(when).encode()
    answer = client.ask(SUBMIT_JOB_EPOCH, b"f", unique, epoch, data)
    assert isinstance(answer, Packet)
    assert answer.number == JOB_CREATED, answer
    return answer.arguments[0]


def test_a_job_for_later_is_not_handed_out_before_its_time(world: World) -> None:
    """Neither a moment before, nor does it need a poll at its time."""
    client, worker = world.connect(), world.worker()
    handle = submit_at(client, NEW_YEAR + 10)

    world.advance(9.999)
    assert worker.grab().number == NO_JOB
    world.advance(0.001)

    assert worker.grab_handle() == handle


def test_a_sleeping_worker_is_woken_at_the_time_and_not_before(world: World) -> None:
    """The C server wakes it at submission for nothing, and then up to a second late."""
    client, sleeper = world.connect(), world.sleeper()
    submit_at(client, NEW_YEAR + 10)
    world.advance(9.99)
    early = sleeper.received()

    world.advance(0.01)

    assert early == []
    assert sleeper.received() == [Packet(NOOP)]


def test_fractions_of_a_second_count(world: World) -> None:
    """Times are exact, not cut to whole seconds."""
    client, worker = world.connect(), world.worker()
    handle = submit_at(client, NEW_YEAR + 0.25)

    world.advance(0.24)
    assert worker.grab().number == NO_JOB
    world.advance(0.02)

    assert worker.grab_handle() == handle


@pytest.mark.parametrize("epoch", [b"", b"0", b"-5", b"1", b"+7"])
def test_a_time_that_has_passed_means_now(world: World, epoch: bytes) -> None:
    """So do an empty time and zero."""
    client, worker = world.connect(), world.worker()
    handle = submit_at(client, epoch)

    assert worker.grab_handle() == handle


@pytest.mark.parametrize(
    "epoch", [b"soon", b"1e9", b"nan", b"inf", b"1_000", b"9" * 21, b"9" * 8000, b"\xff"]
)
def test_a_time_that_is_no_number_is_refused_by_name(world: World, epoch: bytes) -> None:
    """The C server runs it at once, or does not answer at all."""
    answer = world.connect().ask(SUBMIT_JOB_EPOCH, b"f", b"", epoch, b"")

    assert isinstance(answer, Packet)
    assert answer.number == ERROR
    assert answer.arguments[0] == b"INVALID_ARGUMENTS"
    assert answer.arguments[1].startswith(b"epoch ")
    assert world.engine.unfinished_jobs == 0


def test_jobs_for_the_same_time_run_in_the_order_submitted(world: World) -> None:
    """First in, first out, also for later."""
    client, worker = world.connect(), world.worker()
    for data in (b"1", b"2", b"3"):
        submit_at(client, NEW_YEAR + 5, data=data)
    world.advance(5.0)

    assert [worker.grab_data() for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_job_for_later_does_not_hold_up_the_others(world: World) -> None:
    """Jobs for now go first."""
    client, worker = world.connect(), world.worker()
    submit_at(client, NEW_YEAR + 100)
    handle = client.submit()

    assert worker.grab_handle() == handle


def test_a_job_for_later_is_counted_listed_and_known(world: World) -> None:
    """It is queued for everybody but workers; a graceful stop does not wait for it."""
    client = world.connect()
    handle = submit_at(client, NEW_YEAR + 100)

    assert client.admin(b"status") == [b"f\t1\t0\t0", b"."]
    assert client.admin(b"prioritystatus") == [b"f\t0\t1\t0\t0", b"."]
    assert client.admin(b"show jobs") == [handle + b"\t0\t0\t1", b"."]
    assert client.ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"1", b"0", b"0", b"0"))
    assert world.engine.unfinished_jobs == 0


def test_a_client_that_joins_a_job_for_later_waits_for_it(world: World) -> None:
    """The time of the first submission stays."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    handle = submit_at(client, NEW_YEAR + 5, unique=b"u")
    assert other.submit(unique=b"u") == handle
    assert worker.grab().number == NO_JOB

    world.advance(5.0)
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert other.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_cancelled_job_for_later_leaves_no_deadline(world: World) -> None:
    """Timers end with their jobs."""
    client = world.connect()
    handle = submit_at(client, NEW_YEAR + 5)

    assert client.admin(b"cancel job " + handle) == [b"OK"]

    assert world.engine.next_deadline() == float("inf")
    world.advance(10.0)
    assert world.worker().grab().number == NO_JOB


def test_a_clock_set_forward_brings_the_job_forward(world: World) -> None:
    """The time asked for is wall time, however the clock got there."""
    client, sleeper = world.connect(), world.sleeper()
    submit_at(client, NEW_YEAR + 3600)
    world.advance(1.0)

    world.engine.wall_offset += 3600
    assert world.engine.next_deadline() <= world.now
    world.engine.tick(world.now)

    assert sleeper.received() == [Packet(NOOP)]


def test_a_clock_set_back_puts_the_job_off(world: World) -> None:
    """And the server looks often enough to notice."""
    client, worker = world.connect(), world.worker()
    submit_at(client, NEW_YEAR + 10)

    world.engine.wall_offset -= 100
    world.advance(50.0)

    assert worker.grab().number == NO_JOB
    assert world.engine.next_deadline() - world.now <= 1.0
    world.advance(60.0)
    assert worker.grab_data() == b""


# --- SUBMIT_JOB_SCHED ---------------------------------------------------------------------------------------


def test_a_scheduled_job_runs_once_at_the_next_match(world: World) -> None:
    """Minute 30, any hour: half an hour after midnight, and never again."""
    client, worker = world.connect(), world.worker()
    answer = client.ask(SUBMIT_JOB_SCHED, b"f", b"u", b"30", b"", b"", b"", b"", b"data")
    assert isinstance(answer, Packet)
    assert answer.number == JOB_CREATED

    world.advance(30 * 60 - 0.001)
    assert worker.grab().number == NO_JOB
    world.advance(0.001)

    assert worker.grab().arguments == (answer.arguments[0], b"f", b"u", b"data")
    worker.send(WORK_COMPLETE, answer.arguments[0], b"")
    world.advance(3600)
    assert worker.grab().number == NO_JOB


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"||||", datetime(2026, 1, 1, 0, 1, tzinfo=UTC)),
        (b"0||||", datetime(2026, 1, 1, 1, 0, tzinfo=UTC)),
        (b"15|6|||", datetime(2026, 1, 1, 6, 15, tzinfo=UTC)),
        (b"0|0|||", datetime(2026, 1, 2, 0, 0, tzinfo=UTC)),
        (b"0|0|31||", datetime(2026, 1, 31, 0, 0, tzinfo=UTC)),
        (b"0|0|29|2|", datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
        # 0 is Monday, 6 is Sunday; the first of January 2026 is a Thursday.
        (b"0|12|||0", datetime(2026, 1, 5, 12, 0, tzinfo=UTC)),
        (b"0|12|||6", datetime(2026, 1, 4, 12, 0, tzinfo=UTC)),
        # Both days given: both must match, unlike in a crontab. A Friday the 13th.
        (b"0|0|13||4", datetime(2026, 2, 13, 0, 0, tzinfo=UTC)),
        (b"||29|2|6", datetime(2032, 2, 29, 0, 0, tzinfo=UTC)),
        # A field alone does not fix the others: any minute of the hour.
        (b"|7|||", datetime(2026, 1, 1, 7, 0, tzinfo=UTC)),
        (b"007|07|||", datetime(2026, 1, 1, 7, 7, tzinfo=UTC)),
    ],
)
def test_the_next_match_satisfies_every_field(fields: bytes, expected: datetime) -> None:
    """An empty field matches any value; the time found is later than now."""
    found = next_match(tuple(fields.split(b"|")), NEW_YEAR, UTC)

    assert datetime.fromtimestamp(found, UTC) == expected


def test_the_schedule_is_in_the_time_zone_of_the_server() -> None:
    """Eight in the morning is eight in the morning in summer and in winter."""
    berlin = ZoneInfo("Europe/Berlin")
    eight = (b"0", b"8", b"", b"", b"")

    winter = next_match(eight, datetime(2026, 1, 1, tzinfo=UTC).timestamp(), berlin)
    summer = next_match(eight, datetime(2026, 7, 1, tzinfo=UTC).timestamp(), berlin)

    assert datetime.fromtimestamp(winter, UTC).hour == 7
    assert datetime.fromtimestamp(summer, UTC).hour == 6


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (b"60||||", b"minute b'60': expected 0 to 59"),
        (b"|24|||", b"hour b'24': expected 0 to 23"),
        (b"||0||", b"day of month b'0': expected 1 to 31"),
        (b"|||13|", b"month b'13': expected 1 to 12"),
        (b"||||7", b"day of week b'7': expected 0 to 6"),
        (b"-1||||", b"minute b'-1': expected 0 to 59"),
        (b"*||||", b"minute b'*': expected 0 to 59"),
        (b"00000||||", b"minute b'00000': expected 0 to 59"),
        (b"||30|2|", b"never comes"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_name(world: World, fields: bytes, named: bytes) -> None:
    """The answer names the field, what it holds and what was expected."""
    answer = world.connect().ask(SUBMIT_JOB_SCHED, b"f", b"", *fields.split(b"|"), b"")

    assert isinstance(answer, Packet)
    assert answer.number == ERROR
    assert answer.arguments[0] == b"INVALID_ARGUMENTS"
    assert named in answer.arguments[1]


def test_the_engine_uses_the_time_zone_it_was_given() -> None:
    """23:30 UTC on New Year's Eve is half past midnight in Berlin."""
    world = World(EngineOptions(timezone=ZoneInfo("Europe/Berlin")), wall=NEW_YEAR - 3600)
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_SCHED, b"f", b"", b"30", b"0", b"1", b"1", b"", b"data")

    world.advance(30 * 60)

    assert worker.grab_data() == b"data"
