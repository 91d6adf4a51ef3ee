"""``geartrain status``, ``workers`` and ``jobs`` as programs, against both servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geartrain.protocol.packets import CAN_DO, GRAB_JOB, SUBMIT_JOB_EPOCH, WORK_STATUS
from geartrain.roles.overview import FunctionInfo, JobInfo, QueueInfo, WorkerInfo
from geartrain.server import run_in_thread
from geartrain.server.thread import RunningServer
from geartrain.store.sqlite import SqliteStore
from tests.cli.tmux import Tmux
from tests.cli.tools import (
    FOLDER,
    busy_worker,
    closed_port,
    environment,
    geartrain,
    geartrain_json,
    queue_job,
    run_tool,
    scripted_server,
    sleeping_worker,
    table,
    wire_to,
)
from tests.interop.processes import Program
from tests.interop.servers import HOST, JobServer, start_ours

DOCUMENT = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")


@contextmanager
def population(server: JobServer) -> Iterator[None]:
    """Function a with a running job, b with two queued jobs, and an idle worker of a and c."""
    with busy_worker(server, b"a"), sleeping_worker(server, b"a", b"c"):
        queue_job(server, b"b", b"u1")
        queue_job(server, b"b", b"u2", high=True)
        yield


@contextmanager
def watching(server: JobServer, *words: str) -> Iterator[Program]:
    """``geartrain`` with these words, as it goes on."""
    program = Program([str(FOLDER / "geartrain"), *words], environment(GEARMAN_SERVER=server.address))
    try:
        yield program
    finally:
        program.stop()


# --- status ---------------------------------------------------------------------------------------------


def test_status_shows_jobs_and_workers_of_functions(our_server: JobServer) -> None:
    """By name; what is queued by priority."""
    with population(our_server):
        titles, *rows = table(geartrain(our_server, "status"))

    assert titles == ["FUNCTION", "QUEUED", "HIGH", "NORMAL", "LOW", "LATER", "RUNNING", "WORKERS", "OLDEST"]
    assert [row[:8] for row in rows] == [
        ["a", "0", "0", "0", "0", "0", "1", "2"],
        ["b", "2", "1", "1", "0", "0", "0", "0"],
        ["c", "0", "0", "0", "0", "0", "0", "1"],
    ]
    assert [bool(re.fullmatch(r"\d\.\ds", row[8])) for row in rows] == [False, True, False]


def test_status_of_the_c_server_has_gaps(c_server: JobServer) -> None:
    """A dash is what it does not tell."""
    with population(c_server):
        _, *rows = table(geartrain(c_server, "status"))

    assert rows == [
        ["a", "0", "0", "0", "0", "-", "1", "2", "-"],
        ["b", "2", "1", "1", "0", "-", "0", "0", "-"],
        ["c", "0", "0", "0", "0", "-", "0", "1", "-"],
    ]


def test_jobs_for_later_are_queued_apart(our_server: JobServer) -> None:
    """They do not wait for a worker yet."""
    with wire_to(our_server) as client:
        client.send(SUBMIT_JOB_EPOCH, b"f", b"", b"9999999999", b"")
        client.read()

    assert table(geartrain(our_server, "status"))[1] == ["f", "1", "0", "0", "0", "1", "0", "0", "-"]


def test_status_can_be_asked_of_some_functions(either_server: JobServer) -> None:
    """By their names; one that is unknown leaves a gap."""
    with population(either_server):
        rows = table(geartrain(either_server, "status", "c", "nope", "a"))[1:]

    assert [row[0] for row in rows] == ["a", "c"]


@pytest.mark.parametrize("typed", ["\udcff\udcfe", r"\xff\xfe"])
def test_names_that_are_no_text_are_found_as_they_are_and_as_they_are_shown(
    either_server: JobServer, typed: str
) -> None:
    """So that what a table shows can be typed."""
    queue_job(either_server, b"\xff\xfe")

    rows = table(geartrain(either_server, "status", typed))[1:]

    assert [row[0] for row in rows] == [r"\xff\xfe"]


def test_what_was_asked_for_in_vain_is_shown_as_text(our_server: JobServer) -> None:
    """As all names are."""
    assert geartrain(our_server, "status", "\x1b[2J") == "The server does not know \\x1b[2J.\n"
    assert geartrain(our_server, "jobs", "\udcff") == "There are no jobs of \\xff.\n"


def test_a_name_with_a_line_end_hides_no_other(either_server: JobServer) -> None:
    """The C server writes it as it is."""
    queue_job(either_server, b"one\ntwo")
    queue_job(either_server, b"other")

    rows = table(geartrain(either_server, "status"))[1:]

    assert sorted(row[0] for row in rows) == [r"one\x0atwo", "other"]


def test_status_tells_programs_the_same_keys_of_both_servers(either_server: JobServer) -> None:
    """What a server does not tell is null."""
    with population(either_server):
        told = geartrain_json(either_server, "status", "b")

    assert told["server"] == either_server.address
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["time"])
    [function] = told["functions"]
    assert list(function) == [
        *("function", "queued", "high", "normal", "low", "later", "running", "workers", "busy", "asleep"),
        *("oldest_seconds", "submitted", "completed", "failed", "requeued"),
    ]
    assert [function[key] for key in ("function", "queued", "high", "normal", "low")] == ["b", 2, 1, 1, 0]
    known = function["submitted"] is not None
    assert (told["queue"] is not None) == known
    assert known == (function["later"] is not None) == (function["oldest_seconds"] is not None)


def test_an_idle_server_is_described_in_words(either_server: JobServer) -> None:
    """Each in its own; JSON has empty arrays."""
    assert geartrain(either_server, "status") == "The server knows no functions.\n"
    assert geartrain(either_server, "status", "f", "g") == "The server does not know f or g.\n"
    assert geartrain(either_server, "workers") == "No workers are connected.\n"
    assert geartrain(either_server, "workers", "f") == "No worker can do f.\n"
    assert geartrain(either_server, "jobs") == "There are no jobs.\n"
    assert geartrain_json(either_server, "jobs")["jobs"] == []


@pytest.fixture
def unsafe_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A server whose file of a queue is not safe."""
    monkeypatch.setattr(SqliteStore, "_prepare", lambda *_: ["fsync is off", "no\x1b[2Jlog"])
    with run_in_thread(port=0, listen=(HOST,), queue=f"sqlite:///{tmp_path}/queue.db") as server:
        yield server


