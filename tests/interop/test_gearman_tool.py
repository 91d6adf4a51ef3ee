"""Debian's ``gearman``, the C client and worker of the command line, against our server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.interop.conftest import StartProgram
from tests.interop.peers import require, run
from tests.interop.servers import JobServer


class Tool:
    """The ``gearman`` command, pointed at a server."""

    def __init__(self, server: JobServer, start: StartProgram) -> None:
        self._command = [require("gearman", "gearman-tools"), "-h", "127.0.0.1", "-p", str(server.port)]
        self._start = start

    def client(self, *options: str, stdin: bytes = b"", status: int = 0) -> bytes:
        """Runs a client to its end and returns what it printed."""
        return run(*self._command, *options, stdin=stdin, status=status).stdout

    def worker(self, *options: str) -> None:
        """Starts a worker that stays until the end of the test."""
        self._start(*self._command, "-w", *options)

    def run_worker(self, *options: str) -> bytes:
        """Runs a worker that ends after a number of jobs (-c) and returns what it printed."""
        return run(*self._command, "-w", *options).stdout


@pytest.fixture
def tool(server: JobServer, start: StartProgram) -> Tool:
    return Tool(server, start)


def test_a_job_from_standard_input_comes_back(tool: Tool) -> None:
    """gearman -f reads its job from standard input and prints the result."""
    tool.worker("-f", "reverse", "--", "rev")

    assert tool.client("-f", "reverse", stdin=b"Hello World!\n") == b"!dlroW olleH\n"


def test_each_argument_is_a_job(tool: Tool) -> None:
    """Arguments of the client are jobs of their own."""
    tool.worker("-f", "upper", "--", "tr", "a-z", "A-Z")

    # libgearman 1.1.20 runs the jobs of one call last first.
    assert sorted(tool.client("-f", "upper", "one,", "two,").split(b",")) == [b"", b"ONE", b"TWO"]


def test_each_line_is_a_job_with_n(tool: Tool) -> None:
    """-n sends a job for each line of the input and prints each result."""
    tool.worker("-f", "upper", "--", "tr", "a-z", "A-Z")

    assert tool.client("-f", "upper", "-n", stdin=b"one\ntwo\n") == b"ONE\nTWO\n"


def test_line_ends_are_cut_off_with_capital_n(tool: Tool) -> None:
    """-N sends a job for each line, without the line end."""
    tool.worker("-f", "upper", "--", "tr", "a-z", "A-Z")

    assert tool.client("-f", "upper", "-N", stdin=b"one\ntwo\n") == b"ONETWO"


def test_an_empty_job_is_sent_with_s(tool: Tool) -> None:
    """-s sends a job without data."""
    tool.worker("-f", "count", "--", "wc", "-c")

    assert tool.client("-f", "count", "-s").strip() == b"0"


def test_output_is_prefixed_with_the_function_with_capital_p(tool: Tool) -> None:
    """-P puts the function's name in front of what it printed."""
    tool.worker("-f", "echo", "--", "cat")

    assert tool.client("-f", "echo", "-P", "x") == b"echo: x"


def test_a_job_goes_to_every_function_named(tool: Tool) -> None:
    """Several -f give each of these functions the job."""
    tool.worker("-f", "first", "-f", "second", "--", "cat")

    assert tool.client("-f", "first", "-f", "second", "x") == b"xx"


def test_background_jobs_of_three_priorities_run_in_order(tool: Tool, server: JobServer) -> None:
    """-b with -L and -I: the high one runs first, the low one last, and each runs once."""
    tool.client("-f", "f", "-b", "-L", "low ")
    tool.client("-f", "f", "-b", "normal ")
    tool.client("-f", "f", "-b", "-I", "high ")

    assert tool.run_worker("-f", "f", "-c", "3") == b"high normal low "
    assert server.ask("status") == ["f\t0\t0\t0"]


def test_jobs_with_the_same_unique_become_one(tool: Tool, server: JobServer) -> None:
    """-u: a second submission with the unique of a waiting job gets that job's handle."""
    first = tool.client("-f", "f", "-b", "-v", "-u", "key", "one")
    second = tool.client("-f", "f", "-b", "-v", "-u", "key", "two")

    assert first == second
    assert b"T:" in first
    assert server.ask("status") == ["f\t1\t0\t0"]
    assert tool.run_worker("-f", "f", "-c", "1") == b"one"


def test_the_unique_made_of_the_data_coalesces_equal_jobs(tool: Tool, server: JobServer) -> None:
    """-u '#' makes the unique from the data."""
    tool.client("-f", "f", "-b", "-u", "#", "one")
    tool.client("-f", "f", "-b", "-u", "#", "one")
    tool.client("-f", "f", "-b", "-u", "#", "two")

    assert server.ask("status") == ["f\t2\t0\t0"]


def test_a_worker_without_a_command_prints_its_jobs(tool: Tool) -> None:
    """-w without a command prints the job and answers nothing; -c ends it after so many jobs."""
    tool.client("-f", "f", "-b", "one,")
    tool.client("-f", "f", "-b", "two,")

    assert tool.run_worker("-f", "f", "-c", "2") == b"one,two,"


def test_a_worker_sends_each_line_as_data_with_n(tool: Tool) -> None:
    """-w -n sends WORK_DATA for each line of the command's output; the client prints them as they come."""
    tool.worker("-f", "lines", "-n", "--", "cat")

    # The tool repeats in each packet what it sent before: a habit of the tool, not of the server.
    assert tool.client("-f", "lines", stdin=b"one\ntwo\n") == b"one\none\ntwo\n"


def test_a_command_that_fails_is_a_failed_job(tool: Tool, server: JobServer) -> None:
    """A command that ends with an error makes the worker send WORK_FAIL, and the client end with 1."""
    tool.worker("-f", "fail", "--", "false")

    tool.client("-f", "fail", "x", status=1)

    assert server.ask("status")[0].startswith("fail\t0\t0\t")


def test_ten_thousand_lines_come_back_whole(tool: Tool) -> None:
    """A large job passes through in both directions unchanged."""
    text = b"".join(b"%d some text\n" % number for number in range(10_000))
    tool.worker("-f", "sort", "--", "sort", "-n")

    assert tool.client("-f", "sort", stdin=text) == text


def test_a_job_of_a_killed_worker_goes_to_the_next(
    tool: Tool, server: JobServer, start: StartProgram, tmp_path: Path
) -> None:
    """A worker that is killed at work loses its job to another one."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = [require("gearman", "gearman-tools"), "-h", "127.0.0.1", "-p", str(server.port)]
    first = start(*command, "-w", "-f", "f", "--", "sh", "-c", f'echo $$ > "{gate}"; exec sleep 1000')
    tool.client("-f", "f", "-b", "precious")

    # Whoever opens the pipe for reading waits until the command has opened it for writing: the job runs.
    child = int(gate.read_text())
    first.kill()
    # The command inherited the worker's connection: the server sees its end when both are gone.
    os.kill(child, signal.SIGKILL)

    assert tool.run_worker("-f", "f", "-c", "1") == b"precious"
    assert server.ask("show jobs") == []
