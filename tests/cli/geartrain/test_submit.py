"""``geartrain submit``, against both servers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geartrain.protocol.packets import (
    CAN_DO,
    GRAB_JOB_UNIQ,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.cli.gearman.gearman_tool import (
    GEARTRAIN,
    OURS,
    StartProgram,
    at,
    complaint,
    next_job,
    run_client,
    take_job,
    taken_job,
)
from tests.cli.tmux import Tmux
from tests.cli.tools import closed_port, environment, queue_job, wire_to
from tests.interop.processes import PATIENCE_SECONDS
from tests.interop.servers import JobServer
from tests.server.wire import Wire


def submit(
    server: JobServer, *words: str, stdin: bytes = b"", status: int = 0
) -> subprocess.CompletedProcess[bytes]:
    command = [GEARTRAIN, "submit", "--server", server.address, *words]
    return run_client(command, stdin=stdin, status=status)


class Submission:
    """``geartrain submit`` while a worker has its job."""

    def __init__(self, server: JobServer, *words: str) -> None:
        command = [GEARTRAIN, "submit", "--server", server.address, "f", "data", *words]
        self._client = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )

    def end(self, status: int = 0) -> tuple[bytes, bytes]:
        """What it has printed to stdout and stderr."""
        printed, complained = self._client.communicate(timeout=PATIENCE_SECONDS)
        assert self._client.returncode == status, complained
        return printed, complained

    def interrupt(self) -> None:
        self._client.send_signal(signal.SIGINT)


def report_all(worker: Wire, handle: bytes) -> None:
    worker.send(WORK_DATA, handle, b"piece;")
    worker.send(WORK_STATUS, handle, b"1", b"2")
    worker.send(WORK_WARNING, handle, b"careful\n")
    worker.send(WORK_COMPLETE, handle, b"result")


# --- what is submitted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "stdin", "data"),
    [
        (["text"], b"unread", b"text"),
        (["-"], b"\0 from a pipe\n", b"\0 from a pipe\n"),
        ([], b"unread", b""),
    ],
)
def test_data_is_an_argument_or_standard_input(
    either_server: JobServer, words: list[str], stdin: bytes, data: bytes
) -> None:
    """Or nothing: standard input is read only when that is asked for."""
    done = submit(either_server, "f", *words, "--background", stdin=stdin)
    with wire_to(either_server) as worker:
        worker.send(CAN_DO, b"f")
        packet = worker.grab()

    assert packet.arguments == (done.stdout.strip(), b"f", data)


def test_priorities_are_kept(either_server: JobServer) -> None:
    """High goes before normal, and normal before low."""
    for priority in ("low", "normal", "high"):
        submit(either_server, "f", priority, "--background", "--priority", priority)
    with wire_to(either_server) as worker:
        worker.send(CAN_DO, b"f")
        order = [next_job(worker).arguments[2] for _ in range(3)]

    assert order == [b"high", b"normal", b"low"]


def test_a_unique_joins_jobs(either_server: JobServer) -> None:
    """Both submissions get the handle of one job."""
    first = submit(either_server, "f", "one", "-b", "--unique", "key")
    second = submit(either_server, "f", "two", "-b", "--unique", "key")

    assert first.stdout == second.stdout
    assert either_server.ask("show unique jobs") == ["key"]


def test_a_job_for_later_waits(our_server: JobServer) -> None:
    """It is queued, and no worker gets it yet."""
    before = time.time()
    told = json.loads(submit(our_server, "f", "data", "--at", "+1h", "--json").stdout)

    assert told["state"] == "accepted"
    assert before + 3600 <= told["run_at"] <= time.time() + 3601
    our_server.wait_for_status("f 1 0 0")
    with wire_to(our_server) as worker:
        worker.send(CAN_DO, b"f")
        worker.send(GRAB_JOB_UNIQ)
        assert worker.read().arguments == ()


def test_a_job_whose_time_has_come_runs(either_server: JobServer) -> None:
    """Both servers take such jobs."""
    done = submit(either_server, "f", "data", "--at", "2001-09-09T01:46:40Z")
    with wire_to(either_server) as worker:
        worker.send(CAN_DO, b"f")

        assert worker.grab().arguments == (done.stdout.strip(), b"f", b"data")


# --- what comes back ------------------------------------------------------------------------------------


def test_the_result_is_printed_as_it_is(either_server: JobServer) -> None:
    """Warnings go to stderr, and progress is for terminals."""
    submission = Submission(either_server)
    with taken_job(either_server, b"f") as (worker, handle):
        report_all(worker, handle)

        assert submission.end() == (b"piece;result", b"careful\n")


def test_a_failed_job_is_told(either_server: JobServer) -> None:
    """One line on stderr, exit code 1."""
    submission = Submission(either_server)
    with taken_job(either_server, b"f") as (worker, handle):
        worker.send(WORK_FAIL, handle)

        assert submission.end(status=1) == (b"", b"geartrain: job %s of f failed\n" % handle)


def test_an_exception_is_shown(either_server: JobServer) -> None:
    """The server is asked to pass it on."""
    submission = Submission(either_server)
    with taken_job(either_server, b"f") as (worker, handle):
        worker.send(WORK_EXCEPTION, handle, b"ValueError: no\n")
        _, complained = submission.end(status=1)

    assert complained == b"ValueError: no\ngeartrain: job %s of f failed\n" % handle


def told(submission: Submission, status: int = 0) -> dict[str, Any]:
    printed, _ = submission.end(status)
    found: dict[str, Any] = json.loads(printed)
    return found


def test_json_tells_everything_of_a_job(either_server: JobServer) -> None:
    """In one object, when it is over."""
    submission = Submission(either_server, "--json", "-u", "key")
    with taken_job(either_server, b"f") as (worker, handle):
        report_all(worker, handle)

        assert told(submission) == {
            "handle": handle.decode(),
            "function": "f",
            "unique": "key",
            "state": "completed",
            "run_at": None,
            "result": "piece;result",
            "result_encoding": "utf-8",
            "warnings": ["careful\n"],
            "exception": None,
            "error": None,
        }


def test_json_has_binary_results_in_base64(our_server: JobServer) -> None:
    """JSON is text."""
    submission = Submission(our_server, "--json")
    with taken_job(our_server, b"f") as (worker, handle):
        worker.send(WORK_COMPLETE, handle, b"\xff\0")
        found = told(submission)

    assert (found["result"], found["result_encoding"]) == ("/wA=", "base64")


@pytest.mark.parametrize(
    ("number", "arguments", "state", "exception"),
    [(WORK_FAIL, [], "failed", None), (WORK_EXCEPTION, [b"why \xff"], "exception", "why \\xff")],
)
def test_json_tells_how_a_job_failed(
    our_server: JobServer, number: int, arguments: list[bytes], state: str, exception: str | None
) -> None:
    """And what it had sent before."""
    submission = Submission(our_server, "--json")
    with taken_job(our_server, b"f") as (worker, handle):
        worker.send(WORK_DATA, handle, b"so far")
        worker.send(number, handle, *arguments)
        found = told(submission, status=1)

    assert (found["state"], found["exception"], found["result"]) == (state, exception, "so far")


def test_a_refused_job_is_told(either_server: JobServer) -> None:
    """The server's words, exit code 1, and the same in JSON."""
    queue_job(either_server, b"f")
    with wire_to(either_server) as admin:
        assert admin.ask(b"maxqueue f 1") == b"OK"

    line = complaint([GEARTRAIN, "submit", "-s", either_server.address, "f"], 1)
    found = json.loads(submit(either_server, "f", "--json", status=1).stdout)

    assert line == "geartrain: the server refuses 'f': QUEUE_ERROR: Job queue is full"
    assert (found["state"], found["handle"]) == ("refused", None)
    assert found["error"] == "QUEUE_ERROR: Job queue is full"


