"""``gearman`` as a client, against both servers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from geartrain.protocol.codec import Decoder, Message, encode_response
from geartrain.protocol.packets import (
    CAN_DO,
    ERROR,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    MAGIC_REQUEST,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
    Packet,
)
from geartrain.server import run_in_thread
from tests.certificates import Certificates
from tests.cli.gearman.gearman_tool import (
    OURS,
    StartProgram,
    at,
    complaint,
    gearman,
    next_job,
    of_debian,
    run_client,
    taken_job,
)
from tests.cli.tools import closed_port, environment, queue_job, scripted_server, wire_to
from tests.interop.processes import PATIENCE_SECONDS
from tests.interop.servers import HOST, JobServer, start_ours

# --- other people's programs ----------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["ours", "theirs"])
@pytest.mark.parametrize("worker", ["ours", "theirs"])
def test_client_and_worker_may_be_of_different_makes(
    either_server: JobServer, start: StartProgram, client: str, worker: str
) -> None:
    """Our client with the worker of the C tool, and the other way round, on both servers."""
    tools = {"ours": OURS, "theirs": of_debian()}
    start(tools[worker], *at(either_server.port), "-w", "-f", "upper", "--", "tr", "a-z", "A-Z")
    either_server.wait_for_worker("upper")
    # No more than a pipe holds: the C worker hangs when the command prints before it has read everything.
    data = b"some \0 data\n" * 4_000

    done = gearman(either_server, "-f", "upper", stdin=data, tool=tools[client])

    assert done.stdout == data.upper()
    assert done.stderr == b""


# --- input ----------------------------------------------------------------------------------------------


def test_lines_of_any_length_are_one_job_each(either_server: JobServer, start: StartProgram) -> None:
    """A line may be longer than any buffer, hold zero bytes, or lack its end."""
    start(OURS, *at(either_server.port), "-w", "-f", "count", "--", "wc", "-c")
    either_server.wait_for_worker("count")
    data = b"x" * 300_000 + b"\n" + b"a\0b\n" + b"last"

    assert gearman(either_server, "-f", "count", "-n", stdin=data).stdout.split() == [b"300001", b"4", b"4"]
    assert gearman(either_server, "-f", "count", "-N", stdin=data).stdout.split() == [b"300000", b"3", b"4"]


def test_lines_are_submitted_as_they_come(our_server: JobServer) -> None:
    """The input need not end: each line is a job at once."""
    client = subprocess.Popen(
        [OURS, *at(our_server.port), "-n", "-b", "-f", "f"], stdin=subprocess.PIPE, env=environment()
    )
    assert client.stdin is not None
    with client.stdin as stdin:
        stdin.write(b"one\n")
        stdin.flush()
        our_server.wait_for_status("f 1 0 0")
        stdin.write(b"two\n")
        stdin.flush()
        our_server.wait_for_status("f 2 0 0")

    assert client.wait(PATIENCE_SECONDS) == 0


def test_background_jobs_do_not_wait_for_each_other() -> None:
    """Those that are there go out at once, in their order; the answers are for each of them."""

    def serve(connection: socket.socket) -> None:
        requests = Decoder(MAGIC_REQUEST)
        found: list[Message] = []
        while len(found) < 3:
            found += requests.feed(connection.recv(65536))
        data = [message.arguments[2] for message in found if isinstance(message, Packet)]
        connection.sendall(
            encode_response(JOB_CREATED, data[0])
            + encode_response(ERROR, b"QUEUE_ERROR", data[1])
            + encode_response(JOB_CREATED, data[2])
        )

    with scripted_server(serve) as port:
        command = [OURS, *at(port), "-b", "-N", "-v", "-f", "f"]
        done = run_client(command, stdin=b"first\nsecond\nthird\n", status=1)

    assert done.stdout == b"Task created: first\nTask created: third\n"
    assert done.stderr == b"gearman: the server refuses 'f': QUEUE_ERROR: second\n"


def test_no_lines_are_no_jobs() -> None:
    """Nobody has to be there to take them."""
    for options in ([], ["-b"]):
        run_client([OURS, *at(closed_port()), *options, "-n", "-f", "f"])


def test_arguments_are_bytes(our_server: JobServer) -> None:
    """What is no text in the user's encoding is passed on as it is."""
    gearman(our_server, "-b", "-f", os.fsdecode(b"f\xff"), os.fsdecode(b"\xfe data"))
    with wire_to(our_server) as worker:
        worker.send(CAN_DO, b"f\xff")

        assert worker.grab().arguments[1:] == (b"f\xff", b"\xfe data")


