"""What ``docs/server.md`` says is true."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from geartrain.cli.gearmand.command import command
from geartrain.server import ServerConfig
from tests.server.process import run_gearmand

_TEXT = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
_PROGRAMS = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)


@pytest.mark.parametrize("program", _PROGRAMS)
def test_every_program_runs_as_it_stands(program: str) -> None:
    """Ends by itself, prints something, complains about nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=20
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_config_file_can_be_used(tmp_path: Path) -> None:
    """Every key and value in it is one."""
    (text,) = re.findall(r"```toml\n(.*?)```", _TEXT, re.DOTALL)
    file = tmp_path / "gearmand.toml"
    file.write_text(text)

    done = run_gearmand("--config-file", str(file), "--print-config")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"# file {file}" in done.stdout


def test_every_option_is_described() -> None:
    """By its long and its short name."""
    for parameter in command.params:
        for name in parameter.opts:
            assert f"`{name}" in _TEXT, name


def test_every_setting_is_described() -> None:
    """As an option, or as a field of its own."""
    for field in dataclasses.fields(ServerConfig):
        option = "--" + field.name.replace("_", "-")
        # The level that is logged and the one that is shown are one option of the command.
        assert option in _TEXT or f"| `{field.name}` |" in _TEXT, field.name
