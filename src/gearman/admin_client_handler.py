"""One connection of an admin client: commands out, replies in, as the classic API shows them.

Which line answers which command is decided by ``geartrain.roles.admin``; this module turns rows into the
dictionaries that programs know. All text in them is plain ``str``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import geartrain.errors
from gearman import protocol
from gearman.command_handler import GearmanCommandHandler
from gearman.errors import GearmanError, InvalidAdminClientState, ProtocolError
from gearman.text import to_bytes, to_text
from geartrain.protocol.admin import (
    parse_function_status,
    parse_job_status,
    parse_priority_status,
    parse_worker_status,
)
from geartrain.protocol.codec import AdminLine, Message
from geartrain.protocol.packets import ECHO_RES, Packet
from geartrain.roles.admin import AdminRole, Answered, CommandRefused, UnexpectedLine
from geartrain.roles.events import Echoed, Event

if TYPE_CHECKING:
    from gearman.connection_manager import GearmanConnectionManager

Row = dict[str, Any]
# What a command was: a text command's words, or the number of the echo packet.
Command = str | int


def _status_row(line: bytes) -> Row:
    row = parse_function_status(line)
    return {
        "task": to_text(row.function),
        "queued": row.total,
        "running": row.running,
        "workers": row.workers,
    }


def _priority_status_row(line: bytes) -> Row:
    row = parse_priority_status(line)
    return {
        "task": to_text(row.function),
        "high": row.high,
        "normal": row.normal,
        "low": row.low,
        "workers": row.workers,
    }


def _worker_row(line: bytes) -> Row:
    row = parse_worker_status(line)
    return {
        "file_descriptor": str(row.descriptor),
        "ip": to_text(row.address),
        "client_id": to_text(row.client_id),
        "tasks": tuple(to_text(function) for function in row.functions),
    }


def _job_row(line: bytes) -> Row:
    row = parse_job_status(line)
    figures = (row.retries, int(row.abandoned), int(row.stored))
    return {
        "handle": to_text(row.handle),
        # The classic labels, which do not say what the figures are, and then the right ones.
        **dict(zip(("queued", "canceled", "enabled"), figures, strict=True)),
        **dict(zip(("retries", "ignored", "job_queued"), figures, strict=True)),
    }


def _unique_job_row(line: bytes) -> Row:
    return {"unique": to_text(line)}


_ROW_PARSERS: Final[dict[str, Callable[[bytes], Row]]] = {
    protocol.GEARMAN_SERVER_COMMAND_STATUS: _status_row,
    protocol.GEARMAN_SERVER_COMMAND_PRIORITYSTATUS: _priority_status_row,
    protocol.GEARMAN_SERVER_COMMAND_WORKERS: _worker_row,
    protocol.GEARMAN_SERVER_COMMAND_SHOW_JOBS: _job_row,
    protocol.GEARMAN_SERVER_COMMAND_SHOW_UNIQUE_JOBS: _unique_job_row,
}

_COMMANDS: Final = (
    *_ROW_PARSERS,
    protocol.GEARMAN_SERVER_COMMAND_CANCEL_JOB,
    protocol.GEARMAN_SERVER_COMMAND_CREATE_FUNCTION,
    protocol.GEARMAN_SERVER_COMMAND_DROP_FUNCTION,
    protocol.GEARMAN_SERVER_COMMAND_GETPID,
    protocol.GEARMAN_SERVER_COMMAND_MAXQUEUE,
    protocol.GEARMAN_SERVER_COMMAND_SHUTDOWN,
    protocol.GEARMAN_SERVER_COMMAND_VERBOSE,
    protocol.GEARMAN_SERVER_COMMAND_VERSION,
)

# An ERR line in reply to these is handed to the program as it is; elsewhere it is an error.
_RAW_REPLIES: Final = frozenset({protocol.GEARMAN_SERVER_COMMAND_CANCEL_JOB})


class GearmanAdminClientCommandHandler(GearmanCommandHandler):
    """Sends commands over one connection and collects the replies in order."""

    STATUS_FIELDS = 4
    WORKERS_FIELDS = 4
    JOB_FIELDS = 4
    UNIQUE_JOB_FIELDS = 1

    def __init__(self, connection_manager: GearmanConnectionManager | None = None) -> None:
        super().__init__(connection_manager=connection_manager)
        self._role = AdminRole()
        self._responses: deque[tuple[Command, object]] = deque()

    # --- for the client -----------------------------------------------------------------------------

    @property
    def response_ready(self) -> bool:
        """Whether a reply can be taken."""
        return bool(self._responses)

    def pop_response(self) -> tuple[Command, Any]:
        """The oldest reply, with the command that it answers.

        Raises InvalidAdminClientState if there is none, ProtocolError if the server refused the command or
        answered what cannot be read.
        """
        if not self._responses:
            raise InvalidAdminClientState("No reply has been received")
        command, reply = self._responses.popleft()
        if isinstance(reply, GearmanError):
            raise reply
        return command, reply

    def send_text_command(self, command_line: str | bytes) -> None:
        """Sends a command; ProtocolError for one that is unknown or cannot stand in a line."""
        line = to_bytes(command_line).rstrip(b"\r\n")
        self._ask(_command_of(line), line)

    def send_echo_request(self, echo_string: str | bytes) -> None:
        """Asks the server to send the text back."""
        self._role.echo(protocol.GEARMAN_COMMAND_ECHO_REQ, to_bytes(echo_string))
        self._send_outgoing()

    def _ask(self, command: str, line: bytes) -> None:
        try:
            self._role.ask(command, line)
        except geartrain.errors.LocalProtocolError as error:
            raise ProtocolError(str(error)) from error
        self._send_outgoing()

    def _send_outgoing(self) -> None:
        for message in self._role.drain():
            if isinstance(message, Packet):
                self.send_command(message.number, data=message.arguments[0])
            else:
                self.send_command(
                    protocol.GEARMAN_COMMAND_TEXT_COMMAND, raw_text=_with_line_end(message.text)
                )

    # --- from the connection ------------------------------------------------------------------------

    def recv_text_command(self, raw_text: str | bytes) -> bool:
        """Takes one line of a reply; InvalidAdminClientState if nothing was asked."""
        return self._receive(AdminLine(to_bytes(raw_text).removesuffix(b"\r")))

    def recv_echo_res(self, data: str | bytes) -> bool:
        """Takes the reply to an echo request; InvalidAdminClientState if there was none."""
        return self._receive(Packet(ECHO_RES, (to_bytes(data),)))

    # The classic names for a line of each command; what it answers is known from the order alone.
    recv_server_status = recv_text_command
    recv_server_version = recv_text_command
    recv_server_workers = recv_text_command
    recv_server_maxqueue = recv_text_command
    recv_server_shutdown = recv_text_command
    recv_server_getpid = recv_text_command
    recv_server_show_jobs = recv_text_command
    recv_server_show_unique_jobs = recv_text_command
    recv_server_cancel_job = recv_text_command

    def on_io_error(self) -> None:
        """Forgets what was asked: the connection is gone."""
        self._role.lost()

    def _receive(self, message: Message) -> bool:
        for event in self._role.receive(message):
            self._handle(event)
        return True

    def _handle(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._responses.append((str(event.token), _reply(str(event.token), event.lines)))
        elif isinstance(event, CommandRefused):
            self._responses.append((str(event.token), _refusal(str(event.token), event.line)))
        elif isinstance(event, Echoed):
            self._responses.append((protocol.GEARMAN_COMMAND_ECHO_REQ, event.data))
        elif isinstance(event, UnexpectedLine):
            raise InvalidAdminClientState(f"Received a reply to nothing that was asked: {event.line!r}")
        else:
            raise InvalidAdminClientState(f"Received what was not asked for: {event!r}")


def _command_of(line: bytes) -> str:
    """The known command that a line starts with."""
    text = to_text(line).lower()
    for command in _COMMANDS:
        if text == command or text.startswith(command + " "):
            return command
    raise ProtocolError(f"Not an admin command: {to_text(line)!r}")


def _with_line_end(line: bytes) -> str:
    # The C server takes the last character of the name for the CR when there is none (1.1.20, 2.0).
    needs_cr = line.lower().startswith(protocol.GEARMAN_SERVER_COMMAND_CREATE_FUNCTION.encode())
    return to_text(line) + ("\r\n" if needs_cr else "\n")


def _reply(command: str, lines: tuple[bytes, ...]) -> object:
    """What programs get: a tuple of rows for a list, else the line; or the error to raise."""
    parse = _ROW_PARSERS.get(command)
    if parse is None:
        return to_text(lines[0])
    try:
        return tuple(parse(line) for line in lines)
    except geartrain.errors.ProtocolError as error:
        return ProtocolError(error.text)


def _refusal(command: str, line: bytes) -> object:
    if command in _RAW_REPLIES:
        return to_text(line)
    return ProtocolError(f"The server refused {command!r}: {to_text(line)}")
