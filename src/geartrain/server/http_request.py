"""What an HTTP request asks for: a job to submit, or something that cannot be done.

The path names the function, three headers say how to submit it, and the body is its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

import h11

from geartrain.engine.function import SAME_DATA
from geartrain.protocol.codec import MAX_NAME_BYTES
from geartrain.roles.client import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NORMAL
from geartrain.server.http_answer import Answer, plain

# Longest request line and headers together; the C server takes 8 KiB.
MAX_HEAD_BYTES: Final = 16 * 1024

_Choice = TypeVar("_Choice")

_METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT")
_SCHEMES: Final = (b"http://", b"https://")
# An empty value stands for the default, as if the header were not there.
_PRIORITIES: Final = {
    b"": PRIORITY_NORMAL,
    b"high": PRIORITY_HIGH,
    b"normal": PRIORITY_NORMAL,
    b"low": PRIORITY_LOW,
}
_FLAGS: Final = {b"": False, b"false": False, b"true": True}


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A job to submit; every request is one of its own, however alike two are."""

    function: bytes
    unique: bytes
    priority: int
    background: bool
    data: bytes = b""


class _RefusedError(Exception):
    """Leads out of the reading of a head to the answer."""

    def __init__(self, status: HTTPStatus, text: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(text)
        self.answer = plain(status, text, headers)


def read_head(request: h11.Request) -> Submission | Answer:
    """The job that a request line and its headers describe, still without data; or why there is none."""
    try:
        _check(request)
        function = _function(request.target)
        headers = dict(request.headers)
        return Submission(
            function=function,
            unique=headers.get(b"x-gearman-unique", SAME_DATA),
            priority=_choose(_PRIORITIES, headers, b"X-Gearman-Priority"),
            background=_choose(_FLAGS, headers, b"X-Gearman-Background"),
        )
    except _RefusedError as refusal:
        return refusal.answer


def is_ambiguous(request: h11.Request) -> bool:
    """Whether a proxy on the way may have seen the end of the request elsewhere than it is seen here.

    What it took for the body would then be a request that nobody has checked (RFC 9112, section 6.3).
    """
    names = {name for name, _ in request.headers}
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or request.http_version < b"1.1"


def _check(request: h11.Request) -> None:
    if not request.http_version.startswith(b"1."):
        raise _RefusedError(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here"
        )
    # Of an incomplete head h11 says so itself; this is for one that came in a single piece.
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > MAX_HEAD_BYTES:
        raise _RefusedError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the headers are over {MAX_HEAD_BYTES} bytes"
        )
    if request.method not in _METHODS:
        allowed = b", ".join(_METHODS)
        raise _RefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"use one of {allowed.decode()}", (b"Allow", allowed)
        )


def _function(target: bytes) -> bytes:
    """The name in the path, with its percent escapes resolved; those that are none stay as they are."""
    path, question_mark, _ = _path(target).partition(b"?")
    if question_mark:
        # Neither dropped, which would lose what somebody meant as arguments, nor taken for a part of the
        # name, which would leave a job behind that no worker can do.
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, "a query has no meaning here; a question mark in a name is written %3F"
        )
    function = unquote_to_bytes(path.lstrip(b"/"))
    if not function:
        raise _RefusedError(HTTPStatus.NOT_FOUND, "the path has to name a function")
    if b"\0" in function:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the name of a function cannot hold a zero byte")
    if len(function) > MAX_NAME_BYTES:
        raise _RefusedError(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"the name of the function is over {MAX_NAME_BYTES} bytes"
        )
    return function


def _path(target: bytes) -> bytes:
    """The request target without scheme and host, which it has when the client believes us a proxy."""
    for scheme in _SCHEMES:
        if target[: len(scheme)].lower() == scheme:
            return target[len(scheme) :].partition(b"/")[2]
    return target


def _choose(choices: dict[bytes, _Choice], headers: dict[bytes, bytes], name: bytes) -> _Choice:
    value = headers.get(name.lower(), b"").lower()
    if value not in choices:
        known = " or ".join(choice.decode() for choice in choices if choice)
        raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{name.decode()} has to be {known}")
    return choices[value]
