"""One connection as a worker sees it."""

from __future__ import annotations

import pytest

from geartrain.errors import LocalProtocolError
from geartrain.protocol.packets import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
    Packet,
)
from geartrain.roles.events import (
    Assigned,
    Echoed,
    Event,
    Ignored,
    LateResult,
    NoJob,
    Noop,
    OptionAccepted,
    Refused,
    ServerError,
)
from geartrain.roles.worker import WorkerRole

HANDLE = b"H:vm:1"


def packet(number: int, *arguments: bytes) -> Packet:
    return Packet(number, arguments)


def busy_worker() -> WorkerRole:
    """A worker that has been assigned one job."""
    role = WorkerRole()
    role.grab()
    role.receive(packet(JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"data"))
    role.drain()
    return role


def test_registration_is_sent_in_order() -> None:
    """Timeouts go out in milliseconds, rounded up."""
    role = WorkerRole()

    role.set_client_id(b"me")
    role.reset_abilities()
    role.can_do(b"f")
    role.can_do(b"g", 1.5)
    role.can_do(b"h", 0.0001)
    role.cant_do(b"f")
    role.set_option("o", b"exceptions")
    role.echo("e", b"x")

    assert role.drain() == [
        packet(SET_CLIENT_ID, b"me"),
        packet(RESET_ABILITIES),
        packet(CAN_DO, b"f"),
        packet(CAN_DO_TIMEOUT, b"g", b"1500"),
        packet(CAN_DO_TIMEOUT, b"h", b"1"),
        packet(CANT_DO, b"f"),
        packet(OPTION_REQ, b"exceptions"),
        packet(ECHO_REQ, b"x"),
    ]


def test_a_zero_byte_in_a_function_with_a_timeout_is_refused() -> None:
    """It would end the name."""
    with pytest.raises(LocalProtocolError):
        WorkerRole().can_do(b"f\0", 1)


@pytest.mark.parametrize("grab_packet", [GRAB_JOB, GRAB_JOB_UNIQ, GRAB_JOB_ALL])
def test_only_one_grab_is_under_way(grab_packet: int) -> None:
    """A second one would be answered with a second job."""
    role = WorkerRole(grab_packet)

    role.grab()
    role.grab()

    assert role.drain() == [packet(grab_packet)]
    assert role.grabbing


def test_a_worker_sleeps_once_until_it_is_woken() -> None:
    """NOOP wakes it; then it may sleep again."""
    role = WorkerRole()
    role.sleep()
    role.sleep()
    assert role.drain() == [packet(PRE_SLEEP)]

    events = role.receive(packet(NOOP))
    role.sleep()

    assert events == [Noop()]
    assert role.drain() == [packet(PRE_SLEEP)]


def test_a_worker_that_waits_for_a_job_does_not_sleep() -> None:
    """The answer to the grab decides."""
    role = WorkerRole()
    role.grab()
    role.drain()

    role.sleep()

    assert role.drain() == []


def test_a_new_function_is_only_looked_at_after_sleeping_anew() -> None:
    """The server does not wake a sleeping worker for jobs that were there before the registration."""
    role = WorkerRole()
    role.sleep()
    role.can_do(b"f")
    role.drain()

    role.sleep()

    assert role.drain() == [packet(PRE_SLEEP)]


def test_no_job_ends_the_grab() -> None:
    """The next grab is sent again."""
    role = WorkerRole()
    role.grab()

    assert role.receive(packet(NO_JOB)) == [NoJob()]
    assert not role.grabbing


@pytest.mark.parametrize(
    ("received", "event"),
    [
        (packet(JOB_ASSIGN, HANDLE, b"f", b"data"), Assigned(HANDLE, b"f", b"", b"", b"data")),
        (packet(JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"data"), Assigned(HANDLE, b"f", b"u", b"", b"data")),
        (
            packet(JOB_ASSIGN_ALL, HANDLE, b"f", b"u", b"r", b"data"),
            Assigned(HANDLE, b"f", b"u", b"r", b"data"),
        ),
    ],
)
def test_an_assigned_job_is_reported_and_kept(received: Packet, event: Event) -> None:
    """Each kind of grab is answered with more or less about the job."""
    role = WorkerRole()
    role.grab()

    assert role.receive(received) == [event]
    assert role.jobs == [HANDLE]
    assert not role.grabbing


