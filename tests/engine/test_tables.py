"""The tables of the ``list`` commands: what they say of functions, jobs and connections."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.engine.job import NORMAL
from geartrain.protocol.admin import FUNCTION_COLUMNS, JOB_COLUMNS, QUEUE_COLUMNS, WORKER_COLUMNS
from geartrain.protocol.packets import (
    SET_CLIENT_ID,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
)
from tests.engine.world import NEW_YEAR, Connection, World

BAD_LIST = b"ERR INVALID_ARGUMENTS list+takes+functions,+jobs+[LIMIT+[FUNCTION]],+workers+or+queue"


@pytest.fixture
def admin(world: World) -> Connection:
    return world.connect()


def table(admin: Connection, command: bytes) -> list[dict[bytes, bytes]]:
    """The rows of a table by their columns; a row that is longer goes on in the last column."""
    heading, *rows, end = admin.admin(command)
    assert end == b"."
    columns = heading.split(b"\t")
    return [dict(zip(columns, row.split(b"\t", len(columns) - 1), strict=False)) for row in rows]


def the_row(admin: Connection, command: bytes) -> dict[bytes, bytes]:
    [row] = table(admin, command)
    return row


def pick(row: dict[bytes, bytes], columns: bytes) -> list[bytes]:
    return [row[column] for column in columns.split()]


# --- the commands -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "columns"),
    [(b"list functions", FUNCTION_COLUMNS), (b"LIST Jobs", JOB_COLUMNS), (b"list jobs 0 f", JOB_COLUMNS)],
)
def test_an_empty_table_has_a_heading(admin: Connection, command: bytes, columns: tuple[bytes, ...]) -> None:
    """Programs read columns by their names."""
    assert admin.admin(command) == [b"\t".join(columns), b"."]


@pytest.mark.parametrize(
    "command",
    [
        *(
            b"list x",
            b"list functions x",
            b"list workers 1",
            b"list queue 1",
            b"list jobs x",
            b"list jobs -1",
        ),
        *(b"list jobs 1 f x", b"list jobs 1.5", b"list jobs ", b"list jobs " + b"9" * 5000),
    ],
)
def test_what_is_no_table_is_refused(admin: Connection, command: bytes) -> None:
    """With what there is."""
    assert admin.admin(command) == [BAD_LIST]


# --- functions ----------------------------------------------------------------------------------------------


def test_functions_count_their_jobs_by_priority_and_state(world: World, admin: Connection) -> None:
    """Jobs for later stand by themselves, and so do running ones."""
    client = world.connect()
    client.submit(number=SUBMIT_JOB_HIGH)
    for _ in range(2):
        client.submit()
    for _ in range(3):
        client.submit(number=SUBMIT_JOB_LOW_BG)
    client.send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (NEW_YEAR + 60), b"")
    world.worker().grab_handle()

    row = the_row(admin, b"list functions")

    assert pick(row, b"function high normal low later running") == [b"f", b"0", b"2", b"3", b"1", b"1"]


def test_functions_count_their_workers_by_what_they_do(world: World, admin: Connection) -> None:
    """A worker that runs several jobs is one busy worker, and not busy for its other functions."""
    client = world.connect()
    client.submit()
    client.submit()
    busy = world.worker(b"f", b"g")
    busy.grab_handle()
    busy.grab_handle()
    world.sleeper(b"f")
    world.worker(b"f")

    f, g = table(admin, b"list functions")

    assert pick(f, b"function workers busy asleep") == [b"f", b"3", b"1", b"1"]
    assert pick(g, b"function workers busy asleep") == [b"g", b"1", b"0", b"0"]


def oldest_seconds(admin: Connection) -> bytes:
    return the_row(admin, b"list functions")[b"oldest_seconds"]


def test_functions_say_how_long_the_first_in_line_has_waited(world: World, admin: Connection) -> None:
    """Of all priorities, the longest; nothing when no job is queued."""
    worker = world.worker()
    assert oldest_seconds(admin) == b"-"
    world.connect().submit()
    world.advance(4.5)
    world.connect().submit(number=SUBMIT_JOB_HIGH)
    assert oldest_seconds(admin) == b"4.500"

    worker.grab_handle()
    worker.grab_handle()

    assert oldest_seconds(admin) == b"-"


def test_a_job_for_later_waits_from_the_time_it_was_meant_for(world: World, admin: Connection) -> None:
    """Not since it was submitted."""
    world.connect().send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (NEW_YEAR + 10), b"")
    assert oldest_seconds(admin) == b"-"

    world.advance(14.5)

    assert oldest_seconds(admin) == b"4.500"


def test_nothing_has_waited_for_less_than_no_time(world: World, admin: Connection) -> None:
    """Also when somebody has set the clock back."""
    world.connect().submit()
    world.engine.wall_offset -= 3600

    assert oldest_seconds(admin) == b"0.000"


COUNTERS = b"submitted completed failed requeued"


@pytest.mark.parametrize(
    ("ending", "counts"),
    [
        ((WORK_COMPLETE, b"r"), [b"1", b"1", b"0", b"0"]),
        ((WORK_FAIL,), [b"1", b"0", b"1", b"0"]),
        ((WORK_EXCEPTION, b"e"), [b"1", b"0", b"1", b"0"]),
    ],
)
def test_functions_count_what_became_of_their_jobs(
    world: World, admin: Connection, ending: tuple[int, *tuple[bytes, ...]], counts: list[bytes]
) -> None:
    """Once each, however the job ends."""
    world.connect().submit_background()
    worker = world.worker()
    number, *data = ending

    worker.send(number, worker.grab_handle(), *data)

    assert pick(the_row(admin, b"list functions"), COUNTERS) == counts


def test_a_submission_that_joins_a_job_does_not_count(world: World, admin: Connection) -> None:
    """Counted are jobs."""
    client = world.connect()
    client.submit(unique=b"u")
    client.submit(unique=b"u")

    assert the_row(admin, b"list functions")[b"submitted"] == b"1"


def test_what_is_given_back_counts_as_that_and_what_is_given_up_as_failed() -> None:
    """The attempt that is one too many is not given back."""
    world = World(EngineOptions(attempt_limit=2))
    world.connect().submit_background()
    for _ in range(2):
        worker = world.worker()
        worker.grab_handle()
        worker.leave()

    assert pick(the_row(world.connect(), b"list functions"), COUNTERS) == [b"1", b"0", b"1", b"1"]


@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("ending", [(WORK_COMPLETE, b"r"), (WORK_FAIL,)])
def test_a_cancelled_job_counts_as_failed_and_as_nothing_else(
    world: World, admin: Connection, runs: bool, ending: tuple[int, *tuple[bytes, ...]]
) -> None:
    """Also when it was running, and its worker comes to an end all the same."""
    handle = world.connect().submit_background()
    worker = world.worker()
    if runs:
        worker.grab_handle()
    number, *data = ending

    admin.admin(b"cancel job " + handle)
    admin.admin(b"cancel job " + handle)
    worker.send(number, handle, *data)

    assert pick(the_row(admin, b"list functions"), COUNTERS) == [b"1", b"0", b"1", b"0"]


def test_a_job_that_nobody_waits_for_any_more_has_neither_been_done_nor_failed(
    world: World, admin: Connection
) -> None:
    """It is dropped."""
    client = world.connect()
    client.submit()

    client.leave()

    assert pick(the_row(admin, b"list functions"), COUNTERS) == [b"1", b"0", b"0", b"0"]


def test_a_job_counts_once_it_is_durable() -> None:
    """One that the store refuses was never accepted."""
    world = World(EngineOptions(durable=True))
    client, admin = world.connect(), world.connect()
    client.send(SUBMIT_JOB_LOW_BG, b"f", b"", b"")
    assert the_row(admin, b"list functions")[b"submitted"] == b"0"
    assert the_row(admin, b"list jobs")[b"state"] == b"committing"

    world.engine.committed(1, world.now)
    client.send(SUBMIT_JOB_LOW_BG, b"f", b"", b"")
    world.engine.commit_failed(2, 2, "no", world.now)

    assert pick(the_row(admin, b"list functions"), COUNTERS) == [b"1", b"0", b"0", b"0"]


# --- jobs ---------------------------------------------------------------------------------------------------


def test_a_job_is_told_with_everything_but_its_data(world: World, admin: Connection) -> None:
    """A queued one in the foreground: who submitted it is told by no column, only how many wait."""
    client = world.connect()
    handle = client.submit(b"f", b"u", b"12345", SUBMIT_JOB_HIGH)
    client.submit(b"f", b"u")
    world.advance(1.5)

    [row] = admin.admin(b"list jobs")[1:-1]

    assert row == b"\t".join(
        [handle, b"f", b"u", b"high", b"queued", b"0", b"0", b"1.500", b"-", b"0", b"0", b"2", b"-", b"5"]
    )


def test_a_running_job_names_its_worker_and_its_progress(world: World, admin: Connection) -> None:
    """Attempts count the one under way."""
    world.connect().submit_background()
    lost = world.worker()
    lost.grab_handle()
    lost.leave()
    assert pick(the_row(admin, b"list jobs"), b"state attempts worker") == [b"queued", b"1", b"-"]
    worker = world.worker()
    worker.send(WORK_STATUS, worker.grab_handle(), b"3", b"4")

    row = the_row(admin, b"list jobs")

    assert pick(row, b"state background attempts numerator denominator clients") == [
        *(b"running", b"1", b"2", b"3", b"4", b"0")
    ]
    assert row[b"worker"] == b"%d" % worker.peer.descriptor


def test_a_job_for_later_says_when(world: World, admin: Connection) -> None:
    """In seconds of the wall clock, also when the time has come."""
    world.connect().send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d.5" % (NEW_YEAR + 10), b"")
    when = b"%d.500" % (NEW_YEAR + 10)
    assert pick(the_row(admin, b"list jobs"), b"state run_at") == [b"waiting", when]

    world.advance(11)

    assert pick(the_row(admin, b"list jobs"), b"state run_at age_seconds") == [b"queued", when, b"11.000"]


def test_a_limit_and_a_function_choose_jobs_the_oldest_first(world: World, admin: Connection) -> None:
    """A limit of 0 is none."""
    client = world.connect()
    handles = [client.submit(function) for function in (b"f", b"g", b"f", b"g")]

    def listed(command: bytes) -> list[bytes]:
        return [row[b"handle"] for row in table(admin, command)]

    assert listed(b"list jobs") == listed(b"list jobs 0") == listed(b"list jobs 9") == handles
    assert listed(b"list jobs 2") == handles[:2]
    assert listed(b"list jobs 0 g") == handles[1::2]
    assert listed(b"list jobs 1 g") == handles[1:2]
    assert listed(b"list jobs 0 h") == []


def test_names_cannot_break_a_table_or_pass_for_an_absent_value(world: World, admin: Connection) -> None:
    """A unique of one dash means something; an absent one is a dash."""
    client = world.connect()
    client.submit(b"f\tg\n", b"-", b"x")
    client.submit(b"-", b"")

    first, second = table(admin, b"list jobs")

    assert pick(first, b"function unique") == [b"f\\x09g\\x0a", b"\\x2d"]
    assert pick(second, b"function unique") == [b"\\x2d", b"-"]


# --- workers ------------------------------------------------------------------------------------------------


def test_connections_say_what_they_do(world: World, admin: Connection) -> None:
    """All of them, in order of arrival; one that runs a job is busy, whatever else it does."""
    client = world.connect()
    client.submit()
    busy = world.worker()
    busy.grab_handle()
    busy.sleep()
    world.sleeper()

    rows = [pick(row, b"state running waiting") for row in table(admin, b"list workers")]

    assert rows == [
        [b"awake", b"0", b"0"],
        [b"awake", b"0", b"1"],
        [b"busy", b"1", b"0"],
        [b"asleep", b"0", b"0"],
    ]


def test_connections_say_who_they_are_and_where_they_came_in(world: World, admin: Connection) -> None:
    """And for how long; what is not known is a dash."""
    world.engine.connect(99, b"::1", world.now - 2.5, b"tls://[::]:4730")

    nobody, somebody = admin.admin(b"list workers")[1:-1]

    assert nobody == b"10\t127.0.0.1\t-\tawake\t0\t0\t0.000\t-"
    assert somebody == b"99\t::1\t-\tawake\t0\t0\t2.500\ttls://[::]:4730"


def test_functions_of_a_connection_are_the_rest_of_its_row(world: World) -> None:
    """In the order of their registration, also while their turns change; blanks stay."""
    worker = world.worker(b"f", b"a b", b"g")
    worker.send(SET_CLIENT_ID, b"the id")
    world.connect().submit(b"f")
    worker.grab_handle()

    heading, row, _, _ = worker.admin(b"list workers")

    assert heading.split(b"\t") == list(WORKER_COLUMNS)
    assert row.split(b"\t")[2] == b"the id"
    assert row.split(b"\t")[8:] == [b"f", b"a b", b"g"]


# --- the queue ----------------------------------------------------------------------------------------------


def test_without_a_durable_queue_jobs_are_in_memory(admin: Connection) -> None:
    """There is a row all the same, and nothing wrong."""
    row = the_row(admin, b"list queue")

    assert tuple(row) == QUEUE_COLUMNS
    assert list(row.values()) == [b"memory://", b"ok", b"0", b"0", b"-", b"-"]


def test_the_queue_is_as_the_caller_reports_it(world: World, admin: Connection) -> None:
    """Why it fails, and its warnings, in one row whatever is in them."""
    report = world.engine.queue_report
    report.url = "redis://db/0"
    report.trouble = "gone\naway"
    report.unsafe = ["appendonly is off", "größe"]
    report.waiting_bytes = 1700

    row = the_row(admin, b"list queue")

    assert pick(row, b"url state waiting_bytes") == [b"redis://db/0", b"failing", b"1700"]
    assert row[b"trouble"] == rb"gone\x0aaway"
    assert row[b"unsafe"].decode() == "appendonly is off; größe"


def test_the_queue_counts_the_jobs_in_the_store_only() -> None:
    """Those that memory had no room for at the start."""
    world = World(EngineOptions(handle_prefix=b"H:test", durable=True, memory_bytes=1))
    world.engine.leave_stored(7, b"f", b"", NORMAL, b"", 100)

    assert the_row(world.connect(), b"list queue")[b"stored_jobs"] == b"1"
