"""The units of systemd under deploy/, as far as they can be checked without a running systemd."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, options_of
from tests.interop import peers
from tests.server.process import GEARMAND

_INSTALLED = "/opt/geartrain/bin/gearmand"
# In tenths; what systemd calls OK ends at 50.
_EXPOSURE = "20"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units in a folder, with the program where it is here."""
    for name in ("gearmand.service", "gearmand.socket"):
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace(_INSTALLED, GEARMAND))
    return tmp_path


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = peers.require("systemd-analyze", "systemd")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60)


def _settings(name: str) -> dict[str, str]:
    """The settings of a unit that are there once."""
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))


@pytest.mark.parametrize("name", ["gearmand.service", "gearmand.socket"])
def test_systemd_finds_nothing_wrong(units: Path, name: str) -> None:
    """Every setting is known to it, and every program is there."""
    done = _analyze("verify", "--man=no", str(units / name))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wrong_setting_would_be_found(units: Path) -> None:
    """So that the test above means something."""
    service = units / "gearmand.service"
    service.write_text(service.read_text().replace("ProtectHome=yes", "ProtectHom=yes"))

    done = _analyze("verify", "--man=no", str(service))

    assert "ProtectHom" in done.stderr


def test_the_service_is_exposed_to_little(units: Path) -> None:
    """By systemd's own measure of its hardening."""
    done = _analyze(
        "security", "--offline=yes", f"--threshold={_EXPOSURE}", "--no-pager", str(units / "gearmand.service")
    )

    assert done.returncode == 0, done.stdout


def test_the_options_of_the_service_are_known() -> None:
    """As the help of the program shows them."""
    command = _settings("gearmand.service")["ExecStart"].split()

    options = [word for word in command if word.startswith("--")]
    assert command[0] == _INSTALLED
    assert options
    assert set(options) <= options_of(GEARMAND)


def test_a_stop_leaves_the_time_that_a_graceful_stop_may_take() -> None:
    """With the signal for it, and some time to spare before the process is killed."""
    settings = _settings("gearmand.service")
    drain = int(settings["ExecStart"].split()[-1])

    assert settings["ExecStart"].split()[-2] == "--drain-timeout"
    assert settings["KillSignal"] == "SIGUSR1"
    assert int(settings["TimeoutStopSec"]) >= drain + 10


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_the_server_runs_where_memory_cannot_become_a_program() -> None:
    """MemoryDenyWriteExecute=, the one restriction that Python programs are known to break."""
    program = (
        "import ctypes, os, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0: sys.exit(77)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, GEARMAND, "--check-args", "-p0"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    # Kernels before 6.3 do not know this way of asking.
    assert done.returncode in (0, 77), done.stderr
