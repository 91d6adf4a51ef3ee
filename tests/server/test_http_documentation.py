"""What ``docs/http.md`` shows works."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.http_wire import Site, reversing, running
from tests.server.wire import TIMEOUT_SECONDS

_TEXT = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
_PROGRAM = "".join(re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL))
_COMMANDS = re.findall(r"^\$ (curl .*)\n(.*)$", _TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server with the worker of the page."""
    with running() as site, reversing(site, "reverse"):
        yield site


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("command", "output"), _COMMANDS)
def test_every_command_prints_what_stands_below_it(site: Site, command: str, output: str) -> None:
    """To the last character, but for the end of the line."""
    assert _run(["sh", "-c", command.replace("8080", str(site.http_port))]).rstrip("\n") == output


def test_the_program_prints_the_handle_and_the_result(site: Site) -> None:
    """As it stands, but for the port."""
    output = _run([sys.executable, "-W", "error", "-c", _PROGRAM.replace("8080", str(site.http_port))])

    assert re.fullmatch(r"H:\S+:\d+ b'olleh'\n", output)
