"""Lines of input and output: whether they are taken apart, and how."""

from __future__ import annotations

from enum import Enum
from typing import Final

# How much is read at a time.
READ_BYTES: Final = 64 * 1024


class Lines(Enum):
    """What becomes of the lines of an input or output."""

    # They stay together.
    WHOLE = "whole"
    # Each goes its own way.
    SPLIT = "split"
    # The same, without its line end.
    STRIPPED = "stripped"


class LineSplitter:
    """Takes lines of any length out of data that comes in pieces."""

    def __init__(self, lines: Lines) -> None:
        self._end = b"" if lines is Lines.STRIPPED else b"\n"
        # Of the line that is not complete.
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now."""
        *complete, rest = data.split(b"\n")
        if complete:
            complete[0] = b"".join([*self._parts, complete[0]])
            self._parts = []
        self._parts.append(rest)
        return [line + self._end for line in complete]

    def finish(self) -> list[bytes]:
        """The last line, if it has no end."""
        rest = b"".join(self._parts)
        return [rest] if rest else []
