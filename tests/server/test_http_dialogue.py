"""Requests and answers in turn, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from geartrain.server.http_answer import Answer, completed, plain
from geartrain.server.http_dialogue import Dialogue
from geartrain.server.http_request import Submission
from tests.server.http_wire import request

_LIMIT = 1000
_CHUNKED = request("POST", "/f", transfer_encoding="chunked")


def _read(dialogue: Dialogue, data: bytes) -> Submission | Answer | None:
    """What the dialogue makes of these bytes; reads no further than the first request."""
    if data:
        dialogue.receive(data)
    while dialogue.request is None and not dialogue.has_ended and dialogue.advance():
        pass
    return dialogue.request


def _submission(dialogue: Dialogue, data: bytes = b"") -> Submission:
    found = _read(dialogue, data)
    assert isinstance(found, Submission), found
    return found


def _refusal(dialogue: Dialogue, data: bytes = b"") -> Answer:
    found = _read(dialogue, data)
    assert isinstance(found, Answer), found
    return found


def _answer(dialogue: Dialogue, answer: Answer, *, is_last: bool = False) -> bytes:
    dialogue.answer(answer, is_last=is_last)
    return b"".join(dialogue.drain())


def _end(dialogue: Dialogue) -> Submission | Answer | None:
    dialogue.receive(b"")
    return _read(dialogue, b"")


@pytest.fixture
def dialogue() -> Dialogue:
    return Dialogue(_LIMIT)


def _in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "data",
    [
        request("POST", "/f", b"two words"),
        request("PUT", "/f", b"two words"),
        request("GET", "/f", b"two words"),
        _CHUNKED + b"4\r\ntwo \r\n5;x=y\r\nwords\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
def test_a_request_is_read_however_it_is_cut(dialogue: Dialogue, data: bytes, size: int) -> None:
    """The body comes with its length or in chunks, and with any method."""
    *pieces, last = _in_pieces(data, size)

    for piece in pieces:
        assert _read(dialogue, piece) is None
    found = _submission(dialogue, last)

    assert (found.function, found.data) == (b"f", b"two words")


def test_the_next_request_waits_for_the_answer_to_this_one(dialogue: Dialogue) -> None:
    """So the answers have the order of the requests."""
    both = request("POST", "/a", b"1") + request("POST", "/b", b"2")
    first = _submission(dialogue, both)
    assert (first.function, first.data) == (b"a", b"1")

    answer = _answer(dialogue, completed(b"H:1", b"one"))
    second = _submission(dialogue)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\none")
    assert b"Connection:" not in answer
    assert (second.function, second.data) == (b"b", b"2")


@pytest.mark.parametrize(
    "data",
    [
        request("GET", "/f", Connection="close"),
        b"GET /f HTTP/1.0\r\n\r\n",
        b"GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_the_connection_ends_when_the_client_wishes(dialogue: Dialogue, data: bytes) -> None:
    """One of HTTP/1.0 in any case: it is told so."""
    _submission(dialogue, data)

    answer = _answer(dialogue, completed(b"H:1", b""))

    assert b"\r\nConnection: close\r\n" in answer
    assert dialogue.has_ended


def test_an_answer_may_be_the_last_one(dialogue: Dialogue) -> None:
    """Whatever the client wishes."""
    _submission(dialogue, request("GET", "/f"))

    answer = _answer(dialogue, completed(b"H:1", b""), is_last=True)

    assert b"\r\nConnection: close\r\n" in answer
    assert dialogue.has_ended


def test_head_is_answered_as_get_without_the_body(dialogue: Dialogue) -> None:
    """With the length that the body would have; the connection goes on."""
    _submission(dialogue, request("HEAD", "/f"))

    answer = _answer(dialogue, completed(b"H:1", b"result"))

    assert b"\r\nContent-Length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")
    assert not dialogue.has_ended


def test_every_answer_says_who_gives_it_and_when(dialogue: Dialogue) -> None:
    """And of what kind its body is."""
    _submission(dialogue, request("GET", "/f"))

    answer = _answer(dialogue, plain(HTTPStatus.NOT_FOUND, "no"))

    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in answer
    assert b"\r\nServer: Geartrain/" in answer
    assert b" GMT\r\n" in answer


def test_a_wish_for_another_protocol_is_passed_over(dialogue: Dialogue) -> None:
    """The request is answered in this one, and the connection goes on."""
    _submission(dialogue, request("GET", "/f", Upgrade="h2c", Connection="Upgrade"))

    assert b"200 OK" in _answer(dialogue, completed(b"H:1", b""))

    assert _submission(dialogue, request("GET", "/g")).function == b"g"


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(dialogue: Dialogue) -> None:
    """At once, and before the answer."""
    data = request("POST", "/f", b"body", Expect="100-continue")
    assert _read(dialogue, data[:-4]) is None
    assert b"".join(dialogue.drain()).startswith(b"HTTP/1.1 100 ")

    assert _submission(dialogue, b"body").data == b"body"


@pytest.mark.parametrize(
    ("target", "length", "status"), [("/", "4", 404), ("/f", "1001", 413), ("/", "1001", 413)]
)
def test_a_client_that_waits_for_leave_in_vain_is_answered(
    dialogue: Dialogue, target: str, length: str, status: int
) -> None:
    """Without the body, so that this is the end of the connection."""
    data = request("POST", target, Expect="100-continue", Content_Length=length)

    refusal = _refusal(dialogue, data)

    assert refusal.status == status
    assert b"\r\nConnection: close\r\n" in _answer(dialogue, refusal)
    assert dialogue.has_ended


def test_a_refused_request_is_answered_after_its_body(dialogue: Dialogue) -> None:
    """The client is busy sending it and reads nothing before; the connection goes on."""
    data = request("POST", "/", b"body")
    assert _read(dialogue, data[:-1]) is None

    refusal = _refusal(dialogue, data[-1:])

    assert refusal.status == 404
    assert b"404" in _answer(dialogue, refusal)
    assert _submission(dialogue, request("GET", "/f")).function == b"f"


@pytest.mark.parametrize("target", ["/f", "/"])
def test_a_body_of_the_longest_length_is_accepted_and_a_longer_one_is_not(
    dialogue: Dialogue, target: str
) -> None:
    """The head is enough to tell; nothing of the body is kept."""
    refusal = _refusal(dialogue, request("POST", target, b"x" * (_LIMIT + 1))[:-_LIMIT])

    assert (refusal.status, dialogue.body_bytes) == (413, 0)
    assert _submission(Dialogue(_LIMIT), request("POST", "/f", b"x" * _LIMIT)).data == b"x" * _LIMIT


@pytest.mark.parametrize("target", ["/f", "/"])
def test_chunks_are_counted_as_they_come(dialogue: Dialogue, target: str) -> None:
    """Each may be small, and the end may never come."""
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    assert _read(dialogue, request("POST", target, transfer_encoding="chunked") + chunk * 10) is None

    assert _refusal(dialogue, chunk).status == 413


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\0REQ\0\0\0\7\0\0\0\0", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET /f HTTP/1.1\r\n\r\n", 400),
        (b"GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /two words HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (_CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n", 400),
        (_CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n", 400),
        (_CHUNKED + b"zz\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /f HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431),
        (_CHUNKED + b"1;" + b"x" * 20000, 431),
    ],
)
def test_what_is_no_request_is_answered_with_the_fault(dialogue: Dialogue, data: bytes, status: int) -> None:
    """Never with an exception; where framing is lost the connection ends."""
    refusal = _refusal(dialogue, data)

    assert refusal.status == status
    assert f" {status} ".encode() in _answer(dialogue, refusal)
    assert dialogue.has_ended


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"GET /f HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", b"illegal header line: 'X : y'\n"),
        (_CHUNKED + b"1\r\nxyz\r\n", rb"malformed chunk footer: 'yz' (expected b'\r\n')" + b"\n"),
    ],
)
def test_what_the_client_has_sent_is_shown_as_text(dialogue: Dialogue, data: bytes, text: bytes) -> None:
    """And not as the library has it."""
    assert _refusal(dialogue, data).body == text


def test_a_request_that_breaks_off_is_answered(dialogue: Dialogue) -> None:
    """The client may have ended its side only."""
    assert _read(dialogue, request("POST", "/f", b"body")[:-1]) is None

    refusal = _end(dialogue)

    assert isinstance(refusal, Answer)
    assert refusal.status == 400


def test_a_head_that_breaks_off_is_answered(dialogue: Dialogue) -> None:
    """As is a body."""
    assert _read(dialogue, b"GET /f") is None

    refusal = _end(dialogue)

    assert isinstance(refusal, Answer)
    assert refusal.status == 400


def test_the_end_between_requests_is_the_end(dialogue: Dialogue) -> None:
    """There is nothing to answer."""
    _submission(dialogue, request("GET", "/f"))
    _answer(dialogue, completed(b"H:1", b""))

    assert _end(dialogue) is None

    assert dialogue.has_ended
    assert dialogue.drain() == []


def test_it_is_known_how_far_a_request_has_come(dialogue: Dialogue) -> None:
    """For those who lose patience."""
    data = request("POST", "/f", b"body")
    assert (dialogue.is_idle, dialogue.body_bytes) == (True, 0)

    _read(dialogue, data[:10])
    assert (dialogue.is_idle, dialogue.body_bytes) == (False, 0)
    _read(dialogue, data[10:-1])
    assert (dialogue.is_idle, dialogue.body_bytes) == (False, 3)

    _submission(dialogue, data[-1:])
    _answer(dialogue, completed(b"H:1", b""))
    assert (dialogue.is_idle, dialogue.body_bytes) == (True, 0)
