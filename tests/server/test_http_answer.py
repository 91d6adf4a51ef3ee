"""What is answered to a request."""

from __future__ import annotations

import pytest

from geartrain.server import http_answer
from geartrain.server.http_answer import Answer


@pytest.mark.parametrize(
    ("answer", "status", "command", "body"),
    [
        (http_answer.accepted(b"H:1"), 200, b"JOB_CREATED", b""),
        (http_answer.completed(b"H:1", b"result"), 200, b"WORK_COMPLETE", b"result"),
        (http_answer.failed(b"H:1", b"so far"), 500, b"WORK_FAIL", b"so far"),
        (http_answer.excepted(b"H:1", b"why"), 500, b"WORK_EXCEPTION", b"why"),
    ],
)
def test_the_end_of_a_job_is_told_with_its_handle(
    answer: Answer, status: int, command: bytes, body: bytes
) -> None:
    """And with the packet that ended it; the body is the worker's, byte by byte."""
    assert (answer.status, answer.body) == (status, body)
    assert answer.content_type == b"application/octet-stream"
    assert answer.headers == ((b"X-Gearman-Job-Handle", b"H:1"), (b"X-Gearman-Command", command))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("QUEUE_ERROR", 503),
        ("NOT_ALLOWED", 403),
        ("ARGUMENT_TOO_LARGE", 400),
        ("INVALID_ARGUMENTS", 400),
        ("SOMETHING_NEW", 500),
    ],
)
def test_a_refused_submission_is_told_with_the_reason(code: str, status: int) -> None:
    """As the ERROR packet gave it, in plain text; the status says whether to try again."""
    answer = http_answer.refused(code, "so it is")

    assert (answer.status, answer.body) == (status, f"{code}: so it is\n".encode())
    assert answer.content_type.startswith(b"text/plain")
    assert (b"X-Gearman-Command", b"ERROR") in answer.headers
    assert ((b"Retry-After", b"1") in answer.headers) is (status == 503)


def test_a_result_that_is_too_big_is_not_the_fault_of_the_client() -> None:
    """Nor did the job fail."""
    answer = http_answer.too_big(b"H:1", 1000)

    assert answer.status == 502
    assert b"1000" in answer.body
    assert answer.headers == ((b"X-Gearman-Job-Handle", b"H:1"),)
