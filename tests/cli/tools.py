"""Runs the tools as processes, and brings job servers into a state worth looking at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from geartrain.protocol.packets import (
    CAN_DO,
    ECHO_REQ,
    GRAB_JOB,
    PRE_SLEEP,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
)
from tests.interop.peers import run
from tests.interop.servers import HOST, JobServer
from tests.server.wire import Wire

FOLDER = Path(sys.executable).parent


def environment(**variables: str) -> dict[str, str]:
    """The environment of the tests, without what others may have said about servers in it.

    Nor is their coverage measured: that handles signals and writes files on its own.
    """
    foreign = ("GEARMAN", "COVERAGE_PROCESS")
    others = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**others, **variables}


def run_tool(
    name: str, *options: str, status: int = 0, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs one of our programs to its end, which has to have this exit status."""
    return run(str(FOLDER / name), *options, status=status, environment=environment(**variables))


def geartrain(server: JobServer, *words: str, status: int = 0) -> str:
    """What ``geartrain`` prints about this server."""
    done = run_tool("geartrain", *words, status=status, GEARMAN_SERVER=server.address)
    return done.stdout.decode()


def geartrain_json(server: JobServer, *words: str) -> Any:
    """What ``geartrain`` tells programs about this server."""
    return json.loads(geartrain(server, *words, "--json"))


def table(text: str) -> list[list[str]]:
    """The cells of a printed table without blanks in them, its titles first."""
    return [line.split() for line in text.splitlines()]


def wire_to(server: JobServer) -> Wire:
    return Wire((HOST, server.port))


@contextmanager
def busy_worker(server: JobServer, function: bytes) -> Iterator[bytes]:
    """A worker that runs one background job of the function all the time; the job's handle."""
    with wire_to(server) as worker:
        worker.send(SUBMIT_JOB_BG, function, b"", b"running")
        handle = worker.read().arguments[0]
        worker.send(CAN_DO, function)
        worker.send(GRAB_JOB)
        worker.read()
        yield handle


@contextmanager
def sleeping_worker(server: JobServer, *functions: bytes) -> Iterator[None]:
    """A worker that has nothing to do."""
    with wire_to(server) as worker:
        for function in functions:
            worker.send(CAN_DO, function)
        worker.send(PRE_SLEEP)
        # Answered when all of that has been done.
        worker.send(ECHO_REQ, b"")
        worker.read()
        yield


def queue_job(server: JobServer, function: bytes, unique: bytes = b"", *, high: bool = False) -> str:
    """Leaves a background job in its queue; returns its handle."""
    with wire_to(server) as client:
        client.send(SUBMIT_JOB_HIGH_BG if high else SUBMIT_JOB_BG, function, unique, b"data")
        return client.read().arguments[0].decode()


@contextmanager
def scripted_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for one connection that does as it likes, in a thread; its port."""
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=_serve_one, args=(listener, serve), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


def _serve_one(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    connection, _ = listener.accept()
    # A tool that has heard enough may leave in the middle.
    with connection, suppress(ConnectionError):
        serve(connection)
        # Until the tool has closed it.
        while connection.recv(65536):
            pass


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
