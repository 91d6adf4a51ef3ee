"""Fixtures of the tests of ``geartrain queue``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from geartrain.cli.entry import run_command
from geartrain.cli.geartrain import command as geartrain
from geartrain.store.base import Batch, StoredJob
from geartrain.store.sqlite import SqliteStore
from tests.store.conftest import databases

__all__ = ["databases"]


class QueueTool:
    """Runs ``geartrain queue`` in this process, with a queue in a file of its own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.path = folder / "queue.db"
        self.url = f"sqlite:///{self.path}"
        self.error = ""
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("GEARMAND_QUEUE", self.url)

    def run(self, *words: str, status: int = 0, stdin: bytes = b"") -> str:
        """What a subcommand prints; ``error`` is what it says to people. It has to end with this status."""
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            run_command(geartrain.command, "geartrain", arguments=["queue", *words])
        printed = self._capsys.readouterr()
        self.error = printed.err
        assert ended.value.code == status, printed
        return printed.out

    def json(self, *words: str) -> Any:
        """What a subcommand tells programs."""
        return json.loads(self.run(*words, "--json"))

    def refusal(self, *words: str, status: int = 1, stdin: bytes = b"") -> str:
        """The one line that says why a subcommand did nothing."""
        assert self.run(*words, status=status, stdin=stdin) == ""
        (line,) = self.error.splitlines()
        assert line.startswith("geartrain: ")
        return line.removeprefix("geartrain: ")

    def fill(self, *jobs: StoredJob, path: Path | None = None) -> None:
        """Adds jobs to the queue."""
        store = SqliteStore(str(path or self.path))
        store.open()
        store.apply(Batch(added=list(jobs)))
        store.close()

    def jobs(self, path: Path | None = None) -> list[StoredJob]:
        """The jobs in the queue."""
        with SqliteStore(str(path or self.path)).reader() as reader:
            return list(reader.jobs())

    def hold(self) -> SqliteStore:
        """Holds the queue, as a job server does."""
        store = SqliteStore(str(self.path))
        store.open()
        return store


def damage(path: Path) -> None:
    """Overwrites pages in the middle of a file with many jobs."""
    with open(path, "r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xaa" * 20 * 4096)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> QueueTool:
    """The tool, and a queue that is not there yet."""
    return QueueTool(tmp_path, monkeypatch, capsys)
