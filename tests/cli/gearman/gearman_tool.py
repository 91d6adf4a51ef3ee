"""``gearman``, ours or Debian's, as client and worker of a server, and what other programs do meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from geartrain.protocol.packets import CAN_DO, JOB_ASSIGN, NOOP, PRE_SLEEP, Packet
from tests.cli.tools import FOLDER, environment, wire_to
from tests.interop.peers import require
from tests.interop.processes import PATIENCE_SECONDS, Program
from tests.interop.servers import HOST, JobServer
from tests.server.wire import Wire

OURS = str(FOLDER / "gearman")
GEARTRAIN = str(FOLDER / "geartrain")

NOTHING: Mapping[str, str] = {}

StartProgram = Callable[..., Program]


def of_debian() -> str:
    """The C tool; the test is skipped when it is not installed."""
    return require("gearman", "gearman-tools")


def at(port: int) -> list[str]:
    """The options for a server on this machine."""
    return ["-h", HOST, "-p", str(port)]


def run_client(
    command: Sequence[str], *, stdin: bytes = b"", status: int = 0, variables: Mapping[str, str] = NOTHING
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end, which has to have this exit status."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        env=environment(**variables),
    )
    assert done.returncode == status, f"{command} ended with {done.returncode}: {done!r}"
    return done


def gearman(
    server: JobServer, *options: str, stdin: bytes = b"", status: int = 0, tool: str = OURS
) -> subprocess.CompletedProcess[bytes]:
    """Runs ``gearman`` as a client of the server."""
    return run_client([tool, *at(server.port), *options], stdin=stdin, status=status)


def complaint(command: Sequence[str], status: int, variables: Mapping[str, str] = NOTHING) -> str:
    """The one line on stderr of a program that prints nothing else."""
    done = run_client(command, status=status, variables=variables)
    assert done.stdout == b""
    [line] = done.stderr.decode().splitlines()
    return line


@contextmanager
def taken_job(server: JobServer, function: bytes) -> Iterator[tuple[Wire, bytes]]:
    """A worker that has taken the one job of the function, as soon as it is there; and the job's handle."""
    with wire_to(server) as worker:
        yield worker, take_job(worker, function)


def take_job(worker: Wire, function: bytes) -> bytes:
    """Waits for a job of the function and takes it; its handle."""
    worker.send(CAN_DO, function)
    return next_job(worker).arguments[0]


def next_job(worker: Wire) -> Packet:
    """Waits for a job and takes it."""
    while True:
        worker.send(PRE_SLEEP)
        assert worker.read().number == NOOP
        packet = worker.grab()
        if packet.number == JOB_ASSIGN:
            return packet
