"""The HTTP front end, through sockets, with a Gearman worker on the other side."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from geartrain.protocol import packets
from geartrain.server.http import HttpConnection
from tests.server.http_wire import CONFIG, HttpWire, Response, Site, request, reversing, running, take_job
from tests.server.wire import TIMEOUT_SECONDS, Wire

_MIB = 1 << 20
# How long a send has to make no progress for the sender to count as held up.
_HELD_UP_SECONDS = 0.5
# The patience of a server that has little: more than a test takes from one request to the next.
_SHORT_SECONDS = 0.5


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server that the tests share; each uses functions of its own."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "asyncio":
            patch.setattr(uvloop, "new_event_loop", asyncio.new_event_loop)
        with running() as served:
            yield served


@pytest.fixture
def client(site: Site) -> Iterator[HttpWire]:
    with site.connect() as wire:
        yield wire


@pytest.fixture
def function(request: pytest.FixtureRequest) -> str:
    """A name for the function of one test."""
    return re.sub(r"\W", "-", request.node.name)


@pytest.fixture
def worker(site: Site, function: str) -> Iterator[Wire]:
    with site.worker(function.encode()) as wire:
        yield wire


def _jobs(wire: Wire, function: str) -> int:
    """How many jobs of a function there are, running ones included."""
    wire.send_raw(b"status\n")
    found = -1
    while (line := wire.read_line()) != b".":
        name, total, *_ = line.split(b"\t")
        if name == function.encode():
            found = int(total)
    return found


# --- jobs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_request_is_answered_with_the_result_of_its_job(
    client: HttpWire, worker: Wire, function: str, method: str
) -> None:
    """Byte by byte, with the job's handle and the packet that ended it."""
    client.send(method, f"/{function}", bytes(range(256)))
    handle, data = take_job(worker)
    worker.send(packets.WORK_COMPLETE, handle, data[::-1])

    answer = client.read()

    assert (answer.status, answer.command, answer.handle) == (200, "WORK_COMPLETE", handle)
    assert answer.body == bytes(range(256))[::-1]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["server"].startswith("Geartrain/")


def test_head_runs_the_job_and_leaves_its_result_out(client: HttpWire, worker: Wire, function: str) -> None:
    """All the rest is there, and the next answer comes right behind."""
    client.send("HEAD", f"/{function}")
    handle, _ = take_job(worker)
    worker.send(packets.WORK_COMPLETE, handle, b"result")

    answer = client.read("HEAD")

    assert (answer.status, answer.handle, answer.headers["content-length"]) == (200, handle, "6")
    assert client.ask("GET", "/").status == 404


def test_pieces_of_the_result_come_before_its_end(client: HttpWire, worker: Wire, function: str) -> None:
    """Joined; status and warnings do not get into the answer, nor does anything into the next one."""
    client.send_raw(request("GET", f"/{function}") * 2)
    handle, _ = take_job(worker)
    for number, *arguments in (
        (packets.WORK_STATUS, b"1", b"2"),
        (packets.WORK_DATA, b"one "),
        (packets.WORK_WARNING, b"careful"),
        (packets.WORK_DATA, b""),
        (packets.WORK_DATA, b"two "),
        (packets.WORK_STATUS, b"2", b"2"),
        (packets.WORK_COMPLETE, b"three"),
    ):
        worker.send(number, handle, *arguments)

    answer = client.read()

    assert (answer.status, answer.command, answer.body) == (200, "WORK_COMPLETE", b"one two three")
    handle, _ = take_job(worker)
    worker.send(packets.WORK_COMPLETE, handle, b"next")
    assert client.read().body == b"next"


def test_a_job_that_fails_is_an_error_with_its_handle(client: HttpWire, worker: Wire, function: str) -> None:
    """The whole handle, and what the worker had sent by then."""
    client.send("POST", f"/{function}")
    handle, _ = take_job(worker)
    worker.send(packets.WORK_DATA, handle, b"so far")
    worker.send(packets.WORK_FAIL, handle)

    answer = client.read()

    assert (answer.status, answer.command, answer.handle) == (500, "WORK_FAIL", handle)
    assert answer.body == b"so far"


