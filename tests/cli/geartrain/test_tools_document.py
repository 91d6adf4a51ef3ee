"""What ``docs/tools.md`` shows is what happens: its commands run, and print what stands below them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from geartrain.cli.geartrain.command import command as front_door
from tests.interop.processes import PATIENCE_SECONDS, Deadline
from tests.interop.servers import JobServer, start_ours

TEXT = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
# Headings, each with the sessions below it: commands behind a dollar, and what they print.
SECTIONS = {
    title: "".join(re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
SHOWN = {title: session for title, session in SECTIONS.items() if session}
HANDLE = re.compile(r"\b[HT]:(?:\w+:)?\d+\b")
# What is different each time: handles, addresses, dates and times, the number of a connection.
VARIABLE = re.compile(r"[\w.:-]*:\d+\b|\b\d+\.\d+s?\b|\b\d+s\b|^\d+ ")


class Shell:
    """A shell that runs the commands of a session, one after the other."""

    def __init__(self, server: JobServer, folder: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GEARMAN")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env={**inherited, "PATH": path, "GEARMAN_SERVER": server.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Its workers and it end together.
            start_new_session=True,
        )
        # gearadmin takes no server from the environment, as the C tool does not.
        self.run(f'gearadmin() {{ command gearadmin --port {server.port} "$@"; }}')

    def run(self, command: str) -> str:
        """What the command prints; one that goes on in the background prints nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if command.endswith("&"):
            command = f"{command[:-1]} >/dev/null 2>&1 &"
        end = "=== end ==="
        self._process.stdin.write(f"{command}\necho '{end}'\n")
        self._process.stdin.flush()
        printed = ""
        while not printed.endswith(f"{end}\n"):
            line = self._process.stdout.readline()
            assert line, f"the shell ended in {command!r}:\n{printed}"
            printed += line
        return printed.removesuffix(f"{end}\n")

    def close(self) -> None:
        """Ends the shell and all that it started, and waits until they are gone."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate(timeout=PATIENCE_SECONDS)
        deadline = Deadline()
        while is_alive(self._process.pid):
            deadline.check("the end of the programs in the background")


def is_alive(group: int) -> bool:
    """Whether there is still a process in a group of them."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def server() -> Iterator[JobServer]:
    job_server = start_ours()
    yield job_server
    job_server.stop()


@pytest.fixture
def shell(server: JobServer, tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(server, tmp_path)
    yield opened
    opened.close()


def commands_of(session: str) -> list[tuple[str, str]]:
    """The commands of a session, each with what it prints."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)


def alike(text: str) -> list[str]:
    """The lines of a text without what is different each time."""
    return [" ".join(VARIABLE.sub("* ", line).split()) for line in text.splitlines()]


@pytest.mark.parametrize("title", SHOWN)
def test_every_session_runs_as_it_is_shown(title: str, server: JobServer, shell: Shell) -> None:
    """With a server of its own; times and handles differ, and are the same again where they were."""
    handles: dict[str, str] = {}

    for command, expected in commands_of(SHOWN[title]):
        printed = shell.run(HANDLE.sub(lambda found: handles[found[0]], command))

        assert alike(printed) == alike(expected), command
        handles.update(zip(HANDLE.findall(expected), HANDLE.findall(printed), strict=True))
        if worker := re.match(r"(?:geartrain exec|gearman -w -f) (\S+) .*&$", command):
            # What follows counts on it to be there.
            server.wait_for_status(f"{worker[1]} 0 0 1")


def test_every_tool_is_described() -> None:
    """A section for each, with an example that runs; the server and the demo have theirs elsewhere."""
    listed = set(front_door.list_commands(click.Context(front_door))) - {"help"}
    tools = {"gearman", "gearadmin", *(f"geartrain {name}" for name in listed)}

    assert tools <= SECTIONS.keys()
    assert tools - SHOWN.keys() == {"geartrain server", "geartrain demo"}
