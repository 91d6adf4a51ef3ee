"""``gearadmin`` as a program, against both servers."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable
from importlib.metadata import version

import pytest

from geartrain.protocol.packets import ERROR, JOB_CREATED, SUBMIT_JOB_BG
from geartrain.server import run_in_thread
from tests.certificates import Certificates
from tests.cli.tools import closed_port, queue_job, run_tool, scripted_server, sleeping_worker, wire_to
from tests.interop.servers import HOST, JobServer, start_ours


def gearadmin(port: int, *options: str, status: int = 0) -> subprocess.CompletedProcess[bytes]:
    return run_tool("gearadmin", "-h", HOST, "-p", str(port), *options, status=status)


def printed(server: JobServer, *options: str) -> str:
    """What it prints when all goes well; stderr has to be empty."""
    done = gearadmin(server.port, *options)
    assert done.stderr == b""
    return done.stdout.decode()


def complaint(port: int, *options: str) -> str:
    """The one line on stderr when it fails, which leaves stdout empty."""
    done = gearadmin(port, *options, status=1)
    assert done.stdout == b""
    [line] = done.stderr.decode().splitlines()
    return line


# --- operations -----------------------------------------------------------------------------------------


def test_lists_are_printed_as_the_server_sends_them(either_server: JobServer) -> None:
    """Rows as they are, and the final dot."""
    handle = queue_job(either_server, b"f", b"u", high=True)

    assert printed(either_server, "--status") == "f\t1\t0\t0\n.\n"
    assert printed(either_server, "--priority-status") == "f\t1\t0\t0\t0\n.\n"
    assert printed(either_server, "--show-jobs") == f"{handle}\t0\t0\t1\n.\n"
    assert printed(either_server, "--show-unique-jobs") == "u\n.\n"


def test_an_empty_list_is_its_dot(either_server: JobServer) -> None:
    """Nothing else says that there is nothing."""
    assert printed(either_server, "--status", "--show-jobs") == ".\n.\n"


def test_workers_are_listed_with_their_functions(either_server: JobServer) -> None:
    """A worker, and the tool's own connection without functions."""
    with sleeping_worker(either_server, b"f"):
        lines = printed(either_server, "--workers").splitlines()

    assert sorted(re.sub(r"^\d+ ", "", line) for line in lines) == [
        ".",
        "127.0.0.1 - :",
        "127.0.0.1 - : f",
    ]


def test_values_are_printed_without_ok(either_server: JobServer) -> None:
    """One line each."""
    version_line, log_level, process_id = printed(
        either_server, "--server-version", "--server-verbose", "--getpid"
    ).splitlines()

    assert re.match(r"\d+\.\d+", version_line)
    assert log_level.isupper()
    assert int(process_id) == either_server.program.pid


def test_functions_are_created_and_dropped_by_their_whole_name(either_server: JobServer) -> None:
    """The C server would cut the last letter off, were the line to end in LF alone."""
    assert printed(either_server, "--create-function", "made", "--status") == "OK\nmade\t0\t0\t0\n.\n"
    assert printed(either_server, "--drop-function", "made", "--status") == "OK\n.\n"


def test_jobs_are_cancelled(either_server: JobServer) -> None:
    """By handle."""
    handle = queue_job(either_server, b"f")

    assert printed(either_server, "--cancel-job", handle) == "OK\n"


def test_operations_go_over_one_connection_in_the_order_given(either_server: JobServer) -> None:
    """Also when they are given twice, and others stand between them."""
    lines = printed(
        either_server,
        *("--workers", "--create-function", "a", "--status", "--create-function=b", "--getpid", "--workers"),
    ).splitlines()

    connection = lines[0]
    assert lines == [
        *(connection, "."),
        "OK",
        *("a\t0\t0\t0", "."),
        "OK",
        str(either_server.program.pid),
        *(connection, "."),
    ]


@pytest.mark.parametrize(
    ("limits", "accepted"),
    [("1", 1), ("3,2,1", 2), ("0", 4)],
    ids=["one number", "three numbers", "no limit"],
)
def test_queues_are_limited(either_server: JobServer, limits: str, accepted: int) -> None:
    """One number for all priorities, or one for each; 0 lifts the limit."""
    printed(either_server, "--create-function", "f", "--maxqueue", "f", limits)

    with wire_to(either_server) as client:
        for _ in range(4):
            client.send(SUBMIT_JOB_BG, b"f", b"", b"data")
        answers = [client.read().number for _ in range(4)]
    assert answers == [JOB_CREATED] * accepted + [ERROR] * (4 - accepted)


@pytest.mark.parametrize("option", ["--shutdown", "--shutdown-graceful"])
def test_a_server_that_allows_it_is_stopped(option: str) -> None:
    """It says OK and ends."""
    server = start_ours("--allow-shutdown")
    try:
        assert printed(server, option) == "OK\n"
        assert server.program.wait() == 0
    finally:
        server.stop()


