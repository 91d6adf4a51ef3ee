"""The text protocol for administration: commands, and what the server answers.

A command is one line of words separated by blanks. An answer is either one line (``OK``, ``OK value`` or
``ERR CODE text``) or a list of lines closed by a line with a single dot. Line ends are those of the C
server, which programs have learnt to expect: ``OK`` and ``ERR`` lines end in CR LF, all others in LF.

Source: PROTOCOL of the gearmand distribution, section "Administrative Protocol".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from geartrain.errors import ProtocolError
from geartrain.protocol.packets import shorten

# Commands whose answer is a list; all others are answered in one line.
LIST_COMMANDS: Final = frozenset(
    {
        *(b"status", b"prioritystatus", b"workers", b"show jobs", b"show unique jobs"),
        *(b"list functions", b"list jobs", b"list workers", b"list queue"),
    }
)
END_OF_LIST: Final = b"."
MAX_WORDS: Final = 5

OK_LINE: Final = b"OK\r\n"

_BLANKS: Final = re.compile(rb" +")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
# No server counts further, and Python reads no number of thousands of digits.
_NUMBER: Final = re.compile(rb"[0-9]{1,20}")
_WORKER_LINE: Final = re.compile(rb"([0-9]{1,20}) (\S+) (.*?) :(?: (.*))?", re.DOTALL)
# How rows end, and how they begin.
_ROW_ENDS: Final = {
    b"status": re.compile(rb"(\t[0-9]+){3}\Z"),
    b"prioritystatus": re.compile(rb"(\t[0-9]+){4}\Z"),
}
_WORKER_BEGINS: Final = re.compile(rb"[0-9]+ \S+ ")


class FunctionStatus(NamedTuple):
    """A line of ``status``: jobs in total (running ones included), jobs running, workers able to run them."""

    function: bytes
    total: int
    running: int
    workers: int


class PriorityStatus(NamedTuple):
    """A line of ``prioritystatus``: queued jobs of each priority, and workers able to run them."""

    function: bytes
    high: int
    normal: int
    low: int
    workers: int


class WorkerStatus(NamedTuple):
    """A line of ``workers``: one connection, with the functions it registered (none for a plain client)."""

    descriptor: int
    address: bytes
    client_id: bytes
    functions: tuple[bytes, ...]


class JobStatus(NamedTuple):
    """A line of ``show jobs``: times given back to its queue, wanted by nobody, and background (stored)."""

    handle: bytes
    retries: int
    abandoned: bool
    stored: bool


# The columns of the tables, which their first row names; the last one of ``list workers`` is any number of
# fields. What is absent is written as a single dash.
FUNCTION_COLUMNS: Final = (
    *(b"function", b"high", b"normal", b"low", b"later", b"running", b"workers", b"busy", b"asleep"),
    *(b"oldest_seconds", b"submitted", b"completed", b"failed", b"requeued"),
)
JOB_COLUMNS: Final = (
    *(b"handle", b"function", b"unique", b"priority", b"state", b"background", b"attempts"),
    *(b"age_seconds", b"run_at", b"numerator", b"denominator", b"clients", b"worker", b"bytes"),
)
WORKER_COLUMNS: Final = (
    *(b"descriptor", b"address", b"id", b"state", b"running", b"waiting"),
    *(b"connected_seconds", b"listener", b"functions"),
)
QUEUE_COLUMNS: Final = (b"url", b"state", b"waiting_bytes", b"stored_jobs", b"trouble", b"unsafe")
ABSENT: Final = b"-"


class FunctionRow(NamedTuple):
    """A row of ``list functions``.

    Queued jobs of each priority, those for later, and those running; workers able to run them, running one,
    and asleep; seconds since the first queued job was submitted or its time came; and four counts since the
    function is known.
    """

    function: bytes
    high: int
    normal: int
    low: int
    later: int
    running: int
    workers: int
    busy: int
    asleep: int
    oldest_seconds: float | None
    submitted: int
    completed: int
    failed: int
    requeued: int


class JobRow(NamedTuple):
    """A row of ``list jobs``; ``run_at`` is seconds since 1970-01-01 UTC, ``worker`` a descriptor."""

    handle: bytes
    function: bytes
    unique: bytes | None
    priority: bytes
    state: bytes
    background: bool
    attempts: int
    age_seconds: float
    run_at: float | None
    numerator: int
    denominator: int
    clients: int
    worker: int | None
    data_bytes: int


class WorkerRow(NamedTuple):
    """A row of ``list workers``: a connection, how many jobs it runs and waits for, and its functions."""

    descriptor: int
    address: bytes
    client_id: bytes | None
    state: bytes
    running: int
    waiting: int
    connected_seconds: float
    listener: bytes | None
    functions: tuple[bytes, ...]


class QueueRow(NamedTuple):
    """The row of ``list queue``: where jobs are kept, and whether that works and is safe.

    ``waiting_bytes`` is the memory of what waits to be durable, ``stored_jobs`` counts the jobs that are in
    the store only.
    """

    url: bytes
    state: bytes
    waiting_bytes: int
    stored_jobs: int
    trouble: bytes | None
    unsafe: bytes | None


# --- the server's side: lines in, answers out ---------------------------------------------------------


def split_words(line: bytes) -> list[bytes]:
    """The words of a command line; a blank at either end makes an empty word there, as in the C server."""
    return [word.partition(b"\0")[0] for word in _BLANKS.split(line)]


def ok_line(value: bytes) -> bytes:
    """The answer that carries one value."""
    return b"OK " + value + b"\n"


def error_line(code: str, text: str = "") -> bytes:
    """The answer to a command that failed; blanks of the text become ``+``, as clients expect."""
    words = [code, text.replace(" ", "+")] if text else [code]
    return b"ERR " + escape(" ".join(words).encode()) + b"\r\n"


def format_list(lines: Iterable[bytes]) -> bytes:
    """The answer that lists lines; each must be free of line ends.

    A line that is a single dot would end the list, so it is written escaped; a unique can be one.
    """
    return b"".join([(rb"\x2e" if line == END_OF_LIST else line) + b"\n" for line in lines]) + b".\n"


def format_function_status(row: FunctionStatus) -> bytes:
    return b"%s\t%d\t%d\t%d" % (escape(row.function), row.total, row.running, row.workers)


def format_priority_status(row: PriorityStatus) -> bytes:
    return b"%s\t%d\t%d\t%d\t%d" % (escape(row.function), row.high, row.normal, row.low, row.workers)


def format_worker_status(row: WorkerStatus) -> bytes:
    head = b"%d %s %s :" % (row.descriptor, row.address, escape(row.client_id))
    return b" ".join([head, *[escape(name) for name in row.functions]])


def format_job_status(row: JobStatus) -> bytes:
    return b"%s\t%d\t%d\t%d" % (escape(row.handle), row.retries, row.abandoned, row.stored)


def format_function_table(rows: Iterable[FunctionRow]) -> bytes:
    """The answer to ``list functions``."""
    return _format_table(FUNCTION_COLUMNS, [_join(row) for row in rows])


def format_job_table(rows: Iterable[JobRow]) -> bytes:
    """The answer to ``list jobs``."""
    return _format_table(JOB_COLUMNS, [_join(row) for row in rows])


def format_worker_table(rows: Iterable[WorkerRow]) -> bytes:
    """The answer to ``list workers``."""
    return _format_table(WORKER_COLUMNS, [_join((*row[:-1], *row.functions)) for row in rows])


def format_queue_table(row: QueueRow) -> bytes:
    """The answer to ``list queue``."""
    return _format_table(QUEUE_COLUMNS, [_join(row)])


def _format_table(columns: tuple[bytes, ...], lines: list[bytes]) -> bytes:
    return format_list([b"\t".join(columns), *lines])


def _join(fields: Iterable[bytes | float | None]) -> bytes:
    return b"\t".join([_format_field(field) for field in fields])


def _format_field(field: bytes | float | None) -> bytes:
    if field is None:
        return ABSENT
    if isinstance(field, bytes):
        # A name may well be a dash; it must not look like none.
        return rb"\x2d" if field == ABSENT else escape(field)
    return b"%.3f" % field if isinstance(field, float) else b"%d" % field


def escape(name: bytes) -> bytes:
    r"""The name with control characters written as ``\xNN``, so that no name can break a list."""
    if _CONTROL.search(name) is None:
        return name
    return _CONTROL.sub(_escape_one, name)


def _escape_one(match: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % match.group()[0]


# --- the client's side: answers in --------------------------------------------------------------------


def is_list_command(command: bytes) -> bool:
    """Whether the answer to this command is a list of lines."""
    words = split_words(command.lower())
    # In place of a list that it cannot give, the server answers ERR, which ends lists too.
    return any(b" ".join(words[:count]) in LIST_COMMANDS for count in (1, 2, 3))


def is_error_line(line: bytes) -> bool:
    """Whether an answer line reports a failure."""
    return line == b"ERR" or line.startswith(b"ERR ")


def parse_error_line(line: bytes) -> tuple[str, str]:
    """Code and text of an ``ERR`` line; the code is empty where the C server gives none.

    Other servers write codes in small letters, so they come in capitals.
    """
    words = line.removeprefix(b"ERR").strip().decode("utf-8", "backslashreplace")
    code, _, text = words.partition(" ")
    if not (code.isupper() or "_" in code):
        return "", words
    return code.upper(), text.replace("+", " ").strip()


def is_row(command: bytes, line: bytes) -> bool:
    """Whether the line can be in the answer to this list command; what no job server sent mostly is not."""
    words = b" ".join(split_words(command.lower()))
    if words.startswith(b"show unique jobs"):
        return True
    if words.startswith(b"workers"):
        return _WORKER_LINE.fullmatch(line) is not None
    return b"\t" in line


def join_rows(command: bytes, lines: Sequence[bytes]) -> Sequence[bytes]:
    """The rows of a list, whole again where a line end in a name has cut them: the C server escapes none."""
    if command in _ROW_ENDS:
        return _join_to_end(lines, _ROW_ENDS[command])
    return _join_from_start(lines) if command == b"workers" else lines


def _join_to_end(lines: Sequence[bytes], end: re.Pattern[bytes]) -> list[bytes]:
    rows: list[bytes] = []
    is_open = False
    for line in lines:
        if is_open:
            rows[-1] += b"\n" + line
        else:
            rows.append(line)
        is_open = end.search(line) is None
    return rows


def _join_from_start(lines: Sequence[bytes]) -> list[bytes]:
    rows: list[bytes] = []
    for line in lines:
        if rows and _WORKER_BEGINS.match(line) is None:
            rows[-1] += b"\n" + line
        else:
            rows.append(line)
    return rows


def parse_function_status(line: bytes) -> FunctionStatus:
    """Reads a line of ``status``; raises ProtocolError if it is none."""
    function, total, running, workers = _fields(line, 4, "status")
    return FunctionStatus(function, _number(total, line), _number(running, line), _number(workers, line))


def parse_priority_status(line: bytes) -> PriorityStatus:
    """Reads a line of ``prioritystatus``; raises ProtocolError if it is none."""
    function, high, normal, low, workers = _fields(line, 5, "prioritystatus")
    return PriorityStatus(
        function, _number(high, line), _number(normal, line), _number(low, line), _number(workers, line)
    )


def parse_worker_status(line: bytes) -> WorkerStatus:
    """Reads a line of ``workers``; raises ProtocolError if it is none.

    A client id may hold blanks, and an IPv6 address colons, so the line is cut at its first `` :`` that ends
    a word.
    """
    match = _WORKER_LINE.fullmatch(line)
    if match is None:
        raise ProtocolError("INVALID_REPLY", f"not a line of workers: {shorten(line)}")
    functions = tuple(match.group(4).split(b" ")) if match.group(4) else ()
    return WorkerStatus(int(match.group(1)), match.group(2), match.group(3), functions)


def parse_job_status(line: bytes) -> JobStatus:
    """Reads a line of ``show jobs``; raises ProtocolError if it is none."""
    handle, retries, abandoned, stored = _fields(line, 4, "show jobs")
    return JobStatus(
        handle, _number(retries, line), _number(abandoned, line) != 0, _number(stored, line) != 0
    )


def _fields(line: bytes, count: int, command: str) -> list[bytes]:
    # From the right, so that a tab in a name (the C server does not escape it) stays in the name.
    fields = line.rsplit(b"\t", count - 1)
    if len(fields) != count:
        raise ProtocolError("INVALID_REPLY", f"not a line of {command}: {shorten(line)}")
    return fields


def _number(field: bytes, line: bytes) -> int:
    if _NUMBER.fullmatch(field) is None:
        raise ProtocolError("INVALID_REPLY", f"{shorten(field)} is not a number in {shorten(line)}")
    return int(field)