@pytest.mark.parametrize(
    ("options", "unique"),
    [
        (["-u", "key"], b"key"),
        (["-u", "-"], b"-"),
        (["-u", "x" * 63], b"x" * 63),
        # libgearman cuts it, and the C server damages jobs with a longer one.
        (["-u", "x" * 64], b"x" * 63),
        (["-u", "#"], b"3609222647"),
    ],
)
def test_uniques_are_sent_as_libgearman_does(
    either_server: JobServer, options: list[str], unique: bytes
) -> None:
    """As given, cut at 63 bytes, or made of the data."""
    gearman(either_server, "-b", "-f", "f", *options, "data")
    with wire_to(either_server) as worker:
        worker.send(CAN_DO, b"f")
        worker.send(GRAB_JOB_UNIQ)
        assigned = worker.read()

    assert assigned.number == JOB_ASSIGN_UNIQ
    assert assigned.arguments[2:] == (unique, b"data")


def test_jobs_without_a_unique_get_one_each(our_server: JobServer) -> None:
    """Equal jobs are not the same job unless somebody says so."""
    gearman(our_server, "-b", "-f", "f", "same", "same")
    gearman(our_server, "-b", "-f", "f", "-u", "", "same")
    uniques = our_server.ask("show unique jobs")

    assert len(set(uniques)) == 3
    assert {len(unique) for unique in uniques} == {36}


def test_jobs_go_one_after_the_other_and_to_all_functions_at_once(our_server: JobServer) -> None:
    """The second argument waits for the end of the first one."""
    with wire_to(our_server) as worker:
        client = subprocess.Popen(
            [OURS, *at(our_server.port), "-f", "f", "-f", "g", "1", "2"],
            stdout=subprocess.PIPE,
            env=environment(),
        )
        our_server.wait_for_status("f 1 0 0")
        our_server.wait_for_status("g 1 0 0")
        worker.send(CAN_DO, b"f")
        worker.send(CAN_DO, b"g")
        for _ in range(4):
            handle, _function, data = next_job(worker).arguments
            worker.send(WORK_COMPLETE, handle, data)
        output, _ = client.communicate(timeout=PATIENCE_SECONDS)

    assert client.returncode == 0
    assert output == b"1122"


# --- output ---------------------------------------------------------------------------------------------


class Report(NamedTuple):
    """A packet of a worker, without the handle."""

    number: int
    arguments: tuple[bytes, ...] = ()


