"""What workers report about their jobs, and who hears of it."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.protocol.packets import (
    ERROR,
    GET_STATUS,
    OPTION_REQ,
    OPTION_RES,
    STATUS_RES,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
    Packet,
)
from tests.engine.world import Connection, World

RESULT = b"Job given in work result not found"
DATA = b"Job does not exist on server"
EXCEPTION = b"An exception was received for a job that does not exist"
REPORTS = [
    (WORK_STATUS, (b"1", b"2"), RESULT),
    (WORK_COMPLETE, (b"r",), RESULT),
    (WORK_FAIL, (), RESULT),
    (WORK_DATA, (b"r",), DATA),
    (WORK_WARNING, (b"r",), DATA),
    (WORK_EXCEPTION, (b"r",), EXCEPTION),
]


@pytest.fixture
def client(world: World) -> Connection:
    return world.connect()


@pytest.fixture
def worker(world: World) -> Connection:
    return world.worker()


def running_job(client: Connection, worker: Connection) -> bytes:
    handle = client.submit()
    assert worker.grab_handle() == handle
    return handle


@pytest.mark.parametrize("number", [WORK_DATA, WORK_EXCEPTION, WORK_COMPLETE])
def test_news_for_many_clients_is_in_memory_once(world: World, worker: Connection, number: int) -> None:
    """A client that joined a job a million times cannot have a million copies made of each packet."""
    clients = [world.connect() for _ in range(2)]
    for client in clients:
        client.peer.exceptions = True
        client.submit(unique=b"same")
    handle = worker.grab_handle()

    worker.send(number, handle, b"r")

    [first], [second] = (client.peer.take_output() for client in clients)
    assert first is second


@pytest.mark.parametrize("number", [WORK_DATA, WORK_WARNING])
@pytest.mark.parametrize("data", [b"", b"part\0of it", b"x" * 100_000])
def test_data_and_warnings_are_passed_on_and_the_job_goes_on(
    client: Connection, worker: Connection, number: int, data: bytes
) -> None:
    """Any bytes, any number of times, empty ones too."""
    handle = running_job(client, worker)

    worker.send(number, handle, data)
    worker.send(number, handle, data)

    assert client.received() == [Packet(number, (handle, data))] * 2
    assert worker.received() == []


@pytest.mark.parametrize(("number", "arguments"), [(WORK_COMPLETE, (b"r",)), (WORK_FAIL, ())])
def test_completion_and_failure_end_the_job(
    client: Connection, worker: Connection, number: int, arguments: tuple[bytes, ...]
) -> None:
    """The client is told, and the handle is unknown afterwards."""
    handle = running_job(client, worker)

    worker.send(number, handle, *arguments)

    assert client.received() == [Packet(number, (handle, *arguments))]
    assert client.ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"0", b"0", b"0", b"0"))


def test_a_failed_job_is_not_tried_again(world: World, client: Connection, worker: Connection) -> None:
    """WORK_FAIL is the worker's word, not an accident."""
    client.submit_background()
    worker.send(WORK_FAIL, worker.grab_handle())

    assert world.engine.unfinished_jobs == 0


def test_a_failure_with_a_zero_byte_behind_the_handle_is_understood(
    client: Connection, worker: Connection
) -> None:
    """Some workers end the handle in a zero byte; clients get the handle alone."""
    handle = running_job(client, worker)
    payload = handle + b"\0"

    worker.raw(b"\0REQ" + WORK_FAIL.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)

    assert client.received() == [Packet(WORK_FAIL, (handle,))]


@pytest.mark.parametrize(
    ("numerator", "denominator", "stored"),
    [
        (b"3", b"7", (b"3", b"7")),
        (b"0.5", b"1", (b"0", b"1")),
        (b"abc", b"", (b"0", b"0")),
        (b"-5", b"10", (b"0", b"10")),
        (b"99999999999", b"1", (b"4294967295", b"1")),
    ],
)
def test_progress_is_passed_on_as_written_and_stored_as_whole_numbers(
    client: Connection,
    worker: Connection,
    numerator: bytes,
    denominator: bytes,
    stored: tuple[bytes, bytes],
) -> None:
    """Clients may understand more than the server; STATUS_RES carries whole numbers."""
    handle = running_job(client, worker)

    worker.send(WORK_STATUS, handle, numerator, denominator)

    assert client.received() == [Packet(WORK_STATUS, (handle, numerator, denominator))]
    assert client.ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"1", b"1", *stored))


@pytest.mark.parametrize(("number", "arguments", "text"), REPORTS)
def test_a_report_about_an_unknown_job_is_an_error(
    worker: Connection, number: int, arguments: tuple[bytes, ...], text: bytes
) -> None:
    """The text tells which kind of report it was, as in the C server."""
    assert worker.ask(number, b"H:x:1", *arguments) == Packet(ERROR, (b"JOB_NOT_FOUND", text))


