"""Small helpers that classic programs may import: time budgets, server addresses, select."""

from __future__ import annotations

import select as select_module
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from gearman.constants import DEFAULT_GEARMAN_PORT
from gearman.errors import ServerListError

_Item = TypeVar("_Item")
_MAX_PORT = 65535


class HasFileno(Protocol):
    """What ``select`` can wait for, besides plain descriptors."""

    def fileno(self) -> int: ...


Selectable = int | HasFileno


class Stopwatch:
    """A time budget in seconds; None is one that never ends."""

    def __init__(self, time_remaining: float | None) -> None:
        self.stop_time = None if time_remaining is None else time.monotonic() + time_remaining

    def get_time_remaining(self) -> float | None:
        """Seconds left, exactly 0.0 when the time is over, None when it never ends."""
        if self.stop_time is None:
            return None
        return max(0.0, self.stop_time - time.monotonic())

    def has_time_remaining(self, time_comparison: float | None = None) -> bool:
        """Whether time is left now, or at a given reading of ``time.monotonic``."""
        if self.stop_time is None:
            return True
        moment = time.monotonic() if time_comparison is None else time_comparison
        return moment < self.stop_time


def disambiguate_server_parameter(server: object) -> tuple[str, int]:
    """Host and port of a server, however it was written.

    Takes ``'host'``, ``'host:port'``, ``'::1'``, ``'[::1]:port'``, ``(host, port)``, ``[host, port]`` and
    dicts with ``host`` and ``port``; the port defaults to 4730. Raises ValueError for an unusable port and
    ServerListError for anything else that cannot name a server.
    """
    if isinstance(server, (bytes, bytearray)):
        server = server.decode("utf-8", "surrogateescape")
    if isinstance(server, str):
        return _split_host_and_port(server)
    if isinstance(server, dict) and "host" in server:
        return _host_and_port(server["host"], server.get("port"))
    if isinstance(server, (tuple, list)) and len(server) == 2:
        return _host_and_port(server[0], server[1])
    raise ServerListError(f"not a server: {server!r}; expected 'host:port', (host, port) or a dict with host")


def _split_host_and_port(server: str) -> tuple[str, int]:
    if server.startswith("["):
        host, closed, rest = server[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ServerListError(f"not a server: {server!r}; expected '[address]:port'")
        return _host_and_port(host, rest[1:] if rest else None)
    if server.count(":") > 1:
        # An IPv6 address can only carry a port when it stands in brackets.
        return _host_and_port(server, None)
    host, colon, port = server.partition(":")
    return _host_and_port(host, port if colon else None)


def _host_and_port(host: object, port: object) -> tuple[str, int]:
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("utf-8", "surrogateescape")
    if not isinstance(host, str) or not host:
        raise ServerListError(f"not a host name: {host!r}")
    return host, DEFAULT_GEARMAN_PORT if port is None else _port_number(port)


def _port_number(port: object) -> int:
    if not isinstance(port, (int, str, bytes)):
        raise ServerListError(f"not a port: {port!r}")
    try:
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number <= _MAX_PORT:
        raise ServerListError(f"not a port: {port!r}; expected 1 to {_MAX_PORT}")
    return number


def select(
    rlist: Iterable[Selectable],
    wlist: Iterable[Selectable],
    xlist: Iterable[Selectable],
    timeout: float | None = None,
) -> tuple[list[Selectable], list[Selectable], list[Selectable]]:
    """``select.select``; signals that arrive meanwhile do not end it."""
    return select_module.select(rlist, wlist, xlist, timeout)


def unlist(given_list: Sequence[_Item]) -> _Item | None:
    """The only item of a list, None if it is empty; ValueError with the length if there are several."""
    if not given_list:
        return None
    if len(given_list) > 1:
        raise ValueError(len(given_list))
    return given_list[0]
