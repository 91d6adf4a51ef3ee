"""TLS below a connection: the protocol of its socket, and the transport that the connection writes to.

The transports that asyncio and uvloop bring along for TLS end both directions as soon as the peer ends one,
count only a part of what a peer has not read, and write to the log on their own. Here a TLS connection
behaves as a plain one does:

* Output is encrypted as the socket takes it. What waits is as it was given, so that a piece for many peers is
  there once, and all of it counts as unread.
* Each side ends by itself: after the peer's end output still goes out, and after ours input is thrown away.
* What goes wrong is said in one line, and the peer gets to read the alert.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from geartrain.server.config import ServerConfig
from geartrain.server.log import log_event
from geartrain.server.subject import subject_of
from geartrain.tls import server_context, tls_reason

if TYPE_CHECKING:
    from geartrain.server.connection import Connection

# Longest piece to encrypt at once, and how much to have encrypted for the socket.
_PIECE_BYTES: Final = 64 * 1024
_READY_BYTES: Final = 256 * 1024
# A record holds no more.
_RECORD_BYTES: Final = 16 * 1024
_WENT_AWAY: Final = "the peer went away"


def tls_context(config: ServerConfig) -> ssl.SSLContext:
    """What new TLS connections use. Raises TlsError, which names the file that cannot be used."""
    return server_context(
        config.ssl_certificate,
        config.ssl_key or None,
        ca_file=config.ssl_ca_file or None,
        verify=config.verify_mode(),
    )


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The TLS layer between a connection and its socket.

    It is in ``handshakes`` from the moment it has a socket until the connection is made, or the socket is
    closed without.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        connection: Connection,
        config: ServerConfig,
        handshakes: set[TlsTransport],
    ) -> None:
        super().__init__()
        self._connection = connection
        self._config = config
        self._handshakes = handshakes
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        # The handshake is done; or something went wrong, which is said once.
        self._is_made = False
        self._has_failed = False
        # Input is not wanted at present, or not any more.
        self._is_paused = False
        self._is_deaf = False
        # The peer has ended the socket. OpenSSL does not hear of it: many give no notice of that in TLS, and
        # then it would end the other side too.
        self._socket_has_ended = False
        # The input has ended, either way, and the connection knows.
        self._has_ended = False
        self._has_said_end = False
        # Output: what waits to be encrypted; more than enough of it for the socket, or for this one.
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._socket_is_full = False
        self._is_full = False
        self._high_bytes = _READY_BYTES
        # What to do when all output is written: end this side, close the socket too; and whether it is done.
        self._ends = False
        self._closes = False
        self._has_finished = False

    # --- what the transport of the socket calls ------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(self._config.handshake_seconds, self._run_out)
        self._handshakes.add(self)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf or self._has_ended:
            return
        self._incoming.write(data)
        if self._is_made:
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        if not self._is_made:
            self._say_failed(logging.DEBUG, _WENT_AWAY)
            return False
        self._socket_has_ended = True
        # What is thrown away is not read up to its end.
        self._has_ended = self._has_ended or self._is_deaf
        self._read()
        return True

    def pause_writing(self) -> None:
        self._socket_is_full = True

    def resume_writing(self) -> None:
        self._socket_is_full = False
        self._encrypt()

    def connection_lost(self, error: Exception | None) -> None:
        self._deadline.cancel()
        self._handshakes.discard(self)
        self._forget()
        if self._is_made:
            self._connection.connection_lost(error)
        else:
            self._say_failed(logging.DEBUG, _WENT_AWAY)

    # --- the handshake -------------------------------------------------------------------------------

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_encrypted()
        except ssl.SSLError as error:
            self._refuse(tls_reason(error))
        else:
            self._send_encrypted()
            self._identify_peer()

    def _identify_peer(self) -> None:
        try:
            self._connection.subject = subject_of(self._tls.getpeercert())
        except (ssl.SSLError, ValueError):
            # Authorities sign names, too, that are no text.
            self._refuse("the certificate is not accepted: it cannot be read")
        else:
            self._make_connection()

    def _make_connection(self) -> None:
        self._deadline.cancel()
        self._handshakes.discard(self)
        self._is_made = True
        self._connection.connection_made(self)
        # The first requests may have come along with the end of the handshake.
        self._read()

    def _refuse(self, reason: str) -> None:
        """Sends the alert, and closes when the peer has read it: at once could take it away again."""
        self._say_failed(logging.INFO, reason)
        self._is_deaf = True
        self._send_encrypted()
        self._end_socket()
        self._deadline.cancel()
        self._deadline = self._loop.call_later(self._config.linger_seconds, self._socket.abort)

    def _run_out(self) -> None:
        self._say_failed(logging.DEBUG, "it took too long")
        self._socket.abort()

    def _say_failed(self, level: int, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            connection = self._connection
            fields = {"descriptor": connection.descriptor, "peer": connection.address, "reason": reason}
            log_event(level, "TLS failed" if self._is_made else "TLS handshake failed", fields)

    # --- input ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Passes on what came in, as far as the connection wants it."""
        while not self._is_paused and not self._is_deaf and not self._has_ended:
            data = self._decrypt()
            if data:
                self._connection.data_received(data)
            elif self._socket_has_ended:
                self._has_ended = True
            elif not self._has_ended:
                return
        if self._has_ended and not self._is_paused and not self._has_said_end:
            self._has_said_end = True
            self._connection.eof_received()

    def _decrypt(self) -> bytes:
        """What came in so far."""
        pieces: list[bytes] = []
        try:
            while self._incoming.pending or self._tls.pending():
                piece = self._tls.read(_RECORD_BYTES)
                if not piece:
                    self._has_ended = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            # The rest of a record is still to come.
            pass
        except ssl.SSLError as error:
            self._break(error)
        # Such as the answer to a new key; a peer might ask for that for ever, and read nothing.
        self._send_encrypted()
        if self._socket.get_write_buffer_size() > self._config.max_unread_bytes:
            self.abort()
        return b"".join(pieces)

    def pause_reading(self) -> None:
        self._is_paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._socket.resume_reading()
            self._loop.call_soon(self._read)

    # --- output --------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._ends or not data:
            return
        self._waiting.append(memoryview(data))
        self._waiting_bytes += len(data)
        self._encrypt()
        if not self._is_full and self.get_write_buffer_size() > self._high_bytes:
            self._is_full = True
            self._connection.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        # It goes on at a fourth of it, or when nothing waits here any more.
        del low
        self._high_bytes = _READY_BYTES if high is None else high
        self._socket.set_write_buffer_limits(high=min(self._high_bytes, _READY_BYTES))

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes + self._socket.get_write_buffer_size()

    def _encrypt(self) -> None:
        """Has the socket write as much as it takes of what waits, and does what comes after all of it."""
        try:
            while self._waiting and not self._socket_is_full:
                piece = self._waiting[0]
                count = self._tls.write(piece[:_PIECE_BYTES])
                if count < len(piece):
                    self._waiting[0] = piece[count:]
                else:
                    self._waiting.popleft()
                self._waiting_bytes -= count
                self._send_encrypted()
        except ssl.SSLError as error:
            self._break(error)
        if self._is_full and self._has_drained:
            self._is_full = False
            self._connection.resume_writing()
        if self._ends and not self._waiting:
            self._finish()

    @property
    def _has_drained(self) -> bool:
        # What is left may be for the socket alone to write, and that does not call then.
        left = bool(self._waiting) or self._socket_is_full
        return not left or self.get_write_buffer_size() <= self._high_bytes // 4

    def _send_encrypted(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    # --- the end -------------------------------------------------------------------------------------

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Ends this side once everything is written; what still comes in is thrown away."""
        if not self._ends:
            self._ends = self._is_deaf = True
            self._encrypt()

    def close(self) -> None:
        if not self._closes:
            self._ends = self._closes = self._is_deaf = True
            self._encrypt()

    def abort(self) -> None:
        self._forget()
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._closes

    def get_extra_info(self, name: str, default: object = None) -> Any:
        return self._socket.get_extra_info(name, default)

    def _finish(self) -> None:
        if not self._has_finished:
            self._has_finished = True
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                # It wants to read the end of the peer as well, which may be long in coming.
                pass
            self._send_encrypted()
        if self._closes:
            self._socket.close()
        else:
            self._end_socket()

    def _end_socket(self) -> None:
        try:
            self._socket.write_eof()
        except OSError:
            # Reset by the peer in the meantime; only asyncio's own transport says so here.
            self._socket.abort()

    def _break(self, error: ssl.SSLError) -> None:
        """Ends a connection on which something came in that is no TLS."""
        self._say_failed(logging.INFO, tls_reason(error))
        self.abort()

    def _forget(self) -> None:
        self._ends = self._closes = self._is_deaf = True
        self._waiting.clear()
        self._waiting_bytes = 0
