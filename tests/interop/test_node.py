"""A Gearman client and worker for Node (abraxas) against our server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.conftest import StartProgram
from tests.interop.peers import HERE, absent, require, run
from tests.interop.servers import JobServer

FOLDER = HERE / "node"


class Node:
    """The two scripts in ``node/``, pointed at a server."""

    def __init__(self, server: JobServer, start: StartProgram) -> None:
        self._node = require("node", "nodejs")
        if not (FOLDER / "node_modules" / "abraxas").is_dir():
            absent("abraxas is not installed (npm install --no-package-lock in tests/interop/node)")
        self._port = str(server.port)
        self._start = start

    def client(self, scenario: str) -> Any:
        """What the client saw."""
        return json.loads(run(self._node, str(FOLDER / "client.js"), self._port, scenario).stdout)

    def worker(self) -> None:
        """Starts a worker that ends with the test."""
        self._start(self._node, str(FOLDER / "worker.js"), self._port)


@pytest.fixture
def node(server: JobServer, start: StartProgram) -> Node:
    return Node(server, start)


def test_jobs_come_back(node: Node) -> None:
    """Three jobs at once over one connection each get their own result."""
    node.worker()

    assert node.client("do") == ["eno", "owt", "eerht"]


def test_a_large_binary_job_comes_back_whole(node: Node) -> None:
    """2.4 MB of any bytes go to the worker and back."""
    node.worker()

    assert node.client("large") is True


def test_background_jobs_are_queued_by_priority(node: Node, server: JobServer) -> None:
    """submitJobBg resolves to a handle, and the priority is the one asked for."""
    handles = node.client("queue")

    assert len(set(handles)) == 3
    assert server.ask("prioritystatus") == ["f\t1\t1\t1\t0"]


@pytest.mark.parametrize("scenario", ["later", "scheduled"])
def test_a_job_for_later_waits(node: Node, server: JobServer, scenario: str) -> None:
    """submitJobAt and submitJobSched queue a job that is known under its handle."""
    [handle] = node.client(scenario)

    assert server.ask("status") == ["f\t1\t0\t0"]
    assert server.ask("show jobs") == [f"{handle}\t0\t0\t1"]


def test_updates_come_before_the_result(node: Node) -> None:
    """Progress and warnings reach the client in their order."""
    node.worker()

    assert node.client("updates") == [["status", 50], ["warning", "careful"], ["complete", "done"]]


def test_a_failed_job_is_reported(node: Node) -> None:
    """What the worker throws is a failure to the client."""
    node.worker()

    assert node.client("exception") == ["failed"]
