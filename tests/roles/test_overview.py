"""What a job server tells, read from its tables and from the older lists."""

from __future__ import annotations

import pytest

from geartrain.errors import ProtocolError
from geartrain.protocol import admin
from geartrain.protocol.admin import FunctionRow, JobRow, QueueRow, WorkerRow
from geartrain.roles.overview import (
    FunctionInfo,
    JobInfo,
    QueueInfo,
    WorkerInfo,
    functions_of_status,
    functions_of_table,
    jobs_of_show,
    jobs_of_table,
    queue_of_table,
    workers_of_list,
    workers_of_table,
)


def lines_of(answer: bytes) -> list[bytes]:
    """The lines of an answer without the final dot, as a role reports them."""
    *lines, dot, rest = answer.split(b"\n")
    assert (dot, rest) == (b".", b"")
    return lines


# --- tables ---------------------------------------------------------------------------------------------


def test_functions_are_read_as_our_server_writes_them() -> None:
    """Queued is the sum of what waits, for a worker or for its time."""
    row = FunctionRow(b"f", 1, 2, 3, 4, 5, 6, 7, 8, 9.5, 10, 11, 12, 13)
    idle = FunctionRow(b"a\tb", 0, 0, 0, 0, 0, 0, 0, 0, None, 0, 0, 0, 0)

    functions = functions_of_table(lines_of(admin.format_function_table([row, idle])))

    assert functions == [
        FunctionInfo(b"f", 10, 1, 2, 3, 4, 5, 6, 7, 8, 9.5, 10, 11, 12, 13),
        FunctionInfo(rb"a\x09b", 0, 0, 0, 0, 0, 0, 0, 0, 0, None, 0, 0, 0, 0),
    ]


def test_jobs_are_read_as_our_server_writes_them() -> None:
    """What is absent is None; a unique that is a dash is a dash."""
    row = JobRow(b"H:1", b"f", b"-", b"high", b"running", True, 2, 1.5, 1e9, 3, 4, 0, 17, 5)
    bare = JobRow(b"H:2", b"f", None, b"low", b"queued", False, 0, 0.0, None, 0, 0, 1, None, 0)

    jobs = jobs_of_table(lines_of(admin.format_job_table([row, bare])))

    assert jobs == [
        JobInfo(b"H:1", b"f", b"-", b"high", b"running", True, 2, 1.5, 1e9, 3, 4, 0, 17, 5),
        JobInfo(b"H:2", b"f", None, b"low", b"queued", False, 0, 0.0, None, 0, 0, 1, None, 0),
    ]


@pytest.mark.parametrize("functions", [(), (b"f",), (b"f", b"-", b"g h")])
def test_workers_are_read_as_our_server_writes_them(functions: tuple[bytes, ...]) -> None:
    """The last column holds any number of functions."""
    row = WorkerRow(14, b"::1", None, b"asleep", 0, 1, 2.5, b"tls://h:4730", functions)

    workers = workers_of_table(lines_of(admin.format_worker_table([row])))

    assert workers == [WorkerInfo(14, b"::1", None, b"asleep", 0, 1, 2.5, b"tls://h:4730", functions)]


def test_the_queue_is_read_as_our_server_writes_it() -> None:
    """What is not wrong is None."""
    row = QueueRow(b"redis://db", b"failing", 1, 2, b"gone away", None)

    queue = queue_of_table(lines_of(admin.format_queue_table(row)))

    assert queue == QueueInfo(b"redis://db", b"failing", 1, 2, b"gone away", None)


@pytest.mark.parametrize("rows", [[], [b"memory://"] * 2])
def test_there_is_one_queue(rows: list[bytes]) -> None:
    """Neither none nor several."""
    with pytest.raises(ProtocolError, match="queues where there is one"):
        queue_of_table([b"url", *rows])


def test_columns_go_by_their_names() -> None:
    """Servers of other versions may have others, in another order."""
    lines = [b"new\trunning\tfunction\thigh", b"x\t3\tf\t2"]

    assert functions_of_table(lines) == [FunctionInfo(b"f", 2, high=2, running=3)]


