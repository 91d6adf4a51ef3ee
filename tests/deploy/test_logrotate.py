"""The example for logrotate under deploy/."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY
from tests.interop import peers
from tests.server.process import Gearmand

_TELL_SERVER = "systemctl try-reload-or-restart gearmand.service"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example, for a folder of this test and the user that runs it."""
    text = (DEPLOY / "gearmand.logrotate").read_text()
    user = pwd.getpwuid(os.getuid()).pw_name
    for old, new in (
        ("/var/log/gearmand", str(tmp_path)),
        ("su gearman gearman", ""),
        ("gearman gearman", user),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "gearmand.conf"
    path.write_text(text)
    return path


def _rotate(example: Path, *options: str) -> subprocess.CompletedProcess[str]:
    tool = peers.require("logrotate", "logrotate")
    state = example.with_suffix(".state")
    return subprocess.run(
        [tool, *options, "--force", "--state", state, example], capture_output=True, text=True, timeout=60
    )


def test_logrotate_understands_it(example: Path, tmp_path: Path) -> None:
    """The log would be moved away, a new one made, and the server told."""
    (tmp_path / "gearmand.log").write_text("line\n")

    done = _rotate(example, "--debug")

    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert f"renaming {tmp_path}/gearmand.log to {tmp_path}/gearmand.log.1" in done.stderr
    assert "creating new" in done.stderr
    assert _TELL_SERVER in done.stderr


def test_a_wrong_line_would_be_found(example: Path) -> None:
    """So that the test above means something."""
    example.write_text(example.read_text().replace("missingok", "missing-is-ok"))

    assert "error" in _rotate(example, "--debug").stderr


def test_the_server_goes_on_in_the_new_file(example: Path, tmp_path: Path) -> None:
    """With the signal that a reload sends, and without a line lost."""
    log = tmp_path / "gearmand.log"
    with Gearmand("-l", str(log)) as server, server.connect() as wire:
        example.write_text(example.read_text().replace(_TELL_SERVER, f"kill -HUP {server.pid}"))

        done = _rotate(example)
        wire.echo()

    assert (done.returncode, done.stderr) == (0, "")
    assert "listening" in (tmp_path / "gearmand.log.1").read_text()
    assert "stopped" in log.read_text()
