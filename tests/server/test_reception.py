"""From an accepted socket to a connection: its options, its address, and what is spoken."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from geartrain.addresses import HTTP, TcpAddress, UnixAddress
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request, encode_response
from geartrain.server import Server
from geartrain.server.binding import adopt
from geartrain.server.connection import Connection
from geartrain.server.gear import GearConnection
from geartrain.server.http import HttpConnection
from tests.certificates import Certificates

_ECHO = encode_request(packets.ECHO_REQ, b"ping")
_ECHO_ANSWER = encode_response(packets.ECHO_RES, b"ping")


async def _connection_of(
    server: Server, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> Connection:
    """The server's only connection, once it has answered."""
    reader, writer = streams
    writer.write(_ECHO)
    assert await reader.readexactly(len(_ECHO_ANSWER)) == _ECHO_ANSWER
    (connection,) = server._hub.connections
    return connection


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("speaks_tls", [False, True])
async def test_dead_connections_are_looked_for_as_configured(
    certificates: Certificates, speaks_tls: bool
) -> None:
    """Over TLS too; packets are never held back to be joined."""
    config = certificates.server_config(
        ssl=speaks_tls, keepalive_idle=101, keepalive_interval=11, keepalive_count=3
    )
    async with Server(config) as server:
        context = certificates.client_context() if speaks_tls else None
        streams = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        connection = await _connection_of(server, streams)
        accepted = connection._transport.get_extra_info("socket")

        found = [
            accepted.getsockopt(level, option)
            for level, option in (
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            )
        ]
        await _close(streams[1])

    assert found == [1, 101, 11, 3, 1]


async def test_dead_connections_are_looked_for_unless_told_otherwise() -> None:
    """In the time that the system has for it."""
    async with Server(port=0) as server:
        streams = await asyncio.open_connection("127.0.0.1", server.port)
        connection = await _connection_of(server, streams)
        accepted = connection._transport.get_extra_info("socket")
        with socket.socket() as untouched:
            usual = untouched.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)

        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == usual
        await _close(streams[1])


async def test_ipv4_is_shown_as_such_behind_a_socket_for_both_families() -> None:
    """As systemd binds it; the C server showed "::" for all of IPv6."""
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    async with Server(adopted=[adopt(both.detach())]) as server:
        shown = []
        for host in ("127.0.0.1", "::1"):
            streams = await asyncio.open_connection(host, server.port)
            shown.append((await _connection_of(server, streams)).address)
            await _close(streams[1])
            await asyncio.wait_for(server._hub._all_closed.wait(), 10)

    assert shown == [b"127.0.0.1", b"::1"]


async def test_a_unix_socket_has_no_address_of_its_peers(tmp_path: Path) -> None:
    """Only where it came in is known."""
    path = str(tmp_path / "socket")
    async with Server(listen=(f"unix:{path}",)) as server:
        streams = await asyncio.open_unix_connection(path)
        connection = await _connection_of(server, streams)

        assert (connection.address, connection.listener) == (b"unix", UnixAddress(path))
        await _close(streams[1])


async def test_the_scheme_of_a_listener_says_what_is_spoken(certificates: Certificates) -> None:
    """Gearman, plain or over TLS, or HTTP; ``port`` is the first one where it is Gearman."""
    listen = ("http://127.0.0.1:0", "tcp://127.0.0.1", "tls://127.0.0.1")
    async with Server(certificates.server_config(listen=listen)) as server:
        kinds: dict[str, type[Connection]] = {}
        for address in server.addresses:
            assert isinstance(address, TcpAddress)
            context = certificates.client_context() if address.scheme == "tls" else None
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port, ssl=context)
            # Answered by Gearman with a line of text, and by HTTP with 400.
            writer.write(b"version\r\n\r\n")
            assert await reader.readline()
            (connection,) = server._hub.connections
            assert connection.listener == address
            kinds[address.scheme] = type(connection)
            await _close(writer)
            await asyncio.wait_for(server._hub._all_closed.wait(), 10)

        assert kinds == {HTTP: HttpConnection, "tcp": GearConnection, "tls": GearConnection}
        assert server.port == server.addresses[1].port  # type: ignore[union-attr]