def test_a_worker_can_hold_several_jobs() -> None:
    """It grabs again after each assignment."""
    role = busy_worker()

    role.grab()
    role.receive(packet(JOB_ASSIGN_UNIQ, b"H:vm:2", b"f", b"u", b"data"))

    assert role.jobs == [HANDLE, b"H:vm:2"]


def test_reports_are_sent_while_the_job_goes_on() -> None:
    """A progress is sent in whole numbers of the same ratio."""
    role = busy_worker()

    role.send_data(HANDLE, b"x\0")
    role.send_warning(HANDLE, b"y")
    role.send_status(HANDLE, 3.0, 7)
    role.send_status(HANDLE, 0.5, 1)

    assert role.drain() == [
        packet(WORK_DATA, HANDLE, b"x\0"),
        packet(WORK_WARNING, HANDLE, b"y"),
        packet(WORK_STATUS, HANDLE, b"3", b"7"),
        packet(WORK_STATUS, HANDLE, b"500", b"1000"),
    ]
    assert role.jobs == [HANDLE]


def test_a_final_report_ends_the_job() -> None:
    """All three kinds do."""
    complete, fail, exception = busy_worker(), busy_worker(), busy_worker()

    complete.complete(HANDLE, b"r")
    fail.fail(HANDLE)
    exception.send_exception(HANDLE, b"why")

    assert complete.drain() == [packet(WORK_COMPLETE, HANDLE, b"r")]
    assert fail.drain() == [packet(WORK_FAIL, HANDLE)]
    assert exception.drain() == [packet(WORK_EXCEPTION, HANDLE, b"why")]
    assert [complete.jobs, fail.jobs, exception.jobs] == [[], [], []]


def test_a_final_report_for_an_unknown_job_is_sent_as_well() -> None:
    """The server says what it thinks of it."""
    role = WorkerRole()

    role.fail(HANDLE)

    assert role.drain() == [packet(WORK_FAIL, HANDLE)]


def test_a_late_result_is_an_event_and_no_error_of_the_connection() -> None:
    """Even if an option waits for its answer: it is not what the ERROR is about."""
    role = busy_worker()
    role.set_option("o", b"exceptions")

    assert role.receive(packet(ERROR, b"JOB_NOT_FOUND", b"gone")) == [LateResult("gone")]
    assert role.receive(packet(OPTION_RES, b"exceptions")) == [OptionAccepted("o", b"exceptions")]


def test_an_error_refuses_the_oldest_question() -> None:
    """Without one, it is only reported."""
    role = WorkerRole()
    role.set_option("o", b"nonsense")
    error = packet(ERROR, b"UNKNOWN_OPTION", b"no")

    assert role.receive(error) == [Refused("o", OPTION_REQ, "UNKNOWN_OPTION", "no")]
    assert role.receive(error) == [ServerError("UNKNOWN_OPTION", "no")]


def test_a_server_without_a_kind_of_grab_is_asked_with_the_older_one() -> None:
    """From then on; without an answer the worker would wait for ever."""
    role = WorkerRole(GRAB_JOB_ALL)
    refused = packet(ERROR, b"INVALID_COMMAND", b"Command not expected")
    role.grab()
    role.drain()

    for older in (GRAB_JOB_UNIQ, GRAB_JOB):
        assert role.receive(refused) == []
        assert role.drain() == [packet(older)]
    role.receive(packet(NO_JOB))
    role.grab()

    assert role.drain() == [packet(GRAB_JOB)]
    assert role.receive(refused) == [ServerError("INVALID_COMMAND", "Command not expected")]


def test_an_answer_goes_to_the_first_question_of_its_kind() -> None:
    """Those before it will not be answered any more."""
    role = WorkerRole()
    role.set_option("o", b"exceptions")
    role.echo("e", b"x")

    assert role.receive(packet(ECHO_RES, b"x")) == [Echoed("e", b"x")]
    assert role.receive(packet(OPTION_RES, b"exceptions")) == [OptionAccepted(None, b"exceptions")]


def test_a_lost_connection_names_its_jobs_and_forgets_the_rest() -> None:
    """The driver tells the callbacks that nobody waits for their results."""
    role = busy_worker()
    role.echo("e", b"x")
    role.grab()

    assert role.lost() == [HANDLE]
    assert role.lost() == []
    assert role.drain() == []
    assert not role.grabbing


def test_a_packet_for_clients_concerns_nobody() -> None:
    """A worker submits nothing."""
    received = packet(JOB_CREATED, HANDLE)

    assert WorkerRole().receive(received) == [Ignored(received)]
