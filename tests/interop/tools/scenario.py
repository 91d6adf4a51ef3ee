"""Shell scenarios: the same command lines, run with the C tools and with ours, against both servers.

A command line is text for ``sh``; ``{gearman}`` and ``{gearadmin}`` stand for the tools with the address of
the server, ``{tool}`` for gearman without it, ``{server}`` for that address. ``{updates_worker}`` is a worker
that reports all there is to report.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.interop.peers import require
from tests.interop.processes import PATIENCE_SECONDS, Program
from tests.interop.servers import HANDLE_PREFIX, HOST, JobServer

CLASSIC_WORKER = Path(__file__).parents[1] / "classic_worker.py"
_HANDLE = re.compile(HANDLE_PREFIX.encode() + rb":\d+")
_FUNCTION = re.compile(r"-f (\S+)")


class Outcome(NamedTuple):
    """What a command line printed to stdout, and its exit status."""

    printed: bytes
    status: int = 0


class Scenario(NamedTuple):
    """Command lines in order, beside workers that stay; ``outcomes`` are those of the C tools."""

    lines: Sequence[str]
    outcomes: Sequence[Outcome]
    workers: Sequence[str] = ()


class Difference(NamedTuple):
    """A scenario in which our tools do better: why, and what they do."""

    why: str
    scenario: Scenario
    ours: Sequence[Outcome]


class Tools:
    """One pair of ``gearman`` and ``gearadmin``: Debian's, or ours."""

    def __init__(self, *, ours: bool) -> None:
        folder = Path(sys.executable).parent
        self._gearman = str(folder / "gearman") if ours else require("gearman", "gearman-tools")
        self._gearadmin = str(folder / "gearadmin") if ours else require("gearadmin", "gearman-tools")

    def play(self, scenario: Scenario, server: JobServer) -> list[Outcome]:
        """Runs a scenario and returns its outcomes, with handles numbered in the order of appearance."""
        workers = []
        try:
            for line in scenario.workers:
                workers.append(Program(shlex.split(self._fill(line, server))))
                server.wait_for_worker(_function(line))
            numbers: dict[bytes, bytes] = {}
            return [_comparable(self._run(line, server), numbers) for line in scenario.lines]
        finally:
            for worker in workers:
                worker.stop()

    def _run(self, line: str, server: JobServer) -> Outcome:
        done = subprocess.run(
            ["sh", "-c", self._fill(line, server)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Outcome(done.stdout, done.returncode)

    def _fill(self, line: str, server: JobServer) -> str:
        address = f" -h {HOST} -p {server.port}"
        return (
            line.replace("{gearman}", self._gearman + address)
            .replace("{gearadmin}", self._gearadmin + address)
            .replace("{tool}", self._gearman)
            .replace("{updates_worker}", f"{sys.executable} {CLASSIC_WORKER} {server.port}")
            .replace("{server}", server.address)
        )


def _function(worker: str) -> str:
    found = _FUNCTION.search(worker)
    assert found is not None, f"{worker!r} registers nothing"
    return found[1]


def _comparable(outcome: Outcome, numbers: dict[bytes, bytes]) -> Outcome:
    for handle in _HANDLE.findall(outcome.printed):
        numbers.setdefault(handle, b"<%d>" % (len(numbers) + 1))
    printed = _HANDLE.sub(lambda found: numbers[found[0]], outcome.printed)
    return Outcome(printed, outcome.status)
