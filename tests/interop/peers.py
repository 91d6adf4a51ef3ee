"""The programs of others that these tests talk to: where they are, and what it means when they are absent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_PEERS
from tests.interop.processes import PATIENCE_SECONDS

HERE = Path(__file__).parent
# Servers are installed where the search path of an ordinary user does not look.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def require(program: str, package: str) -> str:
    """The path of a program of Debian's ``package``; skips the test when it is not installed."""
    # Our own programs have the same names: the virtual environment is no place to look.
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join(folder for folder in SEARCH_PATH.split(os.pathsep) if folder != ours)
    found = shutil.which(program, path=path)
    return found if found is not None else absent(f"{program} is not installed (Debian: {package})")


def require_library(check: Sequence[str], package: str) -> None:
    """Skips the test when a command that loads a library fails."""
    if subprocess.run(check, capture_output=True, check=False).returncode != 0:
        absent(f"{' '.join(check)} fails (Debian: {package})")


def absent(reason: str) -> str:
    """Skips the test, or fails it where every program has to be there."""
    if REQUIRE_PEERS:
        pytest.fail(reason)
    pytest.skip(reason)


def run(
    *command: str, stdin: bytes = b"", status: int = 0, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end, which has to have this exit status."""
    result = subprocess.run(
        command, input=stdin, capture_output=True, timeout=PATIENCE_SECONDS, check=False, env=environment
    )
    assert result.returncode == status, f"{command} ended with {result.returncode}: {result!r}"
    return result
