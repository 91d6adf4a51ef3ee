"""What programs written for older versions do with workers and clients: loops, wrappers and idioms."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import gearman
from gearman.client import GearmanClient
from gearman.connection_manager import GearmanConnectionManager
from gearman.errors import ServerUnavailable
from gearman.worker import GearmanWorker
from tests.classic.conftest import MakeClient, StartServer, StartWorker
from tests.classic.helpers import (
    PATIENCE_SECONDS,
    RunningWorker,
    StoppableWorker,
    echo,
    make_worker,
    wait_until,
)
from tests.interop.servers import JobServer

# --- loops of their own -------------------------------------------------------------------------------


class OwnLoop(StoppableWorker):
    """Works until it has run a job, and shuts itself down, whatever it was that ended the loop."""

    jobs = 0

    def work(self, poll_timeout: float | None = 60.0, reconnect: bool = False) -> None:  # noqa: ARG002
        self.jobs = 0
        continue_working = True
        while continue_working:
            connections = self.establish_worker_connections()
            continue_working = self.poll_connections_until_stopped(
                connections, lambda any_activity: self.after_poll(any_activity), timeout=poll_timeout
            )
        self.shutdown()

    def on_job_complete(self, current_job: Any, job_result: Any) -> None:
        self.jobs += 1
        self.send_job_complete(current_job, job_result)

    def after_poll(self, any_activity: bool) -> bool:
        return super().after_poll(any_activity) and not self.jobs


def test_a_loop_that_shuts_down_at_its_end_can_be_run_again(
    either_server: JobServer, make_client: MakeClient, task: str
) -> None:
    """What ended one loop does not end the next."""
    client = make_client(either_server.address)
    worker = make_worker({task: echo}, either_server.address, worker_class=OwnLoop)

    for number in ("1", "2", "3"):
        request = client.submit_job(task, number, wait_until_complete=False)
        running = RunningWorker(worker)
        assert client.wait_until_jobs_completed([request], poll_timeout=PATIENCE_SECONDS)[0].result == number
        running.join()
        assert running.error is None


def test_an_error_in_a_loop_does_not_end_the_next(
    server: JobServer, client: gearman.GearmanClient, task: str
) -> None:
    """Not even when the worker had been told to end before."""
    worker = make_worker({task: echo}, server.address)
    connections = worker.establish_worker_connections()

    def fail(_any_activity: bool) -> bool:
        worker.shutdown()
        raise RuntimeError("the program's own")

    with pytest.raises(RuntimeError, match="the program's own"):
        worker.poll_connections_until_stopped(connections, fail)

    request = client.submit_job(task, "x", wait_until_complete=False)
    running = RunningWorker(worker)
    assert client.wait_until_jobs_completed([request], poll_timeout=PATIENCE_SECONDS)[0].result == "x"
    running.stop()


def test_a_loop_sees_each_job_by_the_lock(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """has_job_lock() is True in one call of the callback and False in a later one, for each job anew."""
    client = make_client(either_server.address)
    client.submit_multiple_jobs(
        [{"task": task, "data": str(number)} for number in range(20)], background=True
    )
    steps: list[object] = []

    class Watching(StoppableWorker):
        def after_poll(self, any_activity: bool) -> bool:
            if not steps or steps[-1] != self.has_job_lock():
                steps.append(self.has_job_lock())
            return super().after_poll(any_activity)

    def note(_worker: Any, _job: Any) -> None:
        steps.append("job")

    start_worker({task: note}, either_server.address, worker_class=Watching)
    wait_until(lambda: steps.count("job") == 20, "all jobs")

    positions = [position for position, step in enumerate(steps) if step == "job"]
    assert all(steps[position - 1] is True for position in positions)
    assert all(steps[position + 1] is False for position in positions[:-1])


# --- tasks --------------------------------------------------------------------------------------------


def test_a_task_registered_in_a_callback_is_announced_to_all_servers(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """Also to those that the job did not come from."""
    servers = [start_server(), start_server()]
    clients = [make_client(own_server.address) for own_server in servers]

    def register(worker: Any, _job: Any) -> None:
        worker.register_task(task + "new", echo)

    start_worker({task: register}, *[own_server.address for own_server in servers])
    assert clients[0].submit_job(task, "x", poll_timeout=PATIENCE_SECONDS).complete

    for client in clients:
        assert client.submit_job(task + "new", "y", poll_timeout=PATIENCE_SECONDS).result == "y"


def test_a_task_registered_while_a_job_is_asked_for_leaves_that_job_alone(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """The server would take a job away that is on its way."""
    runs: list[Any] = []

    class Registering(StoppableWorker):
        def after_poll(self, any_activity: bool) -> bool:
            if self.has_job_lock():
                self.register_task(task + "new", echo)
            return super().after_poll(any_activity)

    def note(_worker: Any, job: Any) -> Any:
        runs.append(str(job.data))
        return job.data

    client = make_client(either_server.address)
    jobs = [{"task": task, "data": str(number)} for number in range(10)]
    requests = client.submit_multiple_jobs(jobs, wait_until_complete=False)
    start_worker({task: note}, either_server.address, worker_class=Registering)

    client.wait_until_jobs_completed(requests, poll_timeout=PATIENCE_SECONDS)
    assert [request.state for request in requests] == ["COMPLETE"] * 10
    assert runs == [str(number) for number in range(10)]
    assert client.submit_job(task + "new", "y", poll_timeout=PATIENCE_SECONDS).result == "y"


# --- wrappers -----------------------------------------------------------------------------------------

Calls = list[tuple[str, tuple[Any, ...]]]

# What a monitoring agent replaces by name.
WRAPPED: list[tuple[type[Any], str]] = [
    *[
        (GearmanClient, name)
        for name in (
            "submit_job",
            "submit_multiple_jobs",
            "submit_multiple_requests",
            "wait_until_jobs_accepted",
            "wait_until_jobs_completed",
            "get_job_status",
            "get_job_statuses",
            "wait_until_job_statuses_received",
        )
    ],
    *[
        (GearmanConnectionManager, name)
        for name in ("poll_connections_until_stopped", "handle_read", "handle_write", "handle_error")
    ],
    (GearmanWorker, "on_job_execute"),
    (GearmanWorker, "register_task"),
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of the methods that a monitoring agent wraps, with their positional arguments."""
    seen: Calls = []

    def wrap(owner: type[Any], name: str) -> None:
        wrapped: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(wrapped)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((name, args))
            return wrapped(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, wrapper)

    for owner, name in WRAPPED:
        wrap(owner, name)
    return seen


