"""One connection to a job server on asyncio: packets and lines go out, messages come in.

It moves bytes and waits; what the messages mean is for the roles to say.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterable
from typing import Final, Self

from geartrain.addresses import TLS, Address, TcpAddress, UnixAddress
from geartrain.aio.lookup import look_up
from geartrain.errors import ConnectError, ProtocolError, ServerLost
from geartrain.protocol.codec import AdminLine, Decoder, Fault, Message, encode_request
from geartrain.protocol.packets import MAGIC_RESPONSE, Packet, shorten
from geartrain.tls import tls_reason

DEFAULT_CONNECT_SECONDS: Final = 10.0
# Results and lists may be longer than what a server takes.
_MAX_PACKET_BYTES: Final = 0xFFFFFFFF
_MAX_LINE_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 256 * 1024
# How long a closed TLS connection waits for the server's own end.
_SHUTDOWN_SECONDS: Final = 2.0
# Let the kernel find out that a silent server is gone: seconds until the first probe and between probes,
# and how many may stay unanswered.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class Connection:
    """An open connection to a job server; made by ``connect``, ended by ``close``, or by leaving ``with``.

    One task may read while another one writes.
    """

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder(MAGIC_RESPONSE, _MAX_PACKET_BYTES, _MAX_LINE_BYTES)
        # How much has come so far. Together with ``unsent_bytes`` it tells silence from a long message.
        self.received_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, messages: Iterable[Packet | AdminLine]) -> None:
        """Sends packets and lines in order; ``flush`` waits until the server has taken most of them."""
        self._writer.writelines([_encode(message) for message in messages])

    async def flush(self) -> None:
        """Waits while more than a little waits to be sent. Raises ServerLost."""
        try:
            await self._writer.drain()
        except OSError as error:
            raise ServerLost(self.address, _reason(error)) from error

    async def receive(self) -> list[Message]:
        """Waits for the server and returns what came, one message at least.

        Raises ServerLost at the end of the connection, and ProtocolError for bytes that are no messages.
        """
        while True:
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise ServerLost(self.address, _reason(error)) from error
            if not data:
                raise ServerLost(self.address, "the server closed it")
            self.received_bytes += len(data)
            messages = self._decoder.feed(data)
            for message in messages:
                if isinstance(message, Fault):
                    raise ProtocolError(message.code, f"{self.address} sent something else: {message.text}")
            if messages:
                return messages

    async def receive_packets(self) -> list[Packet]:
        """As ``receive``, where only packets make sense: a line of text is a ProtocolError too."""
        packets: list[Packet] = []
        for message in await self.receive():
            if isinstance(message, AdminLine):
                said = shorten(message.text)
                raise ProtocolError("INVALID_REPLY", f"{self.address} is no job server; it says {said}")
            if isinstance(message, Packet):
                packets.append(message)
        return packets

    @property
    def unsent_bytes(self) -> int:
        """How much of what was sent the system has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def is_open(self) -> bool:
        """Whether nothing is known of an end of the connection; ask before sending after a long pause."""
        # The first round of the loop sees that something has come, the second one reads it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return not (self._writer.is_closing() or self._reader.at_eof() or self._reader.exception())

    def close(self) -> None:
        """Closes the connection; what was sent and not flushed still goes out in the background."""
        self._writer.close()

    async def wait_closed(self) -> None:
        """Waits until what was sent has gone out, or cannot any more."""
        try:
            await self._writer.wait_closed()
        except OSError:
            # Lost in the meantime: there is nothing left to close.
            pass


async def connect(
    address: Address,
    *,
    tls: ssl.SSLContext | None = None,
    timeout_seconds: float | None = DEFAULT_CONNECT_SECONDS,
) -> Connection:
    """Connects to a job server, over TLS if there is a context for it.

    ``timeout_seconds`` is for everything: looking up the name, connecting, the handshake; None
    is without limit. Raises ConnectError.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await _open(address, tls, timeout_seconds)
    except (OSError, UnicodeError) as error:
        # The system has time limits too, and says so with a number.
        if isinstance(error, TimeoutError) and error.errno is None and timeout_seconds is not None:
            raise ConnectError(address, f"no answer within {timeout_seconds:g} seconds") from error
        raise ConnectError(address, _reason(error)) from error
    return Connection(address, reader, writer)


async def _open(
    address: Address, tls: ssl.SSLContext | None, timeout_seconds: float | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, UnixAddress):
        return await asyncio.open_unix_connection(address.path, limit=_READ_BYTES)
    connected = await _connect_tcp(address, timeout_seconds)
    server_hostname = address.host if tls is not None else None
    shutdown_seconds = _SHUTDOWN_SECONDS if tls is not None else None
    try:
        return await asyncio.open_connection(
            sock=connected,
            ssl=tls,
            server_hostname=server_hostname,
            ssl_shutdown_timeout=shutdown_seconds,
            limit=_READ_BYTES,
        )
    except BaseException:
        connected.close()
        raise


async def _connect_tcp(address: TcpAddress, timeout_seconds: float | None) -> socket.socket:
    """Tries what the host name stands for in turn; raises the last error when none can be reached."""
    loop = asyncio.get_running_loop()
    failure: OSError = ConnectionError("the name stands for no address")
    found = await look_up(address.host, address.port)
    # One that does not answer, as IPv6 behind many a router, leaves the others their share of the time.
    share_seconds = None if timeout_seconds is None else timeout_seconds / max(len(found), 1)
    for family, kind, protocol, _, name in found:
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.setblocking(False)
            async with asyncio.timeout(share_seconds):
                await loop.sock_connect(candidate, name)
            _set_options(candidate)
        except OSError as error:
            candidate.close()
            failure = error
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise failure


def _set_options(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        # macOS lacks the first one; its own value holds there.
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def needs_tls(address: Address) -> bool:
    """Whether the address says that TLS is spoken there."""
    return isinstance(address, TcpAddress) and address.scheme == TLS


def _encode(message: Packet | AdminLine) -> bytes:
    if isinstance(message, Packet):
        return encode_request(message.number, *message.arguments)
    # A line that ends in LF alone loses its last letter in ``create function`` of the C server.
    return message.text + b"\r\n"


def _reason(error: OSError | UnicodeError) -> str:
    """Why it failed, in the system's words and without numbers."""
    if isinstance(error, UnicodeError):
        return "this is no host name"
    if isinstance(error, ssl.SSLError):
        return tls_reason(error)
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    if isinstance(error, ConnectionError) and not error.args:
        # From asyncio: the connection ended in the middle of the handshake of TLS.
        return "the server closed it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