def test_the_wait_may_be_limited(either_server: JobServer) -> None:
    """Exit code 3; --timeout is for the server, --wait for the result."""
    line = complaint([GEARTRAIN, "submit", "-s", either_server.address, "f", "--wait", "0.3"], 3)
    found = json.loads(submit(either_server, "f", "--wait", "0.3", "--json", status=3).stdout)

    assert line == "geartrain: no result within 0.3 seconds"
    assert found["state"] == "timeout"


def test_a_server_that_dies_under_the_job_is_told(our_server: JobServer) -> None:
    """Exit code 3."""
    submission = Submission(our_server)
    with taken_job(our_server, b"f"):
        our_server.program.kill()
        _, complained = submission.end(status=3)

    assert complained.startswith(b"geartrain: lost the connection to ")


def test_ctrl_c_is_quiet(our_server: JobServer) -> None:
    """Exit code 130."""
    submission = Submission(our_server)
    with taken_job(our_server, b"f"):
        submission.interrupt()

        assert submission.end(status=130) == (b"", b"")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "Missing argument 'FUNCTION'"),
        ([""], "The function has no name"),
        (["f", "--at", "soon"], "--at: 'soon' is not usable; expected +90s"),
        (["f", "--at", "+1h", "--priority", "high"], "--priority does not go with --at"),
        (["f", "--priority", "urgent"], "'urgent' is not one of"),
        (["f", "--unique", "x" * 65], "longer than 64 bytes"),
        (["f", "--wait", "0"], "0.0 is not in the range x>0"),
        (["f", "--wait", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_wrong_usage_is_told(words: list[str], expected: str) -> None:
    """One line that names what is wrong, exit code 2."""
    line = complaint([GEARTRAIN, "submit", *words], 2)

    assert line.startswith("geartrain: ")
    assert expected in line


def test_a_server_that_is_not_there_is_told() -> None:
    """One line, exit code 3."""
    port = closed_port()

    line = complaint([GEARTRAIN, "submit", "-s", f"127.0.0.1:{port}", "f"], 3)

    assert line == f"geartrain: cannot connect to 127.0.0.1:{port}: Connection refused"


# --- on a terminal --------------------------------------------------------------------------------------


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    tmux = Tmux(tmp_path, 80, 24)
    yield tmux
    tmux.stop()


@pytest.mark.parametrize("tool", ["submit", "gearman"])
def test_progress_is_shown_live(our_server: JobServer, terminal: Tmux, tool: str) -> None:
    """A bar below what has been printed; it makes room for open lines, and is gone in the end."""
    name = "f[x]"
    commands = {
        "submit": [GEARTRAIN, "submit", "-s", our_server.address, name],
        "gearman": [OURS, *at(our_server.port), "--progress", "-s", "-f", name],
    }
    terminal.start(commands[tool])
    with wire_to(our_server) as worker:
        handle = take_job(worker, name.encode())
        terminal.wait_for("0:00:0")
        worker.send(WORK_STATUS, handle, b"1", b"4")
        terminal.wait_for("25%")
        worker.send(WORK_DATA, handle, b"first line\n")
        screen = terminal.wait_for("first line")
        assert re.search(r"^f\[x\] .* 25% ", "\n".join(terminal.wait_for("25%")), re.MULTILINE)
        assert screen.count("first line") == 1
        worker.send(WORK_DATA, handle, b"open line;")
        terminal.wait_for("open line;")
        worker.send(WORK_WARNING, handle, b"careful\n")
        worker.send(WORK_COMPLETE, handle, b"done\n")

    screen = [line for line in terminal.wait_for("ended with 0") if line]
    assert screen[:3] == ["first line", "open line;careful", "done"]


def test_on_a_terminal_the_prompt_begins_its_own_line(
    our_server: JobServer, terminal: Tmux, start: StartProgram
) -> None:
    """Even if the result has no line end."""
    start(OURS, *at(our_server.port), "-w", "-f", "echo", "--", "cat")
    our_server.wait_for_worker("echo")
    terminal.start([GEARTRAIN, "submit", "-s", our_server.address, "echo", "no end"])

    screen = [line for line in terminal.wait_for("ended with 0") if line]
    assert screen[:2] == ["no end", "ended with 0"]
