"""The administrator's side of one connection."""

from __future__ import annotations

import pytest

from geartrain.errors import LocalProtocolError, ProtocolError
from geartrain.protocol.codec import MAX_LINE_BYTES, AdminLine, Fault
from geartrain.protocol.packets import ECHO_REQ, ECHO_RES, JOB_CREATED, Packet
from geartrain.roles.admin import AdminRole, Answered, CommandRefused, UnexpectedLine, command_line
from geartrain.roles.events import Echoed, Event, Ignored


def receive_lines(role: AdminRole, *lines: bytes) -> list[Event]:
    return [event for line in lines for event in role.receive(AdminLine(line))]


# --- asking -------------------------------------------------------------------------------------------


def test_requests_are_drained_in_order_and_once() -> None:
    """Text and packets keep the order in which they were asked."""
    role = AdminRole()
    role.ask("a", b"status")
    role.echo("b", b"x")

    assert role.drain() == [AdminLine(b"status"), Packet(ECHO_REQ, (b"x",))]
    assert role.drain() == []
    assert role.waiting == 2


@pytest.mark.parametrize("command", [b"status\nshutdown", b"status\r", b"sta\0tus", b"x" * MAX_LINE_BYTES])
def test_a_line_that_would_be_read_as_something_else_is_refused(command: bytes) -> None:
    """Nothing is sent, and nothing waits."""
    role = AdminRole()

    with pytest.raises(LocalProtocolError):
        role.ask("a", command)

    assert role.drain() == []
    assert role.waiting == 0


def test_words_make_a_line() -> None:
    """One blank between them."""
    assert command_line(b"maxqueue", b"f", b"10") == b"maxqueue f 10"


@pytest.mark.parametrize("word", [b"", b"a b", b"a\nb", b"a\r", b"\0"])
def test_a_word_that_cannot_be_written_is_refused(word: bytes) -> None:
    """The text protocol has no quotes."""
    with pytest.raises(LocalProtocolError):
        command_line(b"maxqueue", word)


# --- answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"OK", b"OK 1.1.20", b"", b".", b"anything"])
def test_a_command_is_answered_by_one_line(line: bytes) -> None:
    """Whatever the line is, the request is done."""
    role = AdminRole()
    role.ask("a", b"version")

    assert receive_lines(role, line) == [Answered("a", b"version", (line,))]
    assert role.waiting == 0


@pytest.mark.parametrize("command", [b"status", b"WORKERS", b"show unique jobs"])
def test_a_list_is_answered_by_lines_up_to_a_dot(command: bytes) -> None:
    """Rows are collected; the dot is none of them."""
    role = AdminRole()
    role.ask("a", command)

    assert receive_lines(role, b"one", b"two") == []
    assert receive_lines(role, b".") == [Answered("a", command, (b"one", b"two"))]


def test_an_empty_list_has_no_rows() -> None:
    """Just the dot."""
    role = AdminRole()
    role.ask("a", b"status")

    assert receive_lines(role, b".") == [Answered("a", b"status", ())]


@pytest.mark.parametrize("command", [b"cancel job H:x:1", b"status"])
def test_an_error_line_refuses_commands_and_lists(command: bytes) -> None:
    """No dot follows it."""
    role = AdminRole()
    role.ask("a", command)
    role.ask("b", b"version")

    assert receive_lines(role, b"ERR UNKNOWN_COMMAND x") == [
        CommandRefused("a", command, b"ERR UNKNOWN_COMMAND x")
    ]
    assert receive_lines(role, b"OK 1") == [Answered("b", b"version", (b"OK 1",))]


def test_a_row_that_looks_like_an_error_is_a_row() -> None:
    """A function may be called ``ERR x``: behind another row, or with the tabs of a row."""
    role = AdminRole()
    role.ask("a", b"status")
    role.ask("b", b"show unique jobs")

    assert receive_lines(role, b"ERR x\t0\t0\t0", b".") == [Answered("a", b"status", (b"ERR x\t0\t0\t0",))]
    assert receive_lines(role, b"u", b"ERR x", b".") == [Answered("b", b"show unique jobs", (b"u", b"ERR x"))]


def test_answers_belong_to_requests_in_order() -> None:
    """Lists, lines and packets mixed, all asked before the first answer."""
    role = AdminRole()
    role.ask(1, b"status")
    role.echo(2, b"x")
    role.ask(3, b"version")
    role.ask(4, b"show jobs")

    assert receive_lines(role, b"row", b".") == [Answered(1, b"status", (b"row",))]
    assert role.receive(Packet(ECHO_RES, (b"x",))) == [Echoed(2, b"x")]
    assert receive_lines(role, b"OK 1") == [Answered(3, b"version", (b"OK 1",))]
    assert receive_lines(role, b".") == [Answered(4, b"show jobs", ())]


# --- what was not asked for ---------------------------------------------------------------------------


def test_a_line_without_a_request_is_reported() -> None:
    """The two sides have lost each other."""
    assert receive_lines(AdminRole(), b"OK") == [UnexpectedLine(b"OK")]


def test_a_line_while_an_echo_is_awaited_is_reported() -> None:
    """The echo goes on waiting."""
    role = AdminRole()
    role.echo("a", b"x")

    assert receive_lines(role, b"OK") == [UnexpectedLine(b"OK")]
    assert role.receive(Packet(ECHO_RES, (b"x",))) == [Echoed("a", b"x")]


@pytest.mark.parametrize("packet", [Packet(ECHO_RES, (b"x",)), Packet(JOB_CREATED, (b"H",))])
def test_packets_that_answer_nothing_are_ignored(packet: Packet) -> None:
    """Also while a command waits."""
    role = AdminRole()

    assert role.receive(packet) == [Ignored(packet)]
    role.ask("a", b"version")
    assert role.receive(packet) == [Ignored(packet)]
    assert role.waiting == 1


def test_a_fault_is_a_protocol_error() -> None:
    """The connection cannot be trusted any more."""
    with pytest.raises(ProtocolError, match="LINE_TOO_LONG"):
        AdminRole().receive(Fault("LINE_TOO_LONG", "text", fatal=True, is_text=True))


def test_a_lost_connection_gives_back_what_was_not_answered() -> None:
    """Half a list is no answer, and the next connection starts clean."""
    role = AdminRole()
    role.ask("a", b"status")
    role.echo("b", b"x")
    receive_lines(role, b"row")

    assert role.lost() == ["a", "b"]
    assert role.waiting == 0
    assert role.drain() == []
    role.ask("c", b"status")
    assert receive_lines(role, b".") == [Answered("c", b"status", ())]


def test_the_first_row_can_be_looked_at_before_the_end() -> None:
    """A driver that finds something else than a row there need not wait for a dot."""
    role = AdminRole()
    role.ask("a", b"status")
    seen = [role.unfinished]

    for line in (b"one", b"two", b"."):
        receive_lines(role, line)
        seen.append(role.unfinished)

    assert seen == [None, (b"status", b"one"), (b"status", b"one"), None]
