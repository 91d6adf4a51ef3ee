"""Debian's ``gearadmin``, the administration tool of the C server, against our server."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import pytest

from geartrain.protocol import packets as p
from tests.interop.peers import require, run
from tests.interop.script import Run, send
from tests.interop.servers import JobServer

GearAdmin = Callable[..., str]


@pytest.fixture
def gearadmin(server: JobServer) -> GearAdmin:
    """Runs ``gearadmin`` with these options and returns what it printed."""
    command = [require("gearadmin", "gearman-tools"), "-h", "127.0.0.1", "-p", str(server.port)]

    def ask(*options: str) -> str:
        result = run(*command, *options)
        # Errors keep the CR of the server's line.
        return (result.stdout + result.stderr).decode().replace("\r\n", "\n")

    return ask


@pytest.fixture
def waiting_job(server: JobServer) -> str:
    """The handle of a background job of function f with unique u, which no worker has taken."""
    Run(server).play([send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data")])
    [job] = server.ask("show jobs")
    return job.split("\t")[0]


def test_an_idle_server_has_empty_lists(gearadmin: GearAdmin) -> None:
    """Each list of an idle server is its final dot."""
    assert gearadmin("--status") == ".\n"
    assert gearadmin("--priority-status") == ".\n"
    assert gearadmin("--show-jobs") == ".\n"
    assert gearadmin("--show-unique-jobs") == ".\n"


@pytest.mark.usefixtures("waiting_job")
def test_status_counts_jobs(gearadmin: GearAdmin) -> None:
    """--status lists function, jobs, running jobs and workers; --priority-status the queues."""
    assert gearadmin("--status") == "f\t1\t0\t0\n.\n"
    assert gearadmin("--priority-status") == "f\t0\t1\t0\t0\n.\n"


def test_workers_lists_the_asking_connection(gearadmin: GearAdmin) -> None:
    """--workers lists every connection, the tool's own too."""
    lines = gearadmin("--workers").splitlines()

    assert len(lines) == 2
    assert lines[0].endswith(" 127.0.0.1 - :")
    assert lines[1] == "."


def test_show_jobs_lists_handles_and_uniques(gearadmin: GearAdmin, waiting_job: str) -> None:
    """--show-jobs and --show-unique-jobs list the waiting job."""
    assert gearadmin("--show-jobs") == f"{waiting_job}\t0\t0\t1\n.\n"
    assert gearadmin("--show-unique-jobs") == "u\n.\n"


def test_a_job_can_be_cancelled(gearadmin: GearAdmin, waiting_job: str) -> None:
    """--cancel-job takes a waiting job out of the queue at once."""
    assert gearadmin("--cancel-job", waiting_job) == "OK\n"

    assert gearadmin("--show-jobs") == ".\n"
    assert gearadmin("--status") == "f\t0\t0\t0\n.\n"


def test_cancelling_an_unknown_job_says_so(gearadmin: GearAdmin) -> None:
    """--cancel-job of a job that is not there reports the server's error."""
    assert gearadmin("--cancel-job", "T:1") == "Error: UNKNOWN_JOB\n"


def test_a_function_can_be_created_and_dropped(gearadmin: GearAdmin) -> None:
    """--create-function and --drop-function take the name whole."""
    assert gearadmin("--create-function", "made") == "OK\n"
    assert gearadmin("--status") == "made\t0\t0\t0\n.\n"

    assert gearadmin("--drop-function", "made") == "OK\n"
    assert gearadmin("--status") == ".\n"


def test_dropping_an_unknown_function_says_so(gearadmin: GearAdmin) -> None:
    """--drop-function of a function that is not there reports the server's error."""
    assert gearadmin("--drop-function", "never") == "Error: function not found\n"


def test_the_server_tells_about_itself(gearadmin: GearAdmin, server: JobServer) -> None:
    """--server-version, --getpid and --server-verbose print the value without the OK."""
    assert gearadmin("--server-version") == version("geartrain") + "\n"
    assert gearadmin("--getpid") == f"{server.program.pid}\n"
    assert gearadmin("--server-verbose") in ("ERROR\n", "NOTICE\n", "INFO\n")


def test_several_questions_go_over_one_connection(gearadmin: GearAdmin) -> None:
    """The tool may ask for several things at once."""
    lines = gearadmin("--status", "--show-jobs", "--workers").splitlines()

    assert len(lines) == 4
    assert lines.count(".") == 3
