"""What systemd and a service tell each other: sockets that are passed on, and how the service is doing.

The contract is in sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). All of it comes in environment
variables, which are taken away here: they are meant for this process and none that it starts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import time
from typing import Final

from geartrain.addresses import HTTP, TCP, TLS, UnixAddress
from geartrain.errors import BindError
from geartrain.server.binding import Listener, adopt
from geartrain.server.log import log_event

_FIRST_DESCRIPTOR: Final = 3
# The descriptor names that say what is to be spoken on a socket; others are just names.
_SCHEMES: Final = (TCP, TLS, HTTP)
_PATIENCE_SECONDS: Final = 1.0


class Notifier:
    """Tells systemd how this service is doing; without systemd, nobody.

    Make one early: ``socket_path`` and ``watchdog_seconds`` (0.0 for no watchdog) are what systemd asked for.
    """

    def __init__(self) -> None:
        self.socket_path = os.environ.pop("NOTIFY_SOCKET", "")
        self.watchdog_seconds = _take_watchdog_seconds()

    def ready(self, status: str) -> None:
        """The service serves, from its start or again after a reload."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The service reads its files again; ``ready`` has to follow."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=Reloading")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1\nSTATUS=Stopping")

    def status(self, status: str) -> None:
        """What ``systemctl status`` shows of the service, in one line."""
        self._send(f"STATUS={status}")

    async def keep_alive(self) -> None:
        """Feeds the watchdog for as long as the event loop runs; returns at once when there is none."""
        # Twice as often as it has to be.
        while self.watchdog_seconds:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 2)

    def _send(self, message: str) -> None:
        if not self.socket_path:
            return
        # A name that begins with @ is not in the file system.
        path = self.socket_path
        address = "\0" + path[1:] if path.startswith("@") else path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                # The event loop waits meanwhile, so it must not be for long.
                notify.settimeout(_PATIENCE_SECONDS)
                notify.connect(address)
                notify.sendall(message.encode(errors="replace"))
        except OSError as error:
            log_event(logging.WARNING, "cannot tell systemd", {"socket": path, "reason": str(error)})


def take_listeners(scheme: str) -> list[Listener]:
    """The listening sockets that systemd has bound for this process.

    A socket that is named ``tcp``, ``tls`` or ``http`` (``FileDescriptorName=`` of its unit) speaks that, any
    other one ``scheme``. Raises BindError for a descriptor that is no socket of use here.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = _take_number("LISTEN_FDS")
    names = dict(enumerate(os.environ.pop("LISTEN_FDNAMES", "").split(":")))
    # They may be meant for the process that started this one.
    if pid != str(os.getpid()):
        return []
    return [_take_listener(_FIRST_DESCRIPTOR + i, names.get(i, ""), scheme) for i in range(count)]


def _take_listener(descriptor: int, name: str, scheme: str) -> Listener:
    listener = adopt(descriptor, name if name in _SCHEMES else scheme)
    if isinstance(listener.address, UnixAddress) and name in (TLS, HTTP):
        raise BindError(listener.address, f"its name is {name}, but a Unix socket speaks plain Gearman only")
    listener.socket.set_inheritable(False)
    return listener


def is_journal(descriptor: int) -> bool:
    """Whether what is written to a descriptor goes to the journal of systemd."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _take_watchdog_seconds() -> float:
    microseconds = _take_number("WATCHDOG_USEC")
    pid = os.environ.pop("WATCHDOG_PID", "")
    return microseconds / 1_000_000 if pid in ("", str(os.getpid())) else 0.0


def _take_number(variable: str) -> int:
    """What the variable says, or 0 when it is not there or says something else than a number."""
    text = os.environ.pop(variable, "")
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0
