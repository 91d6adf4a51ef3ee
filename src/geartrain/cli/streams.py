"""Standard output and error for bytes of others, and how they share a terminal with progress bars."""

from __future__ import annotations

import sys
from typing import Final, TextIO

from geartrain.cli.progress import ProgressBars

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
        stream.buffer.write(data)
        stream.buffer.flush()
        if is_shared:
            self._is_line_open = not data.endswith(_LINE_END)
        if is_shared and self._bars is not None and not self._is_line_open:
            self._bars.show()
