"""What the tests of the classic API start, and stop again."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

import gearman
from tests.classic.helpers import RunningWorker, StoppableWorker, make_worker
from tests.classic.scripted_server import ScriptedServer
from tests.interop.processes import Program
from tests.interop.servers import JobServer, start_c_server, start_ours

StartWorker = Callable[..., RunningWorker]
StartServer = Callable[..., JobServer]
StartScript = Callable[[Sequence[Sequence[bytes]]], ScriptedServer]
StartProgram = Callable[..., Program]
MakeClient = Callable[..., gearman.GearmanClient]


@pytest.fixture(scope="session")
def our_server() -> Iterator[JobServer]:
    """Our server. With GEARTRAIN_CLASSIC_SERVER=c it is the C server, which shows what is ours alone."""
    server = start_c_server() if os.environ.get("GEARTRAIN_CLASSIC_SERVER") == "c" else start_ours()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def the_c_server() -> Iterator[JobServer]:
    server = start_c_server()
    yield server
    server.stop()


@pytest.fixture
def server(our_server: JobServer) -> JobServer:
    """Our server, shared by all tests: each has a task name of its own."""
    return our_server


@pytest.fixture(params=["ours", "c"])
def either_server(request: pytest.FixtureRequest) -> JobServer:
    """Our server and the C server, one after the other, for what must hold with both."""
    name = "our_server" if request.param == "ours" else "the_c_server"
    found: JobServer = request.getfixturevalue(name)
    return found


@pytest.fixture
def task() -> str:
    """The name of a task that no other test uses."""
    return f"task-{uuid.uuid4().hex}"


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers of our own that a test may kill."""
    started: list[JobServer] = []

    def start(*options: str) -> JobServer:
        started.append(start_ours(*options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def start_script() -> Iterator[StartScript]:
    """Starts servers that say what they are told to say."""
    started: list[ScriptedServer] = []

    def start(scripts: Sequence[Sequence[bytes]]) -> ScriptedServer:
        started.append(ScriptedServer(scripts))
        return started[-1]

    yield start
    for script in started:
        script.close()


@pytest.fixture
def start_program() -> Iterator[StartProgram]:
    """Starts processes."""
    started: list[Program] = []

    def start(*command: str) -> Program:
        started.append(Program(command))
        return started[-1]

    yield start
    for program in started:
        program.stop()


@pytest.fixture
def start_worker() -> Iterator[StartWorker]:
    """Starts workers in threads; one that died of an error fails the test at its end."""
    started: list[RunningWorker] = []

    def start(
        tasks: Mapping[Any, Callable[[Any, Any], Any]],
        *addresses: Any,
        worker_class: type[gearman.GearmanWorker] = StoppableWorker,
        **work_arguments: Any,
    ) -> RunningWorker:
        worker = make_worker(tasks, *addresses, worker_class=worker_class)
        started.append(RunningWorker(worker, **work_arguments))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def make_client(start_script: StartScript) -> Iterator[MakeClient]:  # noqa: ARG001 - ends after this one
    """Makes clients, and closes them at the end."""
    made: list[gearman.GearmanClient] = []

    def make(
        *addresses: Any, client_class: type[gearman.GearmanClient] = gearman.GearmanClient
    ) -> gearman.GearmanClient:
        made.append(client_class(list(addresses)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: MakeClient, server: JobServer) -> gearman.GearmanClient:
    """A client of the shared server."""
    return make_client(server.address)