def test_a_job_that_raises_is_an_error_with_the_reason(client: HttpWire, worker: Wire, function: str) -> None:
    """HTTP clients want exceptions, without asking for them."""
    client.send("POST", f"/{function}")
    handle, _ = take_job(worker)
    worker.send(packets.WORK_DATA, handle, b"so far")
    worker.send(packets.WORK_EXCEPTION, handle, b"broken")

    answer = client.read()

    assert (answer.status, answer.command, answer.handle) == (500, "WORK_EXCEPTION", handle)
    assert answer.body == b"broken"


def test_a_background_job_is_answered_at_once(site: Site, function: str) -> None:
    """It runs though the client is gone."""
    with site.connect() as client:
        answer = client.ask("POST", f"/{function}", b"data", x_gearman_background="true")

    assert (answer.status, answer.command, answer.body) == (200, "JOB_CREATED", b"")
    with site.worker(function.encode()) as worker:
        assert take_job(worker) == (answer.handle, b"data")
        worker.send(packets.WORK_COMPLETE, answer.handle, b"")


def test_the_priority_decides_what_runs_first(client: HttpWire, site: Site, function: str) -> None:
    """Also in the background."""
    for priority in ("low", "normal", "high"):
        client.ask(
            "POST",
            f"/{function}",
            priority.encode(),
            x_gearman_background="true",
            x_gearman_priority=priority,
        )

    with site.worker(function.encode()) as worker:
        taken = [take_job(worker)[1] for _ in range(3)]

    assert taken == [b"high", b"normal", b"low"]


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        ((b"same", None), (b"same", None), True),
        ((b"same", None), (b"other", None), False),
        ((b"", None), (b"", None), False),
        ((b"1", "u"), (b"2", "u"), True),
        ((b"same", "u"), (b"same", "v"), False),
        ((b"same", ""), (b"same", ""), False),
    ],
)
def test_requests_for_the_same_share_a_job(
    site: Site,
    worker: Wire,
    function: str,
    first: tuple[bytes, str | None],
    second: tuple[bytes, str | None],
    is_shared: bool,
) -> None:
    """The same is what has the same unique or, without one, the same data and any data at all."""
    with site.connect() as one, site.connect() as other:
        for wire, (body, unique) in ((one, first), (other, second)):
            headers = {} if unique is None else {"x_gearman_unique": unique}
            wire.send_raw(request("POST", f"/{function}", body, **headers))
            if wire is one:
                # Waited for, so that the other one comes later.
                handle, _ = take_job(worker)
        if not is_shared:
            other_handle, _ = take_job(worker)
            worker.send(packets.WORK_COMPLETE, other_handle, b"other")
        else:
            _wait_for_clients(worker, handle, 2)
        worker.send(packets.WORK_COMPLETE, handle, b"one")

        answers = one.read(), other.read()

    assert [answer.body for answer in answers] == [b"one", b"one" if is_shared else b"other"]
    assert (answers[0].handle == answers[1].handle) is is_shared


def _wait_for_clients(wire: Wire, handle: bytes, count: int) -> None:
    """Until so many submissions wait for a job."""
    for _ in range(10_000):
        wire.send_raw(b"list jobs\n")
        rows = []
        while (line := wire.read_line()) != b".":
            rows.append(line.split(b"\t"))
        column = rows[0].index(b"clients")
        if any(row[0] == handle and int(row[column]) == count for row in rows[1:]):
            return
    raise AssertionError("they never came")


def test_a_name_may_hold_whatever_can_be_escaped(client: HttpWire, site: Site) -> None:
    """Blanks, question marks, other alphabets."""
    client.ask("POST", "/what%20is%3F%C3%A4", x_gearman_background="true")

    with site.worker("what is?ä".encode()) as worker:
        take_job(worker)


