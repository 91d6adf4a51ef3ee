"""What connections may do where not everybody may do everything."""

from __future__ import annotations

import time

import pytest

from geartrain.engine import EngineOptions
from geartrain.engine.access import Access
from geartrain.engine.admin import COMMANDS, KEEP_RUNNING, STOP_NOW
from geartrain.engine.notices import WARNING
from geartrain.protocol.packets import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    SET_CLIENT_ID,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
    SUBMIT_JOB_SCHED,
    SUBMIT_REDUCE_JOB,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    WORK_COMPLETE,
    Packet,
)
from tests.engine.world import Connection, World

NOTHING = Access()

PLAIN_SUBMISSIONS = (
    *(SUBMIT_JOB, SUBMIT_JOB_HIGH, SUBMIT_JOB_LOW),
    *(SUBMIT_JOB_BG, SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW_BG),
)
# Every packet that submits, with its arguments.
SUBMISSIONS = {
    **dict.fromkeys(PLAIN_SUBMISSIONS, (b"f", b"u", b"")),
    SUBMIT_JOB_EPOCH: (b"f", b"u", b"0", b""),
    SUBMIT_JOB_SCHED: (b"f", b"u", b"", b"", b"", b"", b"", b""),
    SUBMIT_REDUCE_JOB: (b"f", b"u", b"r", b"", b""),
    SUBMIT_REDUCE_JOB_BACKGROUND: (b"f", b"u", b"r", b"", b""),
}


def may_not(what: bytes) -> Packet:
    return Packet(ERROR, (b"NOT_ALLOWED", b"This connection may not " + what))


def functions(world: World) -> list[bytes]:
    return list(world.engine._jobs.functions)


# --- patterns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        (b"f", [b"f"], [b"", b"F", b"ff", b"f\n"]),
        (b"*", [b"", b"f", b"a b\n\xff\0"], []),
        (b"", [b""], [b"f"]),
        (b"a*", [b"a", b"ab", b"a\nb"], [b"", b"ba"]),
        (b"*a", [b"a", b"ba", b"aba"], [b"", b"ab"]),
        (b"a*a", [b"aa", b"aba", b"aaa"], [b"a", b"ab"]),
        (b"*ab*", [b"ab", b"aab", b"xabx", b"abab"], [b"a b", b"ba"]),
        (b"a*b*c", [b"abc", b"axbxc", b"abbcbc"], [b"acb", b"ab", b"bc"]),
        (b"*a*a", [b"aa", b"xaxa"], [b"a", b"aax"]),
        (b"**", [b"", b"f"], []),
        (b"?", [b"a", b"?", b"\n"], [b"", b"ab"]),
        (b"a?*", [b"ab", b"abc"], [b"a"]),
        (b"a.[b]+$|c", [b"a.[b]+$|c"], [b"a", b"c", b"axbb"]),
        (rb"\?", [rb"\x"], [b"?", rb"\xy"]),
        (b"\xff*", [b"\xff", b"\xff\xfe"], [b"\xfe"]),
    ],
)
def test_a_star_stands_for_any_bytes_and_a_question_mark_for_one(
    pattern: bytes, fitting: list[bytes], others: list[bytes]
) -> None:
    """All else stands for itself, in the same letter case."""
    access = Access(submit=[pattern])

    assert [name for name in fitting + others if access.may_submit(name)] == fitting


def test_of_several_patterns_one_has_to_fit() -> None:
    """Each list is for itself."""
    access = Access(submit=[b"a", b"b*"], work=[b"c"], admin=[b"show *", b"status"])

    assert [name for name in (b"a", b"b", b"bb", b"ab", b"c") if access.may_submit(name)] == [
        b"a",
        b"b",
        b"bb",
    ]
    assert [name for name in (b"a", b"c") if access.may_work(name)] == [b"c"]
    assert [name for name in COMMANDS if access.may_administer(name)] == [
        *(b"status", b"show jobs", b"show unique jobs")
    ]


def test_no_name_makes_a_pattern_slow() -> None:
    """Whoever may connect chooses the name; an expression that tries everything would take years."""
    access = Access(submit=[b"*a*a*a*a*a*a*a*b"])
    begin = time.monotonic()

    assert not access.may_submit(b"a" * 8192)

    assert time.monotonic() - begin < 1


# --- submitting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SUBMISSIONS)
def test_a_submission_that_is_not_allowed_is_refused_and_leaves_nothing(world: World, number: int) -> None:
    """The function is named; not even a record of it is made."""
    client = world.connect(Access(submit=[b"g"], work=[b"*"], admin=[b"*"]))

    assert client.ask(number, *SUBMISSIONS[number]) == may_not(b"submit to the function 'f'")
    assert functions(world) == []


@pytest.mark.parametrize("number", SUBMISSIONS)
def test_a_submission_that_is_allowed_is_taken(world: World, number: int) -> None:
    """It needs no other right."""
    client = world.connect(Access(submit=[b"f"]))

    client.send(number, *SUBMISSIONS[number])

    assert functions(world) == [b"f"]


