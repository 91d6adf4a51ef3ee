"""Accepts connections, and slows down instead of spinning when the process runs out of descriptors.

A listening socket stays readable while connections wait, so a loop that cannot accept them would find it
readable again at once, for ever. Here the listening sockets are left alone for a moment instead, and the new
connections wait in the kernel. The servers that asyncio and uvloop bring along log every attempt, or close
the connections that are waiting.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from geartrain.addresses import Address
from geartrain.server.binding import Listener
from geartrain.server.log import log_event

# How long to leave waiting connections alone when one could not be accepted.
RETRY_SECONDS: Final = 0.5
# Running out is said once, and not again before this long, however often it comes and goes.
_QUIET_SECONDS: Final = 60.0
# So many in one go at most, so that a rush of connections does not hold up those already there.
_ACCEPTED_AT_ONCE: Final = 64
# What goes wrong with one connection and says nothing about the next.
_GONE: Final = frozenset({errno.ECONNABORTED, errno.ECONNRESET, errno.EPERM, errno.EPROTO})


class Acceptor:
    """Hands every connection that comes in to ``on_connection``, with the address it came in at."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: list[Listener],
        on_connection: Callable[[socket.socket, Address], None],
    ) -> None:
        self._loop = loop
        self._listeners = listeners
        self._on_connection = on_connection
        self._retry: asyncio.TimerHandle | None = None
        self._said_at = float("-inf")

    def start(self) -> None:
        """Begins to accept."""
        self._retry = None
        for listener in self._listeners:
            # By number: uvloop would keep a socket object open beyond its close, and with it the port.
            self._loop.add_reader(listener.socket.fileno(), self._accept, listener)

    def close(self) -> None:
        """Stops accepting and closes the listening sockets; new connections are refused from now on."""
        self._pause()
        if self._retry is not None:
            self._retry.cancel()
        for listener in self._listeners:
            listener.close()
        self._listeners = []

    def _pause(self) -> None:
        for listener in self._listeners:
            self._loop.remove_reader(listener.socket.fileno())

    def _accept(self, listener: Listener) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = listener.socket.accept()
            except OSError as error:
                if error.errno in _GONE:
                    continue
                if error.errno != errno.EAGAIN:
                    self._wait(error)
                return
            self._on_connection(connection, listener.address)

    def _wait(self, error: OSError) -> None:
        self._pause()
        self._retry = self._loop.call_later(RETRY_SECONDS, self.start)
        now = self._loop.time()
        if now - self._said_at >= _QUIET_SECONDS:
            self._said_at = now
            reason = os.strerror(error.errno or 0)
            log_event(logging.ERROR, "cannot accept connections, new ones have to wait", {"reason": reason})