def outcome(server: JobServer, reports: Sequence[Report], *options: str, status: int) -> tuple[bytes, bytes]:
    """What a client prints to stdout and stderr when a worker sends these reports; without handles."""
    command = [OURS, *at(server.port), "-f", "f", *options, "data"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    with taken_job(server, b"f") as (worker, handle):
        for report in reports:
            worker.send(report.number, handle, *report.arguments)
        printed, complained = client.communicate(timeout=PATIENCE_SECONDS)
    assert client.returncode == status
    return printed.replace(handle, b"HANDLE"), complained


ALL = [
    Report(WORK_STATUS, (b"1", b"4")),
    Report(WORK_DATA, (b"piece;",)),
    Report(WORK_WARNING, (b"careful\n",)),
    Report(WORK_STATUS, (b"2", b"3")),
    Report(WORK_COMPLETE, (b"result",)),
]


def test_everything_is_printed_in_the_order_in_which_it_comes(either_server: JobServer) -> None:
    """Data and progress to stdout, warnings to stderr; nothing is added."""
    printed, complained = outcome(either_server, ALL, status=0)

    assert printed == b"25% Complete\npiece;66% Complete\nresult"
    assert complained == b"careful\n"


def test_prefix_and_handle_are_printed_on_demand(either_server: JobServer) -> None:
    """-P leads every piece with the function, -v tells the handle first."""
    printed, complained = outcome(either_server, ALL, "-P", "-v", status=0)

    assert printed == b"Task created: HANDLE\nf: 25% Complete\nf: piece;f: 66% Complete\nf: result"
    assert complained == b"f: careful\n"


def test_progress_of_nothing_is_no_progress(either_server: JobServer) -> None:
    """The C tool dies of a division by zero."""
    reports = [Report(WORK_STATUS, (b"3", b"0")), Report(WORK_COMPLETE, (b"",))]
    printed, _ = outcome(either_server, reports, status=0)

    assert printed == b"0% Complete\n"


def test_progress_stays_off_stdout_on_demand(either_server: JobServer) -> None:
    """With --progress it is for a person at a terminal; here there is none."""
    printed, complained = outcome(either_server, ALL, "--progress", status=0)

    assert printed == b"piece;result"
    assert complained == b"careful\n"


@pytest.mark.parametrize(("options", "lead"), [([], b""), (["-P"], b"f: ")])
def test_a_failed_job_is_told_and_counts(either_server: JobServer, options: list[str], lead: bytes) -> None:
    """One line on stderr, in the words of the C tool, and exit code 1."""
    reports = [Report(WORK_DATA, (b"so far",)), Report(WORK_FAIL)]

    assert outcome(either_server, reports, *options, status=1) == (lead + b"so far", lead + b"Job failed\n")


def test_an_exception_is_a_failure(either_server: JobServer) -> None:
    """The server tells it as a failure, because the tool asks for no exceptions; as does the C tool."""
    assert outcome(either_server, [Report(WORK_EXCEPTION, (b"why",))], status=1) == (b"", b"Job failed\n")


def test_an_exception_that_comes_anyway_is_printed() -> None:
    """A server may send exceptions to everybody."""
    server = start_ours("--exceptions")
    try:
        assert outcome(server, [Report(WORK_EXCEPTION, (b"why\n",))], status=1) == (b"", b"why\n")
    finally:
        server.stop()


def test_one_failed_job_of_several_makes_the_exit_code(our_server: JobServer, start: StartProgram) -> None:
    """The others are done all the same."""
    start(OURS, *at(our_server.port), "-w", "-f", "grep", "--", "grep", "good")
    our_server.wait_for_worker("grep")
    done = gearman(our_server, "-n", "-f", "grep", stdin=b"good 1\nbad\ngood 2\n", status=1)

    assert done.stdout == b"good 1\ngood 2\n"
    assert done.stderr == b"Job failed\n"


def test_a_background_job_prints_nothing(either_server: JobServer) -> None:
    """Unless its handle is wanted."""
    silent = gearman(either_server, "-b", "-f", "f", "data")
    verbose = gearman(either_server, "-b", "-v", "-f", "g", "data")

    assert (silent.stdout, silent.stderr) == (b"", b"")
    assert re.fullmatch(rb"Task created: T:\d+\n", verbose.stdout)
    assert sorted(either_server.ask("status")) == ["f\t1\t0\t0", "g\t1\t0\t0"]


def test_a_refused_job_counts_as_failed(either_server: JobServer) -> None:
    """The server's words on stderr, exit code 1; the next job is submitted."""
    queue_job(either_server, b"full")
    with wire_to(either_server) as admin:
        assert admin.ask(b"maxqueue full 1") == b"OK"
    done = gearman(either_server, "-b", "-f", "full", "-f", "free", "data", status=1)

    assert done.stderr == b"gearman: the server refuses 'full': QUEUE_ERROR: Job queue is full\n"
    either_server.wait_for_status("free 1 0 0")


# --- where the server is --------------------------------------------------------------------------------


def test_the_environment_replaces_the_server_of_the_options(either_server: JobServer) -> None:
    """GEARMAN_SERVER instead of -h and -p, as in the C tool."""
    command = [OURS, *at(closed_port()), "-b", "-f", "f", "data"]
    run_client(command, variables={"GEARMAN_SERVER": either_server.address})

    either_server.wait_for_status("f 1 0 0")


@pytest.mark.parametrize("nothing", ["", " ", ","])
def test_servers_set_to_nothing_are_not_set(our_server: JobServer, nothing: str) -> None:
    """Scripts pass on variables that may not be set; without a host it is this machine."""
    variables = {"GEARMAN_SERVER": nothing, "GEARMAN_SERVERS": nothing}
    command = [OURS, "-h", nothing, "-p", str(our_server.port), "-b", "-f", "f", "data"]
    run_client(command, variables=variables)

    our_server.wait_for_status("f 1 0 0")


@pytest.mark.parametrize("name", ["GEARMAN_SERVER", "GEARMAN_SERVERS"])
def test_the_next_server_takes_the_jobs_of_one_that_is_gone(our_server: JobServer, name: str) -> None:
    """A list of servers, and servers behind those of the options, are there to fall back to."""
    port = closed_port()
    servers = {"GEARMAN_SERVER": f"{HOST}:{port},{our_server.address}", "GEARMAN_SERVERS": our_server.address}
    run_client([OURS, *at(port), "-b", "-f", "f", "data"], variables={name: servers[name]})

    our_server.wait_for_status("f 1 0 0")


def test_the_first_server_gets_the_jobs_while_it_is_there(our_server: JobServer) -> None:
    """Servers behind it get none."""
    run_client(
        [OURS, *at(our_server.port), "-b", "-f", "f", "data"],
        variables={"GEARMAN_SERVERS": f"{HOST}:{closed_port()}"},
    )

    our_server.wait_for_status("f 1 0 0")


def test_a_server_may_be_started_again_between_two_lines() -> None:
    """Nothing was under way, so nothing is lost."""
    first = start_ours()
    with subprocess.Popen(
        [OURS, *at(first.port), "-n", "-b", "-f", "f"], stdin=subprocess.PIPE, env=environment()
    ) as client:
        assert client.stdin is not None
        client.stdin.write(b"one\n")
        client.stdin.flush()
        first.wait_for_status("f 1 0 0")
        first.stop()
        second = start_ours("--port", str(first.port))
        client.communicate(b"two\n", timeout=PATIENCE_SECONDS)
    try:
        assert client.returncode == 0
        assert second.ask("status") == ["f\t1\t0\t0"]
    finally:
        second.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_tls_verifies_the_server(certificates: Certificates) -> None:
    """By the authority that is named; anybody may answer only on demand. An address may want plain text."""
    with run_in_thread(certificates.server_config()) as server:
        command = [OURS, "-S", "-h", "localhost", "-p", str(server.port), "-b", "-f", "f", "data"]

        run_client([*command, "--ssl-ca-file", certificates.ca_file])
        run_client(command, variables={"GEARMAND_CA_CERTIFICATE": certificates.ca_file})
        run_client([*command, "--insecure"])
        plain = complaint([OURS, "-S", "-h", f"tcp://localhost:{server.port}", "-f", "f", "data"], 3)
        line = complaint([*command, "--ssl-ca-file", certificates.other_ca_file], 3)

    assert line.startswith(f"gearman: cannot connect to tls://localhost:{server.port}: ")
    assert "certificate" in line
    assert plain.startswith(f"gearman: lost the connection to localhost:{server.port}: ")


# --- trouble --------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_told() -> None:
    """One line, exit code 3."""
    port = closed_port()

    line = complaint([OURS, *at(port), "-f", "f", "data"], 3)

    assert line == f"gearman: cannot connect to {HOST}:{port}: Connection refused"


def test_an_unknown_host_is_told() -> None:
    """One line, exit code 3."""
    line = complaint([OURS, "-h", "no.such.host.invalid", "-f", "f", "data"], 3)

    assert line.startswith("gearman: cannot connect to no.such.host.invalid:4730: ")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "is no job server; it says b'SSH-2.0-OpenSSH_9.9'"),
        (b"\0RES\0\0\xff\xff\0\0\0\0", "sent something else"),
        (b"\0nonsense\0\0\0\0", "sent something else"),
    ],
)
def test_a_server_that_answers_rubbish_is_told(answer: bytes, expected: str) -> None:
    """One line, exit code 3."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with scripted_server(serve) as port:
        line = complaint([OURS, *at(port), "-f", "f", "data"], 3)

    assert line.startswith("gearman: ")
    assert expected in line


def test_an_error_that_answers_nothing_is_told() -> None:
    """A server that has no room says so and closes the connection."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        created = encode_response(JOB_CREATED, b"H:1")
        connection.sendall(created + encode_response(ERROR, b"TOO_MANY", b"come back later"))

    with scripted_server(serve) as port:
        line = complaint([OURS, *at(port), "-f", "f", "data"], 3)

    assert line == f"gearman: TOO_MANY: {HOST}:{port} says: come back later"


