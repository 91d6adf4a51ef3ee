"""The text protocol for administration, answered by the engine."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.engine.admin import KEEP_RUNNING, STOP_GRACEFULLY, STOP_NOW
from geartrain.protocol.packets import (
    ERROR,
    GET_STATUS,
    NO_JOB,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    WORK_COMPLETE,
    WORK_FAIL,
    WORK_STATUS,
    Packet,
)
from tests.engine.world import Connection, World

QUEUE_FULL = Packet(ERROR, (b"QUEUE_ERROR", b"Job queue is full"))


@pytest.fixture
def admin(world: World) -> Connection:
    return world.connect()


def raw_answer(connection: Connection, line: bytes) -> bytes:
    """The bytes that answer a line, with their line ends."""
    connection.raw(line)
    return b"".join(connection.peer.take_output())


# --- lines and words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"version\n", b"version\r\n", b"VERSION\n", b"version now please\n"])
def test_commands_end_in_lf_or_crlf_in_any_letter_case_and_extra_words_are_ignored(line: bytes) -> None:
    """The answer ends in LF alone, as in the C server."""
    world = World(EngineOptions(version=b"1.2.3"))

    assert raw_answer(world.connect(), line) == b"OK 1.2.3\n"


def test_values_are_answered_in_one_line() -> None:
    """verbose is the level of the log, getpid the process."""
    world = World(EngineOptions(pid=4711, log_level=b"NOTICE"))
    connection = world.connect()

    assert raw_answer(connection, b"verbose\ngetpid\n") == b"OK NOTICE\nOK 4711\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"help", b"ERR UNKNOWN_COMMAND Unknown+server+commandhelp"),
        (b"", b"ERR UNKNOWN_COMMAND Unknown+server+command"),
        (b" status", b"ERR UNKNOWN_COMMAND Unknown+server+command"),
        (b"show", b"ERR UNKNOWN_COMMAND Unknown+server+commandshow"),
        (b"cancel", b"ERR UNKNOWN_COMMAND Unknown+server+commandcancel"),
        (b"cancel job", b"ERR UNKNOWN_COMMAND Unknown+server+commandcancel"),
        (b"\x01\x02", b"ERR UNKNOWN_COMMAND Unknown+server+command\\x01\\x02"),
        (
            b"maxqueue",
            b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+maxqueue",
        ),
        (
            b"create f",
            b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+create",
        ),
        (
            b"create job f",
            b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+create",
        ),
        (b"drop", b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+drop"),
        (b"show me", b"ERR UNKNOWN_SHOW_ARGUMENTS"),
        (b"show unique", b"ERR UNKNOWN_SHOW_ARGUMENTS"),
        (b"cancel job H:x:1", b"ERR UNKNOWN_JOB"),
        (b"cancel the job", b"ERR UNKNOWN_ERROR"),
        (b"drop function f", b"ERR function not found"),
        (b"a b c d e f", b"ERR INVALID_ARGUMENTS A+command+has+at+most+5+words"),
        (b"shutdown now please", b"ERR INVALID_ARGUMENTS shutdown+takes+nothing+or+graceful"),
    ],
)
def test_what_cannot_be_done_is_answered_by_a_line_that_says_why(
    admin: Connection, line: bytes, answer: bytes
) -> None:
    """Error lines end in CR LF; the texts are those of the C server where it has any."""
    assert raw_answer(admin, line + b"\n") == answer + b"\r\n"


def test_text_and_packets_mix_on_one_connection_in_order(world: World) -> None:
    """Each message is text or binary for itself."""
    connection = world.connect()
    connection.raw(b"show jobs\n")
    connection.send(SUBMIT_JOB, b"f", b"u", b"")
    connection.raw(b"show unique jobs\n")

    answers = connection.received()

    assert [type(answer).__name__ for answer in answers] == ["AdminLine", "Packet", "AdminLine", "AdminLine"]


# --- lists --------------------------------------------------------------------------------------------------


def test_empty_lists_are_a_dot(admin: Connection) -> None:
    """Every list ends in a line with a dot."""
    for command in (b"status", b"prioritystatus", b"show jobs", b"show unique jobs"):
        assert raw_answer(admin, command + b"\n") == b".\n"


def test_status_counts_all_running_and_able(world: World, admin: Connection) -> None:
    """The total includes the running jobs."""
    client, worker = world.connect(), world.worker(b"f")
    world.worker(b"f", b"g")
    client.submit(b"f")
    client.submit(b"f")
    worker.grab_handle()

    assert admin.admin(b"status") == [b"f\t2\t1\t2", b"g\t0\t0\t1", b"."]


def test_priority_status_counts_the_queued_by_priority(world: World, admin: Connection) -> None:
    """Running jobs are not queued."""
    client, worker = world.connect(), world.worker()
    for number in (SUBMIT_JOB_HIGH, SUBMIT_JOB_HIGH, SUBMIT_JOB, SUBMIT_JOB, SUBMIT_JOB, SUBMIT_JOB_LOW):
        client.submit(number=number)
    worker.grab_handle()

    assert admin.admin(b"prioritystatus") == [b"f\t1\t3\t1\t1", b"."]


def test_workers_lists_every_connection_with_its_newest_function_first(
    world: World, admin: Connection
) -> None:
    """A plain client has nothing after its colon."""
    worker = world.worker(b"f", b"g")
    worker.send(SET_CLIENT_ID, b"id with space")

    assert admin.admin(b"workers") == [b"10 127.0.0.1 - :", b"11 127.0.0.1 id with space : g f", b"."]


def test_an_ipv6_address_is_shown_whole(world: World, admin: Connection) -> None:
    """The C server cuts it to two colons."""
    world.engine.connect(77, b"2001:db8::1", world.now)

    assert admin.admin(b"workers")[1] == b"77 2001:db8::1 - :"


def test_show_jobs_tells_retries_whether_nobody_waits_and_whether_it_is_kept(
    world: World, admin: Connection
) -> None:
    """A background job is kept; a running job whose client left is wanted by nobody."""
    client, gone, worker = world.connect(), world.connect(), world.worker()
    gone.submit()
    worker.grab_handle()
    gone.leave()
    client.submit()
    client.submit_background()

    assert admin.admin(b"show jobs") == [
        b"H:test:1\t0\t1\t0",
        b"H:test:2\t0\t0\t0",
        b"H:test:3\t0\t0\t1",
        b".",
    ]


def test_show_unique_jobs_lists_one_line_for_each_job(world: World, admin: Connection) -> None:
    """Empty ones too."""
    client = world.connect()
    client.submit(unique=b"u")
    client.submit()

    assert admin.admin(b"show unique jobs") == [b"u", b"", b"."]


def test_no_name_can_break_a_list(world: World, admin: Connection) -> None:
    """Tabs, line ends and other control characters are written out."""
    hostile = b"a\tb\nc\r\x7f"
    shown = b"a\\x09b\\x0ac\\x0d\\x7f"
    worker = world.worker(hostile)
    worker.send(SET_CLIENT_ID, hostile)
    world.connect().submit(hostile, unique=hostile)

    assert admin.admin(b"status") == [shown + b"\t1\t0\t1", b"."]
    assert admin.admin(b"prioritystatus") == [shown + b"\t0\t1\t0\t1", b"."]
    assert admin.admin(b"show unique jobs") == [shown, b"."]
    assert b"11 127.0.0.1 " + shown + b" : " + shown in admin.admin(b"workers")


# --- functions ----------------------------------------------------------------------------------------------


def test_a_function_can_be_created_and_dropped(admin: Connection) -> None:
    """Creating it again is no error; the whole name counts, also with a bare line feed."""
    assert raw_answer(admin, b"create function lfonly\n") == b"OK\r\n"
    assert raw_answer(admin, b"create function lfonly\n") == b"OK\r\n"
    assert admin.admin(b"status") == [b"lfonly\t0\t0\t0", b"."]
    assert raw_answer(admin, b"drop function lfonly\n") == b"OK\r\n"
    assert admin.admin(b"status") == [b"."]


def test_dropping_knows_upper_from_lower_case(admin: Connection) -> None:
    """F is not f, here as everywhere."""
    admin.admin(b"create function f")

    assert admin.admin(b"drop function F") == [b"ERR function not found"]


@pytest.mark.parametrize("running", [False, True])
def test_a_function_in_use_is_not_dropped(world: World, admin: Connection, running: bool) -> None:
    """Neither with a worker nor with a job running."""
    worker = world.worker()
    if running:
        world.connect().submit()
        worker.grab_handle()

    assert admin.admin(b"drop function f") == [b"ERR there are still connected workers or executing clients"]


def test_dropping_a_function_drops_its_queued_jobs(world: World, admin: Connection) -> None:
    """The C server leaves them dangling, and later submissions with them."""
    client, other = world.connect(), world.connect()
    handle = client.submit(unique=b"u")
    other.submit_background(b"g")

    assert admin.admin(b"drop function f") == [b"OK"]

    assert client.received() == [Packet(WORK_FAIL, (handle,))]
    assert admin.admin(b"show jobs") == [b"H:test:2\t0\t0\t1", b"."]
    assert client.submit(unique=b"u") != handle


def test_a_dropped_function_leaves_no_deadline(world: World, admin: Connection) -> None:
    """The grace time of its woken workers ends with it."""
    workers = [world.sleeper(), world.sleeper()]
    client = world.connect()
    client.submit()
    client.leave()
    for worker in workers:
        worker.leave()

    assert admin.admin(b"drop function f") == [b"OK"]

    assert world.engine.next_deadline() == float("inf")


# --- maxqueue -----------------------------------------------------------------------------------------------


def refused(client: Connection, number: int) -> bool:
    answer = client.ask(number, b"f", b"", b"")
    assert isinstance(answer, Packet)
    assert answer == QUEUE_FULL or answer.number != ERROR
    return answer == QUEUE_FULL


@pytest.mark.parametrize("number", [SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_HIGH, SUBMIT_JOB_LOW])
def test_one_limit_is_for_all_priorities_also_of_a_function_to_come(
    world: World, admin: Connection, number: int
) -> None:
    """The C server says OK and forgets when the function does not exist yet."""
    assert admin.admin(b"maxqueue f 2") == [b"OK"]
    client = world.connect()

    assert [refused(client, number) for _ in range(3)] == [False, False, True]


def test_three_limits_are_for_high_normal_and_low(world: World, admin: Connection) -> None:
    """Each is compared with all jobs of the function."""
    admin.admin(b"maxqueue f 3 2 1")
    client = world.connect()

    outcomes = [
        refused(client, number)
        for number in (SUBMIT_JOB_LOW, SUBMIT_JOB_LOW, SUBMIT_JOB, SUBMIT_JOB, SUBMIT_JOB_HIGH)
    ]

    assert outcomes == [False, True, False, True, False]
    assert refused(client, SUBMIT_JOB_HIGH)


def test_two_limits_leave_low_priority_without(world: World, admin: Connection) -> None:
    """As in the C server."""
    admin.admin(b"maxqueue f 1 1")
    client = world.connect()

    assert [refused(client, SUBMIT_JOB_LOW) for _ in range(3)] == [False, False, False]
    assert refused(client, SUBMIT_JOB)


@pytest.mark.parametrize("limit", [b"2", b"+2", b"2abc", b"2.9"])
def test_a_limit_is_the_number_a_word_begins_with(world: World, admin: Connection, limit: bytes) -> None:
    """As in the C server: a sloppy number is no reason to have no limit at all."""
    admin.admin(b"maxqueue f " + limit)
    client = world.connect()

    assert [refused(client, SUBMIT_JOB) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("lifted", [b"maxqueue f", b"maxqueue f 0", b"maxqueue f -1", b"maxqueue f many"])
def test_a_limit_that_is_no_positive_number_is_none(world: World, admin: Connection, lifted: bytes) -> None:
    """And lifts the one before."""
    admin.admin(b"maxqueue f 1")
    admin.admin(lifted)
    client = world.connect()

    assert [refused(client, SUBMIT_JOB) for _ in range(3)] == [False, False, False]


def test_running_jobs_count_and_joining_ones_do_not(world: World, admin: Connection) -> None:
    """A submission that coalesces adds no job."""
    admin.admin(b"maxqueue f 1")
    client, worker = world.connect(), world.worker()
    handle = client.submit(unique=b"u")
    worker.grab_handle()

    assert refused(client, SUBMIT_JOB)
    assert client.submit(unique=b"u") == handle


def test_a_job_given_back_is_not_refused(world: World, admin: Connection) -> None:
    """Limits are for new jobs."""
    client, worker = world.connect(), world.worker()
    client.submit()
    client.submit()
    worker.grab_handle()
    admin.admin(b"maxqueue f 1")

    worker.leave()

    assert admin.admin(b"status") == [b"f\t2\t0\t0", b"."]


# --- cancel -------------------------------------------------------------------------------------------------


def test_a_queued_job_is_cancelled_at_once(world: World, admin: Connection) -> None:
    """Clients get WORK_FAIL, once; nothing stays listed."""
    client, worker = world.connect(), world.worker()
    handle = client.submit(unique=b"u")

    assert admin.admin(b"cancel job " + handle) == [b"OK"]
    assert admin.admin(b"Cancel JOB " + handle) == [b"ERR UNKNOWN_JOB"]

    assert client.received() == [Packet(WORK_FAIL, (handle,))]
    assert admin.admin(b"show jobs") == [b"."]
    assert worker.grab().number == NO_JOB
    assert client.submit(unique=b"u") != handle


def test_a_running_job_that_is_cancelled_may_finish_but_nobody_hears_of_it(
    world: World, admin: Connection
) -> None:
    """One terminal packet for the client, no error for the worker."""
    client, worker = world.connect(), world.worker()
    handle = client.submit()
    worker.grab_handle()

    assert admin.admin(b"cancel job " + handle) == [b"OK"]
    assert admin.admin(b"cancel job " + handle) == [b"OK"]
    worker.send(WORK_STATUS, handle, b"1", b"2")
    assert admin.ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"1", b"1", b"1", b"2"))
    worker.send(WORK_COMPLETE, handle, b"r")

    assert client.received() == [Packet(WORK_FAIL, (handle,))]
    assert worker.received() == []
    assert admin.admin(b"show jobs") == [b"."]


def test_a_new_job_of_the_same_unique_does_not_join_a_cancelled_one(world: World, admin: Connection) -> None:
    """It runs for itself, beside the one that is still finishing."""
    client, worker = world.connect(), world.worker()
    cancelled = client.submit(unique=b"u")
    worker.grab_handle()
    admin.admin(b"cancel job " + cancelled)
    client.received()

    handle = client.submit(unique=b"u")
    worker.send(WORK_COMPLETE, cancelled, b"old")
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"new")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"new"))]
    assert client.submit(unique=b"u") not in (cancelled, handle)


def test_a_cancelled_job_does_not_come_back(world: World, admin: Connection) -> None:
    """Its worker's loss ends it, background or not."""
    client, worker = world.connect(), world.worker()
    handle = client.submit_background()
    worker.grab_handle()
    admin.admin(b"cancel job " + handle)

    worker.leave()

    assert world.engine.unfinished_jobs == 0


# --- shutdown -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"shutdown", b"shutdown graceful"])
def test_shutdown_needs_a_server_that_allows_it(world: World, admin: Connection, line: bytes) -> None:
    """The answer says how to allow it."""
    assert admin.admin(line) == [b"ERR NOT_ALLOWED shutdown+needs+a+server+started+with+--allow-shutdown"]
    assert world.engine.stop_requested == KEEP_RUNNING


@pytest.mark.parametrize(("line", "stop"), [(b"shutdown", STOP_NOW), (b"SHUTDOWN Graceful", STOP_GRACEFULLY)])
def test_an_allowed_shutdown_is_left_for_the_caller(line: bytes, stop: int) -> None:
    """The engine only says what was asked for."""
    world = World(EngineOptions(allow_shutdown=True))

    assert world.connect().admin(line) == [b"OK"]
    assert world.engine.stop_requested == stop
