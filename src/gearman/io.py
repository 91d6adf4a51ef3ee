"""Waiting for many sockets at once, behind one small interface.

``poll`` is used where the platform has it. Set ``force_select = True`` to get ``select`` instead, for green
thread libraries that replace only that.
"""

from __future__ import annotations

import math
import select
from typing import Final, Protocol

from gearman.util import Selectable

# What to wait for, and what happened; the numbers are those of poll and epoll.
READ: Final = 0x1
WRITE: Final = 0x4
ERROR: Final = 0x18

force_select = False


class ConnectionPoller(Protocol):
    """What ``get_connection_poller`` returns: waits for the registered descriptors."""

    def register(self, connection: Selectable, events: int = READ) -> None:
        """Waits for the events (READ, WRITE or both) of a connection from now on; errors always count."""

    def modify(self, connection: Selectable, events: int) -> None:
        """Waits for other events of a registered connection; KeyError if it is not registered."""

    def unregister(self, connection: Selectable) -> None:
        """Waits for a connection no more; KeyError if it is not registered."""

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """What happened, as pairs of descriptor and events.

        Waits ``timeout`` seconds at most; None waits without limit, 0 and less do not wait.
        """


def get_connection_poller() -> ConnectionPoller:
    """A new poller: ``poll`` where there is one, ``select`` elsewhere or when forced."""
    # Looked up at each call: eventlet and gevent replace or remove it after the import.
    if force_select or not hasattr(select, "poll"):
        return SelectPoller()
    return PollPoller()


class PollPoller:
    """A poller on top of ``select.poll``."""

    def __init__(self) -> None:
        self._poll = select.poll()

    def register(self, connection: Selectable, events: int = READ) -> None:
        self._poll.register(connection, events)

    def modify(self, connection: Selectable, events: int) -> None:
        try:
            self._poll.modify(connection, events)
        except FileNotFoundError:
            raise KeyError(connection) from None

    def unregister(self, connection: Selectable) -> None:
        self._poll.unregister(connection)

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        # Whole milliseconds, rounded up: rounding down would turn the last millisecond into a busy loop.
        return self._poll.poll(None if timeout is None else max(0, math.ceil(timeout * 1000)))


class SelectPoller:
    """A poller on top of ``select.select``."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}

    def register(self, connection: Selectable, events: int = READ) -> None:
        self._events[_descriptor(connection)] = events

    def modify(self, connection: Selectable, events: int) -> None:
        descriptor = _descriptor(connection)
        if descriptor not in self._events:
            raise KeyError(connection)
        self._events[descriptor] = events

    def unregister(self, connection: Selectable) -> None:
        del self._events[_descriptor(connection)]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        readers = [descriptor for descriptor, events in self._events.items() if events & READ]
        writers = [descriptor for descriptor, events in self._events.items() if events & WRITE]
        wait = None if timeout is None else max(0.0, timeout)
        # Broken connections show as readable; the third list of select is for out-of-band data.
        readable, writable, _ = select.select(readers, writers, [], wait)
        happened = dict.fromkeys(readable, READ)
        for descriptor in writable:
            happened[descriptor] = happened.get(descriptor, 0) | WRITE
        return list(happened.items())


def _descriptor(connection: Selectable) -> int:
    return connection if isinstance(connection, int) else connection.fileno()
