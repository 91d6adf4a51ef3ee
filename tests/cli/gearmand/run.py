"""Runs the command ``gearmand`` in this process, with the server replaced by a record of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click
import pytest

from geartrain.cli.entry import ExitCode, run_command
from geartrain.cli.gearmand import command as gearmand
from geartrain.cli.gearmand import config_file
from geartrain.cli.gearmand.process import ProcessOptions
from geartrain.server import ServerConfig

_STATE_FOLDER = "/srv/state"
# What a server has that nobody has told anything.
DEFAULTS = ServerConfig(queue=f"sqlite:///{_STATE_FOLDER}/queue-4730.db")


@dataclass
class Outcome:
    """How a run ended: exit code, what was printed, and the settings of the server, if one was started."""

    code: int
    stdout: str
    stderr: str
    config: ServerConfig | None = None
    options: ProcessOptions | None = None


class GearmandCommand:
    """Runs ``gearmand`` with no config file but those that a test makes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._started: list[tuple[ServerConfig, ProcessOptions]] = []
        monkeypatch.setattr(config_file, "search_path", list)
        monkeypatch.setenv("STATE_DIRECTORY", _STATE_FOLDER)
        monkeypatch.setattr(gearmand, "run", lambda config, options: self._started.append((config, options)))

    def run(self, *arguments: str, command: click.Command = gearmand.command) -> Outcome:
        self._started.clear()
        with pytest.raises(SystemExit) as ended:
            run_command(
                command,
                "gearmand",
                usage=ExitCode.FAILED,
                unreachable=ExitCode.FAILED,
                arguments=list(arguments),
            )
        printed = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        outcome = Outcome(ended.value.code, printed.out, printed.err)
        if self._started:
            outcome.config, outcome.options = self._started[0]
        return outcome

    def config(self, *arguments: str) -> ServerConfig:
        """The config of the server that these arguments start."""
        outcome = self.run(*arguments)
        assert outcome.config is not None, outcome.stderr
        return outcome.config

    def options(self, *arguments: str) -> ProcessOptions:
        """The options of the process that these arguments start."""
        outcome = self.run(*arguments)
        assert outcome.options is not None, outcome.stderr
        return outcome.options

    def refusal(self, arguments: Sequence[str]) -> str:
        """The one line that says why these arguments start nothing."""
        outcome = self.run(*arguments)
        assert (outcome.code, outcome.stdout, outcome.config) == (1, "", None)
        (line,) = outcome.stderr.splitlines()
        program, _, message = line.partition(": ")
        assert program == "gearmand"
        return message
