"""What the tests of the examples start, and stop again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.processes import Program
from tests.interop.servers import JobServer, start_c_server, start_ours

EXAMPLES = Path(__file__).parents[2] / "examples"

StartExample = Callable[..., Program]


@pytest.fixture(params=["ours", "c"])
def server(request: pytest.FixtureRequest) -> Iterator[JobServer]:
    """A job server of its own for each test: ours, and the C server."""
    job_server = start_ours() if request.param == "ours" else start_c_server()
    yield job_server
    job_server.stop()


@pytest.fixture
def start(server: JobServer) -> Iterator[StartExample]:
    """Starts an example that stays, such as a worker; it is stopped at the end of the test."""
    started: list[Program] = []

    def start_example(name: str) -> Program:
        started.append(Program(example(name, server)))
        return started[-1]

    yield start_example
    for program in started:
        program.stop()


def example(name: str, server: JobServer) -> list[str]:
    """The command that runs an example against a server."""
    return [sys.executable, str(EXAMPLES / name), server.address]