def test_several_names_of_the_server_are_understood(our_server: JobServer) -> None:
    """As long options, with the port in the host, and with a scheme."""
    place = our_server.address
    for options in (
        ["--host=127.0.0.1", f"--port={our_server.port}"],
        [f"-h{place}"],
        ["-h", f"tcp://{place}"],
    ):
        assert run_tool("gearadmin", *options, "--status").stdout == b".\n"


def test_the_environment_names_no_server(our_server: JobServer) -> None:
    """As with the C tool: who says --shutdown without a host means this machine."""
    done = run_tool(
        "gearadmin", "-p", str(closed_port()), "--status", status=1, GEARMAN_SERVER=our_server.address
    )

    assert done.stderr.startswith(b"gearadmin: cannot connect to localhost:")


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cancel-job", "H:x:1"], "Error: UNKNOWN_JOB\n"),
        (["--drop-function", "never"], "Error: function not found\n"),
    ],
)
def test_what_the_server_refuses_is_told_and_fails(
    either_server: JobServer, options: list[str], expected: str
) -> None:
    """The server's words on stderr, and exit status 1: the C tool ends with 0."""
    done = gearadmin(either_server.port, *options, status=1)

    assert done.stdout == b""
    assert done.stderr.decode().replace("\r", "") == expected


def test_a_refusal_does_not_keep_the_others_from_being_done(either_server: JobServer) -> None:
    """They are done, and the exit status tells that one was not."""
    done = gearadmin(either_server.port, "--cancel-job", "H:x:1", "--create-function", "f", status=1)

    assert done.stdout == b"OK\n"


def test_a_server_that_does_not_allow_it_is_not_stopped(either_server: JobServer) -> None:
    """The C server does not know the command any more."""
    done = gearadmin(either_server.port, "--shutdown", status=1)

    assert re.match(rb"Error: (NOT_ALLOWED|UNKNOWN_COMMAND) ", done.stderr)
    assert printed(either_server, "--status") == ".\n"


# --- for programs ---------------------------------------------------------------------------------------


def test_json_has_one_line_for_each_operation(either_server: JobServer) -> None:
    """Rows by the names of their fields, values as they are."""
    handle = queue_job(either_server, b"f", b"u")
    done = printed(
        either_server,
        "--json",
        "--status",
        "--show-jobs",
        "--show-unique",
        "--getpid",
        "--create-function",
        "g",
    )

    assert [json.loads(line) for line in done.splitlines()] == [
        {
            "operation": "status",
            "command": "status",
            "result": [{"function": "f", "total": 1, "running": 0, "workers": 0}],
        },
        {
            "operation": "show-jobs",
            "command": "show jobs",
            "result": [{"handle": handle, "retries": 0, "abandoned": False, "stored": True}],
        },
        {"operation": "show-unique-jobs", "command": "show unique jobs", "result": ["u"]},
        {"operation": "getpid", "command": "getpid", "result": either_server.program.pid},
        {"operation": "create-function", "command": "create function g", "result": "OK"},
    ]


def test_json_tells_of_refusals(either_server: JobServer) -> None:
    """Where a result would be, and with the same exit status."""
    done = gearadmin(either_server.port, "--json", "--cancel-job", "H:x:1", status=1)

    assert json.loads(done.stdout)["error"] == {"code": "UNKNOWN_JOB", "text": ""}


def test_json_has_rows_that_a_name_cuts_in_two(either_server: JobServer) -> None:
    """The C server writes line ends in names as they are."""
    queue_job(either_server, b"one\ntwo")

    done = gearadmin(either_server.port, "--json", "--status")

    assert [row["function"] for row in json.loads(done.stdout)["result"]] == [r"one\x0atwo"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), b"Error: \\x1b[2J\n"), (("--json",), b"")],
)
def test_no_server_gets_commands_to_the_terminal(options: tuple[str, ...], expected: bytes) -> None:
    """What it says of its refusals is shown as text."""
    with scripted_server(say(b"ERR \x1b[2J\r\n")) as port:
        done = gearadmin(port, "--getpid", *options, status=1)

    assert done.stderr == expected
    assert b"\x1b" not in done.stdout
    assert b"u001b" not in done.stdout


def test_json_leaves_numbers_that_are_none_as_text() -> None:
    """Python does not even read one of thousands of digits."""
    with scripted_server(say(b"OK " + b"9" * 5000 + b"\r\n")) as port:
        done = gearadmin(port, "--getpid", "--json")

    assert json.loads(done.stdout)["result"] == "9" * 5000


# --- wrong use ------------------------------------------------------------------------------------------