def test_a_table_without_rows_is_empty() -> None:
    """Its heading is there all the same."""
    assert functions_of_table([b"function\thigh"]) == []


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"f\thigh", b"f\t1"],
        [b"function\thigh", b"-\t1"],
        [b"function\thigh", b"f\tx"],
        [b"function\toldest_seconds", b"f\tx"],
    ],
    ids=["no heading", "no name column", "no name", "no number", "no seconds"],
)
def test_what_is_no_table_is_a_protocol_error(lines: list[bytes]) -> None:
    """Not a guess."""
    with pytest.raises(ProtocolError, match="INVALID_REPLY"):
        functions_of_table(lines)


# --- the older lists ------------------------------------------------------------------------------------


def test_functions_are_joined_from_two_lists() -> None:
    """Function by function: the order may differ, and one list is older than the other."""
    status = [b"f\t5\t2\t1", b"new\t1\t0\t0"]
    priority_status = [b"gone\t1\t0\t0\t0", b"f\t1\t2\t0\t1"]

    assert functions_of_status(status, priority_status) == [
        FunctionInfo(b"f", 3, high=1, normal=2, low=0, running=2, workers=1),
        FunctionInfo(b"new", 1, running=0, workers=0),
    ]


def test_a_server_that_miscounts_has_no_negative_queue() -> None:
    """More jobs running than there are."""
    assert functions_of_status([b"f\t1\t2\t1"], [])[0].queued == 0


def test_jobs_of_the_older_list_are_mostly_unknown() -> None:
    """Whether they are kept, and whether anybody wants them."""
    assert jobs_of_show([b"H:1\t2\t0\t1", b"H:2\t0\t1\t0"]) == [
        JobInfo(b"H:1", background=True, attempts=2),
        JobInfo(b"H:2", background=False, attempts=0, state=b"abandoned"),
    ]


def test_workers_of_the_older_list_have_names_and_functions() -> None:
    """A dash is no name."""
    assert workers_of_list([b"3 1.2.3.4 - : f g", b"4 ::1 me too :"]) == [
        WorkerInfo(3, b"1.2.3.4", functions=(b"f", b"g")),
        WorkerInfo(4, b"::1", b"me too"),
    ]


# --- what hostile servers say ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [b"-1", b"1_0", b"1.5", b"9" * 5000, "٣".encode(), b""])
def test_only_plain_numbers_are_numbers(number: bytes) -> None:
    """Neither what else Python reads as one, nor more digits than it reads at all."""
    with pytest.raises(ProtocolError, match="is no value of high") as caught:
        functions_of_table([b"function\thigh", b"f\t" + number])

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("seconds", [b"nan", b"inf", b"1e400", b"9" * 400, b"1_0"])
def test_only_plain_times_are_times(seconds: bytes) -> None:
    """There is no way to show an endless one."""
    with pytest.raises(ProtocolError, match="is no value of age_seconds"):
        jobs_of_table([b"handle\tage_seconds", b"H:1\t" + seconds])


def test_the_older_lists_hold_plain_numbers_too() -> None:
    """With no more digits than a server counts."""
    digits = b"9" * 5000

    with pytest.raises(ProtocolError, match="is not a number"):
        jobs_of_show([b"H:1\t" + digits + b"\t0\t0"])
    with pytest.raises(ProtocolError, match="not a line of workers"):
        workers_of_list([digits + b" 127.0.0.1 - : f"])


# --- names with line ends -------------------------------------------------------------------------------


def test_rows_that_a_name_cuts_in_two_are_whole_again() -> None:
    """The C server writes line ends in names as they are; one such name must not hide all the others."""
    functions = functions_of_status(
        [b"a", b"", b"b\t3\t1\t2", b"f\t0\t0\t0"], [b"f\t0\t0\t0\t0", b"a", b"", b"b\t0\t2\t0\t2"]
    )
    workers = workers_of_list([b"7 127.0.0.1 - : a", b"", b"b f", b"8 ::1 - :"])

    assert functions == [
        FunctionInfo(b"a\n\nb", 2, 0, 2, 0, running=1, workers=2),
        FunctionInfo(b"f", 0, 0, 0, 0),
    ]
    assert [worker.functions for worker in workers] == [(b"a\n\nb", b"f"), ()]


def test_jobs_of_the_older_list_come_oldest_first() -> None:
    """The C server lists them in any order; the number of a handle tells which came first."""
    jobs = jobs_of_show([b"H:a:10\t0\t0\t1", b"H:a:9\t0\t0\t1", b"odd\t0\t0\t1"])

    assert [job.handle for job in jobs] == [b"odd", b"H:a:9", b"H:a:10"]
