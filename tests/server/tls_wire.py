"""A bare socket that speaks the protocol over TLS."""

from __future__ import annotations

import socket
import ssl
from typing import Self

from tests.server.wire import TIMEOUT_SECONDS, Wire


class TlsWire(Wire):
    """One connection to a job server on this machine, over TLS."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", port))
        try:
            # An end without notice would be an error.
            self.socket = context.wrap_socket(
                self.socket, server_hostname="localhost", suppress_ragged_eofs=False
            )
        except OSError:
            self.socket.close()
            raise

    @property
    def serial_number(self) -> object:
        """Of the certificate that the server has shown."""
        assert isinstance(self.socket, ssl.SSLSocket)
        return (self.socket.getpeercert() or {})["serialNumber"]


class LowWire:
    """A TLS client in all its steps: it can end its own side and go on reading, and send byte by byte."""

    def __init__(self, port: int, context: ssl.SSLContext, piece_bytes: int = 1 << 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._piece_bytes = piece_bytes
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self._receive()
            else:
                self.flush()
                return

    def begin_handshake(self) -> None:
        """Has the first message of the handshake ready to be sent."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass

    def encrypt(self, data: bytes) -> None:
        """Has data ready to be sent."""
        self._tls.write(data)

    def take_ready(self) -> bytes:
        """What is ready, for the caller to send."""
        return self._outgoing.read()

    def flush(self) -> None:
        """Sends what is ready, in pieces."""
        data = self.take_ready()
        for start in range(0, len(data), self._piece_bytes):
            self.socket.sendall(data[start : start + self._piece_bytes])

    def end(self) -> None:
        """Tells the server that nothing more comes."""
        self.end_later()
        self.flush()

    def end_later(self) -> None:
        """Has the end of this side ready to be sent."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def read_to_end(self) -> bytes:
        """Everything up to the end that the server announces; an end without notice is an error."""
        received = bytearray()
        while True:
            try:
                piece = self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._receive()
                continue
            except ssl.SSLZeroReturnError:
                return bytes(received)
            if not piece:
                return bytes(received)
            received += piece

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
