"""The effective settings are shown as a config file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.gearmand.run import GearmandCommand


def test_print_config_says_where_each_value_came_from(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line for each setting, and no server."""
    file = tmp_path / "gearmand.toml"
    file.write_text("verbose = 'debug'\n")
    monkeypatch.setenv("GEARMAND_EXCEPTIONS", "1")

    outcome = gearmand.run(
        "--print-config", "-p0", "--config-file", str(file), "-L", "a", "-L::1", "-qbuiltin"
    )

    lines = [line.split("#", 1) for line in outcome.stdout.splitlines() if " = " in line]
    origins = {setting.strip(): origin.strip() for setting, origin in lines}
    assert (outcome.code, outcome.stderr, outcome.config) == (0, "", None)
    assert origins["port = 0"] == "command line"
    assert origins['listen = ["a", "::1"]'] == "command line"
    assert origins["exceptions = true"] == "environment variable GEARMAND_EXCEPTIONS"
    assert origins['verbose = "DEBUG"'] == f"file {file}"
    assert origins["backlog = 1024"] == "default"
    assert origins['queue = "memory://"'] == "command line: --queue-type builtin"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-p0", "-Lunix:/run/g", "-L", "tls://a", "--ssl-certificate", "c", "-j5", "--drain-timeout", "2.5"],
        [
            "--job-handle-prefix",
            'q"uo\\te',
            "-l",
            "a\tb\x7f\x01é𝄞",
            "-dP/run/p",
            "-f",
            "99",
            "--verbose=error",
        ],
        ["-rhttp", "--keepalive", "--keepalive-idle=5", "--log-format", "json", "--syslog", "-uroot"],
    ],
)
def test_what_print_config_prints_is_a_config_file(
    gearmand: GearmandCommand, tmp_path: Path, arguments: list[str]
) -> None:
    """Given back, it means the same."""
    file = tmp_path / "gearmand.toml"
    file.write_text(gearmand.run("--print-config", *arguments).stdout, encoding="utf-8")

    again = gearmand.run("--config-file", str(file))

    direct = gearmand.run(*arguments)
    assert (again.config, again.options) == (direct.config, direct.options)
    assert direct.config is not None


def test_a_comment_is_apart_from_its_setting(gearmand: GearmandCommand) -> None:
    """However long that is."""
    printed = gearmand.run("--print-config", "-L", "a" * 100).stdout

    assert 'a"] # command line\n' in printed


def test_print_config_is_toml_whatever_the_values_are(gearmand: GearmandCommand) -> None:
    """Bytes that are no UTF-8 cannot be part of it."""
    printed = gearmand.run("--print-config", "-l", "a\udcffb").stdout

    assert tomllib.loads(printed)["log-file"] == "a\ufffdb"


def test_print_config_refuses_what_a_start_would_refuse(gearmand: GearmandCommand) -> None:
    """A config that it prints can be used."""
    assert gearmand.refusal(["--print-config", "-b0"]).startswith("--backlog: 0 is not usable")
