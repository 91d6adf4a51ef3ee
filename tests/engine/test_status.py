"""GET_STATUS, GET_STATUS_UNIQUE and the other questions any connection may ask."""

from __future__ import annotations

import pytest

from geartrain.protocol.packets import (
    ALL_YOURS,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    JOB_ASSIGN,
    JOB_CREATED,
    NOOP,
    SET_CLIENT_ID,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    WORK_COMPLETE,
    WORK_STATUS,
    Packet,
)
from tests.engine.world import World


def test_the_status_of_a_job_follows_its_life(world: World) -> None:
    """Unknown, queued, running, in progress, and unknown again; anybody may ask."""
    client, worker, other = world.connect(), world.worker(), world.connect()
    handle = client.submit()
    seen = [other.ask(GET_STATUS, handle)]
    worker.grab_handle()
    seen.append(other.ask(GET_STATUS, handle))
    worker.send(WORK_STATUS, handle, b"3", b"7")
    seen.append(other.ask(GET_STATUS, handle))
    worker.send(WORK_COMPLETE, handle, b"")
    seen.append(other.ask(GET_STATUS, handle))

    assert seen == [
        Packet(STATUS_RES, (handle, b"1", b"0", b"0", b"0")),
        Packet(STATUS_RES, (handle, b"1", b"1", b"0", b"0")),
        Packet(STATUS_RES, (handle, b"1", b"1", b"3", b"7")),
        Packet(STATUS_RES, (handle, b"0", b"0", b"0", b"0")),
    ]


@pytest.mark.parametrize("handle", [b"", b"H:x:1", b"h" * 64, b"h" * 4000])
def test_the_status_of_an_unknown_handle_is_answered_whatever_its_length(world: World, handle: bytes) -> None:
    """The C server does not answer for 64 bytes and more."""
    assert world.connect().ask(GET_STATUS, handle) == Packet(STATUS_RES, (handle, b"0", b"0", b"0", b"0"))


def test_a_handle_with_a_closing_zero_byte_is_understood(world: World) -> None:
    """Some libraries end the last argument in a zero byte too."""
    client = world.connect()
    handle = client.submit()

    assert client.ask(GET_STATUS, handle + b"\0") == Packet(STATUS_RES, (handle, b"1", b"0", b"0", b"0"))


def test_the_status_by_unique_counts_the_clients(world: World) -> None:
    """The first argument is the unique, the last the number of submissions waiting."""
    client, worker, other = world.connect(), world.worker(), world.connect()
    client.submit(unique=b"u")
    client.submit(unique=b"u")
    handle = worker.grab_handle()
    worker.send(WORK_STATUS, handle, b"1", b"2")

    assert other.ask(GET_STATUS_UNIQUE, b"u") == Packet(
        STATUS_RES_UNIQUE, (b"u", b"1", b"1", b"1", b"2", b"2")
    )


@pytest.mark.parametrize("unique", [b"nobody's", b"u" * 64, b"u" * 100, b"-", b""])
def test_the_status_of_an_unknown_unique_is_answered(world: World, unique: bytes) -> None:
    """Jobs submitted with - or without unique are not found by it."""
    client = world.connect()
    client.submit(unique=b"-", data=b"x")
    client.submit(unique=b"")

    assert client.ask(GET_STATUS_UNIQUE, unique) == Packet(
        STATUS_RES_UNIQUE, (unique, b"0", b"0", b"0", b"0", b"0")
    )


def test_of_several_functions_with_that_unique_the_last_job_submitted_is_meant(world: World) -> None:
    """A status by unique names no function."""
    client, worker = world.connect(), world.worker(b"g")
    for function in (b"f", b"g", b"h"):
        client.submit(function, unique=b"u")
    world.connect().admin(b"cancel job H:test:3")
    client.received()
    worker.grab_handle()

    answer = client.ask(GET_STATUS_UNIQUE, b"u")

    assert answer == Packet(STATUS_RES_UNIQUE, (b"u", b"1", b"1", b"0", b"0", b"1"))


@pytest.mark.parametrize("data", [b"", b"\0\xff text", b"x" * 1_000_000])
def test_an_echo_gives_the_same_bytes_back(world: World, data: bytes) -> None:
    """ECHO_REQ is answered with ECHO_RES."""
    assert world.connect().ask(ECHO_REQ, data) == Packet(ECHO_RES, (data,))


@pytest.mark.parametrize("number", [ALL_YOURS, NOOP])
def test_packets_that_mean_nothing_to_a_server_are_refused(world: World, number: int) -> None:
    """The connection stays usable."""
    client = world.connect()

    assert client.ask(number) == Packet(ERROR, (b"INVALID_COMMAND", b"Command not expected"))
    assert client.ask(ECHO_REQ, b"x") == Packet(ECHO_RES, (b"x",))


@pytest.mark.parametrize(
    ("number", "arguments"), [(JOB_CREATED, (b"h",)), (JOB_ASSIGN, (b"h", b"f", b"d")), (5, ())]
)
def test_what_only_a_server_says_is_refused(world: World, number: int, arguments: tuple[bytes, ...]) -> None:
    """Type 5 is not used by anybody."""
    answer = world.connect().ask(number, *arguments)

    assert answer == Packet(ERROR, (b"INVALID_COMMAND", b"Command not expected"))


@pytest.mark.parametrize(
    ("client_id", "shown"),
    [
        (b"worker 1", b"worker 1"),
        (b"", b""),
        (b"a\nb\tc", b"a\\x0ab\\x09c"),
        (b"before\0after", b"before"),
        (b"i" * 200, b"i" * 127),
    ],
)
def test_a_client_id_is_shown_in_the_list_of_workers(world: World, client_id: bytes, shown: bytes) -> None:
    """Up to 127 bytes, with control characters written out."""
    client = world.connect()
    client.send(SET_CLIENT_ID, client_id)

    assert client.admin(b"workers") == [b"10 127.0.0.1 " + shown + b" :", b"."]
