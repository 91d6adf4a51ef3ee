"""The terminal of a full-screen program: its modes, its keys, and how a screen gets there without flicker."""

from __future__ import annotations

import os
import sys
import termios
from typing import Final, Self

from rich.console import Console
from rich.text import Text

_READ_BYTES: Final = 1024
# The alternate screen keeps what was there before; no cursor, no wrapping at the right edge.
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_ERASE_REST: Final = "\x1b[K"
# Where the modes of input, and those of line editing, are in what termios says.
_INPUT: Final = 0
_LOCAL: Final = 3


def is_terminal() -> bool:
    """Whether keys can be read, and a screen be drawn."""
    has_screen = os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return has_screen and sys.stdin.isatty() and sys.stdout.isatty()


class Terminal:
    """The terminal while the program has all of it; leaving ``with`` gives it back as it was."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._console = Console()
        self._modes = termios.tcgetattr(self._input)

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        # A terminal that does not know, such as a serial line, says 0.
        return columns or 80, lines or 24

    @property
    def input(self) -> int:
        """The descriptor to wait at for keys."""
        return self._input

    def enter(self) -> None:
        """Takes the terminal: keys come one by one, unseen. Ctrl-C and Ctrl-Z go on being signals."""
        modes = termios.tcgetattr(self._input)
        modes[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
        # Ctrl-S would stop the output, and with it the program.
        modes[_INPUT] &= ~termios.IXON
        termios.tcsetattr(self._input, termios.TCSADRAIN, modes)
        self._write(_ENTER)

    def leave(self) -> None:
        """Gives the terminal back."""
        try:
            self._write(_LEAVE)
        finally:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._modes)

    def read(self) -> bytes:
        """What was typed since; empty when the terminal is gone."""
        try:
            return os.read(self._input, _READ_BYTES)
        except OSError:
            return b""

    def draw(self, screen: Text) -> None:
        """Shows a screen of as many lines as there are, over the one before, in one go."""
        width, _ = self.size
        with self._console.capture() as capture:
            self._console.print(screen, end="", soft_wrap=True)
        parts = []
        lines = zip(capture.get().split("\n"), screen.split("\n", allow_blank=True), strict=True)
        for number, (line, text) in enumerate(lines, start=1):
            # Each line goes to its place, whatever the terminal takes the width of the one before for. Behind
            # a line that fills its place, erasing would take its last character in some terminals.
            rest = _ERASE_REST if text.cell_len < width else ""
            parts.append(f"\x1b[{number};1H{line}{rest}")
        self._write("".join(parts))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
