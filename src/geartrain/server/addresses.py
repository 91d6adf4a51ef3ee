"""Where a server listens, as people write it: ``host``, ``host:port``, ``[v6]:port`` or ``unix:/path``."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

from geartrain.errors import ConfigError

UNIX_PREFIX: Final = "unix:"
# What a listen entry may look like, for error messages.
LISTEN_FORMS: Final = "host, host:port, [IPv6 address]:port or unix:/path"
# The kernel's room for the path of a socket, its closing zero byte included.
_MAX_UNIX_PATH_BYTES: Final = 107
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host name or address, and a TCP port; port 0 stands for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix socket."""

    path: str

    def __str__(self) -> str:
        return UNIX_PREFIX + self.path


Address = TcpAddress | UnixAddress


def parse_listen(entry: str, default_port: int) -> Address:
    """Reads one listen entry; an IPv6 address without a port needs no brackets.

    Raises ConfigError when the entry has none of the known forms.
    """
    if entry.startswith(UNIX_PREFIX):
        return UnixAddress(_unix_path(entry))
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError("listen", entry, LISTEN_FORMS)
        port = parse_port(rest[1:], "listen") if rest else default_port
    elif entry.count(":") == 1:
        host, _, port_text = entry.partition(":")
        port = parse_port(port_text, "listen")
    else:
        host, port = entry, default_port
    if not host or host != host.strip():
        raise ConfigError("listen", entry, LISTEN_FORMS)
    return TcpAddress(host, port)


def parse_port(text: str, key: str = "port") -> int:
    """Reads a port: a number from 0 to 65535, or the name of a TCP service. Raises ConfigError."""
    if text.isascii() and text.isdigit():
        port = int(text)
    else:
        try:
            port = socket.getservbyname(text, "tcp")
        except OSError:
            port = -1
    if not 0 <= port <= _MAX_PORT:
        raise ConfigError(key, text, f"a number from 0 to {_MAX_PORT} or the name of a TCP service")
    return port


def _unix_path(entry: str) -> str:
    path = entry.removeprefix(UNIX_PREFIX)
    try:
        fits = 0 < len(os.fsencode(path)) <= _MAX_UNIX_PATH_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits or "\0" in path:
        raise ConfigError("listen", entry, f"unix: and a path of 1 to {_MAX_UNIX_PATH_BYTES} bytes")
    return path
