"""``docs/options.md`` lists every option of the C programs, and ours understand all of them."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import click
import pytest

from tests.interop.peers import require

_TEXT = (Path(__file__).parents[3] / "docs" / "options.md").read_text(encoding="utf-8")
_OPTION = re.compile(r"`(-[^`\s]+)`")

# Program, the option that shows its options, and what an option looks like in what it prints.
_PROGRAMS = [
    ("gearmand", "gearman-job-server", "--help", r"^  (?:-(\w) \[ )?--([\w-]+)"),
    ("gearman", "gearman-tools", "-H", r"^\t-(\w)\b()"),
    ("gearadmin", "gearman-tools", "--help", r"^  (?:-(\w) \[ )?--([\w-]+)"),
]


@pytest.mark.parametrize(("program", "package", "help_option", "pattern"), _PROGRAMS)
def test_every_option_of_a_c_program_is_in_its_table(
    program: str, package: str, help_option: str, pattern: str
) -> None:
    """Long and short; the program itself says what it has."""
    shown = subprocess.run(
        [require(program, package), help_option], capture_output=True, text=True, timeout=20, check=False
    )

    found = re.findall(pattern, shown.stdout + shown.stderr, re.MULTILINE)

    theirs = {f"-{short}" for short, _ in found if short} | {f"--{long}" for _, long in found if long}
    assert len(theirs) > 10
    assert theirs <= _table(program)


@pytest.mark.parametrize("program", [program for program, *_ in _PROGRAMS])
def test_every_option_of_a_table_is_understood(program: str) -> None:
    """By the program of that name here."""
    command: click.Command = importlib.import_module(f"geartrain.cli.{program}.command").command

    assert _table(program) <= _names(command)


def _table(program: str) -> set[str]:
    """The options in the first column of the table below the program's heading."""
    section = _TEXT.split(f"\n## {program}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `-")]
    return {name for row in rows for name in _OPTION.findall(row.split("|")[1])}


def _names(command: click.Command) -> set[str]:
    params = command.get_params(command.make_context(None, [], resilient_parsing=True))
    return {name for param in params for name in (*param.opts, *param.secondary_opts)}
