"""What the interoperation tests start, and stop again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.interop.processes import Program
from tests.interop.servers import JobServer, start_c_server, start_ours

StartProgram = Callable[..., Program]


@pytest.fixture
def server() -> Iterator[JobServer]:
    """Our job server, which the programs of others talk to.

    With GEARTRAIN_INTEROP_SERVER=c it is the C server: what these tests expect is what they see there.
    """
    job_server = start_c_server() if os.environ.get("GEARTRAIN_INTEROP_SERVER") == "c" else start_ours()
    yield job_server
    job_server.stop()


@pytest.fixture
def c_server() -> Iterator[JobServer]:
    """The C server, which our own programs talk to."""
    job_server = start_c_server()
    yield job_server
    job_server.stop()


@pytest.fixture
def start() -> Iterator[StartProgram]:
    """Starts programs that stay; those still running at the end of the test are stopped."""
    started: list[Program] = []

    def start_program(*command: str) -> Program:
        program = Program(command)
        started.append(program)
        return program

    yield start_program
    for program in reversed(started):
        program.stop()
