"""``gearman -w``, against both servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import (
    ERROR,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    WORK_WARNING,
)
from tests.cli.gearman.gearman_tool import OURS, StartProgram, at, complaint, gearman, of_debian, run_client
from tests.cli.tools import closed_port, environment, queue_job, scripted_server, wire_to
from tests.interop.processes import PATIENCE_SECONDS, Program
from tests.interop.servers import HOST, JobServer, start_c_server, start_ours


def start_worker(start: StartProgram, server: JobServer, *words: str) -> Program:
    """A worker of the function f; ``words`` are options, and the command behind ``--``."""
    program = start(OURS, *at(server.port), "-w", "-f", "f", *words)
    server.wait_for_worker("f")
    return program


def reports(server: JobServer, data: bytes = b"data") -> list[tuple[int, bytes]]:
    """What a worker reports of a job of the function f."""
    final = (WORK_COMPLETE, WORK_FAIL)
    with wire_to(server) as client:
        client.send(SUBMIT_JOB, b"f", b"", data)
        assert client.read().number == JOB_CREATED
        found: list[tuple[int, bytes]] = []
        while not found or found[-1][0] not in final:
            packet = client.read()
            found.append((packet.number, b"".join(packet.arguments[1:])))
    return found


# --- commands -------------------------------------------------------------------------------------------


def test_what_a_command_prints_is_the_result(either_server: JobServer, start: StartProgram) -> None:
    """Bytes in, bytes out."""
    start_worker(start, either_server, "--", "rev")

    assert reports(either_server, b"abc\n") == [(WORK_COMPLETE, b"cba\n")]


def test_options_behind_the_command_are_the_workers_unless_it_is_fenced_off(
    our_server: JobServer, start: StartProgram
) -> None:
    """As with the C tool: -- is for commands with options."""
    start_worker(start, our_server, "echo", "a", "-n")

    assert reports(our_server) == [(WORK_DATA, b"a\n"), (WORK_COMPLETE, b"")]


def test_much_input_and_output_do_not_stop_each_other(our_server: JobServer, start: StartProgram) -> None:
    """The command prints more than a pipe holds before it has read a byte, and while it reads."""
    size = 3_000_000
    start_worker(start, our_server, "--", "sh", "-c", f"head -c {size} /dev/zero; cat")
    data = bytes(range(256)) * (size // 256)

    [(number, result)] = reports(our_server, data)

    assert number == WORK_COMPLETE
    assert result == bytes(size) + data


def test_the_shell_runs_scripts_that_do_not_say_what_does(
    our_server: JobServer, start: StartProgram, tmp_path: Path
) -> None:
    """As with execvp, which the C tool uses; also when they are found in PATH."""
    script = tmp_path / "no-such-program"
    script.write_text('echo "$1 $(cat)"\n')
    script.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    start("env", path, OURS, *at(our_server.port), "-w", "-f", "f", "--", script.name, "one")
    our_server.wait_for_worker("f")

    assert reports(our_server, b"two") == [(WORK_COMPLETE, b"one two\n")]


def test_a_command_may_leave_its_input_to_others(our_server: JobServer, start: StartProgram) -> None:
    """The job is done when the command is, even if somebody holds the pipe and does not read it."""
    command = "exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 & echo $!; exec >&-; sleep 0.2"
    start_worker(start, our_server, "--", "sh", "-c", command)

    [(number, left_behind)] = reports(our_server, b"x" * 1_000_000)

    os.kill(int(left_behind), signal.SIGKILL)
    assert number == WORK_COMPLETE


@pytest.mark.parametrize("command", ["true", "exec <&-; echo done", "head -c 1"])
def test_a_command_need_not_read_its_input(our_server: JobServer, start: StartProgram, command: str) -> None:
    """Whether it reads nothing, closes it, or leaves in the middle."""
    start_worker(start, our_server, "--", "sh", "-c", command)
    expected = {"true": b"", "head -c 1": b"x"}.get(command, b"done\n")

    assert reports(our_server, b"x" * 3_000_000) == [(WORK_COMPLETE, expected)]


def test_a_command_that_fails_sends_what_it_has_printed(
    either_server: JobServer, start: StartProgram
) -> None:
    """As WORK_DATA, before WORK_FAIL; the operator sees which job it was."""
    worker = start_worker(start, either_server, "--", "sh", "-c", "echo so far; exit 3")

    assert reports(either_server) == [(WORK_DATA, b"so far\n"), (WORK_FAIL, b"")]
    worker.stderr.search(r"^gearman: job T:\d+ of f failed: sh: exit code 3$")


def test_a_command_that_fails_silently_sends_nothing(our_server: JobServer, start: StartProgram) -> None:
    """There is nothing to tell but the failure."""
    start_worker(start, our_server, "--", "false")

    assert reports(our_server) == [(WORK_FAIL, b"")]


def test_a_command_that_is_killed_is_a_failure(either_server: JobServer, start: StartProgram) -> None:
    """For the C tool it is a success with half a result."""
    start_worker(start, either_server, "--", "sh", "-c", "echo so far; kill -9 $$")

    assert reports(either_server) == [
        (WORK_DATA, b"so far\n"),
        (WORK_WARNING, b"sh: killed by SIGKILL\n"),
        (WORK_FAIL, b""),
    ]


def test_a_command_that_is_not_there_is_a_failure(either_server: JobServer, start: StartProgram) -> None:
    """For the C tool it is a success with no result."""
    worker = start_worker(start, either_server, "--", "no-such-command")

    assert reports(either_server) == [
        (WORK_WARNING, b"no-such-command: No such file or directory\n"),
        (WORK_FAIL, b""),
    ]
    worker.stderr.search(r"^gearman: job T:\d+ of f failed: no-such-command: No such file or directory$")


def test_a_client_sees_why_a_job_failed(our_server: JobServer, start: StartProgram) -> None:
    """The tool prints the warning of the worker, and what the C tool prints of failures."""
    start_worker(start, our_server, "--", "no-such-command")
    done = gearman(our_server, "-f", "f", "data", status=1)

    assert done.stderr == b"no-such-command: No such file or directory\nJob failed\n"


def test_stderr_of_a_command_is_that_of_the_worker(our_server: JobServer, start: StartProgram) -> None:
    """It passes through."""
    worker = start_worker(start, our_server, "--", "sh", "-c", "echo complaint >&2")

    assert reports(our_server) == [(WORK_COMPLETE, b"")]
    worker.stderr.search("^complaint$")


@pytest.mark.parametrize(
    ("option", "expected"),
    [("-n", [b"one\n", b"\n", b"two \0\n", b"last"]), ("-N", [b"one", b"", b"two \0", b"last"])],
)
def test_each_line_is_sent_once(
    either_server: JobServer, start: StartProgram, option: str, expected: list[bytes]
) -> None:
    """The C tool sends all lines so far each time; and with -N a letter is missing without a line end."""
    start_worker(start, either_server, option, "--", "cat")

    assert reports(either_server, b"one\n\ntwo \0\nlast") == [
        *[(WORK_DATA, line) for line in expected],
        (WORK_COMPLETE, b""),
    ]


def test_lines_are_sent_when_they_are_printed(
    our_server: JobServer, start: StartProgram, tmp_path: Path
) -> None:
    """And not when the command is done."""
    gate = tmp_path / "gate"
    subprocess.run(["mkfifo", str(gate)], check=True)
    start_worker(start, our_server, "-n", "--", "sh", "-c", f"echo first; read line < {gate}; echo $line")
    with wire_to(our_server) as client:
        client.submit(b"f")
        assert client.read().arguments[1] == b"first\n"
        gate.write_text("second\n")

        assert client.read().arguments[1] == b"second\n"
        assert client.read().number == WORK_COMPLETE


def test_a_line_may_be_longer_than_any_buffer(our_server: JobServer, start: StartProgram) -> None:
    """It is one packet."""
    start_worker(start, our_server, "-n", "--", "cat")
    data = b"x" * 2_000_000 + b"\n"

    assert reports(our_server, data) == [(WORK_DATA, data), (WORK_COMPLETE, b"")]


def test_without_a_command_jobs_are_printed(either_server: JobServer) -> None:
    """Unchanged and in their order; -c ends the worker after so many jobs."""
    for data in ("one,", "two\n", "three"):
        gearman(either_server, "-b", "-f", "f", data)

    assert gearman(either_server, "-w", "-c", "2", "-f", "f").stdout == b"one,two\n"
    either_server.wait_for_status("f 1 0 0")


def test_the_c_client_gets_its_results(either_server: JobServer, start: StartProgram) -> None:
    """With several lines, each as soon as it is there."""
    start_worker(start, either_server, "-n", "--", "cat")
    done = gearman(either_server, "-f", "f", stdin=b"one\ntwo\n", tool=of_debian())

    assert done.stdout == b"one\ntwo\n"


def test_several_functions_are_preferred_in_the_order_given(c_server: JobServer) -> None:
    """They are registered last first, as libgearman does."""
    for function in ("g", "f"):
        gearman(c_server, "-b", "-f", function, function)

    assert gearman(c_server, "-w", "-c", "2", "-f", "f", "-f", "g").stdout == b"fg"


# --- how long it works ----------------------------------------------------------------------------------


def test_failed_jobs_count_too_and_do_not_make_the_worker_fail(our_server: JobServer) -> None:
    """What became of a job is for its client to know."""
    queue_job(our_server, b"f")
    queue_job(our_server, b"f", b"another")

    gearman(our_server, "-w", "-c", "2", "-f", "f", "--", "false")

    assert our_server.ask("status") == ["f\t0\t0\t0"]


def test_waiting_in_vain_counts_as_a_job(either_server: JobServer) -> None:
    """-t with -c: one job, and one wait of 100 milliseconds; exit code 3."""
    queue_job(either_server, b"f")
    done = gearman(either_server, "-w", "-c", "2", "-t", "100", "-f", "f", status=3)

    assert done.stdout == b"data"
    assert done.stderr == b"gearman: no job within 0.1 seconds\n"


def test_nobody_reads_the_jobs_any_more(our_server: JobServer) -> None:
    """The worker ends, and the job that it could not print stays in the queue."""
    handle = queue_job(our_server, b"f")
    reader, writer = socket.socketpair()
    reader.close()
    with writer:
        done = subprocess.run(
            [OURS, *at(our_server.port), "-w", "-f", "f"],
            stdout=writer.fileno(),
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            env=environment(),
            check=False,
        )

    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""
    our_server.wait_for_status("f 1 0 0")
    assert our_server.ask("show jobs")[0].startswith(handle)


class RunningJob:
    """A job that runs until ``let_finish``, and its client."""

    def __init__(self, server: JobServer, start: StartProgram, gate: Path) -> None:
        subprocess.run(["mkfifo", str(gate)], check=True)
        self._gate = gate
        self.worker = start_worker(start, server, "--", "sh", "-c", f"read line < {gate}; echo $line")
        self.client = subprocess.Popen(
            [OURS, *at(server.port), "-f", "f", "data"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        server.wait_for_status("f 1 1 1")

    def let_finish(self) -> None:
        self._gate.write_text("done\n")

    def result(self) -> bytes:
        printed, _ = self.client.communicate(timeout=PATIENCE_SECONDS)
        return printed


@pytest.fixture
def running_job(our_server: JobServer, start: StartProgram, tmp_path: Path) -> Iterator[RunningJob]:
    job = RunningJob(our_server, start, tmp_path / "gate")
    yield job
    job.client.kill()
    job.client.communicate()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)]
)
def test_a_signal_lets_the_job_finish(running_job: RunningJob, number: signal.Signals, status: int) -> None:
    """The client gets its result, and then the worker ends."""
    os.kill(running_job.worker.pid, number)
    running_job.worker.stderr.search(
        "^gearman: stopping when the running jobs are done; a second signal stops"
    )
    running_job.let_finish()

    assert running_job.result() == b"done\n"
    assert running_job.worker.wait() == status


def test_a_signal_that_is_ignored_stays_ignored(our_server: JobServer, start: StartProgram) -> None:
    """As by nohup, and by shells for programs in the background."""
    nohup = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]
    worker = start(*nohup, OURS, *at(our_server.port), "-w", "-f", "f", "--", "rev")
    our_server.wait_for_worker("f")
    os.kill(worker.pid, signal.SIGHUP)

    assert reports(our_server, b"ab") == [(WORK_COMPLETE, b"ba")]


def test_a_second_signal_gives_the_job_back(our_server: JobServer, running_job: RunningJob) -> None:
    """The command is ended, and the job is for another worker."""
    os.kill(running_job.worker.pid, signal.SIGTERM)
    running_job.worker.stderr.search("^gearman: stopping")
    os.kill(running_job.worker.pid, signal.SIGTERM)

    assert running_job.worker.wait() == 128 + signal.SIGTERM
    our_server.wait_for_status("f 1 0 0")
    assert gearman(our_server, "-w", "-c", "1", "-f", "f").stdout == b"data"
    assert running_job.result() == b""


def test_a_second_signal_also_ends_what_a_command_has_left_behind(
    our_server: JobServer, start: StartProgram
) -> None:
    """It may hold the output of a command that has ended long ago."""
    worker = start_worker(start, our_server, "--", "sh", "-c", "trap '' TERM; sleep 1000 & echo ready >&2")
    queue_job(our_server, b"f")
    worker.stderr.search("^ready$")
    os.kill(worker.pid, signal.SIGTERM)
    worker.stderr.search("^gearman: stopping")
    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait() == 128 + signal.SIGTERM
    # It ends when nobody is left who could write there.
    assert "Traceback" not in worker.stderr.finish()


def test_ctrl_c_ends_an_idle_worker_quietly(our_server: JobServer, start: StartProgram) -> None:
    """Nothing is printed at all."""
    worker = start_worker(start, our_server, "--", "cat")
    os.kill(worker.pid, signal.SIGINT)

    assert worker.wait() == 130
    assert worker.stderr.finish() == ""


def test_in_the_background_the_worker_works_on(our_server: JobServer, tmp_path: Path) -> None:
    """The command that was started ends at once, and the pid file tells where the worker is."""
    pid_file = tmp_path / "pid"
    gearman(our_server, "-w", "-d", "-i", str(pid_file), "-c", "1", "-f", "f", "--", "rev")
    assert int(pid_file.read_text()) > 0

    assert reports(our_server, b"abc") == [(WORK_COMPLETE, b"cba")]
    our_server.wait_for_status("f 0 0 0")


# --- servers --------------------------------------------------------------------------------------------


def test_a_worker_works_for_all_servers(start: StartProgram) -> None:
    """Those of the options and those of the environment, also while one of them is not there."""
    ours, theirs = start_ours(), start_c_server()
    try:
        servers = f"127.0.0.1:{closed_port()},{theirs.address}"
        start(OURS, *at(ours.port), "-w", "-f", "f", "--", "rev", GEARMAN_SERVERS=servers)
        ours.wait_for_worker("f")
        theirs.wait_for_worker("f")

        assert reports(theirs, b"ab") == reports(ours, b"ab") == [(WORK_COMPLETE, b"ba")]
    finally:
        ours.stop()
        theirs.stop()


def test_a_worker_goes_on_when_its_server_is_back(start: StartProgram) -> None:
    """One line when it is lost and one when it is back, however long that takes."""
    first = start_ours()
    worker = start_worker(start, first, "--", "rev")
    first.program.kill()
    first.stop()
    worker.stderr.search(f"^gearman: lost the connection to {first.address}: .*; trying again$")
    second = start_ours("--port", str(first.port))
    try:
        second.wait_for_worker("f")

        assert reports(second, b"ab") == [(WORK_COMPLETE, b"ba")]
        worker.stderr.search(f"^gearman: connected to {first.address} again$")
        os.kill(worker.pid, signal.SIGTERM)
        worker.wait()
        assert len(worker.stderr.finish().splitlines()) == 2
    finally:
        second.stop()


def test_the_result_of_a_job_whose_server_is_gone_is_told_as_lost(
    our_server: JobServer, running_job: RunningJob
) -> None:
    """The command may finish, but nobody takes its result."""
    our_server.program.kill()
    running_job.let_finish()

    running_job.worker.stderr.search(r"^gearman: the result of job T:\d+ is lost: lost the connection to ")


def test_a_server_that_is_not_there_is_told_once(start: StartProgram) -> None:
    """The C tool writes hundreds of lines in a second."""
    port = closed_port()
    worker = start(OURS, *at(port), "-w", "-f", "f", "-c", "5", "-t", "300")

    assert worker.wait() == 3
    lines = worker.stderr.finish().splitlines()
    assert lines[0] == f"gearman: cannot connect to 127.0.0.1:{port}: Connection refused; trying again"
    assert lines[1:] == ["gearman: no job within 0.3 seconds"] * 5


def test_a_server_that_answers_rubbish_is_told_once() -> None:
    """It may be replaced by a better one."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted_server(serve) as port:
        done = run_client([OURS, *at(port), "-w", "-f", "f", "-c", "1", "-t", "500"], status=3)

    lines = done.stderr.decode().splitlines()
    assert lines[0] == (
        f"gearman: INVALID_REPLY: 127.0.0.1:{port} is no job server; "
        "it says b'HTTP/1.1 400 Bad Request'; trying again"
    )
    assert len(lines) == 2


