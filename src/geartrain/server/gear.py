"""A connection that speaks the Gearman protocol: its bytes in, message by message.

A peer that sends many requests at once gets them handled in turns, between those of the others.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from geartrain.addresses import Address
from geartrain.protocol.codec import Decoder, Message
from geartrain.protocol.packets import MAGIC_REQUEST
from geartrain.server.connection import Connection

if TYPE_CHECKING:
    from geartrain.server.hub import Hub

# How long one connection is served before the others have their turn. A read can bring thousands of requests,
# and some of them take long: "status" lists every function, a grab looks at all that a worker can do.
TURN_SECONDS: Final = 0.005


class GearConnection(Connection):
    """The protocol object of an accepted socket of a Gearman client, worker or administrator."""

    def __init__(self, hub: Hub, descriptor: int, address: bytes, listener: Address) -> None:
        super().__init__(hub, descriptor, address, listener)
        self._decoder = Decoder(MAGIC_REQUEST, hub.config.max_packet_bytes)
        # Messages that came in and wait while the connection is held up.
        self._messages: deque[Message] = deque()

    def data_received(self, data: bytes) -> None:
        if self._open:
            self._messages += self._decoder.feed(data)
            self._work()

    def _work(self) -> None:
        """Handles the messages that came in, until its turn is over or somebody has to be waited for."""
        end_of_turn = time.monotonic() + TURN_SECONDS
        while self._messages and not self._waits_for:
            self._hub.receive(self, self._messages, end_of_turn)
            if self._messages and time.monotonic() >= end_of_turn:
                # Nothing more is read before all of this is done.
                self._transport.pause_reading()
                self._hub.loop.call_soon(self._go_on)
                return
        if self._ended and self._open and not self._waits_for:
            # As soon as its last answers are there: one may still be held back by the store.
            self.peer.close()
            self._hub.settle(self)

    @property
    def _has_input(self) -> bool:
        return bool(self._messages)

    def _forget_input(self) -> None:
        self._messages.clear()