def test_a_server_that_dies_under_a_job_is_told(our_server: JobServer) -> None:
    """The job may or may not have been done: exit code 3, and the jobs that are left are not submitted."""
    command = [OURS, *at(our_server.port), "-f", "f", "1", "2"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    with taken_job(our_server, b"f"):
        our_server.program.kill()
        printed, complained = client.communicate(timeout=PATIENCE_SECONDS)

    assert client.returncode == 3
    assert printed == b""
    [line] = complained.decode().splitlines()
    assert line.startswith(f"gearman: lost the connection to {our_server.address}: ")


def test_silence_is_limited_on_demand(either_server: JobServer) -> None:
    """-t, in milliseconds; exit code 3."""
    line = complaint([OURS, *at(either_server.port), "-t", "1000", "-f", "f", "data"], 3)

    assert line == f"gearman: lost the connection to {either_server.address}: no answer within 1 seconds"


def test_nobody_reads_the_output_any_more(our_server: JobServer, start: StartProgram) -> None:
    """As behind `| head -1`: it ends quietly, with the exit code of such programs."""
    start(OURS, *at(our_server.port), "-w", "-f", "cat", "--", "cat")
    our_server.wait_for_worker("cat")
    client = subprocess.Popen(
        [OURS, *at(our_server.port), "-n", "-f", "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert client.stdin is not None
    assert client.stdout is not None
    assert client.stderr is not None
    with client.stdin as stdin, client.stderr as stderr:
        stdin.write(b"one\n")
        stdin.flush()
        with client.stdout as stdout:
            assert stdout.readline() == b"one\n"
        stdin.write(b"two\n")
        stdin.flush()

        assert stderr.read() == b""
        assert client.wait(PATIENCE_SECONDS) == 128 + signal.SIGPIPE


def test_a_full_disk_is_told(our_server: JobServer, start: StartProgram, tmp_path: Path) -> None:
    """Also where the system takes the first part of the output, and Python has no buffer."""
    start(OURS, *at(our_server.port), "-w", "-f", "cat", "--", "cat")
    our_server.wait_for_worker("cat")
    command = f"ulimit -f 16; exec {OURS} -h {HOST} -p {our_server.port} -f cat > {tmp_path / 'output'}"

    done = run_client(
        ["sh", "-c", command], stdin=b"x" * 100_000, status=1, variables={"PYTHONUNBUFFERED": "1"}
    )

    assert done.stderr == b"gearman: File too large\n"


def test_output_may_be_a_non_blocking_pipe(our_server: JobServer, start: StartProgram) -> None:
    """As when a program that made it so shares it: all of the output gets there."""
    start(OURS, *at(our_server.port), "-w", "-f", "zeros", "--", "head", "-c", "500000", "/dev/zero")
    our_server.wait_for_worker("zeros")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(
        [OURS, *at(our_server.port), "-s", "-f", "zeros"], stdout=writer, env=environment()
    ) as client:
        os.close(writer)
        with open(reader, "rb") as output:
            assert output.read() == bytes(500_000)

    assert client.returncode == 0


def test_input_may_be_a_non_blocking_pipe(our_server: JobServer) -> None:
    """A pause is not the end of it, so it is made to wait."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with (
        open(reader, "rb") as mine,
        subprocess.Popen([OURS, *at(our_server.port), "-n", "-b", "-f", "f"], stdin=mine, env=environment()),
        open(writer, "wb") as lines,
    ):
        lines.write(b"one\n")
        lines.flush()
        our_server.wait_for_status("f 1 0 0")

        assert os.get_blocking(reader)


@pytest.mark.parametrize("waits_for", ["a result", "input"])
def test_ctrl_c_ends_it_quietly(our_server: JobServer, waits_for: str) -> None:
    """Whatever it waits for."""
    client = subprocess.Popen(
        [
            OURS,
            *at(our_server.port),
            "-n",
            "-v",
            "-f",
            "f",
            *(["data"] if waits_for == "a result" else ["-b"]),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert client.stdin is not None
    if waits_for == "input":
        client.stdin.write(b"one\n")
        client.stdin.flush()
    assert client.stdout is not None
    assert client.stdout.readline().startswith(b"Task created: ")

    client.send_signal(signal.SIGINT)
    _, complained = client.communicate(timeout=PATIENCE_SECONDS)

    assert client.returncode == 128 + signal.SIGINT
    assert complained == b""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_may_be_started_without_standard_streams(our_server: JobServer, closed: str) -> None:
    """What would go there goes nowhere, and not to the server; no input is an empty job."""
    command = f"{OURS} -h {HOST} -p {our_server.port} -b -v -f f {closed}"
    done = run_client(["sh", "-c", command])

    assert done.stderr == b""
    our_server.wait_for_status("f 1 0 0")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["data"], "No function is given"),
        (["-f", "", "data"], "No function is given"),
        (["-f", "f", "-Z"], "No such option '-Z'"),
        (["-f"], "'-f' requires an argument"),
        (["-f", "f", "-t", "soon", "data"], "'soon' is not a valid integer"),
        (["-f", "f", "-t", "9" * 400, "data"], "is not in the range x<=2147483647"),
        (["-f", "f", "-p", "no-such-service", "data"], "-p: 'no-such-service' is not usable"),
        (["-f", "f", "-h", "[::1", "data"], "-h: '[::1' is not usable"),
        (["-f", "f", "data", ""], "An argument is empty"),
        (["-f", "f", "-u", "x" * 65, "data"], "longer than 64 bytes"),
        (["-f", "f", "-S", "--ssl-ca-file", "/no/such/file", "data"], "/no/such/file: No such file"),
        (["-f", "f", "-i", "/no/such/folder/pid", "data"], "/no/such/folder/pid: No such file"),
    ],
)
def test_wrong_usage_is_told(options: list[str], expected: str) -> None:
    """One line that names what is wrong, exit code 2; nothing is submitted."""
    line = complaint([OURS, *options], 2)

    assert line.startswith("gearman: ")
    assert expected in line


def test_a_wrong_list_of_servers_is_told_with_its_name() -> None:
    """The environment is not on the command line, so it has to be named."""
    line = complaint([OURS, "-f", "f", "data"], 2, variables={"GEARMAN_SERVER": "host:port"})

    assert line.startswith("gearman: GEARMAN_SERVER: 'port' is not usable")


# --- the process ----------------------------------------------------------------------------------------


def test_help_is_shown_without_anything_else() -> None:
    """On stdout, with exit code 0."""
    done = run_client([OURS, "-H"])

    assert done.stdout.startswith(b"Usage: gearman [OPTIONS]")
    assert done.stderr == b""


def test_help_may_have_letters_that_the_terminal_does_not() -> None:
    """They are written as escapes."""
    done = run_client([OURS, "-H"], variables={"PYTHONIOENCODING": "latin-1"})

    assert rb"[DATA\u2026|COMMAND\u2026]" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    """A tool of the command line has to start fast."""
    code = "import sys, geartrain.cli.gearman.command; print(*sys.modules)"
    loaded = run_client([sys.executable, "-c", code]).stdout.decode().split()

    assert not {"asyncio", "ssl", "rich", "uvloop", "structlog"} & set(loaded)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_pid_file_is_there_while_it_runs(
    our_server: JobServer, tmp_path: Path, number: signal.Signals
) -> None:
    """Signals end a client as they would without the file, which is removed all the same."""
    pid_file = tmp_path / "pid"
    client = subprocess.Popen(
        [OURS, *at(our_server.port), "-i", str(pid_file), "-f", "f", "data"], env=environment()
    )
    our_server.wait_for_status("f 1 0 0")
    assert pid_file.read_text() == f"{client.pid}\n"

    client.send_signal(number)

    assert client.wait(PATIENCE_SECONDS) == -number
    assert not pid_file.exists()


def test_the_pid_file_is_removed_at_the_end(our_server: JobServer, tmp_path: Path) -> None:
    """When all jobs are done."""
    pid_file = tmp_path / "pid"
    gearman(our_server, "-b", "-i", str(pid_file), "-f", "f", "data")

    assert not pid_file.exists()


def test_in_the_background_it_still_reads_its_input(our_server: JobServer) -> None:
    """The terminal is let go, standard input is not."""
    gearman(our_server, "-d", "-n", "-b", "-f", "f", stdin=b"one\ntwo\n")

    our_server.wait_for_status("f 2 0 0")