def test_a_monitoring_agent_sees_every_step(
    start_server: StartServer,
    make_client: MakeClient,
    calls: Calls,
    task: str,
) -> None:
    """The methods that it wraps on the classes are all called, with the argument that it looks at first."""
    server = start_server()
    worker = make_worker({task: echo}, server.address)
    running = RunningWorker(worker)
    client = make_client(server.address)

    request = client.submit_job(task, "x")
    client.get_job_status(request)
    running.stop()
    server.stop()
    with pytest.raises(ServerUnavailable):
        client.poll_connections_until_stopped(client.connection_list, lambda _any_activity: True)

    assert {name for name, _ in calls} == {name for _, name in WRAPPED}
    for name, args in calls:
        if name in ("handle_read", "handle_write", "handle_error"):
            [connection] = args
            assert connection.get_address() == ("127.0.0.1", server.port)
        elif name == "poll_connections_until_stopped":
            assert [one.get_address() for one in args[0]] == [("127.0.0.1", server.port)]
        elif name == "on_job_execute":
            assert args[0].task == task


# --- giving jobs back ---------------------------------------------------------------------------------


def test_a_job_that_fails_after_shutdown_goes_back_to_its_queue(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """Programs shut the worker down and raise, for another worker to try the job."""
    client = make_client(either_server.address)
    request = client.submit_job(task, "x", wait_until_complete=False)

    def give_back(worker: Any, _job: Any) -> None:
        worker.shutdown()
        raise RuntimeError("no database")

    start_worker({task: give_back}, either_server.address).join()
    start_worker({task: echo}, either_server.address)

    assert client.wait_until_jobs_completed([request], poll_timeout=PATIENCE_SECONDS)[0].result == "x"
