"""One HTTP connection as its server sees it, without I/O: bytes in, requests out, answers in, bytes out.

Rules:

* One request at a time: the next one is not looked at before this one has its answer. So pipelined requests
  are answered in their order.
* A request that cannot be granted is answered when all of it has come, so that a client which sends its body
  in any case reads why. Not so when its head or its body is too long, when its end is in doubt, when the
  client waits to be told to send it, or when it speaks another HTTP: then it is answered at once, and the
  connection ends.
* After an answer that came before the end of its request, the connection ends: where the next one starts can
  no longer be told.
"""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

import h11

from geartrain.server.http_answer import Answer, plain
from geartrain.server.http_request import MAX_HEAD_BYTES, Submission, is_ambiguous, read_head

_SERVER: Final = f"Geartrain/{version('geartrain')}".encode()
# How h11 shows what a client has sent.
_BYTES: Final = re.compile(r"bytearray\(b(.*?)\)(?= \(|$)", re.DOTALL)
# What is wrong with a head that is refused at once.
_ENDING: Final = (HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

_AMBIGUOUS: Final = plain(
    HTTPStatus.BAD_REQUEST, "Transfer-Encoding goes with HTTP/1.1 only, and not with Content-Length"
)


class Dialogue:
    """Requests and answers of one connection, in turn.

    Feed it with ``receive``, call ``advance`` until there is a ``request``, give its answer to ``answer``,
    and so on until it ``has_ended``.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._http = h11.Connection(h11.SERVER, MAX_HEAD_BYTES)
        self._max_body_bytes = max_body_bytes
        self._output: list[bytes] = []
        # No more requests will come: the client has left, or an answer was the last one.
        self.has_ended = False
        self._begin()

    def _begin(self) -> None:
        self._head: Submission | Answer | None = None
        self._is_head_only = False
        self._is_complete = False
        # One buffer, and not a list of pieces: a chunk may be a single byte.
        self._body = bytearray()
        # What is to be done or answered now; None while the request is incomplete.
        self.request: Submission | Answer | None = None

    # --- input ----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Takes what the client sent; nothing at all stands for the end of its side."""
        self._http.receive_data(data)

    def advance(self) -> bool:
        """Reads one step of the request that is on its way; False when there is not enough for one."""
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self.request = plain(HTTPStatus(error.error_status_hint), _BYTES.sub(r"\1", str(error)))
            return True
        if isinstance(event, h11.Data):
            self._take_body(event.data)
        elif isinstance(event, h11.Request):
            self._take_head(event)
        elif isinstance(event, h11.EndOfMessage):
            self._finish()
        elif isinstance(event, h11.ConnectionClosed):
            self.has_ended = True
        else:
            return False
        return True

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come yet."""
        return self._http.their_state is h11.IDLE and not self._http.trailing_data[0]

    @property
    def body_bytes(self) -> int:
        """How much of the body has come."""
        return len(self._body)

    def _take_head(self, head: h11.Request) -> None:
        self._head = read_head(head)
        self._is_head_only = head.method == b"HEAD"
        is_waited_for = self._http.they_are_waiting_for_100_continue
        if is_ambiguous(head):
            self.request = _AMBIGUOUS
        elif int(dict(head.headers).get(b"content-length", 0)) > self._max_body_bytes:
            self._refuse_body()
        elif isinstance(self._head, Answer):
            if is_waited_for or self._head.status in _ENDING:
                self.request = self._head
        elif is_waited_for:
            self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def _take_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._max_body_bytes:
            self._refuse_body()

    def _refuse_body(self) -> None:
        self._body.clear()
        text = f"the body is over {self._max_body_bytes} bytes"
        self.request = plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)

    def _finish(self) -> None:
        self._is_complete = True
        if isinstance(self._head, Submission):
            self.request = replace(self._head, data=bytes(self._body))
        else:
            self.request = self._head
        self._body.clear()

    # --- output ---------------------------------------------------------------------------------------

    def answer(self, answer: Answer, *, is_last: bool = False) -> None:
        """Answers the request; ``is_last`` ends the connection with it, whatever the client wishes."""
        http = self._http
        self._send(self._response(answer, is_last or not self._is_complete))
        if answer.body and not self._is_head_only:
            self._send(h11.Data(data=answer.body))
        self._send(h11.EndOfMessage())
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
            self._begin()
        else:
            self.has_ended = True

    def drain(self) -> list[bytes]:
        """What to write; it is the caller's from now on. Big bodies are pieces of their own, not copied."""
        output, self._output = self._output, []
        return output

    def _response(self, answer: Answer, is_last: bool) -> h11.Response:
        headers = [
            *answer.headers,
            (b"Content-Type", answer.content_type),
            (b"Content-Length", b"%d" % len(answer.body)),
            (b"Server", _SERVER),
            (b"Date", formatdate(usegmt=True).encode()),
        ]
        if is_last:
            headers.append((b"Connection", b"close"))
        return h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase.encode())

    def _send(self, event: h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage) -> None:
        self._output += self._http.send_with_data_passthrough(event) or []
