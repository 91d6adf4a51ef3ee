"""Noticing signals while waiting.

Python runs a program's signal handler during a wait, and then goes on waiting. A worker that looks at its
flags between waits only would not see what the handler has set until something happens.
"""

from __future__ import annotations

import signal
import socket
import threading

_NOBODY = -1


class SignalWatch:
    """Makes a descriptor readable when a signal comes that the program handles.

    Works in the main thread alone, as handlers do, and only while nobody else watches in this way, such as an
    event loop that the worker runs in.
    """

    def __init__(self) -> None:
        self._reader: socket.socket | None = None
        self._writer: socket.socket | None = None

    def descriptor(self) -> int | None:
        """What to wait for, from this call on; None if signals cannot be noticed."""
        if threading.current_thread() is not threading.main_thread():
            return None
        if self._reader is None or self._writer is None:
            try:
                self._reader, self._writer = socket.socketpair()
            except OSError:  # no descriptor is left
                return None
            self._reader.setblocking(False)
            self._writer.setblocking(False)
        # At each call, because a job may have run an event loop, which takes the place and leaves it empty.
        before = _replace(self._writer.fileno())
        if before in (_NOBODY, self._writer.fileno()):
            return self._reader.fileno()
        _replace(before)
        return None

    def has_rung(self) -> bool:
        """Whether a signal has come since the last call."""
        try:
            return self._reader is not None and bool(self._reader.recv(4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Watches no more, until ``descriptor`` is called again."""
        if self._reader is None or self._writer is None:
            return
        before = _replace(_NOBODY)
        if before != self._writer.fileno():
            _replace(before)
        self._reader.close()
        self._writer.close()
        self._reader = self._writer = None


def _replace(descriptor: int) -> int:
    """Has signals written to this descriptor; returns the one that they were written to before."""
    return signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
