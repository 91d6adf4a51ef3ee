"""One connection as a client sees it."""

from __future__ import annotations

import pytest

from geartrain.errors import LocalProtocolError
from geartrain.protocol.packets import (
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    JOB_CREATED,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
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
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
    Packet,
)
from geartrain.roles.client import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NORMAL, ClientRole
from geartrain.roles.events import (
    Completed,
    Created,
    Data,
    Echoed,
    Event,
    Exception_,
    Failed,
    Ignored,
    Lost,
    OptionAccepted,
    Progress,
    Refused,
    ServerError,
    StatusReport,
    Unanswered,
    UniqueStatusReport,
    Warning_,
)

HANDLE = b"H:vm:1"


def packet(number: int, *arguments: bytes) -> Packet:
    return Packet(number, arguments)


def created_job(*tokens: str) -> ClientRole:
    """A client whose submissions by these tokens were merged into one job with the handle HANDLE."""
    role = ClientRole()
    for token in tokens:
        role.submit(token, b"f", b"u", b"")
    for _ in tokens:
        role.receive(packet(JOB_CREATED, HANDLE))
    role.drain()
    return role


@pytest.mark.parametrize(
    ("priority", "background", "number"),
    [
        (PRIORITY_HIGH, False, SUBMIT_JOB_HIGH),
        (PRIORITY_NORMAL, False, SUBMIT_JOB),
        (PRIORITY_LOW, False, SUBMIT_JOB_LOW),
        (PRIORITY_HIGH, True, SUBMIT_JOB_HIGH_BG),
        (PRIORITY_NORMAL, True, SUBMIT_JOB_BG),
        (PRIORITY_LOW, True, SUBMIT_JOB_LOW_BG),
    ],
)
def test_priority_and_background_choose_the_packet(priority: int, background: bool, number: int) -> None:
    """There is one packet for each of the six kinds of submission."""
    role = ClientRole()

    role.submit("a", b"f", b"u", b"data", priority, background)

    assert role.drain() == [packet(number, b"f", b"u", b"data")]


def test_requests_are_drained_once_and_in_order() -> None:
    """Every kind of request becomes its packet; what was drained is the driver's."""
    role = ClientRole()

    role.submit_epoch("a", b"f", b"u", b"data", 1234)
    role.submit_sched("b", b"f", b"u", b"data", (b"0", b"12", b"", b"", b"1"))
    role.submit_reduce("c", b"f", b"u", b"r", b"data")
    role.submit_reduce("d", b"f", b"u", b"r", b"data", background=True)
    role.query_status("e", HANDLE)
    role.query_status_by_unique("f", b"u")
    role.set_option("g", b"exceptions")
    role.echo("h", b"x\0y")

    assert role.drain() == [
        packet(SUBMIT_JOB_EPOCH, b"f", b"u", b"1234", b"data"),
        packet(SUBMIT_JOB_SCHED, b"f", b"u", b"0", b"12", b"", b"", b"1", b"data"),
        packet(SUBMIT_REDUCE_JOB, b"f", b"u", b"r", b"", b"data"),
        packet(SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"u", b"r", b"", b"data"),
        packet(GET_STATUS, HANDLE),
        packet(GET_STATUS_UNIQUE, b"u"),
        packet(OPTION_REQ, b"exceptions"),
        packet(ECHO_REQ, b"x\0y"),
    ]
    assert role.drain() == []


def test_a_zero_byte_in_a_name_is_refused_before_anything_waits_for_an_answer() -> None:
    """Otherwise the next submission's answer would be taken for that of the one never sent."""
    role = ClientRole()

    with pytest.raises(LocalProtocolError, match="SUBMIT_JOB unique holds a zero byte"):
        role.submit("a", b"f", b"u\0", b"data")

    assert role.drain() == []
    assert role.pending() == []


def test_handles_go_to_submissions_by_order() -> None:
    """JOB_CREATED does not say what it answers."""
    role = ClientRole()
    role.submit("a", b"f", b"1", b"")
    role.submit("b", b"f", b"2", b"")

    events = role.receive(packet(JOB_CREATED, b"H:1")) + role.receive(packet(JOB_CREATED, b"H:2"))

    assert events == [Created("a", b"H:1"), Created("b", b"H:2")]


def test_an_error_refuses_the_oldest_request() -> None:
    """ERROR does not say what it answers either."""
    role = ClientRole()
    role.submit("a", b"f", b"1", b"")
    role.submit("b", b"f", b"2", b"")

    events = role.receive(packet(ERROR, b"QUEUE_ERROR", b"Job queue is full"))

    assert events == [Refused("a", SUBMIT_JOB, "QUEUE_ERROR", "Job queue is full")]
    assert role.pending() == ["b"]


def test_an_error_for_an_option_leaves_the_submission_behind_it_alone() -> None:
    """A server without the option refuses it first, and then accepts the job."""
    role = ClientRole()
    role.set_option("o", b"exceptions")
    role.submit("a", b"f", b"1", b"")

    events = role.receive(packet(ERROR, b"UNKNOWN_OPTION", b"no")) + role.receive(packet(JOB_CREATED, HANDLE))

    assert events == [Refused("o", OPTION_REQ, "UNKNOWN_OPTION", "no"), Created("a", HANDLE)]


