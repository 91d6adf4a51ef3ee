"""PHP's gearman extension, client and worker, against our server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.conftest import StartProgram
from tests.interop.peers import HERE, require, require_library, run
from tests.interop.servers import JobServer


class Php:
    """The two scripts in ``php/``, pointed at a server."""

    def __init__(self, server: JobServer, start: StartProgram) -> None:
        self._php = require("php", "php-cli")
        require_library([self._php, "-r", "exit((int) !extension_loaded('gearman'));"], "php-gearman")
        self._port = str(server.port)
        self._start = start

    def client(self, scenario: str) -> Any:
        """What the client saw."""
        script = str(HERE / "php" / "client.php")
        return json.loads(run(self._php, script, self._port, scenario).stdout)

    def worker(self, jobs: int) -> None:
        """Starts a worker that ends after so many jobs, or with the test."""
        self._start(self._php, str(HERE / "php" / "worker.php"), self._port, str(jobs))


@pytest.fixture
def php(server: JobServer, start: StartProgram) -> Php:
    return Php(server, start)


def test_ping_is_answered(php: Php) -> None:
    """GearmanClient::ping sends an ECHO_REQ."""
    assert php.client("ping") is True


def test_jobs_of_three_priorities_come_back(php: Php) -> None:
    """doNormal, doHigh and doLow return the result."""
    php.worker(3)

    assert php.client("do") == ["eno", "owt", "eerht"]


def test_a_large_binary_job_comes_back_whole(php: Php) -> None:
    """2.4 MB of any bytes go to the worker and back."""
    php.worker(1)

    assert php.client("large") is True


def test_the_worker_learns_all_about_its_job(php: Php) -> None:
    """GearmanJob tells handle, unique, function and size."""
    php.worker(1)

    seen = php.client("describe")

    assert seen.pop("handle").startswith("T:")
    assert seen == {"unique": "my-unique", "function": "describe", "size": 4}


def test_background_jobs_are_queued_and_coalesced(php: Php, server: JobServer) -> None:
    """doBackground and its relatives return handles; a unique in the queue returns the one it has."""
    low, normal, high, again = php.client("queue")

    assert len({low, normal, high}) == 3
    assert again == normal
    assert server.ask("prioritystatus") == ["f\t1\t1\t1\t0"]


def test_the_status_of_a_job_can_be_asked_by_handle_and_by_unique(php: Php) -> None:
    """jobStatus and jobStatusByUniqueKey give known, running, numerator and denominator."""
    assert php.client("status") == [[True, False, 0, 0], [True, False, 0, 0], [False, False, 0, 0]]


def test_updates_come_before_the_result(php: Php) -> None:
    """doNormal returns the data that the worker sent on its way and its result in one piece."""
    php.worker(1)

    assert php.client("do with updates") == "firstseconddone"


def test_a_failed_job_is_reported(php: Php) -> None:
    """sendFail makes the client's return code GEARMAN_WORK_FAIL."""
    php.worker(1)

    assert php.client("do that fails") is True


def test_tasks_run_side_by_side_with_all_callbacks(php: Php) -> None:
    """runTasks reports every event of six tasks to the callbacks, each task's own in order."""
    php.worker(6)

    finished, events = php.client("tasks")

    assert finished is True
    by_task = {
        unique: [[name, *rest] for name, task, *rest in events if task == unique] for unique in "123456"
    }
    assert all(seen[0][0] == "created" for seen in by_task.values())
    assert [by_task[unique][1:] for unique in "123"] == [
        [["complete", "eno"]],
        [["complete", "owt"]],
        [["complete", "eerht"]],
    ]
    assert by_task["4"][1:] == [
        ["data", "first"],
        ["status", 1, 2, True, True],
        ["warning", "careful"],
        ["data", "second"],
        ["status", 2, 2, True, True],
        ["complete", "done"],
    ]
    assert by_task["5"][1:] == [["fail"]]
    assert by_task["6"][1:] == []


def test_an_exception_reaches_the_client_that_asks_for_exceptions(php: Php) -> None:
    """enableExceptionHandler makes the server pass on what sendException said."""
    php.worker(1)

    events = php.client("exception")

    assert [event[0] for event in events] == ["created", "exception"]
    assert events[1][2] == "what went wrong"


def test_an_exception_is_a_failure_for_others(php: Php, server: JobServer) -> None:
    """A client that did not ask for exceptions, such as the C command line tool, gets WORK_FAIL."""
    php.worker(1)
    gearman = require("gearman", "gearman-tools")

    result = run(gearman, "-h", "127.0.0.1", "-p", str(server.port), "-f", "exception", "data", status=1)

    assert result.stderr == b"Job failed\n"
