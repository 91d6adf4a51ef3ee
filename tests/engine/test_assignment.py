"""Which job a worker gets: priorities, turns and the three ways to grab."""

from __future__ import annotations

import pytest

from geartrain.protocol.packets import (
    CAN_DO,
    CANT_DO,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    NO_JOB,
    RESET_ABILITIES,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    SUBMIT_REDUCE_JOB,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    Packet,
)
from tests.engine.world import World


def test_inside_a_function_high_comes_before_normal_before_low_and_then_first_in_first_out(
    world: World,
) -> None:
    """Priority first, age second."""
    client, worker = world.connect(), world.worker()
    for data, number in [
        (b"low 1", SUBMIT_JOB_LOW),
        (b"normal 1", 7),
        (b"high 1", SUBMIT_JOB_HIGH),
        (b"low 2", SUBMIT_JOB_LOW),
        (b"normal 2", 7),
        (b"high 2", SUBMIT_JOB_HIGH),
    ]:
        client.submit(data=data, number=number)

    grabbed = [worker.grab_data() for _ in range(6)]

    assert grabbed == [b"high 1", b"high 2", b"normal 1", b"normal 2", b"low 1", b"low 2"]


def test_priority_counts_over_all_functions_and_inside_it_they_take_turns(world: World) -> None:
    """The order of the C server 2.0: the last function registered has the first turn."""
    client, worker = world.connect(), world.worker(b"A", b"B", b"C")
    for function in (b"A", b"B", b"C"):
        for index in (b"1", b"2", b"3"):
            client.submit(function, data=function + index)
    client.submit(b"A", data=b"A high", number=SUBMIT_JOB_HIGH)
    client.submit(b"B", data=b"B high", number=SUBMIT_JOB_HIGH)
    client.submit(b"C", data=b"C low", number=SUBMIT_JOB_LOW)

    grabbed = [worker.grab_data() for _ in range(12)]

    assert grabbed == [
        *(b"B high", b"A high"),
        *(b"C1", b"B1", b"A1", b"C2", b"B2", b"A2", b"C3", b"B3", b"A3"),
        b"C low",
    ]


def test_a_worker_may_hold_several_jobs(world: World) -> None:
    """Each grab hands out another one."""
    client, worker = world.connect(), world.worker()
    handles = [client.submit() for _ in range(3)]

    assert [worker.grab_handle() for _ in range(3)] == handles
    assert world.connect().admin(b"status") == [b"f\t3\t3\t1", b"."]


def test_a_grab_without_abilities_gives_no_job(world: World) -> None:
    """Who can do nothing gets nothing."""
    world.connect().submit()

    assert world.connect().grab().number == NO_JOB


@pytest.mark.parametrize(
    ("grab", "answer", "arguments"),
    [
        (GRAB_JOB, JOB_ASSIGN, (b"f", b"data")),
        (GRAB_JOB_UNIQ, JOB_ASSIGN_UNIQ, (b"f", b"u", b"data")),
        (GRAB_JOB_ALL, JOB_ASSIGN_UNIQ, (b"f", b"u", b"data")),
    ],
)
def test_each_way_to_grab_says_what_it_names(
    world: World, grab: int, answer: int, arguments: tuple[bytes, ...]
) -> None:
    """GRAB_JOB_ALL of a job without reducer is answered like GRAB_JOB_UNIQ."""
    handle = world.connect().submit(unique=b"u", data=b"data")

    assert world.worker().grab(grab) == Packet(answer, (handle, *arguments))


@pytest.mark.parametrize(
    ("grab", "answer", "arguments"),
    [
        (GRAB_JOB, JOB_ASSIGN, (b"f", b"data")),
        (GRAB_JOB_UNIQ, JOB_ASSIGN_UNIQ, (b"f", b"u", b"data")),
        (GRAB_JOB_ALL, JOB_ASSIGN_ALL, (b"f", b"u", b"sum", b"data")),
    ],
)
def test_a_reducer_is_told_to_who_asks_for_all(
    world: World, grab: int, answer: int, arguments: tuple[bytes, ...]
) -> None:
    """Fetched in another way, a reduce job comes without its reducer."""
    created = world.connect().ask(SUBMIT_REDUCE_JOB, b"f", b"u", b"sum", b"", b"data")
    assert isinstance(created, Packet)

    assert world.worker().grab(grab) == Packet(answer, (created.arguments[0], *arguments))


