"""The programs that ``geartrain demo`` runs: each shown as a person would type it, none left behind."""

from __future__ import annotations

import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Final, Self

import click

from geartrain.cli.entry import ExitCode

# How long a step may take before the demo gives up; none takes a tenth of it.
PATIENCE_SECONDS: Final = 20.0
_LINES_OF_A_FAILURE: Final = 20
_PROGRAM: Final = "geartrain"
_MODULE: Final = (sys.executable, "-m", "geartrain.cli.geartrain")


class DemoError(Exception):
    """A program did not do what it should."""


class Background:
    """A program that goes on while others run. What it says is kept until somebody asks for it."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name = name
        self._process = process
        self._said: list[str] = []
        # None stands for the end.
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until the program says a line that fits. Raises DemoError."""
        while (line := self._next_line()) is not None:
            if found := re.search(pattern, line):
                return found
        raise self._failure("ended")

    def show_until(self, last: str) -> None:
        """Shows the next lines of the program, to one that ends like this. Raises DemoError."""
        while (line := self._next_line()) is not None:
            say(line)
            if line.endswith(last):
                return
        raise self._failure("ended")

    def join(self) -> None:
        """Waits until all of the output of a program that has ended is read."""
        self._reader.join(PATIENCE_SECONDS)

    def _read(self, output: IO[str]) -> None:
        with output as lines:
            for line in lines:
                self._said.append(line.rstrip("\n"))
                self._lines.put(self._said[-1])
        self._lines.put(None)

    def _next_line(self) -> str | None:
        try:
            return self._lines.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise self._failure(f"has said nothing for {PATIENCE_SECONDS:.0f} seconds") from None

    def _failure(self, what: str) -> DemoError:
        said = self._said[-_LINES_OF_A_FAILURE:]
        return DemoError("\n  ".join([f"{self._name} {what}; it said:", *said]))


class Stage:
    """Where programs run; leaving ``with`` ends all of them, whatever happens meanwhile."""

    def __init__(self) -> None:
        # Without settings of the machine and the user: the demo is the same everywhere.
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GEARMAN")
        }
        self._environment["GEARMAND_CONFIG_FILE"] = "none"
        self._running: list[subprocess.Popen[str]] = []
        self._background: list[Background] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # From here on, impatience must not leave anything running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._running):
            _end(process)
        for program in self._background:
            program.join()

    def export(self, name: str, value: str) -> None:
        """Sets an environment variable for the programs that follow."""
        _show_command(f"export {name}={value}")
        self._environment[name] = value

    def start(self, *words: str) -> Background:
        """Starts a program that goes on."""
        _show_command(f"{shlex.join([_PROGRAM, *words])} &")
        process = self._open(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        program = Background(words[0], process)
        self._background.append(program)
        return program

    def run(self, *words: str, text: str | None = None) -> None:
        """Runs a program to its end, with a text as its input. Raises DemoError when it does not end well."""
        pipe = "" if text is None else f"echo {shlex.quote(text)} | "
        _show_command(pipe + shlex.join([_PROGRAM, *words]))
        # What it writes goes where the demo itself writes, in the same order, and with the same colours.
        process = self._open(words, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE)
        try:
            process.communicate(None if text is None else text + "\n", timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"{words[0]} has not ended after {PATIENCE_SECONDS:.0f} seconds") from None
        self._running.remove(process)
        if process.returncode == ExitCode.CLOSED_PIPE:
            # Whoever read along has seen enough.
            raise BrokenPipeError
        if process.returncode != 0:
            raise DemoError(f"{words[0]} ended with exit code {process.returncode}")

    def _open(
        self, words: Sequence[str], *, stdin: int, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*_MODULE, *words],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            errors="replace",
            env=self._environment,
            # Ctrl-C reaches the demo alone, which then ends all in order.
            start_new_session=True,
        )
        self._running.append(process)
        return process


def say(line: str = "") -> None:
    """Shows a line at once, so that it stands before what the programs write."""
    click.echo(line)
    sys.stdout.flush()


def _show_command(line: str) -> None:
    say(click.style("$ " + line, bold=True))


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
