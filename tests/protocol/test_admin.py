"""The text protocol: commands and answers, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.errors import ProtocolError
from geartrain.protocol import admin
from geartrain.protocol.admin import FunctionStatus, JobStatus, PriorityStatus, WorkerStatus

# --- commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"status", [b"status"]),
        (b"maxqueue f 10", [b"maxqueue", b"f", b"10"]),
        (b"maxqueue   f  10", [b"maxqueue", b"f", b"10"]),
        (b" status", [b"", b"status"]),
        (b"create function ", [b"create", b"function", b""]),
        (b"cancel job H\0x", [b"cancel", b"job", b"H"]),
        (b"a\tb", [b"a\tb"]),
        (b"", [b""]),
    ],
)
def test_words_are_separated_by_blanks(line: bytes, words: list[bytes]) -> None:
    """Space only; a blank at an end makes an empty word, and a zero byte ends a word, as in the C server."""
    assert admin.split_words(line) == words


@pytest.mark.parametrize(
    "command",
    [
        *(
            b"status",
            b"STATUS",
            b"workers",
            b"prioritystatus",
            b"show jobs",
            b"Show Unique Jobs",
            b"status x",
        ),
        *(b"list functions", b"LIST Workers", b"list jobs", b"list jobs 10 f"),
    ],
)
def test_list_commands_are_known(command: bytes) -> None:
    """Their answer is a list; letter case and further words do not matter."""
    assert admin.is_list_command(command)


@pytest.mark.parametrize(
    "command",
    [
        b"version",
        b"verbose",
        b"getpid",
        b"maxqueue f",
        b"show",
        b"show x",
        b"list",
        b"list x",
        b"cancel job H",
        b"",
    ],
)
def test_other_commands_are_answered_in_one_line(command: bytes) -> None:
    """Everything that is no list."""
    assert not admin.is_list_command(command)


# --- answers ------------------------------------------------------------------------------------------


def test_answers_have_the_line_ends_of_the_c_server() -> None:
    """OK and ERR lines end in CR LF, values and lists in LF."""
    assert admin.OK_LINE == b"OK\r\n"
    assert admin.ok_line(b"1.2.3") == b"OK 1.2.3\n"
    assert admin.error_line("UNKNOWN_JOB") == b"ERR UNKNOWN_JOB\r\n"
    assert admin.error_line("CODE", "some text") == b"ERR CODE some+text\r\n"
    assert admin.format_list([b"a", b"b"]) == b"a\nb\n.\n"
    assert admin.format_list([]) == b".\n"


def test_a_row_cannot_end_its_list() -> None:
    """A unique may be a single dot; in ``show unique jobs`` it is the whole row."""
    assert admin.format_list([b"a", b".", b"b"]) == b"a\n\\x2e\nb\n.\n"


def test_an_error_line_cannot_be_broken_by_what_it_quotes() -> None:
    """Unknown commands are quoted in the answer."""
    assert admin.error_line("CODE", "x\r\ny") == b"ERR CODE x\\x0d\\x0ay\r\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [(b"ERR", True), (b"ERR x", True), (b"ERROR\t0\t0\t0", False), (b"OK", False), (b"", False)],
)
def test_error_lines_are_told_from_names(line: bytes, expected: bool) -> None:
    """A function called ERROR is no error."""
    assert admin.is_error_line(line) is expected


def test_names_are_written_without_control_characters() -> None:
    """So that no name breaks a list."""
    assert admin.escape(b"plain name") == b"plain name"
    assert admin.escape(b"a\tb\nc\0d\x7f\r") == b"a\\x09b\\x0ac\\x00d\\x7f\\x0d"
    assert admin.escape("é".encode()) == "é".encode()


# --- rows, written and read ---------------------------------------------------------------------------

numbers = st.integers(0, 2**32)
# Names as the server lists them: whatever peers sent, escaped.
names = st.binary(max_size=30)
words = names.map(lambda raw: raw.replace(b" ", b"_")).filter(bool)
client_ids = names.filter(
    lambda raw: b" :" not in raw and not raw.startswith(b":") and not raw.endswith(b":")
)


@given(names, numbers, numbers, numbers)
def test_status_rows_survive(name: bytes, total: int, running: int, workers: int) -> None:
    """Also with tabs and line ends in the name, which come out escaped."""
    line = admin.format_function_status(FunctionStatus(name, total, running, workers))

    assert b"\n" not in line
    assert admin.parse_function_status(line) == FunctionStatus(admin.escape(name), total, running, workers)


@given(names, numbers, numbers, numbers, numbers)
def test_prioritystatus_rows_survive(name: bytes, high: int, normal: int, low: int, workers: int) -> None:
    """Five fields."""
    line = admin.format_priority_status(PriorityStatus(name, high, normal, low, workers))

    assert b"\n" not in line
    assert admin.parse_priority_status(line) == PriorityStatus(admin.escape(name), high, normal, low, workers)


@given(numbers, st.sampled_from([b"127.0.0.1", b"::1", b"fe80::1%eth0", b"-"]), client_ids, st.lists(words))
def test_workers_rows_survive(
    descriptor: int, address: bytes, client_id: bytes, functions: list[bytes]
) -> None:
    """Also with blanks in the id and colons in the address."""
    line = admin.format_worker_status(WorkerStatus(descriptor, address, client_id, tuple(functions)))

    assert b"\n" not in line
    assert admin.parse_worker_status(line) == WorkerStatus(
        descriptor, address, admin.escape(client_id), tuple(admin.escape(name) for name in functions)
    )


@given(names, numbers, st.booleans(), st.booleans())
def test_show_jobs_rows_survive(handle: bytes, retries: int, abandoned: bool, stored: bool) -> None:
    """Flags are 0 and 1 on the wire."""
    line = admin.format_job_status(JobStatus(handle, retries, abandoned, stored))

    assert b"\n" not in line
    assert admin.parse_job_status(line) == JobStatus(admin.escape(handle), retries, abandoned, stored)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"33 127.0.0.1 - :", WorkerStatus(33, b"127.0.0.1", b"-", ())),
        (b"33 127.0.0.1 - : ", WorkerStatus(33, b"127.0.0.1", b"-", ())),
        (b"33 127.0.0.1 my worker : f g", WorkerStatus(33, b"127.0.0.1", b"my worker", (b"f", b"g"))),
        (b"33 :: - : f", WorkerStatus(33, b"::", b"-", (b"f",))),
        (b"33 ::1  :", WorkerStatus(33, b"::1", b"", ())),
        (b"33 1.2.3.4 a:b : f:g", WorkerStatus(33, b"1.2.3.4", b"a:b", (b"f:g",))),
    ],
)
def test_rows_of_workers_are_read_as_servers_write_them(line: bytes, expected: WorkerStatus) -> None:
    """As the C server writes them: a blank behind the colon only before functions, ids with blanks."""
    assert admin.parse_worker_status(line) == expected


def test_a_tab_that_the_c_server_left_in_a_name_stays_in_the_name() -> None:
    """The C server does not escape names; the numbers are taken from the right."""
    assert admin.parse_function_status(b"a\tb\t1\t0\t2") == FunctionStatus(b"a\tb", 1, 0, 2)


@pytest.mark.parametrize(
    "line", [b"", b"f", b"f\t1\t2", b"f\tx\t1\t2", b"f\t-1\t1\t2", b"f\t1\t2\t", "f\t\u0661\t1\t1".encode()]
)
def test_what_is_no_row_of_status_is_a_protocol_error(line: bytes) -> None:
    """Too few fields, or numbers that are none."""
    with pytest.raises(ProtocolError, match="INVALID_REPLY"):
        admin.parse_function_status(line)


@pytest.mark.parametrize("line", [b"", b"f\t1\t2\t3", b"f\t1\t2\t3\tx"])
def test_what_is_no_row_of_prioritystatus_is_a_protocol_error(line: bytes) -> None:
    """Too few fields, or numbers that are none."""
    with pytest.raises(ProtocolError):
        admin.parse_priority_status(line)


@pytest.mark.parametrize("line", [b"", b"33", b"33 127.0.0.1 -", b"x 127.0.0.1 - :", b"33 127.0.0.1 -:"])
def test_what_is_no_row_of_workers_is_a_protocol_error(line: bytes) -> None:
    """No colon, or no descriptor."""
    with pytest.raises(ProtocolError):
        admin.parse_worker_status(line)


@pytest.mark.parametrize("line", [b"", b"H:h:1", b"H:h:1\t1\t0", b"H:h:1\t1\t0\tx"])
def test_what_is_no_row_of_show_jobs_is_a_protocol_error(line: bytes) -> None:
    """Too few fields, or numbers that are none."""
    with pytest.raises(ProtocolError):
        admin.parse_job_status(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"ERR UNKNOWN_JOB", ("UNKNOWN_JOB", "")),
        (b"ERR NOT_ALLOWED not+to+you", ("NOT_ALLOWED", "not to you")),
        (
            b"ERR UNKNOWN_COMMAND Unknown+server+commandlist",
            ("UNKNOWN_COMMAND", "Unknown server commandlist"),
        ),
        (b"ERR unknown_command Unknown+server+command", ("UNKNOWN_COMMAND", "Unknown server command")),
        (b"ERR function not found", ("", "function not found")),
        (b"ERR \xff", ("", r"\xff")),
        (b"ERR", ("", "")),
    ],
)
def test_error_lines_are_taken_apart(line: bytes, expected: tuple[str, str]) -> None:
    """As the C server and others write them: not all have a code, and some write it in small letters."""
    assert admin.parse_error_line(line) == expected


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        (b"status", b"f\t1\t0\t0", True),
        (b"prioritystatus", b"HTTP/1.1 400 Bad Request", False),
        (b"show jobs", b"-ERR unknown command", False),
        (b"list functions", b"function\thigh", True),
        (b"show unique jobs", b"anything", True),
        (b"WORKERS", b"3 ::1 - :", True),
        (b"workers", b"SSH-2.0-OpenSSH", False),
    ],
)
def test_rows_are_told_from_what_other_servers_say(command: bytes, line: bytes, expected: bool) -> None:
    """Rows have TABs, or the form of ``workers``; a unique can be anything."""
    assert admin.is_row(command, line) is expected