def test_an_error_that_answers_nothing_is_reported_as_such() -> None:
    """There is nothing that it could refuse."""
    assert ClientRole().receive(packet(ERROR, b"X", b"text")) == [ServerError("X", "text")]


def test_a_question_that_was_passed_over_is_given_up() -> None:
    """Servers answer in order, but not always: the C server ignores a status with a long handle."""
    role = ClientRole()
    role.set_option("o", b"exceptions")
    role.query_status("s", b"H:9")
    role.submit("a", b"f", b"1", b"")

    events = role.receive(packet(JOB_CREATED, HANDLE))

    assert events == [Unanswered("o", OPTION_REQ), Unanswered("s", GET_STATUS), Created("a", HANDLE)]


def test_a_submission_is_not_given_up_when_a_later_question_is_answered() -> None:
    """Losing a job would be worse than waiting for it."""
    role = ClientRole()
    role.submit("a", b"f", b"1", b"")
    role.submit("b", b"f", b"2", b"")
    role.query_status("s", b"H:9")

    events = role.receive(packet(STATUS_RES, b"H:9", b"1", b"0", b"0", b"0"))

    assert events == [StatusReport("s", b"H:9", True, False, 0, 0)]
    assert role.pending() == ["a", "b"]


UPDATES = [
    (packet(WORK_DATA, HANDLE, b"x"), Data("a", HANDLE, b"x")),
    (packet(WORK_WARNING, HANDLE, b"x"), Warning_("a", HANDLE, b"x")),
    (packet(WORK_STATUS, HANDLE, b"3", b"7"), Progress("a", HANDLE, 3, 7)),
    (packet(WORK_STATUS, HANDLE, b"0.5", b"1"), Progress("a", HANDLE, 500, 1000)),
    (packet(WORK_STATUS, HANDLE, b"abc", b""), Progress("a", HANDLE, 0, 0)),
]
ENDINGS = [
    (packet(WORK_COMPLETE, HANDLE, b"r"), Completed("a", HANDLE, b"r")),
    (packet(WORK_FAIL, HANDLE), Failed("a", HANDLE)),
    (packet(WORK_FAIL, HANDLE + b"\0"), Failed("a", HANDLE)),
    (packet(WORK_EXCEPTION, HANDLE, b"why"), Exception_("a", HANDLE, b"why")),
]


@pytest.mark.parametrize(("received", "event"), UPDATES)
def test_updates_are_reported_while_the_job_goes_on(received: Packet, event: Event) -> None:
    """Data, warnings and progress may come any number of times."""
    role = created_job("a")

    assert role.receive(received) == [event]
    assert role.receive(received) == [event]
    assert role.running() == ["a"]


@pytest.mark.parametrize(("received", "event"), ENDINGS)
def test_a_final_packet_ends_the_job(received: Packet, event: Event) -> None:
    """What comes for its handle later concerns nobody, such as WORK_FAIL behind WORK_EXCEPTION."""
    role = created_job("a")

    assert role.receive(received) == [event]
    assert role.running() == []
    late = packet(WORK_FAIL, HANDLE)
    assert role.receive(late) == [Ignored(late)]


@pytest.mark.parametrize("received", [row[0] for row in [*UPDATES, *ENDINGS]])
def test_an_unknown_handle_concerns_nobody(received: Packet) -> None:
    """Late packets are normal: for jobs given up, ended, or of another client's handle."""
    assert ClientRole().receive(received) == [Ignored(received)]


def test_a_background_job_is_over_when_it_is_accepted() -> None:
    """Nothing is kept for it, however many are submitted."""
    role = ClientRole()
    role.submit("a", b"f", b"u", b"", background=True)

    events = role.receive(packet(JOB_CREATED, HANDLE))

    assert events == [Created("a", HANDLE)]
    assert role.running() == []
    assert role.lost() == []


def test_a_background_job_that_was_merged_into_a_foreground_job_hears_nothing() -> None:
    """The server attaches no client for it."""
    role = created_job("a")
    role.submit("b", b"f", b"u", b"", background=True)
    role.receive(packet(JOB_CREATED, HANDLE))

    assert role.receive(packet(WORK_COMPLETE, HANDLE, b"r")) == [Completed("a", HANDLE, b"r")]


def test_merged_submissions_see_each_packet_once() -> None:
    """The server sends each packet once for each of them."""
    role = created_job("a", "b")
    events: list[Event] = []

    for data in (b"1", b"1", b"2", b"2"):
        events += role.receive(packet(WORK_DATA, HANDLE, data))

    assert events == [
        Data("a", HANDLE, b"1"),
        Data("b", HANDLE, b"1"),
        Data("a", HANDLE, b"2"),
        Data("b", HANDLE, b"2"),
    ]


