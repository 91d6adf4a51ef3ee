"""Our classic client, worker and admin client against the C server, and with the C tools at the other end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

import gearman
from tests.interop.conftest import StartProgram
from tests.interop.peers import HERE, require, run
from tests.interop.processes import Deadline
from tests.interop.servers import JobServer

WAIT_SECONDS = 20.0


@pytest.fixture
def client(c_server: JobServer) -> Iterator[gearman.GearmanClient]:
    with gearman.GearmanClient([c_server.address]) as classic_client:
        yield classic_client


@pytest.fixture
def admin(c_server: JobServer) -> Iterator[gearman.GearmanAdminClient]:
    with gearman.GearmanAdminClient([c_server.address]) as classic_admin:
        yield classic_admin


@pytest.fixture
def classic_worker(c_server: JobServer, start: StartProgram) -> None:
    """A worker of ours, as a process of its own."""
    start(sys.executable, str(HERE / "classic_worker.py"), str(c_server.port))


@pytest.fixture
def gearman_tool(c_server: JobServer) -> list[str]:
    """The C command line tool, pointed at the C server."""
    return [require("gearman", "gearman-tools"), "-h", "127.0.0.1", "-p", str(c_server.port)]


# --- our client -------------------------------------------------------------------------------------------


def test_a_job_of_ours_is_done_by_the_c_worker(
    client: gearman.GearmanClient, gearman_tool: list[str], start: StartProgram
) -> None:
    """submit_job returns what a C worker made of the data."""
    start(*gearman_tool, "-w", "-f", "upper", "--", "tr", "a-z", "A-Z")

    request = client.submit_job("upper", "Hello World!", poll_timeout=WAIT_SECONDS)

    assert request.state == gearman.JOB_COMPLETE
    assert request.result == "HELLO WORLD!"


def test_data_of_the_c_worker_comes_before_its_result(
    client: gearman.GearmanClient, gearman_tool: list[str], start: StartProgram
) -> None:
    """Each line that a C worker with -n prints is a data update."""
    start(*gearman_tool, "-w", "-n", "-f", "lines", "--", "cat")

    request = client.submit_job("lines", "one\ntwo\n", poll_timeout=WAIT_SECONDS)

    # The C tool repeats in each packet what it sent before.
    assert list(request.data_updates) == ["one\n", "one\ntwo\n"]
    assert request.result == ""


def test_a_command_that_fails_is_a_failed_job(
    client: gearman.GearmanClient, gearman_tool: list[str], start: StartProgram
) -> None:
    """WORK_FAIL of a C worker makes the request FAILED."""
    start(*gearman_tool, "-w", "-f", "fail", "--", "false")

    request = client.submit_job("fail", "data", poll_timeout=WAIT_SECONDS)

    assert request.state == gearman.JOB_FAILED
    assert request.result is None


def test_background_jobs_of_three_priorities_run_in_order(
    client: gearman.GearmanClient, gearman_tool: list[str]
) -> None:
    """A C worker gets our jobs by priority."""
    for data, priority in [
        ("low ", gearman.PRIORITY_LOW),
        ("normal ", gearman.PRIORITY_NONE),
        ("high ", gearman.PRIORITY_HIGH),
    ]:
        request = client.submit_job("f", data, priority=priority, background=True, poll_timeout=WAIT_SECONDS)
        assert request.state == gearman.JOB_CREATED

    assert run(*gearman_tool, "-w", "-f", "f", "-c", "3").stdout == b"high normal low "


def test_many_jobs_are_done_side_by_side(
    client: gearman.GearmanClient, gearman_tool: list[str], start: StartProgram
) -> None:
    """submit_multiple_jobs gives each of a hundred jobs its own result."""
    start(*gearman_tool, "-w", "-f", "echo", "--", "cat")
    jobs = [{"task": "echo", "data": f"job {number}"} for number in range(100)]

    requests = client.submit_multiple_jobs(jobs, poll_timeout=WAIT_SECONDS)

    assert [request.result for request in requests] == [f"job {number}" for number in range(100)]


def test_the_status_of_a_queued_job_is_known(client: gearman.GearmanClient) -> None:
    """get_job_status asks the C server about a background job."""
    request = client.submit_job("f", "data", background=True, poll_timeout=WAIT_SECONDS)

    status = client.get_job_status(request, poll_timeout=WAIT_SECONDS).status

    assert (status["known"], status["running"]) == (True, False)


def test_a_full_queue_is_a_failed_job(
    client: gearman.GearmanClient, admin: gearman.GearmanAdminClient
) -> None:
    """An ERROR of the C server fails the submission instead of letting it wait."""
    client.submit_job("full", "one", background=True, poll_timeout=WAIT_SECONDS)
    admin.send_maxqueue("full", 1)

    request = client.submit_job("full", "two", background=True, poll_timeout=WAIT_SECONDS)

    assert request.state == gearman.JOB_FAILED


# --- our worker -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("classic_worker")
def test_a_job_of_the_c_client_is_done_by_our_worker(gearman_tool: list[str]) -> None:
    """The C client gets what our worker made of the data."""
    result = run(*gearman_tool, "-f", "reverse", stdin=b"Hello World!")

    assert result.stdout == b"!dlroW olleH"


@pytest.mark.usefixtures("classic_worker")
def test_updates_of_our_worker_reach_the_c_client(gearman_tool: list[str]) -> None:
    """The C client prints data and progress to stdout and warnings to stderr."""
    result = run(*gearman_tool, "-f", "updates", stdin=b"data")

    assert b"first" in result.stdout
    assert b"50% Complete" in result.stdout
    assert b"done" in result.stdout
    assert b"careful" in result.stderr


@pytest.mark.usefixtures("classic_worker")
def test_a_job_that_raises_fails_for_the_c_client(gearman_tool: list[str]) -> None:
    """An exception in our worker's callback is a failed job, and the worker goes on."""
    assert run(*gearman_tool, "-f", "fail", stdin=b"data", status=1).stderr == b"Job failed\n"

    assert run(*gearman_tool, "-f", "reverse", stdin=b"abc").stdout == b"cba"


