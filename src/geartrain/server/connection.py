"""One connection: its output, and who has to wait for it. What comes in is for its subclasses to read.

Back-pressure: output that a peer does not read piles up here. Once it is more than ``pause_bytes``, every
connection whose input adds to it is no longer read from until the peer has drained it; a peer that floods
the server with requests and reads no answer holds itself up. A peer that reads nothing at all for
``stall_seconds`` meanwhile is dropped, so that those who wait for it go on, and so is one that comes to
``max_unread_bytes`` all the same. Output that waits for the durable queue piles up in the engine; so much of
it holds up those who add to it, too, and ``max_unread_bytes`` are the end of it.

A connection is open until the peer ends its side, breaks the protocol or is dropped; then the engine has
forgotten it. What is left is to flush the last output, for as long as the peer takes some of it now and then.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from geartrain.addresses import Address
from geartrain.server.subject import Subject

if TYPE_CHECKING:
    from geartrain.server.hub import Hub

# Pieces of output are joined up to this size; bigger ones are written as they are.
_JOINED_BYTES: Final = 64 * 1024


class Connection(asyncio.Protocol):
    """The protocol object of one accepted socket.

    ``address`` names the other side for people; ``listener`` is where it came in; ``subject`` is who the
    client's TLS certificate says it is, None without one that was verified.
    """

    def __init__(self, hub: Hub, descriptor: int, address: bytes, listener: Address) -> None:
        self.descriptor = descriptor
        self.address = address
        self.listener = listener
        # Set before ``connection_made``.
        self.subject: Subject | None = None
        self._hub = hub
        self._config = hub.config
        self._open = False
        # The peer has ended its side.
        self._ended = False
        # Connections that this one waits for, and those that wait for this one. The hub is among the first
        # while the server stops.
        self._waits_for: set[Connection | Hub] = set()
        self._held_up: set[Connection] = set()
        # Over pause_bytes and not drained since.
        self._full = False
        self._written_bytes = 0
        self._watch: asyncio.TimerHandle | None = None

    # --- what the event loop calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._config.pause_bytes)
        self._open = True
        self.peer = self._hub.attach(self)

    def eof_received(self) -> bool:
        self._ended = True
        if self._open:
            self._work()
        else:
            self._transport.close()
        # Keeps the other direction open: answers may still be due.
        return True

    def pause_writing(self) -> None:
        self._full = True
        self._watch_progress(self._config.stall_seconds)

    def resume_writing(self) -> None:
        self._full = False
        if self._open:
            self._stop_watching()
        self._release_held_up()

    def connection_lost(self, error: Exception | None) -> None:
        # Why a peer went away makes no difference.
        del error
        self._stop_watching()
        self._leave()
        self._release_held_up()
        self._hub.forget(self)

    # --- input ----------------------------------------------------------------------------------------

    @abstractmethod
    def _work(self) -> None:
        """Handles what came in, as long as nobody has to be waited for."""

    @property
    @abstractmethod
    def _has_input(self) -> bool:
        """Whether something came in that is not handled yet."""

    def _forget_input(self) -> None:
        """Drops what came in: the connection is not heard any more."""

    def _outgoing(self, pieces: list[bytes]) -> list[bytes]:
        """What to write for this output of the engine."""
        return pieces

    def _wait_for(self, other: Connection) -> None:
        """Reads and handles nothing more until the other connection has drained."""
        if self._open:
            self._transport.pause_reading()
            self._waits_for.add(other)
            other._held_up.add(self)

    def fall_silent(self) -> None:
        """Reads and handles nothing more; output goes on."""
        if self._open:
            self._transport.pause_reading()
            self._waits_for.add(self._hub)

    def _release_held_up(self) -> None:
        held_up, self._held_up = self._held_up, set()
        for waiting in held_up:
            waiting._waits_for.discard(self)
            # Not at once: what it sends may well fill this connection again.
            self._hub.loop.call_soon(waiting._go_on)

    def _go_on(self) -> None:
        self._work()
        if self._open and not self._has_input and not self._waits_for:
            self._transport.resume_reading()

    # --- output ---------------------------------------------------------------------------------------

    def flush(self, source: Connection | None) -> None:
        """Writes the peer's output; ``source`` is the connection whose input caused it, if any did."""
        pieces = self._outgoing(self.peer.take_output())
        if pieces and not self._transport.is_closing():
            for piece in join_small(pieces) if len(pieces) > 1 else pieces:
                if self._transport.get_write_buffer_size() > self._config.max_unread_bytes:
                    self._drop("too much unread output")
                    return
                self._written_bytes += len(piece)
                self._transport.write(piece)
        if self.peer.held_bytes > self._config.max_unread_bytes:
            self._drop("too much output waits for the durable queue")
            return
        self._hold_up(source)
        if self.peer.has_finished:
            self._end_output()

    def _hold_up(self, source: Connection | None) -> None:
        """Has the source of more output wait while there is too much of it; lets others go on otherwise."""
        if self._full or self.peer.held_bytes > self._config.pause_bytes:
            if source is not None:
                source._wait_for(self)
        elif self._held_up:
            self._release_held_up()

    def close(self) -> None:
        """Closes the connection once the output it already has is flushed."""
        self._leave()
        self._transport.close()
        self._watch_progress(self._config.stall_seconds)

    def abort(self) -> None:
        """Closes the connection at once."""
        self._leave()
        self._transport.abort()

    def _end_output(self) -> None:
        """Ends this side after the output; what still comes in is thrown away until the peer ends its own.

        Closing while input is unread would reset the connection, and the peer might lose the last answer:
        the one that says what it did wrong.
        """
        if self._ended:
            self.close()
            return
        self._leave()
        self._watch_progress(self._config.linger_seconds)
        self._transport.resume_reading()
        try:
            self._transport.write_eof()
        except OSError:
            # Reset by the peer in the meantime; only asyncio's own transport says so here.
            self._transport.abort()

    def _leave(self) -> None:
        """Has the engine forget the peer; nothing it sends is heard any more."""
        if self._open:
            self._open = False
            self._forget_input()
            self._hub.detach(self)

    # --- stalled peers --------------------------------------------------------------------------------

    def _watch_progress(self, seconds: float) -> None:
        """Drops the connection when the peer takes no output for this long."""
        self._stop_watching()
        self._watch = self._hub.loop.call_later(seconds, self._check_progress, seconds, self._taken_bytes())

    def _check_progress(self, seconds: float, before: int) -> None:
        if self._taken_bytes() == before:
            self._drop("it reads nothing")
        else:
            self._watch_progress(seconds)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _taken_bytes(self) -> int:
        return self._written_bytes - self._transport.get_write_buffer_size()

    def _drop(self, reason: str) -> None:
        if self._open:
            self._hub.say_dropped(self, reason, self._transport.get_write_buffer_size())
        self.abort()


def join_small(pieces: list[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: small neighbours are joined, big ones are left as they are.

    One by one, because the same piece may be there a million times.
    """
    small: list[bytes] = []
    small_bytes = 0
    for piece in pieces:
        if small_bytes + len(piece) > _JOINED_BYTES and small:
            yield b"".join(small)
            small = []
            small_bytes = 0
        small.append(piece)
        small_bytes += len(piece)
    if small:
        yield b"".join(small)
