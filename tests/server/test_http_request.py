"""What an HTTP request is understood to ask for."""

from __future__ import annotations

import h11
import pytest

from geartrain.roles.client import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NORMAL
from geartrain.server.http_answer import Answer
from geartrain.server.http_request import MAX_HEAD_BYTES, Submission, read_head


def _head(
    target: str = "/f", *headers: tuple[str, str], method: str = "GET", version: str = "1.1"
) -> h11.Request:
    return h11.Request(
        method=method, target=target, headers=[("Host", "server"), *headers], http_version=version
    )


def _submission(request: h11.Request) -> Submission:
    found = read_head(request)
    assert isinstance(found, Submission), found
    return found


def _refusal(request: h11.Request) -> Answer:
    found = read_head(request)
    assert isinstance(found, Answer), found
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_four_methods_submit_a_job(method: str) -> None:
    """At normal priority, in the foreground, and merged with a job of the same data, as in the C server."""
    found = _submission(_head(method=method))

    assert (found.function, found.unique, found.data) == (b"f", b"-", b"")
    assert (found.priority, found.background) == (PRIORITY_NORMAL, False)


@pytest.mark.parametrize(
    ("target", "function"),
    [
        ("/f", b"f"),
        ("///f", b"f"),
        ("f", b"f"),
        ("/a/b", b"a/b"),
        ("/a%20b%3F%2f", b"a b?/"),
        ("/%2Ff", b"/f"),
        ("/100%", b"100%"),
        ("/%zz+", b"%zz+"),
        ("/gr%C3%BCn", "grün".encode()),
        ("http://server:80/f", b"f"),
        ("HTTPS://server/f", b"f"),
        ("/http://server/f", b"http://server/f"),
    ],
)
def test_the_path_is_the_name_of_the_function(target: str, function: bytes) -> None:
    """Without leading slashes, with escapes resolved once; also in the form meant for proxies."""
    assert _submission(_head(target)).function == function


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        ("high", PRIORITY_HIGH),
        ("High", PRIORITY_HIGH),
        ("normal", PRIORITY_NORMAL),
        ("", PRIORITY_NORMAL),
        ("low", PRIORITY_LOW),
    ],
)
def test_a_header_sets_the_priority(value: str, priority: int) -> None:
    """In whatever case."""
    assert _submission(_head("/f", ("X-Gearman-Priority", value))).priority == priority


@pytest.mark.parametrize(("value", "background"), [("true", True), ("TRUE", True), ("false", False)])
def test_a_header_puts_the_job_into_the_background(value: str, background: bool) -> None:
    """In whatever case, and so for the name of the header."""
    assert _submission(_head("/f", ("x-gearman-background", value))).background is background


@pytest.mark.parametrize("value", ["some", "#", "", "two words"])
def test_a_header_sets_the_unique(value: str) -> None:
    """To whatever it says, nothing included: that never joins another job."""
    assert _submission(_head("/f", ("X-Gearman-Unique", value))).unique == value.encode()


def test_two_requests_are_never_the_same() -> None:
    """They may be alike, but each has its own answer."""
    assert _submission(_head()) != _submission(_head())


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        (_head("/"), 404, b"function"),
        (_head("//"), 404, b"function"),
        (_head("http://server"), 404, b"function"),
        (_head("/f?x=1"), 400, b"%3F"),
        (_head("/?f"), 400, b"%3F"),
        (_head("/a%00b"), 400, b"zero byte"),
        (_head("/" + "f" * 8193), 414, b"8192"),
        (_head("/f", ("X", "x" * MAX_HEAD_BYTES)), 431, b"16384"),
        (_head("/" + "f" * MAX_HEAD_BYTES), 431, b"16384"),
        (_head(version="2.0"), 505, b"HTTP/1.1"),
        (_head(version="0.9"), 505, b"HTTP/1.1"),
        (_head("/f", ("X-Gearman-Priority", "urgent")), 400, b"X-Gearman-Priority has to be high or"),
        (_head("/f", ("X-Gearman-Background", "1")), 400, b"X-Gearman-Background has to be false or true"),
    ],
)
def test_what_cannot_be_granted_is_refused_with_the_reason(
    request_: h11.Request, status: int, text: bytes
) -> None:
    """In one line that says what would do."""
    refusal = _refusal(request_)

    assert refusal.status == status
    assert text in refusal.body
    assert refusal.body.count(b"\n") == 1


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "BREW"])
def test_other_methods_are_refused(method: str) -> None:
    """With those that would do; TRACE too, which only ever helped to steal cookies."""
    refusal = _refusal(_head(method=method))

    assert refusal.status == 405
    assert refusal.headers == ((b"Allow", b"GET, HEAD, POST, PUT"),)


def test_the_longest_name_is_as_long_as_in_a_packet() -> None:
    """Counted without its escapes."""
    assert len(_submission(_head("/" + "f" * 8191 + "%20")).function) == 8192
