"""Fixtures of the tests of the programs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cli.gearman.gearman_tool import StartProgram
from tests.cli.gearmand.run import GearmandCommand
from tests.cli.tools import environment
from tests.interop.processes import Program
from tests.interop.servers import JobServer, start_c_server, start_ours


@pytest.fixture
def gearmand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> GearmandCommand:
    """The command ``gearmand``, with nothing about it in the environment."""
    for name in list(os.environ):
        if name.startswith("GEARMAND_"):
            monkeypatch.delenv(name)
    return GearmandCommand(monkeypatch, capsys)


@pytest.fixture
def our_server() -> Iterator[JobServer]:
    """Our job server as a process."""
    job_server = start_ours()
    yield job_server
    job_server.stop()


@pytest.fixture
def c_server() -> Iterator[JobServer]:
    """The C server."""
    job_server = start_c_server()
    yield job_server
    job_server.stop()


@pytest.fixture(params=["ours", "c"])
def either_server(request: pytest.FixtureRequest) -> JobServer:
    """Our job server, and then the C server: what the tools do for both."""
    found: JobServer = request.getfixturevalue("our_server" if request.param == "ours" else "c_server")
    return found


@pytest.fixture
def start() -> Iterator[StartProgram]:
    """Starts programs that stay; those still running at the end of the test are stopped."""
    started: list[Program] = []

    def start_program(*command: str, **variables: str) -> Program:
        program = Program(command, environment(**variables))
        started.append(program)
        return program

    yield start_program
    for program in reversed(started):
        program.stop()