def test_a_reduce_job_without_aggregator_is_understood(world: World) -> None:
    """PROTOCOL describes reduce packets without the argument that libgearman sends."""
    payload = b"f\0u\0sum\0data"
    client = world.connect()

    client.raw(b"\0REQ" + SUBMIT_REDUCE_JOB.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)

    assert client.received()
    assert world.worker().grab().arguments[1:] == (b"f", b"u", b"sum", b"data")


def test_a_background_reduce_job_survives_its_client(world: World) -> None:
    """SUBMIT_REDUCE_JOB_BACKGROUND is a background job."""
    client = world.connect()
    client.send(SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"u", b"sum", b"", b"data")
    client.leave()

    assert world.worker().grab().number == JOB_ASSIGN_ALL


def test_a_long_unique_of_a_reduce_job_is_refused(world: World) -> None:
    """The C server checks the reducer instead and gives away its memory."""
    client = world.connect()

    answer = client.ask(SUBMIT_REDUCE_JOB, b"f", b"u" * 65, b"sum", b"", b"data")

    assert isinstance(answer, Packet)
    assert answer.arguments[0] == b"ARGUMENT_TOO_LARGE"


def test_registering_twice_counts_once(world: World) -> None:
    """A worker that repeats CAN_DO is still one worker with one ability."""
    worker = world.worker(b"f", b"f")

    assert worker.admin(b"status") == [b"f\t0\t0\t1", b"."]
    assert worker.admin(b"workers") == [b"10 127.0.0.1 - : f", b"."]


def test_an_ability_taken_back_brings_no_more_jobs(world: World) -> None:
    """CANT_DO ends what CAN_DO began; an unknown name is ignored."""
    client, worker = world.connect(), world.worker(b"f", b"g")
    client.submit(b"f")
    worker.send(CANT_DO, b"f")
    worker.send(CANT_DO, b"unknown")

    assert worker.grab().number == NO_JOB
    assert worker.admin(b"workers")[1] == b"11 127.0.0.1 - : g"


def test_reset_abilities_takes_all_back(world: World) -> None:
    """After RESET_ABILITIES a worker can do nothing."""
    client, worker = world.connect(), world.worker(b"f", b"g")
    client.submit(b"f")
    worker.send(RESET_ABILITIES)

    assert worker.grab().number == NO_JOB


def test_a_name_sent_with_a_closing_zero_byte_is_the_same_name(world: World) -> None:
    """Some libraries end the last argument in a zero byte too."""
    worker = world.connect()
    worker.raw(b"\0REQ" + CAN_DO.to_bytes(4, "big") + (2).to_bytes(4, "big") + b"f\0")

    handle = world.connect().submit(b"f")

    assert worker.grab_handle() == handle


def test_a_payload_where_none_belongs_is_ignored(world: World) -> None:
    """GRAB_JOB with a payload is GRAB_JOB."""
    handle = world.connect().submit(data=b"d")
    worker = world.worker()

    worker.raw(b"\0REQ" + GRAB_JOB.to_bytes(4, "big") + (3).to_bytes(4, "big") + b"abc")

    assert worker.received() == [Packet(JOB_ASSIGN, (handle, b"f", b"d"))]


def test_big_data_passes_through_uncopied(world: World) -> None:
    """The very bytes that came in are a piece of their own on the way out."""
    data = b"x" * 100_000
    client, worker = world.connect(), world.worker()
    client.submit(data=data)

    worker.send(GRAB_JOB)

    pieces = worker.peer.take_output()
    assert [len(piece) for piece in pieces][1:] == [len(data)]
    assert pieces[1] is world.engine._jobs.by_handle[b"H:test:1"].data