def test_status_warns_of_a_queue_that_is_not_safe(unsafe_server: RunningServer, tmp_path: Path) -> None:
    """Below the table, on stderr, where it is no row."""
    done = run_tool("geartrain", "status", "-s", f"{HOST}:{unsafe_server.port}")

    assert done.stdout == b"The server knows no functions.\n"
    assert done.stderr.decode() == (
        f"durable queue sqlite:///{tmp_path}/queue.db: fsync is off; no\\x1b[2Jlog\n"
    )


def test_status_tells_programs_of_the_queue(unsafe_server: RunningServer, tmp_path: Path) -> None:
    """All of it, and nothing on stderr."""
    done = run_tool("geartrain", "status", "--json", "-s", f"{HOST}:{unsafe_server.port}")

    assert json.loads(done.stdout)["queue"] == {
        "url": f"sqlite:///{tmp_path}/queue.db",
        "state": "ok",
        "waiting_bytes": 0,
        "stored_jobs": 0,
        "trouble": None,
        "unsafe": r"fsync is off; no\x1b[2Jlog",
    }
    assert done.stderr == b""


def answer_status(connection: socket.socket) -> None:
    """A server without functions, whose queue is in trouble."""
    queue = b"url\tstate\ttrouble\tunsafe\nredis://db\tfailing\tgone away\tappendonly is off\n.\n"
    for question, answer in ((b"list functions", b"function\thigh\n.\n"), (b"list queue", queue)):
        assert connection.recv(100) == question + b"\r\n"
        connection.sendall(answer)


def test_status_tells_why_the_queue_fails() -> None:
    """In a line of its own."""
    with scripted_server(answer_status) as port:
        done = run_tool("geartrain", "status", "-s", f"{HOST}:{port}")

    assert done.stderr.decode().splitlines() == [
        "durable queue redis://db fails: gone away",
        "durable queue redis://db: appendonly is off",
    ]


