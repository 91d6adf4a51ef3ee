"""``geartrain exec``, against both servers; what it shares with ``gearman -w`` is tested there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from geartrain.protocol.packets import WORK_COMPLETE, WORK_DATA, WORK_FAIL, WORK_WARNING
from tests.cli.gearman.gearman_tool import GEARTRAIN, StartProgram, complaint, run_client
from tests.cli.tools import closed_port, queue_job, wire_to
from tests.interop.processes import Program
from tests.interop.servers import JobServer, start_ours


def start_worker(start: StartProgram, server: JobServer, *words: str) -> Program:
    """A worker of the function f; ``words`` are options, and the command behind ``--``."""
    program = start(GEARTRAIN, "exec", "--server", server.address, "f", *words)
    server.wait_for_worker("f")
    return program


def reports(server: JobServer, data: bytes = b"data") -> list[tuple[int, bytes]]:
    """What a worker reports of a job of the function f."""
    with wire_to(server) as client:
        client.submit(b"f", data)
        found: list[tuple[int, bytes]] = []
        while not found or found[-1][0] in (WORK_DATA, WORK_WARNING):
            packet = client.read()
            found.append((packet.number, b"".join(packet.arguments[1:])))
    return found


def test_a_command_works_on_jobs(either_server: JobServer, start: StartProgram) -> None:
    """Its options are its own behind --."""
    worker = start_worker(start, either_server, "--", "tr", "-d", "x")

    assert reports(either_server, b"axbx") == [(WORK_COMPLETE, b"ab")]
    worker.stderr.search(f"^geartrain: working on f for {either_server.address}$")


def test_lines_are_sent_one_by_one(either_server: JobServer, start: StartProgram) -> None:
    """With their ends."""
    start_worker(start, either_server, "--lines", "--", "cat")

    assert reports(either_server, b"a\nb") == [(WORK_DATA, b"a\n"), (WORK_DATA, b"b"), (WORK_COMPLETE, b"")]


def test_the_number_of_jobs_may_be_limited(either_server: JobServer) -> None:
    """Also when several run at a time."""
    for unique in (b"1", b"2", b"3", b"4"):
        queue_job(either_server, b"f", unique)
    limits = ["--count", "3", "--concurrency", "2"]

    run_client([GEARTRAIN, "exec", "-s", either_server.address, "f", *limits, "--", "true"])

    either_server.wait_for_status("f 1 0 0")


def test_jobs_run_at_the_same_time_on_demand(
    either_server: JobServer, start: StartProgram, tmp_path: Path
) -> None:
    """Each of two jobs waits for the other one."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    start_worker(
        start,
        either_server,
        "--concurrency",
        "2",
        "--",
        "sh",
        "-c",
        f'case $(cat) in reader) cat "{gate}";; *) echo met > "{gate}";; esac',
    )
    with wire_to(either_server) as client:
        client.submit(b"f", b"reader")
        client.submit(b"f", b"writer")

        results = sorted(client.read().arguments[1] for _ in range(2))

    assert results == [b"", b"met\n"]


def test_a_command_that_takes_too_long_is_ended(either_server: JobServer, start: StartProgram) -> None:
    """With all that it has started; the client is told why."""
    start_worker(start, either_server, "--time-limit", "0.3", "--", "sh", "-c", "echo so far; sleep 1000")

    assert reports(either_server) == [
        (WORK_DATA, b"so far\n"),
        (WORK_WARNING, b"sh: not done within 0.3 seconds\n"),
        (WORK_FAIL, b""),
    ]


def test_a_command_that_does_not_want_to_end_is_killed(our_server: JobServer, start: StartProgram) -> None:
    """After a moment of grace."""
    command = "trap '' TERM; while :; do sleep 0.1; done"
    start_worker(start, our_server, "--time-limit", "0.3", "--", "sh", "-c", command)

    assert reports(our_server) == [(WORK_WARNING, b"sh: not done within 0.3 seconds\n"), (WORK_FAIL, b"")]


def test_what_a_command_has_left_behind_is_ended_with_it(our_server: JobServer, start: StartProgram) -> None:
    """As long as it holds the output, the job is not done."""
    command = "(trap '' TERM; exec sleep 1000) & echo so far"
    worker = start_worker(start, our_server, "--time-limit", "0.3", "--", "sh", "-c", command)

    assert reports(our_server)[-1] == (WORK_FAIL, b"")
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0
    # It ends when nobody is left who could write there.
    worker.stderr.finish()


def test_a_job_comes_back_from_a_worker_that_hangs(
    our_server: JobServer, start: StartProgram, tmp_path: Path
) -> None:
    """The server has the limit too, with some seconds more."""
    started = tmp_path / "started"
    worker = start_worker(
        start, our_server, "--time-limit", "0.5", "--", "sh", "-c", f'touch "{started}"; sleep 1000'
    )
    queue_job(our_server, b"f")
    our_server.wait_for_status("f 1 1 1")
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        our_server.wait_for_status("f 1 0 1")
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def test_sigterm_ends_a_worker(our_server: JobServer, start: StartProgram) -> None:
    """With exit code 0."""
    worker = start_worker(start, our_server, "--", "cat")
    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait() == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["f"], "Missing argument '-- COMMAND…'"),
        (["", "--", "cat"], "The function has no name"),
        (["f", "--concurrency", "0", "--", "cat"], "0 is not in the range x>=1"),
        (["f", "--count", "many", "--", "cat"], "'many' is not a valid integer range"),
        (["f", "--time-limit", "-1", "--", "cat"], "-1.0 is not in the range 0<x<=2073600"),
        (["f", "--time-limit", "nan", "--", "cat"], "'nan' is no number of seconds"),
        (["f", "cat", "-x"], "No such option '-x'"),
    ],
)
def test_wrong_usage_is_told(words: list[str], expected: str) -> None:
    """One line that names what is wrong, exit code 2."""
    line = complaint([GEARTRAIN, "exec", *words], 2)

    assert line.startswith("geartrain: ")
    assert expected in line


def test_a_server_that_is_not_there_is_tried_again(start: StartProgram) -> None:
    """Until it is there."""
    port = closed_port()
    worker = start(GEARTRAIN, "exec", "-s", f"127.0.0.1:{port}", "f", "--", "cat")
    worker.stderr.search("^geartrain: cannot connect to .*: Connection refused; trying again$")
    server = start_ours("--port", str(port))
    try:
        server.wait_for_worker("f")
    finally:
        server.stop()
