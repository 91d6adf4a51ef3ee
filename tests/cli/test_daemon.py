"""Going to the background: when the command that was started returns, and what is left of its terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PATIENCE_SECONDS = 20.0
# Writes what it finds in the background into the file that it is given, and waits until stdin ends.
_PROGRAM = """
import os, sys
from geartrain.cli.daemon import Daemon
held = int(sys.argv[2])
daemon = Daemon()
if sys.argv[3] == "fail":
    sys.exit("it cannot be done")
print("still on the terminal", file=sys.stderr, flush=True)
daemon.ready()
print("nobody reads this")
with open(sys.argv[1], "w") as file:
    open_files = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
    print(os.getpid() == os.getsid(0), os.getcwd(), *open_files, file=file)
os.write(held, b"done")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def _run(folder: Path, what: str) -> tuple[subprocess.CompletedProcess[str], bytes]:
    """The command that was started, and what came through a pipe once the process behind it had ended."""
    reader, writer = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(folder / "found"), str(writer), what],
            pass_fds=[writer],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            cwd=folder,
        )
    finally:
        os.close(writer)
    with open(reader, "rb") as pipe:
        return done, pipe.read()


def test_the_command_returns_when_the_background_process_is_ready(folder: Path) -> None:
    """Exit code 0, with what was said before on the terminal, and nothing of what came after."""
    done, message = _run(folder, "serve")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "still on the terminal\n")
    assert message == b"done"


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the open files")
def test_the_background_process_has_a_session_of_its_own_and_no_terminal(folder: Path) -> None:
    """It stays in the folder that it was started in."""
    _run(folder, "serve")

    assert (folder / "found").read_text() == f"True {folder} /dev/null /dev/null /dev/null\n"


def test_the_command_fails_when_the_background_process_ends_first(folder: Path) -> None:
    """Exit code 1, and the reason on the terminal."""
    done, message = _run(folder, "fail")

    assert (done.returncode, done.stderr) == (1, "it cannot be done\n")
    assert message == b""