def test_without_an_operation_there_is_help() -> None:
    """On stdout, and exit status 1, as with the C tool."""
    done = run_tool("gearadmin", status=1)

    assert b"--priority-status" in done.stdout
    assert b"gearadmin --maxqueue resize 10,1000,5000" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--bogus"], "No such option '--bogus'."),
        (["--show"], "Option --show is ambiguous; it may be --show-jobs or --show-unique-jobs."),
        (["--status=1"], "Option '--status' does not take a value."),
        (["--create-function"], "Option '--create-function' requires an argument."),
        (["--status", "more"], "Got unexpected extra argument (more)"),
        (
            ["--create-function", "a b"],
            "--create-function: 'a b' is not usable; expected a name without blanks",
        ),
        (["--drop-function", ""], "--drop-function: '' is not usable; expected a name without blanks"),
        (["--maxqueue", "f", "x"], "--maxqueue: 'x' is not usable; expected a number, or three with commas"),
        (["--maxqueue", "f", "1,2"], "--maxqueue: '1,2' is not usable"),
        (["--status", "-p", "70000"], "--port: '70000' is not usable; expected a number from 0 to 65535"),
        (["--status", "-h", "a/b"], "--host: 'a/b' is not usable; expected host, host:port"),
        (["--status", "--ssl", "--ssl-ca-file", "/no.pem"], "cannot use the CA file /no.pem: No such file"),
        (["--status", "--insecure"], "--insecure needs --ssl, or a server with tls:// in front."),
        (["--status", "--timeout", "0"], "Invalid value for '--timeout'"),
    ],
)
def test_wrong_use_is_one_line_and_does_nothing(options: list[str], expected: str) -> None:
    """It says what is wrong before anything is sent, and exits with 1."""
    line = complaint(closed_port(), *options)

    assert line.startswith(f"gearadmin: {expected}")


# --- servers that are none ------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_one_line() -> None:
    """Its address and why."""
    port = closed_port()

    assert complaint(port, "--status") == f"gearadmin: cannot connect to 127.0.0.1:{port}: Connection refused"


def say(data: bytes) -> Callable[[socket.socket], None]:
    """Says this when something was asked."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    return answer


@pytest.mark.parametrize(
    "option", ["--status", "--workers", "--show-jobs", "--getpid", "--create-function=f"]
)
def test_what_is_no_job_server_is_told_from_one(option: str) -> None:
    """What it says is shown."""
    with scripted_server(say(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")) as port:
        line = complaint(port, option)

    assert line == (
        f"gearadmin: INVALID_REPLY: 127.0.0.1:{port} is no job server; it says b'HTTP/1.1 400 Bad Request'"
    )


def test_a_list_that_breaks_off_is_an_error() -> None:
    """The rows that came are not all there are, so they are not shown."""
    with scripted_server(say(b"f\t1\t0\t0\n")) as port:
        line = complaint(port, "--status")

    assert line == f"gearadmin: lost the connection to 127.0.0.1:{port}: the server closed it"


def test_a_silent_server_is_given_up() -> None:
    """After the time that --timeout says."""
    with scripted_server(lambda _: None) as port:
        line = complaint(port, "--status", "--timeout", "0.2")

    assert line == f"gearadmin: lost the connection to 127.0.0.1:{port}: no answer within 0.2 seconds"


# --- TLS ------------------------------------------------------------------------------------------------


def test_tls_verifies_the_server(certificates: Certificates) -> None:
    """Its certificate and its name, unless --insecure says otherwise."""
    with run_in_thread(certificates.server_config()) as server:
        port = server.port
        known, other = ["--ssl-ca-file", certificates.ca_file], ["--ssl-ca-file", certificates.other_ca_file]

        assert gearadmin(port, "-S", *known, "--status").stdout == b".\n"
        assert gearadmin(port, "--ssl", "--insecure", "--status").stdout == b".\n"
        assert "certificate is not accepted" in complaint(port, "--ssl", "--status")
        assert "certificate is not accepted" in complaint(port, "--ssl", *other, "--status")


def test_tls_files_are_taken_from_the_environment(certificates: Certificates) -> None:
    """By libgearman's names; a server that asks for a certificate gets it."""
    with run_in_thread(certificates.server_config(ssl_ca_file=certificates.ca_file)) as server:
        done = run_tool(
            *("gearadmin", "-h", f"tls://localhost:{server.port}", "--status"),
            GEARMAND_CA_CERTIFICATE=certificates.ca_file,
            GEARMAN_CLIENT_PEM=certificates.client,
            GEARMAN_CLIENT_KEY=certificates.client_key,
        )

    assert done.stdout == b".\n"


def test_the_version_is_told() -> None:
    """Whose gearadmin it is, and which."""
    assert (
        run_tool("gearadmin", "--version").stdout.decode()
        == f"gearadmin (Geartrain) {version('geartrain')}\n"
    )
