"""The programs in the guide to the classic API run as they are printed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, StartExample
from tests.interop.peers import run
from tests.interop.processes import Program
from tests.interop.servers import JobServer

GUIDE = EXAMPLES.parent / "docs" / "classic.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
WORKERS = [program for program in PROGRAMS if ".work()" in program]
CLIENTS = [program for program in PROGRAMS if ".work()" not in program]


def save(program: str, server: JobServer, folder: Path) -> list[str]:
    """The command that runs a program of the guide against a server."""
    path = folder / "program.py"
    path.write_text(program.replace("localhost:4730", server.address))
    return [sys.executable, str(path)]


@pytest.mark.parametrize("program", CLIENTS)
def test_a_client_of_the_guide_runs(
    server: JobServer, start: StartExample, tmp_path: Path, program: str
) -> None:
    """Its assertions hold."""
    start("reverse_worker.py")
    start("updates_worker.py")

    run(*save(program, server, tmp_path))


@pytest.mark.parametrize("program", WORKERS)
def test_a_worker_of_the_guide_registers(server: JobServer, tmp_path: Path, program: str) -> None:
    """The server lists its task."""
    [task] = re.findall(r'register_task\("(\w+)"', program)

    worker = Program(save(program, server, tmp_path))

    try:
        server.wait_for_status(f"{task} 0 0 1")
    finally:
        worker.stop()


def test_the_guide_has_programs() -> None:
    """The pattern above still finds them."""
    assert len(WORKERS) >= 3
    assert len(CLIENTS) >= 5
