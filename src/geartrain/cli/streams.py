"""Standard output and error for bytes of others, and how they share a terminal with progress bars."""

from __future__ import annotations

import os
import select
import sys
from io import BufferedReader
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    # asyncio takes long to load, and who only reads its input does without.
    from geartrain.cli.gearman.progress import ProgressBars

_LINE_END: Final = b"\n"


class Streams:
    """Writes unbuffered and unchanged; bars leave the terminal meanwhile, and while a line is open."""

    def __init__(self, bars: ProgressBars | None = None) -> None:
        self._bars = bars
        # The bars are on stderr; they are in the way of stdout only if that is a terminal too.
        self._is_shared = {sys.stdout: sys.stdout.isatty(), sys.stderr: sys.stderr.isatty()}
        self._is_line_open = False

    def out(self, data: bytes) -> None:
        """Writes to stdout. Raises BrokenPipeError when nobody reads it any more."""
        self._write(sys.stdout, data)

    def error(self, data: bytes) -> None:
        """Writes to stderr, if it is read."""
        try:
            self._write(sys.stderr, data)
        except OSError:
            pass

    def end_line(self) -> None:
        """Ends a line that is open on the terminal, so that what follows begins its own."""
        if self._is_line_open:
            self._write(sys.stdout if self._is_shared[sys.stdout] else sys.stderr, _LINE_END)

    def _write(self, stream: TextIO, data: bytes) -> None:
        if not data:
            return
        is_shared = self._is_shared[stream]
        if is_shared and self._bars is not None:
            self._bars.hide()
        write_all(stream, data)
        if is_shared:
            self._is_line_open = not data.endswith(_LINE_END)
        if is_shared and self._bars is not None and not self._is_line_open:
            self._bars.show()


def write_all(stream: TextIO, data: bytes) -> None:
    """Writes bytes to a standard stream that holds nothing back itself. Raises OSError.

    Python's own stream is not used: with PYTHONUNBUFFERED it takes what the system takes at once, which is
    not all of it on a disk that becomes full, or in a pipe that somebody has made non-blocking.
    """
    descriptor = stream.fileno()
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def open_stdin() -> BufferedReader:
    """Standard input as it is now; going to the background does not take it away."""
    descriptor = os.dup(0)
    # Whoever shares it may have made it non-blocking, and Python would take the first pause for the end.
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb")
