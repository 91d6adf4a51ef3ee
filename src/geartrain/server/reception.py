"""Makes connections of accepted sockets; the listener's scheme says what kind, and whether over TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from typing import Final

from geartrain.addresses import HTTP, TCP, TLS, Address, TcpAddress
from geartrain.server.config import ServerConfig
from geartrain.server.connection import Connection
from geartrain.server.gear import GearConnection
from geartrain.server.http import HttpConnection
from geartrain.server.hub import Hub
from geartrain.server.tls import TlsTransport

# The settings of TCP keepalive, and the socket options they stand for; macOS has another name for the first.
_KEEPALIVE: Final = (
    ("keepalive_idle", getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", 0))),
    ("keepalive_interval", socket.TCP_KEEPINTVL),
    ("keepalive_count", socket.TCP_KEEPCNT),
)


class Reception:
    """Brings accepted sockets to the hub. ``context`` is for new TLS connections, and may be replaced."""

    def __init__(self, hub: Hub, context: ssl.SSLContext | None) -> None:
        self.context = context
        self._hub = hub
        # Sockets that have no transport yet, and those that have no connection yet.
        self._arriving: set[asyncio.Task[None]] = set()
        self._handshakes: set[TlsTransport] = set()

    def receive(self, accepted: socket.socket, listener: Address) -> None:
        """Takes a socket that came in at a listener."""
        task = self._hub.loop.create_task(self._serve(accepted, listener))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def close(self) -> None:
        """Closes the sockets that are no connections yet; no more may be received."""
        if self._arriving:
            await asyncio.wait(self._arriving)
        for handshake in list(self._handshakes):
            handshake.abort()
        while self._handshakes:
            # The event loop closes them in its next turn.
            await asyncio.sleep(0)

    async def _serve(self, accepted: socket.socket, listener: Address) -> None:
        try:
            kind = HttpConnection if _scheme(listener) == HTTP else GearConnection
            connection = kind(self._hub, accepted.fileno(), _peer_address(accepted), listener)
            _set_options(accepted, self._hub.config)
            protocol = self._protocol(connection)
            await self._hub.loop.connect_accepted_socket(lambda: protocol, accepted)
        except OSError:
            # The other side is gone already.
            accepted.close()

    def _protocol(self, connection: Connection) -> asyncio.Protocol:
        """What the event loop is to call about the socket."""
        if _scheme(connection.listener) != TLS:
            return connection
        assert self.context is not None
        return TlsTransport(self.context, connection, self._hub.config, self._handshakes)


def _scheme(listener: Address) -> str:
    return listener.scheme if isinstance(listener, TcpAddress) else TCP


def _set_options(accepted: socket.socket, config: ServerConfig) -> None:
    accepted.setblocking(False)
    if accepted.family == socket.AF_UNIX:
        return
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, option in _KEEPALIVE:
        value: int = getattr(config, name)
        if value >= 0:
            accepted.setsockopt(socket.IPPROTO_TCP, option, value)


def _peer_address(accepted: socket.socket) -> bytes:
    """What the admin command ``workers`` shows: an IP address, or "unix"."""
    if accepted.family == socket.AF_UNIX:
        return b"unix"
    host: str = accepted.getpeername()[0]
    if accepted.family == socket.AF_INET6:
        # A listener for both families, as systemd makes it, shows IPv4 in disguise.
        host = str(ipaddress.IPv6Address(host).ipv4_mapped or host)
    return host.encode()