def test_big_bodies_pass_in_both_directions(client: HttpWire, worker: Wire, function: str) -> None:
    """Far beyond what a socket takes at a time."""
    body = bytes(range(256)) * (20 * _MIB // 256)
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(client.send, "POST", f"/{function}", body)
        handle, data = take_job(worker)
        assert data == body
        finishing = pool.submit(worker.send, packets.WORK_COMPLETE, handle, data)

        assert client.read().body == body
        sending.result()
        finishing.result()


# --- requests that are refused ------------------------------------------------------------------------


def test_a_full_queue_asks_to_come_again(client: HttpWire, worker: Wire, function: str) -> None:
    """After a moment; when there is room it works."""
    assert worker.ask(f"maxqueue {function} 1".encode()) == b"OK"
    handle = client.ask("POST", f"/{function}", b"1", x_gearman_background="true").handle

    refusal = client.ask("POST", f"/{function}", b"2", x_gearman_background="true")

    assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
    assert refusal.body == b"QUEUE_ERROR: Job queue is full\n"
    assert take_job(worker)[0] == handle
    worker.send(packets.WORK_COMPLETE, handle, b"")
    worker.echo()
    assert client.ask("POST", f"/{function}", b"2", x_gearman_background="true").status == 200


def test_a_unique_that_is_too_long_is_a_bad_request(client: HttpWire) -> None:
    """As in a packet, 64 bytes are the most."""
    assert client.ask("POST", "/f", x_gearman_unique="u" * 65).status == 400
    longest = "u" * 64
    assert client.ask("POST", "/f", x_gearman_unique=longest, x_gearman_background="true").status == 200


def test_what_the_access_rules_do_not_allow_is_forbidden(tmp_path: Path) -> None:
    """HTTP clients have the rules of their listener."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nlistener = "http://*"\nsubmit = ["open"]\n')
    with running(replace(CONFIG, acl=str(rules))) as site, site.connect() as client:
        forbidden = client.ask("POST", "/secret", x_gearman_background="true")
        allowed = client.ask("POST", "/open", x_gearman_background="true")

    assert (forbidden.status, forbidden.command) == (403, "ERROR")
    assert forbidden.body.startswith(b"NOT_ALLOWED: ")
    assert allowed.status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\0REQ\0\0\0\x10\0\0\0\0", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
        (b"GET /f HTTP/1.1\r\nHost: a\r\nX-Gearman-Priority: urgent\r\nConnection: close\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"DELETE /f HTTP/1.0\r\n\r\n", 405),
        (b"TRACE /f HTTP/1.0\r\n\r\n", 405),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nxxx", 413),
        (b"GET /f HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431),
        (b"GET /f HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 10000, 431),
        (b"POST /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /f HTTP/2.0\r\n\r\n", 505),
    ],
)
def test_a_bad_request_is_answered_and_the_connection_closed(
    client: HttpWire, data: bytes, status: int
) -> None:
    """With the status that names the fault; nothing of it reaches the queue."""
    client.send_raw(data)

    answer = client.read()

    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert client.read_to_end() == b""


def test_chunks_beyond_the_limit_are_refused_before_their_end() -> None:
    """The limit is that of packets."""
    with running(replace(CONFIG, max_packet_bytes=_MIB)) as site, site.connect() as client:
        client.send_raw(request("POST", "/f", transfer_encoding="chunked"))
        for _ in range(17):
            client.send_raw(b"10000\r\n" + b"x" * 65536 + b"\r\n")

        assert client.read().status == 413
        assert client.read_to_end() == b""


def test_a_body_in_chunks_arrives_in_one_piece(client: HttpWire, worker: Wire, function: str) -> None:
    """However it was cut."""
    client.send_raw(request("POST", f"/{function}", transfer_encoding="chunked"))
    client.send_raw(b"4\r\ntwo \r\n5\r\nwor")
    client.send_raw(b"ds\r\n0\r\n\r\n")

    handle, data = take_job(worker)

    assert data == b"two words"
    worker.send(packets.WORK_FAIL, handle)
    assert client.read().status == 500


def test_a_body_is_sent_when_the_server_says_so(client: HttpWire, worker: Wire, function: str) -> None:
    """As curl does with one of more than a megabyte."""
    data = request("POST", f"/{function}", b"data", expect="100-continue")
    client.send_raw(data[:-4])
    assert client.read().status == 100

    client.send_raw(b"data")

    handle, got = take_job(worker)
    worker.send(packets.WORK_COMPLETE, handle, got)
    assert client.read().body == b"data"


# --- connections --------------------------------------------------------------------------------------


def test_a_request_may_come_byte_by_byte(client: HttpWire, worker: Wire, function: str) -> None:
    """Slowly is no fault."""
    for byte in request("POST", f"/{function}", b"data"):
        client.send_raw(bytes([byte]))

    handle, data = take_job(worker)
    worker.send(packets.WORK_COMPLETE, handle, data)

    assert client.read().body == b"data"


def test_requests_at_once_are_answered_in_their_order(client: HttpWire, worker: Wire, function: str) -> None:
    """Even if later ones have less to wait for."""
    client.send_raw(
        request("POST", f"/{function}", b"1")
        + request("POST", f"/{function}", b"2", x_gearman_background="true")
        + request("GET", "/")
        + request("POST", f"/{function}", b"3")
    )
    handle, data = take_job(worker)
    # Only one at a time.
    assert _jobs(worker, function) == 1
    worker.send(packets.WORK_COMPLETE, handle, data)
    assert client.read().body == b"1"
    created, missing = client.read(), client.read()

    for expected in (b"2", b"3"):
        handle, data = take_job(worker)
        assert data == expected
        worker.send(packets.WORK_COMPLETE, handle, data)

    assert (created.command, missing.status) == ("JOB_CREATED", 404)
    assert client.read().body == b"3"


def test_many_more_requests_than_are_read_ahead_are_answered(client: HttpWire, function: str) -> None:
    """However many there are, they take no more room than a few."""
    count = 5000
    data = request("POST", f"/{function}", x_gearman_background="true") * count
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(client.send_raw, data)

        handles = {client.read().handle for _ in range(count)}

        sending.result()
    assert len(handles) == count


def test_a_client_that_leaves_takes_its_waiting_job_along(site: Site, worker: Wire, function: str) -> None:
    """Nobody would read the result."""
    with site.connect() as client:
        client.send("POST", f"/{function}", b"data")
        worker.send(packets.PRE_SLEEP)
        assert worker.read().number == packets.NOOP
        assert _jobs(worker, function) == 1

    _wait_for_no_jobs(worker, function)

    assert worker.grab().number == packets.NO_JOB


def test_a_client_that_resets_the_connection_has_left_too(site: Site, worker: Wire, function: str) -> None:
    """As a program that was killed with input unread."""
    client = site.connect()
    client.send("POST", f"/{function}", b"data")
    worker.send(packets.PRE_SLEEP)
    assert worker.read().number == packets.NOOP
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()

    _wait_for_no_jobs(worker, function)


def test_a_worker_may_finish_for_a_client_that_has_left(site: Site, worker: Wire, function: str) -> None:
    """Its result goes nowhere, and nobody minds."""
    with site.connect() as client:
        client.send("POST", f"/{function}", b"data")
        handle, _ = take_job(worker)
    _wait_for_clients(worker, handle, 0)

    worker.send(packets.WORK_DATA, handle, b"x")
    worker.send(packets.WORK_COMPLETE, handle, b"x")

    worker.echo()
    assert _jobs(worker, function) == 0


def _wait_for_no_jobs(wire: Wire, function: str) -> None:
    for _ in range(10_000):
        if _jobs(wire, function) == 0:
            return
    raise AssertionError("the job is still there")


def _wait_for_the_end(wire: Wire, handle: bytes) -> None:
    """Until the server has the last packet of a job, and has gone on from there."""
    for _ in range(10_000):
        wire.send(packets.GET_STATUS, handle)
        if wire.read().arguments[1] == b"0":
            wire.echo()
            return
    raise AssertionError("it never ended")


def test_a_client_that_ends_its_side_gets_the_answers_that_need_no_waiting(
    client: HttpWire, function: str
) -> None:
    """To all that it sent before, and then the end."""
    background = request("POST", f"/{function}", x_gearman_background="true")
    client.send_raw(background * 3 + request("GET", "/") + b"GET /half")
    client.socket.shutdown(socket.SHUT_WR)

    answers = [client.read() for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 404, 400]
    assert client.read_to_end() == b""


def test_a_client_that_ends_its_side_does_not_wait_for_a_job(
    client: HttpWire, worker: Wire, function: str
) -> None:
    """It cannot be told from one that has left altogether."""
    client.send("POST", f"/{function}")
    worker.send(packets.PRE_SLEEP)
    assert worker.read().number == packets.NOOP

    client.socket.shutdown(socket.SHUT_WR)

    assert client.read_to_end() == b""
    assert _jobs(worker, function) == 0


def test_an_http_client_is_a_connection_like_any_other() -> None:
    """Administrators see it."""
    with running() as site, site.connect() as client, site.worker() as admin:
        assert client.ask("GET", "/").status == 404

        admin.send_raw(b"workers\n")
        lines = []
        while (line := admin.read_line()) != b".":
            lines.append(line)

    assert [line.split()[1] for line in lines] == [b"127.0.0.1", b"127.0.0.1"]


# --- limits -------------------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that loses patience with clients soon."""
    monkeypatch.setattr("geartrain.server.http.REQUEST_SECONDS", _SHORT_SECONDS)
    with running() as served:
        yield served


def test_a_connection_without_a_request_is_closed_after_a_while(hurried: Site) -> None:
    """Silently, before the first one and after any."""
    with hurried.connect() as silent, hurried.connect() as former:
        assert former.ask("GET", "/").status == 404

        assert silent.read_to_end() == b""
        assert former.read_to_end() == b""


@pytest.mark.parametrize("length", [10, -1])
def test_a_request_that_does_not_come_to_its_end_is_given_up(hurried: Site, length: int) -> None:
    """In its head and in its body."""
    with hurried.connect() as slow:
        slow.send_raw(request("POST", "/f", b"data")[:length])

        answer = slow.read()

        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert slow.read_to_end() == b""


def test_a_body_may_take_as_long_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it comes at some rate: what is there by then pays for the time after."""
    monkeypatch.setattr("geartrain.server.http.REQUEST_SECONDS", _SHORT_SECONDS)
    monkeypatch.setattr("geartrain.server.http._LEAST_BYTES_PER_SECOND", 1)
    with running() as site, site.connect() as slow, site.connect() as idle:
        data = request("POST", "/f", b"x" * 1000, x_gearman_background="true")
        slow.send_raw(data[:-1])
        # Closed later than the other one would be.
        assert idle.read_to_end() == b""

        slow.send_raw(data[-1:])

        assert slow.read().status == 200


def test_a_job_may_take_as_long_as_it_likes(hurried: Site) -> None:
    """It is the client that has to hurry, and after the answer it has its time again."""
    with hurried.connect() as client, hurried.worker(b"f") as worker:
        client.send("POST", "/f")
        handle, _ = take_job(worker)
        for _ in range(2):
            with hurried.connect() as idle:
                assert idle.read_to_end() == b""

        worker.send(packets.WORK_COMPLETE, handle, b"result")

        assert client.read().body == b"result"
        assert client.ask("GET", "/").status == 404


def test_a_result_over_the_limit_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The client is told, and the worker goes on."""
    with (
        running(replace(CONFIG, pause_bytes=_MIB, max_unread_bytes=2 * _MIB)) as site,
        site.connect() as client,
        site.worker(b"f") as worker,
    ):
        client.send("POST", "/f")
        handle, _ = take_job(worker)
        for _ in range(33):
            worker.send(packets.WORK_DATA, handle, b"x" * 65536)

        answer = client.read()

        assert (answer.status, answer.handle, answer.headers["connection"]) == (502, handle, "close")
        assert client.read_to_end() == b""
        worker.send(packets.WORK_COMPLETE, handle, b"x")
        worker.echo()
    (dropped,) = [record for record in caplog.records if record.levelno > logging.INFO]
    assert vars(dropped)["fields"]["reason"] == "too big a result"


def test_a_client_that_does_not_read_gets_no_more_work_done() -> None:
    """Its requests wait until it reads the answers it has."""
    with (
        running(replace(CONFIG, pause_bytes=_MIB)) as site,
        site.connect() as client,
        site.worker(b"f") as worker,
    ):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        client.send_raw(request("POST", "/f") * 2)
        handle, _ = take_job(worker)
        result = b"x" * 16 * _MIB
        worker.send(packets.WORK_COMPLETE, handle, result)
        # Held up until the client has read: so the question goes another way.
        with site.worker() as admin:
            _wait_for_the_end(admin, handle)
            assert _jobs(admin, "f") == 0

        assert client.read().body == result
        handle, _ = take_job(worker)
        worker.send(packets.WORK_COMPLETE, handle, b"")

        assert client.read().body == b""


def test_a_client_that_sends_without_end_is_not_read_without_end() -> None:
    """What comes ahead of its turn is kept, but only so much of it."""
    with running() as site, site.connect() as client, site.worker(b"f") as worker:
        client.send("POST", "/f")
        handle, _ = take_job(worker)
        client.socket.settimeout(_HELD_UP_SECONDS)

        with pytest.raises(TimeoutError):
            client.send_raw(request("POST", "/f", b"x" * 48 * _MIB))

        worker.send(packets.WORK_COMPLETE, handle, b"")
        client.socket.settimeout(TIMEOUT_SECONDS)
        assert client.read().handle == handle


def test_a_request_that_takes_long_to_read_is_read_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between those of others: chunks of a single byte cost far more to read than to send."""
    count = 1000
    turns = []
    go_on = HttpConnection._go_on

    def count_turn(connection: HttpConnection) -> None:
        turns.append(connection)
        go_on(connection)

    monkeypatch.setattr("geartrain.server.http.TURN_SECONDS", 0.0)
    monkeypatch.setattr(HttpConnection, "_go_on", count_turn)
    with running() as site, site.connect() as client, site.worker(b"f") as worker:
        client.send_raw(request("POST", "/f", transfer_encoding="chunked"))
        client.send_raw(b"1\r\nx\r\n" * count + b"0\r\n\r\n")

        assert take_job(worker)[1] == b"x" * count

    assert len(turns) >= count


def test_a_server_that_stops_does_not_wait_for_its_clients() -> None:
    """Neither for those with a job nor for those without."""
    with ExitStack() as stack:
        with running() as site:
            client, idle = [stack.enter_context(site.connect()) for _ in range(2)]
            worker = stack.enter_context(site.worker(b"f"))
            client.send("POST", "/f")
            take_job(worker)

        assert client.read_to_end() == b""
        assert idle.read_to_end() == b""


# --- other programs -----------------------------------------------------------------------------------


def test_two_hundred_requests_at_once_each_get_their_own_answer(site: Site, function: str) -> None:
    """From one worker, over as many connections."""
    with reversing(site, function), ExitStack() as stack:
        clients = [stack.enter_context(site.connect()) for _ in range(200)]
        for number, client in enumerate(clients):
            client.send("POST", f"/{function}", b"job %d" % number)

        answers: list[Response] = [client.read() for client in clients]

    assert [answer.status for answer in answers] == [200] * 200
    assert [answer.body[::-1] for answer in answers] == [b"job %d" % number for number in range(200)]
    assert len({answer.handle for answer in answers}) == 200


def test_http_client_uses_one_connection_for_many_requests(site: Site, function: str) -> None:
    """As programs in Python do; with a body whose length is not known before too."""
    with reversing(site, function):
        connection = http.client.HTTPConnection("127.0.0.1", site.http_port, timeout=TIMEOUT_SECONDS)
        connection.connect()
        opened = connection.sock
        for body in (b"abc", [b"a", b"bc"], "abc"):
            connection.request("POST", f"/{function}", body)
            assert connection.getresponse().read() == b"cba"
        connection.request("HEAD", f"/{function}")
        assert connection.getresponse().read() == b""

        assert connection.sock is opened
        connection.close()


def test_urllib_reads_results_and_raises_errors(site: Site, function: str) -> None:
    """With the status and the body that says why."""
    url = f"http://127.0.0.1:{site.http_port}/"
    with reversing(site, function), urllib.request.urlopen(url + function, b"abc") as answer:
        assert answer.read() == b"cba"

    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(url)

    with caught.value as refusal:
        assert refusal.read() == b"the path has to name a function\n"


def test_curl_sends_big_bodies(site: Site, function: str) -> None:
    """It asks for leave to send them first."""
    body = json.dumps(list(range(300_000)))
    with reversing(site, function):
        done = subprocess.run(
            ["curl", "-sS", "--data-binary", "@-", f"http://127.0.0.1:{site.http_port}/{function}"],
            input=body,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == body[::-1]


def test_each_answer_is_one_line_for_those_who_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Without what was sent; requests that are refused are nothing for others either."""
    caplog.set_level(logging.DEBUG, "geartrain.server")
    with running() as site, site.connect() as client:
        client.ask("POST", "/f", b"secret", x_gearman_background="true")
        client.send_raw(b"secret nonsense\r\n\r\n")
        client.read()

    lines = [record for record in caplog.records if vars(record)["event"] == "answered over HTTP"]
    assert [vars(line)["fields"]["status"] for line in lines] == [200, 400]
    assert vars(lines[0])["fields"]["function"] == b"f"
    assert all(record.levelno == logging.DEBUG for record in lines)
    assert "secret" not in caplog.text
