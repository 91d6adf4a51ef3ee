"""What the HTTP front end answers: a status, headers and a body for everything that can come of a request.

A job's own bytes go out as they are. What the server itself has to say is one line of plain text.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from geartrain.engine.gates import QUEUE_ERROR
from geartrain.engine.guard import NOT_ALLOWED
from geartrain.protocol.codec import ARGUMENT_TOO_LARGE, INVALID_ARGUMENTS
from geartrain.protocol.packets import (
    ERROR,
    JOB_CREATED,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
    packet_name,
)

Headers = tuple[tuple[bytes, bytes], ...]

# When to try again after a full queue; nobody knows, but programs should not ask all the time.
RETRY_AFTER_SECONDS: Final = 1

_HANDLE: Final = b"X-Gearman-Job-Handle"
_COMMAND: Final = b"X-Gearman-Command"
_BINARY: Final = b"application/octet-stream"
_TEXT: Final = b"text/plain; charset=utf-8"
_STATUS_OF_ERROR: Final = {
    QUEUE_ERROR: HTTPStatus.SERVICE_UNAVAILABLE,
    NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ARGUMENT_TOO_LARGE: HTTPStatus.BAD_REQUEST,
    INVALID_ARGUMENTS: HTTPStatus.BAD_REQUEST,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, without the headers that every response has."""

    status: HTTPStatus
    body: bytes
    content_type: bytes
    headers: Headers = ()


def accepted(handle: bytes) -> Answer:
    """A background job is in the queue. 200 and not 202, because that is what the C server says."""
    return _of_job(HTTPStatus.OK, handle, JOB_CREATED, b"")


def completed(handle: bytes, result: bytes) -> Answer:
    return _of_job(HTTPStatus.OK, handle, WORK_COMPLETE, result)


def failed(handle: bytes, result: bytes) -> Answer:
    """``result`` is what the worker had sent before it failed."""
    return _of_job(HTTPStatus.INTERNAL_SERVER_ERROR, handle, WORK_FAIL, result)


def excepted(handle: bytes, reason: bytes) -> Answer:
    """``reason`` is what the worker sent as the exception."""
    return _of_job(HTTPStatus.INTERNAL_SERVER_ERROR, handle, WORK_EXCEPTION, reason)


def too_big(handle: bytes, limit_bytes: int) -> Answer:
    """The job goes on, but what it sends cannot be kept until it ends."""
    text = f"the result of the job is over {limit_bytes} bytes"
    return plain(HTTPStatus.BAD_GATEWAY, text, ((_HANDLE, handle),))


def refused(code: str, text: str) -> Answer:
    """The engine answered the submission with an ERROR packet."""
    status = _STATUS_OF_ERROR.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers: Headers = ((_COMMAND, packet_name(ERROR).encode()),)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers += ((b"Retry-After", b"%d" % RETRY_AFTER_SECONDS),)
    return plain(status, f"{code}: {text}", headers)


def plain(status: HTTPStatus, text: str, headers: Headers = ()) -> Answer:
    """What the server itself has to say."""
    return Answer(status, f"{text}\n".encode(), _TEXT, headers)


def _of_job(status: HTTPStatus, handle: bytes, command: int, body: bytes) -> Answer:
    headers = ((_HANDLE, handle), (_COMMAND, packet_name(command).encode()))
    return Answer(status, body, _BINARY, headers)
