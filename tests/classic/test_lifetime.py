"""Processes and connections: forks, closing, and what is left behind."""

from __future__ import annotations

import gc
import os
import warnings
from typing import Any

import pytest

import gearman
from gearman.errors import ServerUnavailable
from tests.classic.conftest import MakeClient, StartScript, StartWorker
from tests.classic.helpers import ACCEPTED, wait_until
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer


def run_in_child(check: Any) -> int:
    """Forks, runs a check in the child, and returns the child's exit status."""
    with warnings.catch_warnings():
        # Newer Pythons warn of forking with threads; these threads hold nothing that the child needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            check()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_does_not_use_its_parent_s_connection(
    client: gearman.GearmanClient, task: str
) -> None:
    """It makes one of its own, and the parent's goes on as if nothing had happened."""
    before = client.submit_job(task, "before", background=True)
    connection = client.connection_list[0]
    descriptor = connection.fileno()

    def check() -> None:
        assert not connection.connected
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
        assert client.submit_job(task, "child", background=True).state == "CREATED"

    assert run_in_child(check) == 0
    assert connection.fileno() == descriptor
    assert client.get_job_status(before).status["known"] is True


def test_a_forked_child_has_lost_what_its_parent_waits_for(client: gearman.GearmanClient, task: str) -> None:
    """The result goes to the parent."""
    request = client.submit_job(task, "x", wait_until_complete=False)

    def check() -> None:
        assert request.state == "UNKNOWN"

    assert run_in_child(check) == 0
    assert request.state == "CREATED"


def test_a_callback_may_fork(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """The child of a worker has no connection, and its end costs the worker nothing."""
    statuses: list[int] = []

    def fork(worker: Any, job: Any) -> Any:
        def check() -> None:
            with pytest.raises(ServerUnavailable):
                worker.send_job_data(job, "from the child")

        statuses.append(run_in_child(check))
        return "r"

    start_worker({task: fork}, server.address)
    request = client.submit_job(task, "x")

    assert (request.result, list(request.data_updates), statuses) == ("r", [], [0])


def test_closing_leaves_no_maps_and_can_be_undone(client: gearman.GearmanClient, task: str) -> None:
    """The next call connects again."""
    for _ in range(3):
        assert client.submit_job(task, "x", background=True).state == "CREATED"
        assert len(client.handler_to_connection_map) == 1
        client.shutdown()
        assert not client.handler_to_connection_map
        assert not client.connection_to_handler_map


def test_leaving_a_with_block_closes(server: JobServer, task: str) -> None:
    """Clients and workers alike."""
    with gearman.GearmanClient([server.address]) as client:
        client.submit_job(task, "x", background=True)
        connection = client.connection_list[0]
        assert connection.gearman_socket is not None

    assert not connection.connected


def test_closing_a_client_ends_the_wait_for_its_jobs(client: gearman.GearmanClient, task: str) -> None:
    """Their state is unknown."""
    request = client.submit_job(task, "x", wait_until_complete=False)

    client.close()

    assert request.state == "UNKNOWN"


def test_a_connection_closed_by_hand_is_lost_to_its_requests(
    start_script: StartScript, server: JobServer, make_client: MakeClient
) -> None:
    """Its handler hears of it at the next call."""
    script = start_script([[ACCEPTED, ScriptedServer.STAY]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False)
    client.establish_connection(client.add_connection(server.address))
    client.connection_list[0].close()

    client.wait_until_jobs_completed([request])

    assert (request.state, request.timed_out) == ("UNKNOWN", True)


def test_a_connection_closed_and_opened_by_hand_gets_a_new_handler(
    client: gearman.GearmanClient, task: str
) -> None:
    """What was under way on the old one is lost."""
    request = client.submit_job(task, "x", wait_until_complete=False)
    connection = client.connection_list[0]
    connection.close()

    client.establish_connection(connection)

    assert request.state == "UNKNOWN"
    assert len(client.handler_to_connection_map) == 1


def test_a_foreign_connection_cannot_be_established(client: gearman.GearmanClient) -> None:
    """It would never be polled."""
    with pytest.raises(AssertionError):
        client.establish_connection(gearman.connection.GearmanConnection("127.0.0.1"))


@pytest.mark.parametrize("force_select", [False, True])
def test_a_socket_that_is_closed_while_it_is_waited_for_does_no_harm(
    server: JobServer,
    start_worker: StartWorker,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
    force_select: bool,
) -> None:
    """A signal handler may do that; select complains about it where poll does not."""
    monkeypatch.setattr(gearman.io, "force_select", force_select)

    running = start_worker({task: lambda _worker, job: job.data}, server.address)
    wait_until(lambda: running.worker.handler_to_connection_map, "the connection")
    gearman_socket = running.worker.connection_list[0].gearman_socket
    assert gearman_socket is not None

    gearman_socket.close()

    running.join()
    assert isinstance(running.error, ServerUnavailable)
    running.error = None


def test_jobs_run_with_select_as_well(
    server: JobServer,
    start_worker: StartWorker,
    make_client: MakeClient,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Green thread libraries replace nothing else."""
    monkeypatch.setattr(gearman.io, "force_select", True)
    start_worker({task: lambda _worker, job: job.data}, server.address)

    assert make_client(server.address).submit_job(task, "x").result == "x"


def test_a_manager_made_without_its_constructor_goes_in_peace() -> None:
    """Programs test their workers with stand-ins that hold anything in place of connections."""

    class StandIn(gearman.GearmanWorker):
        def __init__(self) -> None:
            self.connection_list = ["server:4730"]  # type: ignore[list-item]  # as programs do

    # An error in a finaliser would fail this test, as warnings do.
    StandIn()
    gc.collect()
