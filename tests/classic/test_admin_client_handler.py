"""One connection of an admin client: what it sends, and what it makes of the replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gearman.admin_client_handler import GearmanAdminClientCommandHandler
from gearman.errors import InvalidAdminClientState, ProtocolError


class Manager:
    """Stands in for the admin client: notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, dict[str, Any]]] = []

    def send_command(self, _handler: object, cmd_type: int, cmd_args: dict[str, Any]) -> None:
        self.sent.append((cmd_type, cmd_args))


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def handler(manager: Manager) -> GearmanAdminClientCommandHandler:
    return GearmanAdminClientCommandHandler(connection_manager=manager)  # type: ignore[arg-type]


def reply(handler: GearmanAdminClientCommandHandler, command: str, *lines: str) -> Any:
    """What a program gets for a command that is answered with these lines."""
    handler.send_text_command(command)
    for line in lines:
        handler.recv_command(9999, raw_text=line)
    answered, response = handler.pop_response()
    assert answered == command.partition(" H")[0].partition(" f")[0]
    return response


# --- sending ------------------------------------------------------------------------------------------


def test_a_command_goes_out_as_a_line(handler: GearmanAdminClientCommandHandler, manager: Manager) -> None:
    """Text and bytes, with or without a line end of its own."""
    handler.send_text_command("status")
    handler.send_text_command(b"version\r\n")
    handler.send_text_command("MaxQueue f 1\n")

    assert manager.sent == [
        (9999, {"raw_text": "status\n"}),
        (9999, {"raw_text": "version\n"}),
        (9999, {"raw_text": "MaxQueue f 1\n"}),
    ]


def test_create_function_ends_in_cr_lf(handler: GearmanAdminClientCommandHandler, manager: Manager) -> None:
    """The C server loses the last character of the name without the CR."""
    handler.send_text_command("create function f")

    assert manager.sent == [(9999, {"raw_text": "create function f\r\n"})]


def test_an_echo_goes_out_as_a_packet(handler: GearmanAdminClientCommandHandler, manager: Manager) -> None:
    """And its reply is plain bytes."""
    handler.send_echo_request("ping?")

    assert manager.sent == [(16, {"data": b"ping?"})]
    ready_before = handler.response_ready
    handler.recv_command(17, data=b"ping?")
    assert (ready_before, handler.response_ready) == (False, True)
    assert handler.pop_response() == (16, b"ping?")


@pytest.mark.parametrize("command", ["", "help", "statusx", "show", "status\nversion", "maxqueue f\0 1"])
def test_what_is_no_command_is_a_protocol_error(
    handler: GearmanAdminClientCommandHandler, manager: Manager, command: str
) -> None:
    """Nothing is sent, and nothing is waited for."""
    with pytest.raises(ProtocolError):
        handler.send_text_command(command)

    assert manager.sent == []
    with pytest.raises(InvalidAdminClientState):
        handler.recv_text_command("OK")


# --- rows ---------------------------------------------------------------------------------------------


def test_status_rows(handler: GearmanAdminClientCommandHandler) -> None:
    """Text and numbers."""
    assert reply(handler, "status", "f\t3\t1\t2", "héllo\t0\t0\t0", ".") == (
        {"task": "f", "queued": 3, "running": 1, "workers": 2},
        {"task": "héllo", "queued": 0, "running": 0, "workers": 0},
    )


def test_prioritystatus_rows(handler: GearmanAdminClientCommandHandler) -> None:
    """Jobs that wait, by priority."""
    assert reply(handler, "prioritystatus", "f\t1\t2\t3\t4", ".") == (
        {"task": "f", "high": 1, "normal": 2, "low": 3, "workers": 4},
    )


def test_workers_rows(handler: GearmanAdminClientCommandHandler) -> None:
    """Ids with blanks, IPv6 addresses, and connections without tasks."""
    assert reply(handler, "workers", "33 ::1 id with space : a b", "34 127.0.0.1 - :", ".") == (
        {"file_descriptor": "33", "ip": "::1", "client_id": "id with space", "tasks": ("a", "b")},
        {"file_descriptor": "34", "ip": "127.0.0.1", "client_id": "-", "tasks": ()},
    )


def test_show_jobs_rows(handler: GearmanAdminClientCommandHandler) -> None:
    """The classic labels and the right ones."""
    assert reply(handler, "show jobs", "H:h:1\t2\t0\t1", ".") == (
        {
            "handle": "H:h:1",
            "queued": 2,
            "canceled": 0,
            "enabled": 1,
            "retries": 2,
            "ignored": 0,
            "job_queued": 1,
        },
    )


