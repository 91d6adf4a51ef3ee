"""The demo: what it shows, and that it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES
from tests.interop.peers import run
from tests.interop.processes import Deadline, Program

DEMO = [sys.executable, str(EXAMPLES / "demo.py")]


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    children = [child for child, parent in parents() if parent == pid]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def parents() -> Iterator[tuple[int, int]]:
    """Each process that runs now, and the one that started it."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program, in parentheses, may hold anything.
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            # It has ended meanwhile.
            continue
        yield int(status.parent.name), int(fields[1])


def wait_until_gone(pids: list[int]) -> None:
    deadline = Deadline()
    while alive := [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists()]:
        deadline.check(f"the end of {alive}")


@pytest.fixture
def demo() -> Iterator[Program]:
    program = Program(DEMO)
    yield program
    program.stop()


def test_the_demo_shows_everything_and_ends_well() -> None:
    """The two lines of every tutorial, priorities in order, progress, and the administrator's view."""
    printed = run(*DEMO).stdout.decode()

    assert re.search(r"^Reversing string: Hello World!$", printed, re.MULTILINE)
    assert re.search(r"^Job [0-9a-f]{32} finished!  Result: COMPLETE - !dlroW olleH$", printed, re.MULTILINE)
    order = re.findall(r"^Reversing string: (\w+) priority$", printed, re.MULTILINE)
    assert order == ["high", "normal", "low"]
    assert re.search(r"^running, \d+ of 12$", printed, re.MULTILINE)
    assert re.search(r"^  reverse: waiting 0, running 0, workers 1$", printed, re.MULTILINE)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_the_demo_leaves_nothing_running(demo: Program) -> None:
    """Its server, worker and client end before it does."""
    demo.stdout.search("It listens on")
    started = descendants(demo.pid)

    status = demo.wait()

    assert status == 0
    assert started
    wait_until_gone(started)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(demo: Program, number: signal.Signals) -> None:
    """Ctrl-C ends it quietly, without a traceback."""
    demo.stdout.search("Progress of a job")
    started = descendants(demo.pid)

    os.kill(demo.pid, number)
    status = demo.wait()

    assert status == 0
    assert len(started) >= 2
    wait_until_gone(started)
    assert "Traceback" not in demo.stderr.finish()


def test_a_demo_that_fails_says_why(tmp_path: Path) -> None:
    """Here because its programs are not beside it; what the program said is shown."""
    lonely = tmp_path / "demo.py"
    lonely.write_text((EXAMPLES / "demo.py").read_text())
    (tmp_path / "reverse_worker.py").write_text("raise SystemExit('no such thing')")

    result = run(sys.executable, str(lonely), status=1)

    assert b"The demo failed" in result.stderr
    assert b"no such thing" in result.stderr
    assert b"Traceback" not in result.stderr


def test_a_demo_whose_reader_left_ends_quietly() -> None:
    """As in ``make demo | head -1``; nothing but silence, and nothing left running."""
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert process.returncode == 0
    assert said == b""