def test_a_refused_submission_joins_no_job_and_does_not_tell_that_there_is_one(world: World) -> None:
    """The answer is the same, and nobody waits for the job."""
    world.connect().submit(b"f", b"u")
    client = world.connect(NOTHING)

    assert client.ask(SUBMIT_JOB, b"f", b"u", b"") == client.ask(SUBMIT_JOB, b"f", b"v", b"")
    assert client.peer.waiting_for == {}
    # Nor whether its unique would have done.
    assert client.ask(SUBMIT_JOB, b"f", b"u" * 65, b"") == may_not(b"submit to the function 'f'")


def test_a_long_name_is_not_repeated_in_full(world: World) -> None:
    """Its length is."""
    answer = world.connect(NOTHING).ask(SUBMIT_JOB, b"f\n" * 4000, b"", b"")

    assert isinstance(answer, Packet)
    assert len(answer.arguments[1]) < 300
    assert answer.arguments[1].endswith("… (8000 bytes)".encode())


def test_the_answers_of_refused_and_accepted_submissions_keep_their_order() -> None:
    """Clients match them by it, also while the store takes its time."""
    world = World(EngineOptions(handle_prefix=b"H", durable=True))
    client = world.connect(Access(submit=[b"f"]))
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.send(SUBMIT_JOB_BG, b"g", b"", b"")
    assert client.received() == []

    world.engine.committed(1, world.now)

    created, refused = client.received()
    assert isinstance(created, Packet)
    assert created.arguments == (b"H:1",)
    assert refused == may_not(b"submit to the function 'g'")


# --- working ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "more"), [(CAN_DO, ()), (CAN_DO_TIMEOUT, (b"1000",))])
def test_a_registration_that_is_not_allowed_is_refused(world: World, number: int, more: tuple[bytes]) -> None:
    """So the connection never gets a job of that function; no record of it is made."""
    worker = world.connect(Access(submit=[b"*"], work=[b"g"], admin=[b"*"]))

    assert worker.ask(number, b"f", *more) == may_not(b"work on the function 'f'")
    assert functions(world) == []
    world.connect().submit(b"f")
    assert worker.grab().number == NO_JOB


def test_a_worker_runs_the_jobs_of_the_functions_it_may(world: World) -> None:
    """Everything about a job it has follows from that."""
    worker = world.connect(Access(work=[b"f"])).can_do(b"f").sleep()
    client = world.connect()
    client.send(SUBMIT_JOB, b"f", b"", b"")

    assert worker.received() == [Packet(NOOP)]
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert [answer.number for answer in client.received() if isinstance(answer, Packet)] == [8, WORK_COMPLETE]


# --- what everybody may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "arguments", "answers"),
    [
        (ECHO_REQ, (b"x",), [Packet(ECHO_RES, (b"x",))]),
        (OPTION_REQ, (b"exceptions",), [Packet(OPTION_RES, (b"exceptions",))]),
        (SET_CLIENT_ID, (b"me",), []),
        (CANT_DO, (b"f",), []),
        (PRE_SLEEP, (), []),
        (GRAB_JOB, (), [Packet(NO_JOB)]),
    ],
)
def test_what_gives_no_rights_needs_none(
    world: World, number: int, arguments: tuple[bytes, ...], answers: list[Packet]
) -> None:
    """Somebody who may do nothing can still look whether the server is there."""
    connection = world.connect(NOTHING)

    connection.send(number, *arguments)

    assert connection.received() == answers
    assert functions(world) == []


# --- questions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "known"),
    [
        (None, b"1"),
        (Access(submit=[b"f"]), b"1"),
        (Access(work=[b"f"]), b"1"),
        (Access(submit=[b"g"], work=[b"g"], admin=[b"*"]), b"0"),
    ],
)
def test_a_job_is_known_to_those_who_may_submit_to_its_function_or_work_on_it(
    world: World, access: Access | None, known: bytes
) -> None:
    """To others it is as if it were not there."""
    handle = world.connect().submit(b"f", b"u")
    connection = world.connect(access)

    status = connection.ask(GET_STATUS, handle)
    by_unique = connection.ask(GET_STATUS_UNIQUE, b"u")

    assert status == Packet(STATUS_RES, (handle, known, b"0", b"0", b"0"))
    assert by_unique == Packet(STATUS_RES_UNIQUE, (b"u", known, b"0", b"0", b"0", known))


def test_a_unique_in_a_function_of_others_does_not_hide_the_own_one(world: World) -> None:
    """Although that one was submitted later."""
    mine = world.connect(Access(submit=[b"f"]))
    mine.submit(b"f", b"u")
    mine.submit(b"f", b"u")
    world.connect().submit(b"g", b"u")

    answer = mine.ask(GET_STATUS_UNIQUE, b"u")

    assert isinstance(answer, Packet)
    assert answer.arguments[-1] == b"2"


# --- commands -----------------------------------------------------------------------------------------------

