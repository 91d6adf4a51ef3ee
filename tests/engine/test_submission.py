"""Submitting jobs: handles, coalescing and the limits of a submission."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.protocol.packets import (
    ERROR,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    Packet,
)
from tests.engine.world import World


def test_handles_count_up_from_the_first_serial_under_their_prefix() -> None:
    """Handles are PREFIX:N, so a start with a higher first serial can never repeat one."""
    world = World(EngineOptions(handle_prefix=b"H:vm", first_serial=700))
    client = world.connect()

    handles = [client.submit() for _ in range(3)]

    assert handles == [b"H:vm:700", b"H:vm:701", b"H:vm:702"]


def test_a_foreground_job_is_answered_to_its_client(world: World) -> None:
    """WORK_COMPLETE reaches the client with the handle that JOB_CREATED named."""
    client, worker = world.connect(), world.worker()
    handle = client.submit(data=b"question")

    worker.send(WORK_COMPLETE, worker.grab_handle(), b"answer")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"answer"))]


def test_a_background_job_is_answered_to_nobody(world: World) -> None:
    """The submitter of a background job hears nothing after JOB_CREATED."""
    client, worker = world.connect(), world.worker()
    client.submit_background()

    worker.send(WORK_COMPLETE, worker.grab_handle(), b"answer")

    assert client.received() == []
    assert worker.received() == []


def test_pipelined_submissions_are_answered_in_order(world: World) -> None:
    """JOB_CREATED and ERROR carry nothing that identifies a submission, so their order is a promise."""
    client = world.connect()

    client.send(SUBMIT_JOB, b"f", b"", b"1")
    client.send(SUBMIT_JOB, b"f", b"u" * 65, b"2")
    client.send(SUBMIT_JOB, b"f", b"", b"3")

    numbers = [packet.number for packet in client.received() if isinstance(packet, Packet)]
    assert numbers == [JOB_CREATED, ERROR, JOB_CREATED]


def test_a_connection_can_run_the_job_it_submitted(world: World) -> None:
    """A connection may be client and worker at once."""
    both = world.worker()
    handle = both.submit()

    assert both.grab_handle() == handle
    assert both.ask(WORK_COMPLETE, handle, b"r") == Packet(WORK_COMPLETE, (handle, b"r"))


def test_a_sleeping_submitter_gets_noop_before_its_own_job_created(world: World) -> None:
    """Wake-up comes before the answer to the submission, as in the C server."""
    both = world.sleeper()

    both.send(SUBMIT_JOB, b"f", b"", b"")

    assert [packet.number for packet in both.received() if isinstance(packet, Packet)] == [NOOP, JOB_CREATED]


# --- coalescing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [False, True])
def test_the_same_unique_of_a_function_is_the_same_job(world: World, running: bool) -> None:
    """A submission joins a queued or running job of the same function and unique."""
    client, worker = world.connect(), world.worker()
    first = client.submit(unique=b"u", data=b"one")
    if running:
        worker.grab_handle()

    assert client.submit(unique=b"u", data=b"two") == first


def test_the_same_unique_of_another_function_is_another_job(world: World) -> None:
    """Uniques are per function."""
    client = world.connect()

    assert client.submit(b"f", b"u") != client.submit(b"g", b"u")


def test_an_empty_unique_never_coalesces(world: World) -> None:
    """No unique, no identity."""
    client = world.connect()

    assert client.submit(data=b"same") != client.submit(data=b"same")


def test_a_unique_of_one_dash_stands_for_the_data(world: World) -> None:
    """With unique - the data decides; with - and no data nothing is shared."""
    client = world.connect()
    first = client.submit(unique=b"-", data=b"same")

    assert client.submit(unique=b"-", data=b"same") == first
    assert client.submit(unique=b"-", data=b"other") != first
    assert client.submit(unique=b"-") != client.submit(unique=b"-")


def test_a_unique_of_one_hash_is_a_plain_unique(world: World) -> None:
    """Only client libraries give # a meaning."""
    client = world.connect()

    assert client.submit(unique=b"#", data=b"one") == client.submit(unique=b"#", data=b"two")


def test_a_dash_does_not_join_a_job_whose_unique_is_that_data(world: World) -> None:
    """The two ways to coalesce do not mix."""
    client = world.connect()

    assert client.submit(unique=b"text") != client.submit(unique=b"-", data=b"text")


def test_each_submission_of_one_client_gets_its_own_copy(world: World) -> None:
    """A client that joined twice is told everything twice."""
    client, worker = world.connect(), world.worker()
    handle = client.submit(unique=b"u")
    client.submit(unique=b"u")

    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))] * 2


def test_a_late_client_hears_only_what_comes_from_then_on(world: World) -> None:
    """Nothing is replayed to whoever joins a running job."""
    early, late, worker = world.connect(), world.connect(), world.worker()
    handle = early.submit(unique=b"u")
    worker.grab_handle()
    worker.send(WORK_DATA, handle, b"one")
    late.submit(unique=b"u")

    worker.send(WORK_DATA, handle, b"two")

    assert late.received() == [Packet(WORK_DATA, (handle, b"two"))]


