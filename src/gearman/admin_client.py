"""Asks a job server about itself, and changes how it behaves: the classic admin client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import geartrain.errors
from gearman import protocol, util
from gearman.admin_client_handler import Command, GearmanAdminClientCommandHandler, Row
from gearman.connection import GearmanConnection
from gearman.connection_manager import GearmanConnectionManager
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    GearmanError,
    InvalidAdminClientState,
    ProtocolError,
    ServerListError,
    ServerUnavailable,
)
from gearman.text import to_bytes
from geartrain.roles.admin import command_line

__all__ = [
    "DEFAULT_ADMIN_CLIENT_TIMEOUT",
    "ECHO_STRING",
    "ConnectionError",
    "GearmanAdminClient",
    "GearmanError",
    "InvalidAdminClientState",
    "ProtocolError",
    "ServerUnavailable",
]

ECHO_STRING: Final = "ping? pong!"
DEFAULT_ADMIN_CLIENT_TIMEOUT: Final = 10.0


class GearmanAdminClient(GearmanConnectionManager):
    """Asks one job server; connects at the first command, and again when the connection was lost.

    ``poll_timeout`` is how many seconds each command may take, None for no limit. Raises ServerListError if
    several servers are given.

    The commands raise ServerUnavailable if there is no connection, InvalidAdminClientState if no reply or a
    wrong one came in time, ProtocolError if the command cannot be written, the server refused it, or its
    reply cannot be read.
    """

    command_handler_class = GearmanAdminClientCommandHandler

    def __init__(
        self,
        host_list: Iterable[Any] | None = None,
        poll_timeout: float | None = DEFAULT_ADMIN_CLIENT_TIMEOUT,
    ) -> None:
        super().__init__(host_list=host_list)
        if len(self.connection_list) > 1:
            raise ServerListError(f"An admin client takes one server, got {len(self.connection_list)}")
        self.poll_timeout = poll_timeout
        self.current_connection: GearmanConnection | None = util.unlist(self.connection_list)
        self.current_handler: GearmanAdminClientCommandHandler | None = None

    # --- questions ----------------------------------------------------------------------------------

    def ping_server(self) -> float:
        """The seconds that the server takes to send a text back."""
        handler = self._handler_of_live_connection()
        started = time.perf_counter()
        handler.send_echo_request(ECHO_STRING)
        reply = self.wait_until_server_responds(protocol.GEARMAN_COMMAND_ECHO_REQ)
        elapsed = time.perf_counter() - started
        if reply != ECHO_STRING.encode():
            raise self._out_of_step(f"Sent {ECHO_STRING!r}, and {reply!r} came back")
        return elapsed

    def get_status(self) -> tuple[Row, ...]:
        """For each task: ``task``, ``queued`` (running ones included), ``running``, ``workers``."""
        return self._rows(protocol.GEARMAN_SERVER_COMMAND_STATUS)

    def get_priority_status(self) -> tuple[Row, ...]:
        """For each task: ``task``, waiting jobs by priority ``high``, ``normal``, ``low``, ``workers``."""
        return self._rows(protocol.GEARMAN_SERVER_COMMAND_PRIORITYSTATUS)

    def get_workers(self) -> tuple[Row, ...]:
        """For each connection: ``file_descriptor`` (text), ``ip``, ``client_id``, ``tasks``."""
        return self._rows(protocol.GEARMAN_SERVER_COMMAND_WORKERS)

    def get_jobs(self) -> tuple[Row, ...]:
        """For each job: ``handle``, ``retries``, ``ignored`` (nobody wants it), ``job_queued`` (stored).

        The classic labels of these three figures, ``queued``, ``canceled``, ``enabled``, are kept.
        """
        return self._rows(protocol.GEARMAN_SERVER_COMMAND_SHOW_JOBS)

    def get_unique_jobs(self) -> tuple[Row, ...]:
        """For each job: its ``unique``."""
        return self._rows(protocol.GEARMAN_SERVER_COMMAND_SHOW_UNIQUE_JOBS)

    def get_version(self) -> str:
        """The server's version as it says it, such as ``OK 1.1.20``."""
        return self._line(protocol.GEARMAN_SERVER_COMMAND_VERSION)

    def get_pid(self) -> str:
        """The server's process as it says it, such as ``OK 4711``."""
        return self._line(protocol.GEARMAN_SERVER_COMMAND_GETPID)

    def get_verbose(self) -> str:
        """How much the server logs as it says it, such as ``OK ERROR``."""
        return self._line(protocol.GEARMAN_SERVER_COMMAND_VERBOSE)

    # --- changes ------------------------------------------------------------------------------------

    def send_maxqueue(self, task: str | bytes, max_size: int | Sequence[int] | None) -> str:
        """Limits the jobs of a task, queued and running: further submissions are refused. Returns ``'OK'``.

        One number holds for all priorities; three are for high, normal and low; 0 is no limit for its
        priority, None removes all limits.
        """
        limits = () if max_size is None else (max_size,) if isinstance(max_size, int) else tuple(max_size)
        return self._change(
            protocol.GEARMAN_SERVER_COMMAND_MAXQUEUE, task, *(str(int(limit)) for limit in limits)
        )

    def create_function(self, task: str | bytes) -> str:
        """Makes a task known to the server before any worker registers it. Returns ``'OK'``."""
        return self._change(protocol.GEARMAN_SERVER_COMMAND_CREATE_FUNCTION, task)

    def drop_function(self, task: str | bytes) -> str:
        """Makes the server forget a task that has no workers and no running jobs. Returns ``'OK'``."""
        return self._change(protocol.GEARMAN_SERVER_COMMAND_DROP_FUNCTION, task)

    def cancel_job(self, handle: str | bytes) -> str:
        """Takes a job out of its queue. Returns what the server says: ``'OK'`` or ``'ERR UNKNOWN_JOB'``."""
        return self._line(protocol.GEARMAN_SERVER_COMMAND_CANCEL_JOB, handle)

    def send_shutdown(self, graceful: bool = True) -> None:
        """Stops the server, when ``graceful`` after the jobs that run now."""
        handler = self._handler_of_live_connection()
        words = ["graceful"] if graceful else []
        handler.send_text_command(_line_of(protocol.GEARMAN_SERVER_COMMAND_SHUTDOWN, *words))
        try:
            self.wait_until_server_responds(protocol.GEARMAN_SERVER_COMMAND_SHUTDOWN)
        except ServerUnavailable:
            # Gone before it could say so.
            pass

    # --- how it is done -----------------------------------------------------------------------------

    def establish_admin_connection(self) -> None:
        """Connects if there is no connection; raises ServerUnavailable."""
        if self.current_connection is None:
            self.current_connection = util.unlist(self.connection_list)
        if self.current_connection is None:
            raise ServerUnavailable("No job server was given")
        try:
            self.establish_connection(self.current_connection)
        except ConnectionError as error:
            raise ServerUnavailable(f"No connection to {self.current_connection}: {error}") from error
        handler = self.connection_to_handler_map[self.current_connection]
        assert isinstance(handler, GearmanAdminClientCommandHandler)
        self.current_handler = handler

    def wait_until_server_responds(self, expected_type: Command) -> Any:
        """The reply to the command that was sent last, named by its words or packet number."""
        connection, handler = self.current_connection, self.current_handler
        if connection is None or handler is None:
            raise InvalidAdminClientState("Nothing was sent")

        def response_pending(any_activity: bool) -> bool:  # noqa: ARG001 - what callbacks of polls get
            return not handler.response_ready

        try:
            self.poll_connections_until_stopped([connection], response_pending, timeout=self.poll_timeout)
        except BaseException:
            # Also when the user got tired of waiting.
            self._hang_up()
            raise
        if not handler.response_ready:
            raise self._out_of_step(f"No reply to {expected_type!r} within {self.poll_timeout} seconds")
        command, reply = handler.pop_response()
        if command != expected_type:
            raise self._out_of_step(f"Expected a reply to {expected_type!r}, got one to {command!r}")
        return reply

    def _rows(self, command: str) -> tuple[Row, ...]:
        rows: tuple[Row, ...] = self._ask(command)
        return rows

    def _line(self, command: str, *words: str | bytes) -> str:
        line: str = self._ask(command, *words)
        return line

    def _change(self, command: str, *words: str | bytes) -> str:
        reply = self._line(command, *words)
        if reply != "OK":
            raise ProtocolError(f"Expected 'OK' in reply to {command!r}, got {reply!r}")
        return reply

    def _ask(self, command: str, *words: str | bytes) -> Any:
        line = _line_of(command, *words)
        self._handler_of_live_connection().send_text_command(line)
        return self.wait_until_server_responds(command)

    def _handler_of_live_connection(self) -> GearmanAdminClientCommandHandler:
        """Connects if need be, also where the server went away since the last command."""
        if self.current_connection is not None:
            try:
                self._drop_if_stale(self.current_connection)
            except GearmanError:
                # Something came that nobody had asked for.
                self._hang_up()
        self.establish_admin_connection()
        assert self.current_handler is not None
        return self.current_handler

    def _out_of_step(self, message: str) -> InvalidAdminClientState:
        self._hang_up()
        return InvalidAdminClientState(message)

    def _hang_up(self) -> None:
        """Closes the connection: a reply that comes late would be taken for the next one's."""
        if self.current_connection is not None:
            self.handle_error(self.current_connection)


def _line_of(command: str, *words: str | bytes) -> bytes:
    """A command line; ProtocolError for a word that cannot be written in one."""
    try:
        return command_line(*command.encode().split(b" "), *[to_bytes(word) for word in words])
    except geartrain.errors.LocalProtocolError as error:
        raise ProtocolError(str(error)) from error
