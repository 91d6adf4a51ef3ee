"""Leaving the terminal.

The working directory stays what it was, as with the C server: paths in the options, and those in the files
that they name, mean the same after a reload as they did at the start.
"""

from __future__ import annotations

import os
import signal
from typing import Final, NoReturn

_READY: Final = b"\n"


class Daemon:
    """Goes on in a background process, while the process that was started waits until that one serves.

    Making one forks: it returns in the background process only. The first process exits with 0 when
    ``ready`` is called, and with 1 when the background process ends before.
    """

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        if os.fork() != 0:
            os.close(self._writer)
            _exit_with_child(reader)
        os.close(reader)
        os.setsid()

    def ready(self) -> None:
        """Lets the first process go, and its terminal: stdin, stdout and stderr lead nowhere from now on."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        if nothing > 2:
            os.close(nothing)
        os.write(self._writer, _READY)
        os.close(self._writer)


def _exit_with_child(reader: int) -> NoReturn:
    # Ctrl-C reaches both processes while they share a terminal; what happens then is up to the child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Empty when the child has gone without being ready; it has said why on stderr then.
    message = os.read(reader, 1)
    os._exit(0 if message == _READY else 1)