def test_watching_shows_what_is_wrong_with_the_queue(unsafe_server: RunningServer, tmp_path: Path) -> None:
    """Above the table, of which a terminal may not show the end."""
    terminal = Tmux(tmp_path, 200, 24)
    try:
        place = f"{HOST}:{unsafe_server.port}"
        terminal.start([str(FOLDER / "geartrain"), "status", "-w", "0.1", "--server", place])
        lines = terminal.wait_for("The server knows no functions.")
        terminal.press("C-c")
        terminal.wait_for("ended with 130")
    finally:
        terminal.stop()

    # Long lines are broken.
    text = " ".join("".join(lines).split())
    assert (
        text.index("durable queue")
        < text.index("fsync is off")
        < text.index("The server knows no functions.")
    )


# --- workers --------------------------------------------------------------------------------------------


def test_workers_shows_what_they_do(our_server: JobServer) -> None:
    """Clients and the tool's own connection are no workers."""
    with population(our_server):
        titles, *rows = table(geartrain(our_server, "workers"))

    assert titles == ["ID", "ADDRESS", "NAME", "STATE", "RUNNING", "CONNECTED", "WAITING", "FUNCTIONS"]
    assert [[*row[1:5], *row[6:]] for row in rows] == [
        [HOST, "-", "busy", "1", "0", "a"],
        [HOST, "-", "asleep", "0", "0", "a,", "c"],
    ]


def test_workers_of_the_c_server_are_where_they_are(c_server: JobServer) -> None:
    """That is all it tells; it lists functions from the last to the first."""
    with population(c_server):
        titles, *rows = table(geartrain(c_server, "workers"))

    assert titles == ["ID", "ADDRESS", "NAME", "FUNCTIONS"]
    assert sorted(row[1:] for row in rows) == [[HOST, "-", "a"], [HOST, "-", "c,", "a"]]


def test_workers_can_be_asked_for_by_function(either_server: JobServer) -> None:
    """Those who can do one of them."""
    with population(either_server):
        rows = table(geartrain(either_server, "workers", "c"))[1:]

    assert len(rows) == 1


def test_all_connections_are_shown_on_demand(either_server: JobServer) -> None:
    """The tool's own has no functions."""
    with sleeping_worker(either_server, b"f"):
        told = geartrain_json(either_server, "workers", "--all")["workers"]

    assert sorted(connection["functions"] for connection in told) == [[], ["f"]]


# --- jobs -----------------------------------------------------------------------------------------------


def test_jobs_shows_the_oldest_first(our_server: JobServer) -> None:
    """With what is known of their progress."""
    with wire_to(our_server) as worker:
        running = queue_job(our_server, b"f", b"u1").encode()
        worker.send(CAN_DO, b"f")
        worker.send(GRAB_JOB)
        worker.read()
        worker.send(WORK_STATUS, running, b"1", b"3")
        queued = queue_job(our_server, b"g", b"u2", high=True)
        titles, *rows = table(geartrain(our_server, "jobs"))

    assert titles == [
        *("HANDLE", "FUNCTION", "PRIORITY", "STATE", "ATTEMPTS", "AGE", "DONE", "KIND", "UNIQUE")
    ]
    assert [[*row[:5], *row[6:]] for row in rows] == [
        [running.decode(), "f", "normal", "running", "1", "33%", "background", "u1"],
        [queued, "g", "high", "queued", "0", "-", "background", "u2"],
    ]


def test_jobs_of_the_c_server_have_little_but_a_handle(c_server: JobServer) -> None:
    """It does not tell what function they are of."""
    handle = queue_job(c_server, b"f")

    assert table(geartrain(c_server, "jobs")) == [
        ["HANDLE", "STATE", "ATTEMPTS", "KIND"],
        [handle, "-", "0", "background"],
    ]


def test_jobs_of_one_function_are_more_than_the_c_server_tells(c_server: JobServer) -> None:
    """So it is an error, and not all jobs."""
    done = run_tool("geartrain", "jobs", "f", "-s", c_server.address, status=1)

    assert done.stderr == (
        b"geartrain: the server refuses 'list jobs': it does not tell what function a job is of\n"
    )


def test_jobs_of_one_function_are_found(our_server: JobServer) -> None:
    """By name; one without jobs is said in words."""
    queue_job(our_server, b"f")
    handle = queue_job(our_server, b"g")

    assert table(geartrain(our_server, "jobs", "g"))[1][0] == handle
    assert geartrain(our_server, "jobs", "h") == "There are no jobs of h.\n"