def test_a_joining_submission_leaves_priority_and_data_as_they_were(world: World) -> None:
    """The first submission decides what runs, and when."""
    client, worker = world.connect(), world.worker()
    client.submit(unique=b"u", data=b"low", number=SUBMIT_JOB_LOW)
    client.submit(data=b"normal")
    client.submit(unique=b"u", data=b"high", number=SUBMIT_JOB_HIGH)

    assert [worker.grab_data(), worker.grab_data(), worker.grab_data()] == [b"normal", b"low", None]


def test_after_its_end_the_unique_makes_a_new_job(world: World) -> None:
    """A new client never attaches to a dead job."""
    client, worker = world.connect(), world.worker()
    first = client.submit(unique=b"u")
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"")
    client.received()

    assert client.submit(unique=b"u") != first


# --- defects of the C server that must not come back ------------------------------------------------------


@pytest.mark.parametrize("number", [SUBMIT_JOB, SUBMIT_JOB_BG])
def test_a_unique_of_64_bytes_works_and_65_is_refused(world: World, number: int) -> None:
    """64 bytes coalesce and arrive unchanged, the data too; 65 get ERROR."""
    client, worker = world.connect(), world.worker()
    unique = b"u" * 64

    handle = client.submit(unique=unique, data=b"data", number=number)

    assert client.submit(unique=unique, data=b"data", number=number) == handle
    assert worker.grab().arguments == (handle, b"f", unique, b"data")
    assert client.ask(number, b"f", b"u" * 65, b"") == Packet(
        ERROR, (b"ARGUMENT_TOO_LARGE", b"Unique value too large")
    )


def test_a_foreground_job_whose_last_client_left_is_dropped_at_once(world: World) -> None:
    """No ghost stays in the queue, in the counters or under its handle."""
    client, worker, admin = world.connect(), world.worker(), world.connect()
    client.submit(unique=b"u")

    client.leave()

    assert admin.admin(b"status") == [b"f\t0\t0\t1", b"."]
    assert admin.admin(b"show jobs") == [b"."]
    assert worker.grab().number == NO_JOB


def test_a_new_client_after_the_last_one_left_gets_a_job_that_runs(world: World) -> None:
    """The unique of a dropped job is free."""
    gone, client, worker = world.connect(), world.connect(), world.worker()
    dropped = gone.submit(unique=b"u")
    gone.leave()

    handle = client.submit(unique=b"u")
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert handle != dropped
    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_job_stays_while_one_of_its_clients_stays(world: World) -> None:
    """Clients leave one by one; the last one decides."""
    gone, client, worker = world.connect(), world.connect(), world.worker()
    handle = gone.submit(unique=b"u")
    gone.submit(unique=b"u")
    client.submit(unique=b"u")

    gone.leave()
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_background_job_survives_the_clients_attached_to_it(world: World) -> None:
    """Foreground clients may come and go: a background job was promised to run."""
    submitter, worker = world.connect(), world.worker()
    handle = submitter.submit_background(unique=b"u")
    for _ in range(3):
        client = world.connect()
        assert client.submit(unique=b"u") == handle
        client.leave()

    assert worker.grab_handle() == handle


def test_a_background_submission_makes_a_foreground_job_stay(world: World) -> None:
    """Submitted in the background as well, a job outlives its foreground client."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    handle = client.submit(unique=b"u")
    assert other.submit_background(unique=b"u") == handle

    client.leave()

    assert worker.grab_handle() == handle


def test_a_client_can_attach_to_a_running_job_whose_clients_left(world: World) -> None:
    """A running job ends with its worker's answer; until then it can be joined."""
    gone, client, worker = world.connect(), world.connect(), world.worker()
    handle = gone.submit(unique=b"u")
    worker.grab_handle()
    gone.leave()

    assert client.submit(unique=b"u") == handle
    worker.send(WORK_COMPLETE, handle, b"r")
    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_running_job_without_clients_ends_quietly(world: World) -> None:
    """The worker's report about a job nobody waits for is accepted without an answer."""
    client, worker = world.connect(), world.worker()
    handle = client.submit()
    worker.grab_handle()
    client.leave()

    worker.send(WORK_DATA, handle, b"part")
    worker.send(WORK_COMPLETE, handle, b"r")

    assert worker.received() == []
    assert worker.ask(WORK_FAIL, handle).arguments[0] == b"JOB_NOT_FOUND"  # type: ignore[union-attr]


def test_a_running_job_that_nobody_wants_does_not_run_again(world: World) -> None:
    """With client and worker gone, the job is gone."""
    client, worker, other = world.connect(), world.worker(), world.worker()
    client.submit()
    worker.grab_handle()
    client.leave()

    worker.leave()

    assert other.grab().number == NO_JOB
    assert world.engine.unfinished_jobs == 0


def test_an_unnamed_function_exists_and_works(world: World) -> None:
    """An empty function name is a name."""
    client, worker = world.connect(), world.worker(b"")

    handle = client.submit(b"", data=b"x")

    assert worker.grab().arguments == (handle, b"", b"", b"x")