def test_merged_submissions_all_end_at_the_first_final_packet() -> None:
    """Its other copies are ignored."""
    role = created_job("a", "b")
    final = packet(WORK_COMPLETE, HANDLE, b"r")

    assert role.receive(final) == [Completed("a", HANDLE, b"r"), Completed("b", HANDLE, b"r")]
    assert role.receive(final) == [Ignored(final)]


def test_a_submission_that_is_merged_later_gets_what_comes_later() -> None:
    """The copies are dealt out from the first submission on again."""
    role = created_job("a")
    role.receive(packet(WORK_DATA, HANDLE, b"1"))
    role.submit("b", b"f", b"u", b"")
    role.receive(packet(JOB_CREATED, HANDLE))

    events = role.receive(packet(WORK_DATA, HANDLE, b"2")) + role.receive(packet(WORK_DATA, HANDLE, b"2"))

    assert events == [Data("a", HANDLE, b"2"), Data("b", HANDLE, b"2")]


def test_a_forgotten_submission_hears_nothing_and_takes_nothing_from_others() -> None:
    """The server goes on sending copies for it."""
    role = created_job("a", "b")
    role.forget("a")

    events = role.receive(packet(WORK_DATA, HANDLE, b"1")) + role.receive(packet(WORK_DATA, HANDLE, b"1"))

    assert events == [Data("b", HANDLE, b"1")]
    assert role.receive(packet(WORK_COMPLETE, HANDLE, b"r")) == [Completed("b", HANDLE, b"r")]


def test_a_forgotten_submission_keeps_its_place_in_the_line() -> None:
    """Its answer still comes, and must not go to the next one."""
    role = ClientRole()
    for token in ("a", "b", "c"):
        role.submit(token, b"f", b"", b"")
    role.forget("a")
    role.forget("b")

    assert role.receive(packet(JOB_CREATED, b"H:1")) == []
    assert role.receive(packet(ERROR, b"X", b"")) == []
    assert role.receive(packet(JOB_CREATED, b"H:3")) == [Created("c", b"H:3")]
    assert role.pending() == []


def test_a_forgotten_question_is_not_reported_as_unanswered() -> None:
    """Nobody waits for it."""
    role = ClientRole()
    role.query_status("s", HANDLE)
    role.submit("a", b"f", b"", b"")
    role.forget("s")

    assert role.receive(packet(JOB_CREATED, HANDLE)) == [Created("a", HANDLE)]


def test_a_handle_without_a_submission_concerns_nobody() -> None:
    """The driver decides whether to trust such a server."""
    role = ClientRole()
    role.echo("e", b"x")
    received = packet(JOB_CREATED, HANDLE)

    assert role.receive(received) == [Ignored(received)]


def test_status_reports_are_matched_by_handle() -> None:
    """A handle may be asked for with a zero byte behind it."""
    role = ClientRole()
    role.query_status("a", b"H:1\0")
    role.query_status("b", b"H:2")

    first = role.receive(packet(STATUS_RES, b"H:1", b"1", b"1", b"3", b"7"))
    second = role.receive(packet(STATUS_RES, b"H:2", b"0", b"0", b"0", b"0"))

    assert first == [StatusReport("a", b"H:1", True, True, 3, 7)]
    assert second == [StatusReport("b", b"H:2", False, False, 0, 0)]


def test_a_status_that_nobody_asked_for_has_no_token() -> None:
    """It is reported all the same: the handle says what it is about."""
    events = ClientRole().receive(packet(STATUS_RES, HANDLE, b"1", b"1", b"1", b"2"))

    assert events == [StatusReport(None, HANDLE, True, True, 1, 2)]


def test_a_status_by_unique_tells_how_many_wait() -> None:
    """It names the unique, not the handle."""
    role = ClientRole()
    role.query_status_by_unique("a", b"u")

    events = role.receive(packet(STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"4"))

    assert events == [UniqueStatusReport("a", b"u", True, False, 0, 0, 4)]


def test_options_and_echoes_are_answered() -> None:
    """Each goes to the first that asked."""
    role = ClientRole()
    role.set_option("o", b"exceptions")
    role.echo("e", b"x")

    assert role.receive(packet(OPTION_RES, b"exceptions")) == [OptionAccepted("o", b"exceptions")]
    assert role.receive(packet(ECHO_RES, b"x")) == [Echoed("e", b"x")]


def test_a_lost_connection_tells_what_it_leaves_open() -> None:
    """Accepted submissions with their handle, others without, and questions."""
    role = created_job("a", "b", "forgotten")
    role.submit("c", b"f", b"", b"")
    role.submit("forgotten", b"f", b"", b"")
    role.query_status("s", HANDLE)
    role.forget("forgotten")

    events = role.lost()

    assert events == [Lost("a", HANDLE), Lost("b", HANDLE), Lost("c", b""), Unanswered("s", GET_STATUS)]
    assert role.lost() == []
    assert role.drain() == []


def test_a_packet_for_workers_concerns_nobody() -> None:
    """A client cannot be woken."""
    assert ClientRole().receive(packet(NOOP)) == [Ignored(packet(NOOP))]
