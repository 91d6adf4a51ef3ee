"""Perl's Gearman::Client and Gearman::Worker against our server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.conftest import StartProgram
from tests.interop.peers import HERE, require, require_library, run
from tests.interop.servers import JobServer


class Perl:
    """The two scripts in ``perl/``, pointed at a server."""

    def __init__(self, server: JobServer, start: StartProgram) -> None:
        self._perl = require("perl", "perl")
        require_library([self._perl, "-MGearman::Client", "-e", "1"], "libgearman-client-perl")
        self._port = str(server.port)
        self._start = start

    def client(self, scenario: str) -> Any:
        """What the client saw."""
        [seen] = json.loads(run(self._perl, str(HERE / "perl" / "client.pl"), self._port, scenario).stdout)
        return seen

    def worker(self, jobs: int) -> None:
        """Starts a worker that ends after so many jobs, or with the test."""
        self._start(self._perl, str(HERE / "perl" / "worker.pl"), self._port, str(jobs))


@pytest.fixture
def perl(server: JobServer, start: StartProgram) -> Perl:
    return Perl(server, start)


def test_jobs_come_back(perl: Perl) -> None:
    """do_task returns the result, of high priority and of a function with a time limit, too."""
    perl.worker(3)

    assert perl.client("do") == ["eno", "owt", "in time"]


def test_a_large_binary_job_comes_back_whole(perl: Perl) -> None:
    """2.4 MB of any bytes go to the worker and back."""
    perl.worker(1)

    assert perl.client("large") is True


def test_background_jobs_are_queued_and_coalesced(perl: Perl, server: JobServer) -> None:
    """dispatch_background returns handles; a unique in the queue returns the one it has."""
    low, normal, high, again = perl.client("queue")

    assert len({low, normal, high}) == 3
    assert again == normal
    assert server.ask("prioritystatus") == ["f\t1\t1\t1\t0"]


def test_a_dash_as_unique_coalesces_equal_data(perl: Perl) -> None:
    """uniq => '-' makes one job of two with the same data."""
    one, same, two = perl.client("dash")

    assert one == same
    assert one != two


def test_the_status_of_a_job_can_be_asked(perl: Perl) -> None:
    """get_status tells a queued job from one that nobody knows."""
    assert perl.client("status") == [[1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_task_set_waits_for_all_of_its_tasks(perl: Perl) -> None:
    """Five tasks of a set each get their own result."""
    perl.worker(5)

    assert perl.client("taskset") == {
        "one": "eno",
        "two": "owt",
        "three": "eerht",
        "four": "ruof",
        "five": "evif",
    }


def test_updates_come_before_the_result(perl: Perl) -> None:
    """Data, progress and warnings reach the callbacks in their order."""
    perl.worker(1)

    assert perl.client("updates") == [
        ["data", "first"],
        ["status", 1, 2],
        ["warning", "careful"],
        ["complete", "done"],
    ]


def test_a_failed_job_is_reported(perl: Perl) -> None:
    """A worker's function that returns nothing fails its job."""
    perl.worker(1)

    assert perl.client("fail") == [["fail"]]


def test_an_exception_reaches_the_client_that_asks_for_exceptions(perl: Perl) -> None:
    """A die in the worker's function comes to a client with exceptions => 1."""
    perl.worker(1)

    [[name, frozen]] = perl.client("exception")

    # Perl freezes what was thrown; the text stands at the end.
    assert name == "exception"
    assert frozen.endswith("what went wrong\n")


def test_an_exception_is_a_failure_for_others(perl: Perl) -> None:
    """A client that did not ask for exceptions gets WORK_FAIL, with a handle that it knows."""
    perl.worker(1)

    assert perl.client("exception without asking") == [["fail"]]


def test_a_worker_outlives_the_exception_of_its_function(perl: Perl) -> None:
    """It sends WORK_FAIL behind WORK_EXCEPTION, and would die of an ERROR in answer to that."""
    perl.worker(4)

    assert perl.client("exception without asking") == [["fail"]]
    assert perl.client("do") == ["eno", "owt", "in time"]


def test_the_functions_of_a_server_can_be_listed(perl: Perl) -> None:
    """get_job_server_status reads the list of functions."""
    assert perl.client("functions") == {"f": {"queued": "1", "running": "0", "capable": "0"}}