@pytest.mark.parametrize(("number", "arguments", "text"), REPORTS)
def test_a_report_about_the_job_of_another_worker_is_an_error(
    world: World,
    client: Connection,
    worker: Connection,
    number: int,
    arguments: tuple[bytes, ...],
    text: bytes,
) -> None:
    """Only the worker that holds a job may speak for it; the client hears nothing."""
    handle = running_job(client, worker)
    stranger = world.worker()

    assert stranger.ask(number, handle, *arguments) == Packet(ERROR, (b"JOB_NOT_FOUND", text))
    assert client.received() == []


def test_a_client_cannot_end_its_own_job(client: Connection) -> None:
    """WORK_FAIL is for workers."""
    handle = client.submit()

    assert client.ask(WORK_FAIL, handle) == Packet(ERROR, (b"JOB_NOT_FOUND", RESULT))


# --- exceptions ---------------------------------------------------------------------------------------------


def test_an_exception_is_a_failure_to_who_did_not_ask_for_it(client: Connection, worker: Connection) -> None:
    """WORK_FAIL with the handle alone; the C server leaves a zero byte in it."""
    handle = running_job(client, worker)

    worker.send(WORK_EXCEPTION, handle, b"boom")

    assert client.received() == [Packet(WORK_FAIL, (handle,))]


@pytest.mark.parametrize("name", [b"exceptions", b"Exceptions", b"EXCEPTIONS"])
def test_an_exception_is_passed_on_to_who_asked_for_it(
    client: Connection, worker: Connection, name: bytes
) -> None:
    """The option is per connection, in any letter case, and counts when the exception arrives."""
    handle = running_job(client, worker)
    assert client.ask(OPTION_REQ, name) == Packet(OPTION_RES, (name,))

    worker.send(WORK_EXCEPTION, handle, b"boom")

    assert client.received() == [Packet(WORK_EXCEPTION, (handle, b"boom"))]


def test_the_server_can_pass_exceptions_on_to_all() -> None:
    """With --exceptions every connection starts with the option set."""
    world = World(EngineOptions(exceptions=True))
    client, worker = world.connect(), world.worker()
    handle = client.submit()

    worker.send(WORK_EXCEPTION, worker.grab_handle(), b"boom")

    assert client.received() == [Packet(WORK_EXCEPTION, (handle, b"boom"))]


def test_each_client_gets_an_exception_its_own_way(
    world: World, client: Connection, worker: Connection
) -> None:
    """One job, two clients, two options."""
    other = world.connect()
    other.ask(OPTION_REQ, b"exceptions")
    handle = client.submit(unique=b"u")
    other.submit(unique=b"u")

    worker.send(WORK_EXCEPTION, worker.grab_handle(), b"boom")

    assert client.received() == [Packet(WORK_FAIL, (handle,))]
    assert other.received() == [Packet(WORK_EXCEPTION, (handle, b"boom"))]


def test_an_exception_ends_the_job(client: Connection, worker: Connection) -> None:
    """A result after it finds no job, and the client is not told twice."""
    handle = running_job(client, worker)
    worker.send(WORK_EXCEPTION, handle, b"boom")
    client.received()

    assert worker.ask(WORK_COMPLETE, handle, b"r") == Packet(ERROR, (b"JOB_NOT_FOUND", RESULT))
    assert client.received() == []


def test_a_failure_behind_an_exception_is_taken_without_a_word(
    client: Connection, worker: Connection
) -> None:
    """Old workers send both; Perl's dies when the second is answered with an ERROR."""
    handle = running_job(client, worker)
    worker.send(WORK_EXCEPTION, handle, b"boom")
    client.received()

    worker.send(WORK_FAIL, handle)

    assert worker.received() == []
    assert client.received() == []
    assert worker.ask(WORK_FAIL, b"") == Packet(ERROR, (b"JOB_NOT_FOUND", RESULT))


def test_an_exception_of_a_background_job_is_told_to_nobody(client: Connection, worker: Connection) -> None:
    """There is nobody to tell."""
    client.submit_background()

    worker.send(WORK_EXCEPTION, worker.grab_handle(), b"boom")

    assert client.received() == []


def test_an_option_with_a_closing_zero_byte_is_the_same_option(client: Connection) -> None:
    """The answer names it as it was asked for."""
    assert client.ask(OPTION_REQ, b"exceptions\0") == Packet(OPTION_RES, (b"exceptions\0",))


def test_an_unknown_option_is_refused(client: Connection) -> None:
    """The server knows one option."""
    assert client.ask(OPTION_REQ, b"x" * 100) == Packet(
        ERROR, (b"UNKNOWN_OPTION", b"Server does not recognize given option")
    )
