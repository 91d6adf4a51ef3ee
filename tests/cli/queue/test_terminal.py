"""What people see of ``geartrain queue`` on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

from tests.cli.queue.conftest import QueueTool
from tests.cli.tools import FOLDER
from tests.store.jobs import stored_job

_PATIENCE_SECONDS = 20


class Terminal:
    """A terminal that a subcommand is run in; ``shown`` is all that was written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.shown = b""

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    def read_all(self) -> None:
        """What was written, once the subcommand has ended."""
        os.close(self.theirs)
        try:
            while some := os.read(self._ours, 65536):
                self.shown += some
        except OSError:
            # How Linux tells that nobody has the other end any more.
            pass
        os.close(self._ours)


def _run(*words: str, on_stdin: bytes = b"") -> tuple[int, str]:
    """Runs a subcommand with stdin and stderr on a terminal; its exit code, and what the terminal shows."""
    terminal = Terminal()
    terminal.type(on_stdin)
    process = subprocess.Popen(
        [FOLDER / "geartrain", "queue", *words],
        stdin=terminal.theirs,
        stdout=subprocess.DEVNULL,
        stderr=terminal.theirs,
    )
    try:
        code = process.wait(_PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
        terminal.read_all()
    return code, terminal.shown.decode()


def test_work_in_progress_is_shown(tool: QueueTool, tmp_path: Path) -> None:
    """On stderr, while stdout goes elsewhere."""
    tool.fill(*[stored_job(number) for number in range(1, 500)])

    code, shown = _run("export", str(tmp_path / "jobs.jsonl"))

    assert code == 0
    assert "Exporting" in shown
    assert "499/499" in shown


def test_no_progress_is_shown_elsewhere(tool: QueueTool, tmp_path: Path) -> None:
    """A log must not be full of bars."""
    tool.fill(stored_job(1))

    tool.run("export", str(tmp_path / "jobs.jsonl"))

    assert tool.error == "geartrain: 1 job exported\n"


def test_a_purge_asks_first(tool: QueueTool) -> None:
    """Only y does it; how many jobs of which queue is in the question."""
    tool.fill(stored_job(1), stored_job(2))

    refused, asked = _run("purge", "f", on_stdin=b"n\n")
    left = tool.jobs()
    done, _ = _run("purge", "f", on_stdin=b"y\n")

    assert (refused, done) == (130, 0)
    assert f"Remove 2 jobs of f from {tool.url}?" in asked.replace("\r\n", "")
    assert len(left) == 2
    assert tool.jobs() == []