def test_show_unique_jobs_rows(handler: GearmanAdminClientCommandHandler) -> None:
    """A unique is text, not a list with one text in it; it may be empty."""
    assert reply(handler, "show unique jobs", "u", "", ".") == ({"unique": "u"}, {"unique": ""})


@pytest.mark.parametrize("command", ["status", "prioritystatus", "workers", "show jobs", "show unique jobs"])
def test_an_empty_list_is_an_empty_tuple(handler: GearmanAdminClientCommandHandler, command: str) -> None:
    """A server that just started."""
    assert reply(handler, command, ".") == ()


@pytest.mark.parametrize("command", ["version", "getpid", "verbose", "cancel job H:x:1", "shutdown"])
def test_single_lines_come_as_they_are(handler: GearmanAdminClientCommandHandler, command: str) -> None:
    """Monitoring parses them itself; only a CR is removed."""
    assert reply(handler, command, "OK 1.1.20+ds\r") == "OK 1.1.20+ds"


def test_all_text_is_plain_str_and_dumps_as_json(handler: GearmanAdminClientCommandHandler) -> None:
    """Also names that are no UTF-8."""
    handler.send_text_command("status")
    handler.recv_command(9999, raw_text=b"f\xff\t0\t0\t0")
    handler.recv_command(9999, raw_text=b".")
    _, rows = handler.pop_response()

    assert type(rows[0]["task"]) is str
    assert rows[0]["task"] == "f\udcff"
    assert json.loads(json.dumps(rows)) == list(rows)


# --- replies that are errors --------------------------------------------------------------------------


def test_an_unknown_job_is_a_reply_like_any_other(handler: GearmanAdminClientCommandHandler) -> None:
    """``cancel_job`` hands the line on."""
    assert reply(handler, "cancel job H:x:1", "ERR UNKNOWN_JOB\r") == "ERR UNKNOWN_JOB"


@pytest.mark.parametrize("command", ["status", "show jobs", "version", "maxqueue f", "drop function f"])
def test_a_refused_command_raises(handler: GearmanAdminClientCommandHandler, command: str) -> None:
    """Also a list, which no dot ends then; the next reply is the next command's."""
    handler.send_text_command(command)
    handler.send_text_command("version")
    handler.recv_command(9999, raw_text="ERR UNKNOWN_COMMAND x\r")
    handler.recv_command(9999, raw_text="OK 1")

    with pytest.raises(ProtocolError, match="UNKNOWN_COMMAND"):
        handler.pop_response()
    assert handler.pop_response() == ("version", "OK 1")


def test_a_row_that_cannot_be_read_raises(handler: GearmanAdminClientCommandHandler) -> None:
    """After the whole list was read, so that the connection stays in step."""
    handler.send_text_command("status")
    for line in ("f\t1\t2\t3", "what is this", "."):
        handler.recv_command(9999, raw_text=line)

    with pytest.raises(ProtocolError, match="what is this"):
        handler.pop_response()


def test_a_reply_to_nothing_raises(handler: GearmanAdminClientCommandHandler) -> None:
    """Client and server disagree where they are."""
    with pytest.raises(InvalidAdminClientState):
        handler.recv_command(9999, raw_text="OK")
    with pytest.raises(InvalidAdminClientState):
        handler.recv_command(17, data=b"x")
    with pytest.raises(InvalidAdminClientState):
        handler.pop_response()


def test_a_lost_connection_forgets_what_was_asked(handler: GearmanAdminClientCommandHandler) -> None:
    """Nothing can answer it any more."""
    handler.send_text_command("version")

    handler.on_io_error()

    with pytest.raises(InvalidAdminClientState):
        handler.recv_text_command("OK 1")


LINE_METHODS = (
    *("recv_server_status", "recv_server_version", "recv_server_workers", "recv_server_maxqueue"),
    *("recv_server_shutdown", "recv_server_getpid", "recv_server_show_jobs"),
    *("recv_server_show_unique_jobs", "recv_server_cancel_job"),
)


@pytest.mark.parametrize("name", LINE_METHODS)
def test_the_classic_methods_for_lines_are_there(
    handler: GearmanAdminClientCommandHandler, name: str
) -> None:
    """They take a line of a reply."""
    handler.send_text_command("version")

    getattr(handler, name)("OK 1")

    assert handler.pop_response() == ("version", "OK 1")
