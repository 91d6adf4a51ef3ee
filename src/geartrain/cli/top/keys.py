"""What the keys of ``geartrain top`` do: from the bytes of a terminal to what is shown, and how."""

from __future__ import annotations

import re
from typing import Final

from geartrain.cli.top.model import SORT_NAMES

# What terminals send for keys that are no characters; some have two ways.
_SEQUENCES: Final = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
}
_ONE_KEY: Final = re.compile(rb"\x1b\[[0-9;]*[@-~]|\x1bO[@-~]|.", re.DOTALL)

# Keys and what they do, as the help shows it.
HELP: Final = (
    ("← →", "sort by the column to the left or right"),
    ("r", "reverse the order"),
    ("↑ ↓", "scroll by a line; PageUp, PageDown, Home and End go further"),
    ("p", "pause and go on"),
    ("?", "show this help, or leave it"),
    ("q", "quit, as Ctrl-C does"),
)


def read_keys(data: bytes) -> list[str]:
    """The keys in what a terminal sent: names such as ``page up``, or the characters themselves."""
    return [
        _SEQUENCES.get(sequence, sequence.decode("ascii", "replace")) for sequence in _ONE_KEY.findall(data)
    ]


class Controls:
    """How the rows are shown. ``first_row`` is the number of the topmost one, counted from 0."""

    __slots__ = ("first_row", "is_paused", "is_reversed", "shows_help", "sort_by")

    def __init__(self, sort_by: str) -> None:
        self.sort_by = sort_by
        self.is_reversed = False
        self.is_paused = False
        self.shows_help = False
        self.first_row = 0

    def press(self, key: str, *, page_rows: int, all_rows: int) -> bool:
        """Does what a key says; False when it says to quit. Keys without a meaning do nothing."""
        if key == "q":
            return False
        if self.shows_help:
            # Any key leads back to the rows.
            self.shows_help = False
        elif key == "?":
            self.shows_help = True
        elif key == "p":
            self.is_paused = not self.is_paused
        elif key == "r":
            self.is_reversed = not self.is_reversed
        elif key in ("left", "right"):
            self._move_sort(1 if key == "right" else -1)
        else:
            self._scroll(key, page_rows, all_rows)
            self.limit(page_rows=page_rows, all_rows=all_rows)
        return True

    def limit(self, *, page_rows: int, all_rows: int) -> None:
        """Keeps the last page full when there are fewer rows, or more room, than before."""
        self.first_row = max(0, min(self.first_row, all_rows - page_rows))

    def _move_sort(self, step: int) -> None:
        position = (SORT_NAMES.index(self.sort_by) + step) % len(SORT_NAMES)
        self.sort_by = SORT_NAMES[position]
        self.first_row = 0

    def _scroll(self, key: str, page_rows: int, all_rows: int) -> None:
        if key in ("up", "k"):
            self.first_row -= 1
        elif key in ("down", "j"):
            self.first_row += 1
        elif key == "page up":
            self.first_row -= page_rows
        elif key in ("page down", " "):
            self.first_row += page_rows
        elif key == "home":
            self.first_row = 0
        elif key == "end":
            self.first_row = all_rows
