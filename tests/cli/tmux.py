"""Programs in a terminal of their own: tmux draws what they write, and types what a test wants."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.interop.peers import require
from tests.interop.processes import Deadline


class Tmux:
    """A terminal with a shell in it; ``stop`` ends everything that runs there."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        # A server of its own, so that neither the tmux of a person nor another test is disturbed.
        self._command = [require("tmux", "tmux"), "-u", "-f", "/dev/null", "-S", str(folder / "tmux")]
        size = ["-x", str(width), "-y", str(height)]
        self._run("new-session", "-d", *size, "env PS1='ready$ ' ENV= sh")
        self.wait_for("ready$")

    def start(self, command: Sequence[str]) -> None:
        """Runs a command; the shell says how it ended when it has."""
        self.type(f"clear; {shlex.join(command)}; echo ended with $?")
        self.press("Enter")

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Presses keys by the names that tmux has for them."""
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def lines(self) -> list[str]:
        """What is on the screen, without blanks at the ends of the lines."""
        return self._run("capture-pane", "-p").removesuffix("\n").split("\n")

    def wait_for(self, text: str) -> list[str]:
        """Waits until the text is on the screen, and returns the screen."""
        deadline = Deadline()
        while text not in "\n".join(lines := self.lines()):
            deadline.check(f"{text!r} on the screen:\n" + "\n".join(lines))
        return lines

    def stop(self) -> None:
        subprocess.run([*self._command, "kill-server"], capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._command, *words], capture_output=True, check=True, timeout=20)
        return done.stdout.decode()
