"""Runs an engine on an event loop: gives it messages and the time, and carries out what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from geartrain.engine import Engine, Peer
from geartrain.engine.access import Access
from geartrain.protocol.codec import Message
from geartrain.server.acl import AccessList
from geartrain.server.config import ServerConfig
from geartrain.server.durable import DurableQueue
from geartrain.server.log import log_event
from geartrain.store.base import Store

if TYPE_CHECKING:
    from geartrain.server.connection import Connection

# After so many messages of one connection their answers are written.
_BATCH: Final = 64
# Event loops do not wait for years; then the hub looks at the clock once more often.
_LONGEST_WAIT_SECONDS: Final = 3600.0
# Event loops count in milliseconds; a timer that comes a little too early would find nothing to do.
_TIMER_MARGIN_SECONDS: Final = 0.001


class Hub:
    """An engine with its connections and its timer.

    ``on_change`` is called when the state of the engine may have changed, before any output of it is written.
    """

    def __init__(
        self,
        engine: Engine,
        config: ServerConfig,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[], None],
    ) -> None:
        self.engine = engine
        self.config = config
        self.loop = loop
        # Every connection until its socket is closed, and those the engine knows.
        self.connections: set[Connection] = set()
        self._by_peer: dict[Peer, Connection] = {}
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._on_change = on_change
        self._settling = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_deadline = math.inf
        # None lets everybody do everything.
        self._access_list: AccessList | None = None
        # None keeps background jobs in memory only.
        self.queue: DurableQueue | None = None

    def open_queue(self, store: Store, warnings: list[str]) -> None:
        """Takes in the jobs of an open store, and keeps all background jobs there from now on.

        ``warnings`` are those of the store about its settings; administrators see them.
        """
        queue = DurableQueue(
            self,
            store,
            timeout_seconds=self.config.store_timeout,
            backlog_bytes=self.config.store_backlog_bytes,
        )
        count = queue.start()
        self.engine.queue_report.unsafe = warnings
        self.queue = queue
        log_event(logging.INFO, "opened the durable queue", {"queue": store.url, "jobs": count})

    def queue_files(self) -> list[str]:
        """The files that the durable queue is in; none if there is no such queue."""
        return [] if self.queue is None else self.queue.files()

    async def close_queue(self) -> None:
        """Makes everything durable that is to be; what happens to jobs from then on is not kept.

        So nobody is heard from now on: no worker is to be told that a job has ended which runs again.
        """
        if self.queue is None:
            return
        for connection in self.connections:
            connection.fall_silent()
        await self.queue.close()

    def set_access_list(self, access_list: AccessList | None) -> None:
        """Has these rules hold from now on, for connections that are there already too."""
        self._access_list = access_list
        now = self.now()
        for peer, connection in self._by_peer.items():
            self.engine.set_access(peer, self._access_of(connection), now)

    def _access_of(self, connection: Connection) -> Access | None:
        if self._access_list is None:
            return None
        return self._access_list.access_for(connection.subject, str(connection.listener))

    def attach(self, connection: Connection) -> Peer:
        """Makes a new connection known to the engine."""
        subject = connection.subject
        peer = self.engine.connect(
            connection.descriptor,
            connection.address,
            self.now(),
            str(connection.listener).encode(errors="surrogateescape"),
            subject.name.encode() if subject is not None else b"",
            self._access_of(connection),
        )
        self._by_peer[peer] = connection
        self.connections.add(connection)
        self._all_closed.clear()
        self._say(logging.DEBUG, "connected", connection, listener=peer.listener, subject=peer.subject)
        return peer

    def detach(self, connection: Connection) -> None:
        """Has the engine forget a connection that was attached."""
        del self._by_peer[connection.peer]
        self.engine.disconnect(connection.peer, self.now())
        self._say(logging.DEBUG, "disconnected", connection)
        self.settle()

    def forget(self, connection: Connection) -> None:
        """Ends the life of a connection whose socket is closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._all_closed.set()

    def receive(self, connection: Connection, messages: deque[Message], end_of_turn: float) -> None:
        """Gives the engine the next few messages of a connection, taking them from the left.

        One at least; no more once ``time.monotonic()`` comes to ``end_of_turn``, or the answers come to more
        than back-pressure lets pile up.
        """
        now = self.now()
        peer = connection.peer
        receive = self.engine.receive
        pause_bytes = self.config.pause_bytes
        for _ in range(min(len(messages), _BATCH)):
            receive(peer, messages.popleft(), now)
            unsent_bytes = peer.output_bytes + peer.held_bytes
            if time.monotonic() >= end_of_turn or unsent_bytes > pause_bytes:
                break
        self.settle(connection)

    def settle(self, source: Connection | None = None) -> None:
        """Writes output, closes connections, logs notices and sets the timer.

        ``source`` is the connection whose input came before. Writing may drop a connection and so lead back
        here; the outer call then sees to what that leaves behind.
        """
        # So that whoever reads that the server stops finds its port closed.
        self._on_change()
        if self._settling:
            return
        self._settling = True
        try:
            while ready := self.engine.take_ready_peers():
                for peer in ready:
                    connection = self._by_peer.get(peer)
                    if connection is not None:
                        connection.flush(source)
        finally:
            self._settling = False
        if self.queue is not None:
            self.queue.pump()
        for notice in self.engine.take_notices():
            log_event(notice.level, notice.event, notice.fields)
        self._set_timer()

    async def close(self) -> None:
        """Closes every connection, those that do not take their last output in time too."""
        for connection in list(self.connections):
            connection.close()
        deadline = self.loop.call_later(self.config.linger_seconds, self.abort_all)
        await self._all_closed.wait()
        deadline.cancel()
        # Last: a worker that goes gives its jobs back, and they may set the timer again.
        if self._timer is not None:
            self._timer.cancel()

    def abort_all(self) -> None:
        """Closes every connection at once."""
        for connection in list(self.connections):
            connection.abort()

    def say_dropped(self, connection: Connection, reason: str, unread_bytes: int) -> None:
        """Logs that a connection is closed for what it does to the memory of the server."""
        self._say(
            logging.WARNING, "dropped a connection", connection, reason=reason, unread_bytes=unread_bytes
        )

    def _say(self, level: int, event: str, connection: Connection, **more: object) -> None:
        fields = {"descriptor": connection.descriptor, "peer": connection.address, **more}
        log_event(level, event, fields)

    def now(self) -> float:
        """The monotonic clock; tells the engine the time of day on the way."""
        now = time.monotonic()
        self.engine.wall_offset = time.time() - now
        return now

    def _set_timer(self) -> None:
        deadline = self.engine.next_deadline()
        # A timer that is too early does no harm, so one that is already running is left alone.
        if deadline >= self._timer_deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = min(max(deadline - time.monotonic(), 0.0) + _TIMER_MARGIN_SECONDS, _LONGEST_WAIT_SECONDS)
        self._timer_deadline = deadline
        self._timer = self.loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_deadline = math.inf
        self.engine.tick(self.now())
        self.settle()