@pytest.mark.usefixtures("classic_worker")
def test_our_client_and_our_worker_meet_at_the_c_server(client: gearman.GearmanClient) -> None:
    """Client and worker of ours work through the C server, updates included."""
    request = client.submit_job("updates", "data", poll_timeout=WAIT_SECONDS)

    assert request.state == gearman.JOB_COMPLETE
    assert list(request.data_updates) == ["first"]
    assert list(request.warning_updates) == ["careful"]
    assert (request.status["numerator"], request.status["denominator"]) == (1, 2)
    assert request.result == "done"


@pytest.mark.usefixtures("classic_worker")
def test_our_worker_is_listed_with_its_id_and_tasks(admin: gearman.GearmanAdminClient) -> None:
    """The C server lists our worker, and our admin client reads the list."""
    deadline = Deadline()
    while "classic-worker" not in (by_id := {row["client_id"]: row for row in admin.get_workers()}):
        deadline.check("our worker in the list of workers")

    assert sorted(by_id["classic-worker"]["tasks"]) == ["fail", "reverse", "updates"]


# --- our admin client -------------------------------------------------------------------------------------


def test_the_admin_client_reads_the_lists(
    client: gearman.GearmanClient, admin: gearman.GearmanAdminClient
) -> None:
    """Status, jobs and uniques of the C server come as tuples of dicts that can be written as JSON."""
    request = client.submit_job("f", "data", unique="u", background=True, poll_timeout=WAIT_SECONDS)

    assert admin.get_status() == ({"task": "f", "queued": 1, "running": 0, "workers": 0},)
    assert [row["handle"] for row in admin.get_jobs()] == [request.job.handle]
    assert [row["unique"] for row in admin.get_unique_jobs()] == ["u"]
    json.dumps([admin.get_status(), admin.get_workers(), admin.get_jobs(), admin.get_unique_jobs()])


def test_the_admin_client_asks_the_server_about_itself(
    admin: gearman.GearmanAdminClient, c_server: JobServer
) -> None:
    """Version, process id and a ping of the C server."""
    assert admin.get_version().startswith("OK 1.")
    assert str(c_server.program.pid) in admin.get_pid()
    assert 0 < admin.ping_server() < WAIT_SECONDS


def test_the_admin_client_cancels_a_job(
    client: gearman.GearmanClient, admin: gearman.GearmanAdminClient, gearman_tool: list[str]
) -> None:
    """A cancelled job is not run; an unknown one is an error of the server."""
    unwanted = client.submit_job("f", "unwanted", background=True, poll_timeout=WAIT_SECONDS)
    client.submit_job("f", "wanted", background=True, poll_timeout=WAIT_SECONDS)

    assert "OK" in admin.cancel_job(unwanted.job.handle)
    assert "UNKNOWN_JOB" in admin.cancel_job("T:999999")

    assert run(*gearman_tool, "-w", "-f", "f", "-c", "1").stdout == b"wanted"
