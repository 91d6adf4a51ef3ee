"""A connection that speaks HTTP: each request submits a job, and its answer is what came of the job.

To the engine it is a client like any other. Requests go to it as the packets of a client, and the packets it
sends back become answers; nothing of HTTP is known on the other side of those packets.

A client that ends its side while its job runs in the foreground has left: there is no other sign of a program
that was killed. Its job is dropped, as that of any client that leaves. To see that, the connection is read
from while a request is being answered, and what comes is kept for later. Of a client that sends too much
ahead nothing more is read; that it has left is then seen after the answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from geartrain.addresses import Address
from geartrain.protocol.codec import MAX_SIZE_FIELD, Decoder, Message
from geartrain.protocol.packets import MAGIC_RESPONSE, Packet
from geartrain.roles.client import ClientRole
from geartrain.roles.events import Completed, Created, Data, Event, Exception_, Failed, Refused
from geartrain.server import http_answer
from geartrain.server.connection import Connection
from geartrain.server.gear import TURN_SECONDS
from geartrain.server.http_answer import Answer
from geartrain.server.http_dialogue import Dialogue
from geartrain.server.http_request import Submission
from geartrain.server.log import log_event

if TYPE_CHECKING:
    from geartrain.server.hub import Hub

# How long a connection may be there without a request, and how long a request may take to come; a body gets
# as much longer as it needs at this rate, so that a slow line does no harm and an idle one is given up.
REQUEST_SECONDS: Final = 60.0
_LEAST_BYTES_PER_SECOND: Final = 500
# So much is read ahead of the request that is being answered.
_AHEAD_BYTES: Final = 64 * 1024

_TIMED_OUT: Final = http_answer.plain(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to come")


class HttpConnection(Connection):
    """The protocol object of an accepted socket of an HTTP client."""

    def __init__(self, hub: Hub, descriptor: int, address: bytes, listener: Address) -> None:
        super().__init__(hub, descriptor, address, listener)
        self._dialogue = Dialogue(hub.config.max_packet_bytes)
        self._role = ClientRole()
        # Takes what the engine sends, and that needs no limit: it was measured when it came in.
        self._decoder = Decoder(MAGIC_RESPONSE, MAX_SIZE_FIELD)
        # Came in while a request is being answered.
        self._ahead: deque[bytes] = deque()
        self._ahead_bytes = 0
        # Its turn is over though there is more to read; it goes on soon.
        self._is_interrupted = False
        # What the engine is to do at present, and the data its worker has sent so far.
        self._submission: Submission | None = None
        self._result = bytearray()
        # Since when a request is waited for.
        self._waiting_since = 0.0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._role.set_option(None, b"exceptions")
        self._pass_on()
        self._expect_request()
        self._check_patience()

    # --- input ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self._open:
            return
        if self._dialogue.is_idle:
            self._expect_request()
        self._ahead.append(data)
        self._ahead_bytes += len(data)
        self._work()
        if self._has_input:
            self._transport.pause_reading()

    @property
    def _has_input(self) -> bool:
        """Whether nothing more should be read now."""
        return self._is_interrupted or self._ahead_bytes > _AHEAD_BYTES

    def _forget_input(self) -> None:
        self._ahead.clear()
        self._ahead_bytes = 0
        if self._patience is not None:
            self._patience.cancel()

    def _work(self) -> None:
        """Reads one request, as far as it has come, and sees to it."""
        self._is_interrupted = False
        if self._full:
            # It does not read its answers, so it gets no more.
            self._wait_for(self)
        if self._open and self._submission is None and not self._waits_for:
            self._read_request()
            self.flush(self)
        if self._ended and self._submission is not None and not self._submission.background:
            self.peer.close()
            self._hub.settle(self)

    def _read_request(self) -> None:
        dialogue = self._dialogue
        end_of_turn = time.monotonic() + TURN_SECONDS
        while dialogue.request is None and not dialogue.has_ended:
            if not dialogue.advance() and not self._feed():
                return
            if time.monotonic() >= end_of_turn:
                self._is_interrupted = True
                self._hub.loop.call_soon(self._go_on)
                return
        if isinstance(dialogue.request, Submission):
            self._submit(dialogue.request)
        elif dialogue.request is not None:
            self._answer(dialogue.request)
        else:
            self.peer.close()

    def _feed(self) -> bool:
        """Gives the dialogue what has come next; False when nothing has."""
        if self._ahead:
            data = self._ahead.popleft()
            self._ahead_bytes -= len(data)
            self._dialogue.receive(data)
        elif self._ended:
            self._dialogue.receive(b"")
        else:
            return False
        return True

    # --- jobs -----------------------------------------------------------------------------------------

    def _submit(self, submission: Submission) -> None:
        self._submission = submission
        self._role.submit(
            submission,
            submission.function,
            submission.unique,
            submission.data,
            submission.priority,
            submission.background,
        )
        self._pass_on()

    def _pass_on(self) -> None:
        """Gives the engine what the role wants sent."""
        messages = deque[Message](self._role.drain())
        while messages:
            self._hub.receive(self, messages, math.inf)

    def _outgoing(self, pieces: list[bytes]) -> list[bytes]:
        """What the engine has sent leads to answers, and those are what to write."""
        for piece in pieces:
            for message in self._decoder.feed(piece):
                # Always: the engine makes no faults, and no lines as long as nobody asks for them.
                if isinstance(message, Packet):
                    for event in self._role.receive(message):
                        self._take(event)
        return self._dialogue.drain()

    def _take(self, event: Event) -> None:
        """What the engine says about the submission. Warnings and progress have no place in an answer."""
        submission = self._submission
        if submission is None:
            return
        if isinstance(event, Completed | Data):
            self._take_result(event)
        elif isinstance(event, Created):
            if submission.background:
                self._answer(http_answer.accepted(event.handle))
        elif isinstance(event, Failed):
            self._answer(http_answer.failed(event.handle, bytes(self._result)))
        elif isinstance(event, Exception_):
            self._answer(http_answer.excepted(event.handle, event.data))
        elif isinstance(event, Refused):
            self._answer(http_answer.refused(event.code, event.text))

    def _take_result(self, event: Completed | Data) -> None:
        limit = self._config.max_unread_bytes
        total = len(self._result) + len(event.data)
        if total > limit:
            self._hub.say_dropped(self, "too big a result", total)
            self._answer(http_answer.too_big(event.handle, limit), is_last=True)
        elif isinstance(event, Data):
            self._result += event.data
        else:
            # Without a copy when all of it came at once.
            result = bytes(self._result + event.data) if self._result else event.data
            self._answer(http_answer.completed(event.handle, result))

    def _answer(self, answer: Answer, *, is_last: bool = False) -> None:
        """Answers the request; to be followed by a flush."""
        self._log_answer(answer)
        self._submission = None
        self._result = bytearray()
        self._dialogue.answer(answer, is_last=is_last)
        self._expect_request()
        if self._dialogue.has_ended:
            self.peer.close()
        else:
            # Not at once: this may be in the midst of the turn of another connection.
            self._hub.loop.call_soon(self._go_on)

    def _log_answer(self, answer: Answer) -> None:
        fields: dict[str, object] = {"descriptor": self.descriptor, "status": int(answer.status)}
        if self._submission is not None:
            fields["function"] = self._submission.function
        log_event(logging.DEBUG, "answered over HTTP", fields)

    # --- patience -------------------------------------------------------------------------------------

    def _expect_request(self) -> None:
        self._waiting_since = time.monotonic()

    def _check_patience(self) -> None:
        """Closes the connection if no request came in time; otherwise looks again later."""
        if self._submission is not None or self._waits_for or self._is_interrupted:
            # It is not the client that is waited for.
            self._expect_request()
        patience = REQUEST_SECONDS + self._dialogue.body_bytes / _LEAST_BYTES_PER_SECOND
        seconds_left = self._waiting_since + patience - time.monotonic()
        if seconds_left > 0:
            self._patience = self._hub.loop.call_later(seconds_left, self._check_patience)
            return
        if self._dialogue.is_idle:
            self.peer.close()
        else:
            self._answer(_TIMED_OUT)
        self.flush(self)