def test_a_limit_is_told(either_server: JobServer) -> None:
    """On stderr, where it is no row; programs get as many as they ask for, or all."""
    for unique in (b"1", b"2", b"3"):
        queue_job(either_server, b"f", unique)
    done = run_tool("geartrain", "jobs", "--limit", "2", "-s", either_server.address)

    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == b"There are more than these 2; --limit 0 shows all.\n"
    assert run_tool("geartrain", "jobs", "-n3", "-s", either_server.address).stderr == b""
    assert len(geartrain_json(either_server, "jobs")["jobs"]) == 3
    assert len(geartrain_json(either_server, "jobs", "-n", "2")["jobs"]) == 2


# --- for programs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ("status", FunctionInfo._fields + QueueInfo._fields),
        ("workers", WorkerInfo._fields),
        ("jobs", JobInfo._fields),
    ],
)
def test_every_key_is_documented(section: str, fields: tuple[str, ...]) -> None:
    """In the order in which they come."""
    text = DOCUMENT.split(f"\n## geartrain {section}\n")[1].split("\n## ")[0]
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]

    assert tuple(re.findall(r"`(\w+)`", " ".join(cells))) == fields


# --- again and again ------------------------------------------------------------------------------------


def test_watching_in_a_pipe_prints_one_table_after_the_other(either_server: JobServer) -> None:
    """Each with its time; what happens in between is in the next."""
    with watching(either_server, "status", "--watch", "0.1") as program:
        program.stdout.search(r"^127\.0\.0\.1:\d+ at \d{4}-\S+\nThe server knows no functions\.\n\n")
        queue_job(either_server, b"f")
        program.stdout.search(r"^FUNCTION +QUEUED.*\nf +1 .*\n\n")


def test_watching_in_json_prints_lines(our_server: JobServer) -> None:
    """One object each, with the keys of a single look."""
    with watching(our_server, "status", "--json", "--watch=0.1") as program:
        found = program.stdout.search(r"^(\{.*\})\n\{.*\}\n")

    assert list(json.loads(found[1])) == ["server", "time", "functions", "queue"]


def test_watching_ends_quietly_with_ctrl_c(our_server: JobServer) -> None:
    """With the exit status of programs that a signal ends."""
    program = Program(
        [str(FOLDER / "geartrain"), "jobs", "--watch", "0.1"], environment(GEARMAN_SERVER=our_server.address)
    )
    program.stdout.search("There are no jobs")
    os.kill(program.pid, signal.SIGINT)

    assert program.wait() == 128 + signal.SIGINT
    assert program.stderr.finish().strip() == ""


def test_watching_outlives_the_server() -> None:
    """It says what is wrong and looks for the server again."""
    server = start_ours()
    try:
        with watching(server, "status", "-w", "0.1") as program:
            program.stdout.search("knows no functions")
            server.stop()
            program.stderr.search(
                rf"geartrain: cannot connect to 127\.0\.0\.1:{server.port}: Connection refused"
            )
            again = start_ours("--port", str(server.port))
            try:
                queue_job(again, b"f")
                program.stdout.search(r"^f +1 ")
            finally:
                again.stop()
    finally:
        server.stop()


def test_watching_needs_a_server_to_begin_with() -> None:
    """A wrong address is not waited for."""
    done = run_tool("geartrain", "status", "--watch", "-s", f"127.0.0.1:{closed_port()}", status=3)

    assert done.stderr.startswith(b"geartrain: cannot connect to 127.0.0.1:")


@pytest.mark.parametrize("words", [["--watch", "resize"], ["-w", "0"], ["-w", "nan"]])
def test_a_wrong_time_is_refused(words: list[str]) -> None:
    """A name there is most likely a function."""
    done = run_tool("geartrain", "status", *words, status=2)

    assert done.stderr.startswith(b"geartrain: --watch: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_is_drawn_anew(our_server: JobServer, tmp_path: Path) -> None:
    """The table stays in its place, and is left there in the end."""
    terminal = Tmux(tmp_path, 80, 24)
    try:
        terminal.start([str(FOLDER / "geartrain"), "status", "-w", "0.1", "--server", our_server.address])
        terminal.wait_for("The server knows no functions.")
        queue_job(our_server, b"resize")
        lines = terminal.wait_for("resize")
        terminal.press("C-c")
        last = terminal.wait_for("ended with 130")
    finally:
        terminal.stop()

    assert [line.split()[0] for line in lines if line][1] == "Function"
    assert not any("knows no functions" in line for line in lines)
    assert sum("resize" in line for line in last) == 1
