"""Where a job server listens or is found, as people write it.

``host``, ``host:port`` and ``[IPv6 address]:port``, any of them behind a scheme (``tcp://``, ``tls://`` or
``http://``), or ``unix:/path``. Port and scheme have defaults.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

from geartrain.errors import ConfigError

TCP: Final = "tcp"
TLS: Final = "tls"
HTTP: Final = "http"
UNIX_PREFIX: Final = "unix:"
DEFAULT_PORT: Final = 4730

# What an entry may look like, for help texts and error messages; HTTP is only there to be listened for.
ADDRESS_FORMS: Final = "host, host:port, [IPv6 address]:port, tcp://…, tls://… or unix:/path"
LISTEN_FORMS: Final = "host, host:port, [IPv6 address]:port, tcp://…, tls://…, http://… or unix:/path"
# The kernel's room for the path of a socket, its closing zero byte included.
_MAX_UNIX_PATH_BYTES: Final = 107
_MAX_PORT: Final = 65535
_SEPARATOR: Final = "://"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host name or address, a TCP port (0 stands for any free one), and what is spoken there."""

    host: str
    port: int
    scheme: str = TCP

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        # Without a scheme it is plain Gearman, as it ever was.
        scheme = "" if self.scheme == TCP else self.scheme + _SEPARATOR
        return f"{scheme}{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix socket."""

    path: str

    def __str__(self) -> str:
        return UNIX_PREFIX + self.path


Address = TcpAddress | UnixAddress


def parse_listen(entry: str, port: int = DEFAULT_PORT, *, scheme: str = TCP, http_port: int = 0) -> Address:
    """Reads an address to listen on; ``port``, ``scheme`` and ``http_port`` stand in for what it leaves open.

    Raises ConfigError for the key ``listen`` when the entry has none of the known forms.
    """
    return _parse("listen", entry, {TCP: port, TLS: port, HTTP: http_port}, scheme)


def parse_server(entry: str, port: int = DEFAULT_PORT, *, scheme: str = TCP, key: str = "server") -> Address:
    """Reads the address of a job server to connect to; port 0 is the usual one, as it is for libgearman.

    Raises ConfigError for the given key.
    """
    address = _parse(key, entry, {TCP: port, TLS: port}, scheme)
    if isinstance(address, TcpAddress) and address.port == 0:
        return TcpAddress(address.host, DEFAULT_PORT, address.scheme)
    return address


def parse_servers(entries: str, port: int = DEFAULT_PORT, *, scheme: str = TCP, key: str) -> list[Address]:
    """Reads a list of job servers with commas between them; empty entries are left out."""
    return [
        parse_server(entry.strip(), port, scheme=scheme, key=key)
        for entry in entries.split(",")
        if entry.strip()
    ]


def parse_port(text: str, key: str = "port") -> int:
    """Reads a port: a number from 0 to 65535, or the name of a TCP service. Raises ConfigError."""
    try:
        is_number = text.isascii() and text.isdigit()
        port = int(text) if is_number else socket.getservbyname(text, "tcp")
    except (OSError, ValueError):
        # There is no such service; or thousands of digits, of which Python makes no number.
        port = -1
    if not 0 <= port <= _MAX_PORT:
        raise ConfigError(key, text, f"a number from 0 to {_MAX_PORT} or the name of a TCP service")
    return port


def _parse(key: str, entry: str, ports: dict[str, int], scheme: str) -> Address:
    """An entry behind one of the schemes that ``ports`` knows, or without any."""
    if entry.startswith(UNIX_PREFIX):
        return UnixAddress(_unix_path(key, entry))
    named, separator, rest = entry.partition(_SEPARATOR)
    if separator:
        scheme, place = named.lower(), rest
    else:
        place = entry
    host, port_text = _split(place)
    if scheme not in ports or not host or host != host.strip() or "/" in host:
        raise ConfigError(key, entry, LISTEN_FORMS if HTTP in ports else ADDRESS_FORMS)
    port = ports[scheme] if port_text is None else parse_port(port_text, key)
    return TcpAddress(host, port, scheme)


def _split(place: str) -> tuple[str | None, str | None]:
    """Host and text of the port; None for a host that cannot be made out, and for a missing port."""
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None, None
        return host, rest[1:] if rest else None
    # An IPv6 address without a port needs no brackets.
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        return host, port
    return place, None


def _unix_path(key: str, entry: str) -> str:
    path = entry.removeprefix(UNIX_PREFIX)
    try:
        fits = 0 < len(os.fsencode(path)) <= _MAX_UNIX_PATH_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits or "\0" in path:
        raise ConfigError(key, entry, f"unix: and a path of 1 to {_MAX_UNIX_PATH_BYTES} bytes")
    return path
