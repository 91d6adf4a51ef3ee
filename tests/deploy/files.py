"""The files under deploy/, and what they may mention."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def program(name: str) -> str:
    """The path of one of our programs."""
    return str(Path(sys.executable).with_name(name))


def options_of(*command: str) -> set[str]:
    """The long options that the help of a program shows."""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True)
    return set(re.findall(r"(?<!\S)--[a-z][a-z-]+", done.stdout))
