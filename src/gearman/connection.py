"""One connection to a job server: a socket, and the commands that wait on both of its sides."""

from __future__ import annotations

import logging
import socket
import ssl
from array import array
from collections import deque
from typing import Any, NoReturn

from gearman import constants, protocol
from gearman.constants import DEFAULT_GEARMAN_PORT
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    GearmanError,
    ProtocolError,
    ServerUnavailable,
)
from gearman.text import to_bytes
from geartrain.errors import TlsError
from geartrain.protocol.codec import Decoder
from geartrain.protocol.packets import MAGIC_RESPONSE
from geartrain.roles.servers import ServerRecord
from geartrain.tls import client_context, tls_reason

__all__ = ["ConnectionError", "GearmanConnection", "GearmanError", "ProtocolError", "ServerUnavailable"]

gearman_logger = logging.getLogger(__name__)

Command = tuple[int, dict[str, Any]]

_READ_BYTES = 65536
# Enough to keep the socket busy, and never less than at the attempt before, as TLS demands of a repetition.
_WRITE_BYTES = 262144
# Results and lists of a server may be longer than what a server takes.
_MAX_PACKET_BYTES = 0xFFFFFFFF
_MAX_LINE_BYTES = 1024 * 1024


class GearmanConnection:
    """A connection to one job server, closed until ``connect`` is called.

    Any of ``keyfile``, ``certfile``, ``ca_certs`` and ``ssl_context`` turns TLS on. The server's certificate
    has to carry its host name and be signed by one of ``ca_certs``, or by the system's authorities without
    it; an ``ssl_context`` brings its own rules. Raises ServerUnavailable if there is no host.
    """

    # Seconds for each address of the host, TLS handshake included.
    connect_timeout: float = 5.0
    # Let the kernel find out that a silent server is gone: seconds until the first probe and between
    # probes, and how many of them may stay unanswered.
    keepalive = True
    keepalive_idle = 60
    keepalive_interval = 10
    keepalive_count = 3

    # Kept for programs that set it; how long to leave a dead server alone is now found out by trying.
    connect_cooldown_seconds = 1.0

    # The class holds the state of a closed connection too, for subclasses that set up less.
    gearman_socket: socket.socket | None = None
    connected = False

    def __init__(
        self,
        host: str | None = None,
        port: int = DEFAULT_GEARMAN_PORT,
        keyfile: str | None = None,
        certfile: str | None = None,
        ca_certs: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if host is None:
            raise ServerUnavailable("No host specified")
        self.gearman_host = host
        self.gearman_port = port
        self.keyfile = keyfile
        self.certfile = certfile
        self.ca_certs = ca_certs
        self.ssl_context = ssl_context
        self.use_ssl = bool(keyfile or certfile or ca_certs or ssl_context)
        if keyfile and not certfile:
            raise GearmanError(f"{host}:{port}: a keyfile needs a certfile")
        self.allowed_connect_time = 0.0
        self.last_error = ""
        self.record = ServerRecord()
        self._reset_connection()

    def _reset_connection(self) -> None:
        self.gearman_socket = None
        self.connected = False
        # Programs that replace read_data_from_socket add to the buffer with the methods of an array.
        self._incoming_buffer = array("b")
        self._incoming_commands: deque[Command] = deque()
        self._outgoing_buffer = bytearray()
        self._outgoing_commands: deque[Command] = deque()
        self._decoder = Decoder(MAGIC_RESPONSE, _MAX_PACKET_BYTES, _MAX_LINE_BYTES)

    # --- the socket -------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connects, anew at an address that the host has now; raises ConnectionError."""
        if self.connected:
            self.throw_exception(message="connection already established")
        self._reset_connection()
        self._create_client_socket()
        self.connected = True

    def _create_client_socket(self) -> None:
        """Connects a socket and hands it to ``set_socket``; programs replace this one to do it their way."""
        address = (self.gearman_host, self.gearman_port)
        try:
            client_socket = socket.create_connection(address, timeout=self.connect_timeout)
        except (OSError, ValueError) as error:
            self.throw_exception(exception=error)
        try:
            if self.use_ssl:
                client_socket = self._wrap_socket(client_socket)
            self.set_socket(client_socket)
        except (OSError, ValueError, TlsError) as error:
            client_socket.close()
            self.throw_exception(exception=error)

    def set_socket(self, current_sock: socket.socket) -> None:
        """Takes a connected socket and sets it up; raises ConnectionError if there is one already."""
        if self.gearman_socket is not None:
            self.throw_exception(message="socket already bound")
        current_sock.settimeout(0.0)
        try:
            self._set_socket_options(current_sock)
        except OSError as error:
            # What is no TCP socket, such as one end of a pair, does without them.
            gearman_logger.debug("%r: a socket without its options: %s", self, error)
        self.gearman_socket = current_sock

    def _set_socket_options(self, client_socket: socket.socket) -> None:
        client_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.keepalive:
            return
        client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # macOS calls the first one otherwise; where there is none, the system's own value holds.
        idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
        for option, value in (
            (idle, self.keepalive_idle),
            (getattr(socket, "TCP_KEEPINTVL", None), self.keepalive_interval),
            (getattr(socket, "TCP_KEEPCNT", None), self.keepalive_count),
        ):
            if option is not None:
                client_socket.setsockopt(socket.IPPROTO_TCP, option, value)

    def _wrap_socket(self, client_socket: socket.socket) -> ssl.SSLSocket:
        context = self.ssl_context or client_context(
            ca_file=self.ca_certs or None, certificate=self.certfile or None, key=self.keyfile or None
        )
        return context.wrap_socket(client_socket, server_hostname=self.gearman_host)

    def close(self) -> None:
        """Closes the socket and drops what waited on both sides; harmless if there is none."""
        if self.gearman_socket is not None:
            try:
                self.gearman_socket.close()
            except OSError as error:
                gearman_logger.debug("%r: closing failed: %s", self, error)
        self._reset_connection()

    def fileno(self) -> int:
        """The socket's descriptor; raises ConnectionError if there is no socket."""
        return self._socket().fileno()

    def get_address(self) -> tuple[str, int]:
        """Host and port of the server."""
        return self.gearman_host, self.gearman_port

    def _socket(self) -> socket.socket:
        if self.gearman_socket is None:
            self.throw_exception(message="no socket set")
        return self.gearman_socket

    # --- waiting ----------------------------------------------------------------------------------------

    def readable(self) -> bool:
        """Whether it makes sense to wait for something to read."""
        return self.connected

    def writable(self) -> bool:
        """Whether something waits to be written."""
        return self.connected and bool(self._outgoing_commands or self._outgoing_buffer)

    def has_commands(self) -> bool:
        """Whether a command has been read and not been fetched."""
        return bool(self._incoming_commands)

    # --- reading ----------------------------------------------------------------------------------------

    def read_command(self) -> Command | None:
        """The next command that has come in completely, None if there is none."""
        return self._incoming_commands.popleft() if self._incoming_commands else None

    def read_data_from_socket(self, bytes_to_read: int = _READ_BYTES) -> int:
        """Reads what is there into the buffer and returns its size; raises ConnectionError at the end."""
        client_socket = self._socket()
        try:
            data = client_socket.recv(bytes_to_read)
            # What TLS has decrypted already does not make the socket readable again.
            while isinstance(client_socket, ssl.SSLSocket) and client_socket.pending():
                data += client_socket.recv(client_socket.pending())
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return len(self._incoming_buffer)
        except OSError as error:
            self.throw_exception(exception=error)
        if not data:
            self.throw_exception(message="remote disconnected")
        self._incoming_buffer.frombytes(data)
        return len(self._incoming_buffer)

    def read_commands_from_buffer(self) -> int:
        """Makes commands of the buffer and returns how many; raises ProtocolError if that cannot be done."""
        data = self._incoming_buffer.tobytes()
        del self._incoming_buffer[:]
        messages = self._decoder.feed(data)
        for message in messages:
            cmd_type, cmd_args = protocol.message_to_command(message)
            if constants._DEBUG_MODE_:
                name = protocol.get_command_name(cmd_type)
                gearman_logger.debug("%s - Recv - %s - %r", self, name, cmd_args)
            self._incoming_commands.append((cmd_type, cmd_args))
        return len(messages)

    # --- writing ----------------------------------------------------------------------------------------

    def send_command(self, cmd_type: int, cmd_args: dict[str, Any]) -> None:
        """Queues a command to be written."""
        self._outgoing_commands.append((cmd_type, cmd_args))

    def send_commands_to_buffer(self) -> None:
        """Makes bytes of the queued commands; raises ProtocolError for one that cannot be written."""
        while self._outgoing_commands:
            cmd_type, cmd_args = self._outgoing_commands.popleft()
            if constants._DEBUG_MODE_:
                name = protocol.get_command_name(cmd_type)
                gearman_logger.debug("%s - Send - %s - %r", self, name, cmd_args)
            if cmd_type == protocol.GEARMAN_COMMAND_TEXT_COMMAND:
                self._outgoing_buffer += to_bytes(protocol.pack_text_command(cmd_type, cmd_args))
            else:
                self._outgoing_buffer += protocol.pack_binary_command(cmd_type, cmd_args)

    def send_data_to_socket(self) -> int:
        """Writes what can be written without waiting and returns how many bytes are left.

        Raises ConnectionError.
        """
        client_socket = self._socket()
        try:
            while self._outgoing_buffer:
                with memoryview(self._outgoing_buffer)[:_WRITE_BYTES] as piece:
                    written = client_socket.send(piece)
                # Dropping the front of a bytearray moves nothing.
                del self._outgoing_buffer[:written]
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self.throw_exception(exception=error)
        return len(self._outgoing_buffer)

    # --- trouble ----------------------------------------------------------------------------------------

    def throw_exception(self, message: str | None = None, exception: BaseException | None = None) -> NoReturn:
        """Marks the connection as lost and raises ConnectionError with the address and the reason."""
        self.connected = False
        if isinstance(exception, ssl.SSLError):
            message = message or tls_reason(exception)
        reason = message or str(exception) or type(exception).__name__
        self.last_error = reason
        raise ConnectionError(f"<{self.gearman_host}:{self.gearman_port}> {reason}") from exception

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.gearman_host}:{self.gearman_port} connected={self.connected!r}>"