def test_a_server_that_turns_workers_away_is_told_once(start: StartProgram) -> None:
    """However often the worker comes back."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        port = listener.getsockname()[1]
        worker = start(OURS, *at(port), "-w", "-f", "f", "--", "cat")
        for _ in range(3):
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(encode_response(ERROR, b"TOO_MANY", b"come back later"))
        # It has read the third answer when it comes for the fourth time.
        listener.accept()[0].close()
        worker.stop()

    assert worker.stderr.finish().splitlines() == [
        f"gearman: {HOST}:{port} says: TOO_MANY: come back later",
        f"gearman: lost the connection to {HOST}:{port}: the server closed it; trying again",
    ]


def test_a_worker_that_is_not_allowed_to_work_ends() -> None:
    """Trying again would not help, and a worker that does nothing would look healthy."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        refusal = encode_response(ERROR, b"NOT_ALLOWED", b"no work on f")
        connection.sendall(refusal + encode_response(NO_JOB))

    with scripted_server(serve) as port:
        line = complaint([OURS, *at(port), "-w", "-f", "f"], 1)

    assert line == "gearman: the server refuses 'f': NOT_ALLOWED: no work on f"


def test_a_late_result_is_told(start: StartProgram) -> None:
    """The server does not want it any more; the worker goes on."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        text = b"Job given in work result not found"
        connection.sendall(encode_response(ERROR, b"JOB_NOT_FOUND", text) + encode_response(NO_JOB))

    with scripted_server(serve) as port:
        worker = start(OURS, *at(port), "-w", "-f", "f")
        worker.stderr.search(f"^gearman: 127.0.0.1:{port} had given up a job before its result came$")
        worker.stop()