# Each command in a line that would do something.
LINES = {
    b"maxqueue": b"maxqueue f 1",
    b"create function": b"create function f",
    b"drop function": b"drop function f",
    b"cancel job": b"cancel job H:test:1",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_not_allowed_is_refused_by_name(command: bytes) -> None:
    """Whatever the letter case, and even if all others are allowed."""
    world = World(EngineOptions(allow_shutdown=True))
    others = [other for other in COMMANDS if other != command]
    connection = world.connect(Access(submit=[b"*"], work=[b"*"], admin=others))

    answer = connection.admin(LINES.get(command, command).upper())

    assert answer == [b"ERR NOT_ALLOWED This+connection+may+not+use+" + command.replace(b" ", b"+")]
    assert functions(world) == []
    assert not world.engine.stop_requested


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_allowed_is_answered(command: bytes) -> None:
    """As ever."""
    world = World(EngineOptions(allow_shutdown=True))

    answer = world.connect(Access(admin=[command])).admin(LINES.get(command, command))

    assert not answer[0].startswith(b"ERR NOT_ALLOWED")
    assert world.engine.stop_requested == (STOP_NOW if command == b"shutdown" else KEEP_RUNNING)


@pytest.mark.parametrize(
    "line", [b"", b"help", b"show", b"show me", b"list", b"cancel", b"create f", b"a b c d e f"]
)
def test_what_is_no_command_is_answered_as_ever(world: World, line: bytes) -> None:
    """There is nothing to be allowed."""
    assert world.connect(NOTHING).admin(line) == world.connect().admin(line)


# --- the log ------------------------------------------------------------------------------------------------


def test_what_is_refused_is_said_in_the_log_once_for_each_connection(world: World) -> None:
    """With what was tried first."""
    connection = world.connect(NOTHING)
    for _ in range(3):
        connection.ask(SUBMIT_JOB, b"f", b"", b"")
        connection.ask(CAN_DO, b"f")
        connection.admin(b"status")

    [notice] = world.notices()

    assert (notice.level, notice.event) == (WARNING, "not allowed")
    assert notice.fields == {
        "peer": b"127.0.0.1",
        "listener": b"",
        "text": "This connection may not submit to the function 'f'",
    }


def test_the_log_says_who_it_was_and_where_that_was(world: World) -> None:
    """That is what the rules go by."""
    peer = world.engine.connect(5, b"::1", world.now, b"tls://[::1]:1", b"CN=x", NOTHING)

    world.engine.receive(peer, Packet(CAN_DO, (b"f",)), world.now)

    [notice] = world.notices()
    assert notice.fields["subject"] == b"CN=x"
    assert notice.fields["listener"] == b"tls://[::1]:1"


# --- new rules ----------------------------------------------------------------------------------------------


def set_access(world: World, connection: Connection, access: Access | None) -> None:
    world.engine.set_access(connection.peer, access, world.now)


def test_new_rules_take_registrations_back_and_let_running_jobs_finish(world: World) -> None:
    """The worker hears nothing of it: an ERROR that answers nothing would confuse it."""
    worker = world.connect().can_do(b"f", b"g")
    client = world.connect()
    client.submit(b"f")
    handle = worker.grab_handle()
    client.submit(b"f")
    client.received()

    set_access(world, worker, Access(work=[b"g"]))

    assert list(worker.peer.ability_by_name) == [b"g"]
    assert worker.received() == []
    assert worker.grab().number == NO_JOB
    worker.send(WORK_COMPLETE, handle, b"r")
    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_a_sleeper_is_not_woken_for_what_it_may_do_no_longer(world: World) -> None:
    """But for the rest."""
    worker = world.sleeper(b"f", b"g")
    set_access(world, worker, Access(work=[b"g"]))
    client = world.connect()

    client.submit(b"f")
    assert worker.received() == []
    client.submit(b"g")

    assert worker.received() == [Packet(NOOP)]


def test_new_rules_hold_for_what_comes_next(world: World) -> None:
    """Rights come and go; None gives all of them."""
    client = world.connect()
    set_access(world, client, NOTHING)
    assert client.ask(SUBMIT_JOB, b"f", b"", b"") == may_not(b"submit to the function 'f'")
    set_access(world, client, Access(submit=[b"f"]))
    client.submit(b"f")
    set_access(world, client, None)

    client.submit(b"g")

    assert functions(world) == [b"f", b"g"]


def test_new_rules_leave_what_is_allowed_as_it_is(world: World) -> None:
    """A client goes on waiting for what it submitted, even if it may not submit it any more."""
    client = world.connect()
    handle = client.submit(b"f")
    worker = world.sleeper(b"f")
    set_access(world, client, NOTHING)
    set_access(world, worker, Access(work=[b"*"]))

    worker.received()
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]


def test_after_new_rules_the_log_says_again_what_is_refused(world: World) -> None:
    """Once for each set of rules."""
    connection = world.connect(NOTHING)
    connection.ask(CAN_DO, b"f")

    set_access(world, connection, NOTHING)
    connection.ask(CAN_DO, b"f")

    assert len(world.notices()) == 2
