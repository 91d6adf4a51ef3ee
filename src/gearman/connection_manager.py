"""Connections to several servers, and waiting for them: what clients, workers and admin clients share."""

from __future__ import annotations

import logging
import os
import random
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import gearman.io
from gearman import util
from gearman.command_handler import GearmanCommandHandler
from gearman.connection import Command, GearmanConnection
from gearman.constants import DEFAULT_GEARMAN_PORT
from gearman.encoders import BytesEncoder, DataEncoder, NoopEncoder, TextEncoder
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    GearmanError,
    ProtocolError,
    ServerUnavailable,
)
from gearman.job import GearmanJob, GearmanJobRequest

__all__ = [
    "BytesEncoder",
    "ConnectionError",
    "DataEncoder",
    "GearmanConnectionManager",
    "GearmanError",
    "NoopEncoder",
    "ProtocolError",
    "ServerUnavailable",
    "TextEncoder",
]

gearman_logger = logging.getLogger(__name__)

PollCallback = Callable[[bool], Any]
# The connections that can be read, those that can be written, and those that are dead.
Activity = tuple[set[GearmanConnection], set[GearmanConnection], set[GearmanConnection]]

_TLS_KEYS = ("keyfile", "certfile", "ca_certs", "ssl_context")


class GearmanConnectionManager:
    """Holds the connections to the servers of ``host_list``.

    A server is ``'host'``, ``'host:port'``, ``'[::1]:port'``, ``(host, port)``, or a dict with ``host`` and
    optionally ``port`` and, each of them turning TLS on, ``keyfile``, ``certfile``, ``ca_certs`` and
    ``ssl_context``. A single text may list several, with commas between them.

    Raises ValueError for an unusable port, and GearmanError for what cannot name a server.
    """

    command_handler_class: type[GearmanCommandHandler] | None = None
    connection_class: type[GearmanConnection] = GearmanConnection
    job_class: type[GearmanJob] = GearmanJob
    job_request_class: type[GearmanJobRequest] = GearmanJobRequest
    # A class or an object; looked up at each use, so that it may be set at any time.
    data_encoder: Any = NoopEncoder

    # Wait no longer than this at a time, in seconds; the system cannot wait for weeks.
    _longest_wait = 3600.0

    def __init__(self, host_list: Iterable[Any] | None = None) -> None:
        if self.command_handler_class is None:
            raise AssertionError("command_handler_class is not set")
        self.connection_list: list[GearmanConnection] = []
        self.handler_to_connection_map: dict[Any, GearmanConnection] = {}
        self.connection_to_handler_map: dict[GearmanConnection, Any] = {}
        self.handler_initial_state: dict[str, Any] = {}
        for host in _each_host(host_list):
            self.add_connection(host)
        _managers.add(self)

    # --- the list of servers ----------------------------------------------------------------------------

    def add_connection(self, hostport: Any) -> GearmanConnection:
        """Adds a server to the list, in any of its forms."""
        host, port = util.disambiguate_server_parameter(hostport)
        tls = _tls_settings(hostport) if isinstance(hostport, Mapping) else {}
        connection = self.connection_class(host, port, **tls)
        self.connection_list.append(connection)
        return connection

    def add_ssl_connection(
        self,
        host: str,
        port: int = DEFAULT_GEARMAN_PORT,
        keyfile: str | None = None,
        certfile: str | None = None,
        ca_certs: str | None = None,
    ) -> GearmanConnection:
        """Adds a server that is spoken to over TLS."""
        files = {"keyfile": keyfile, "certfile": certfile, "ca_certs": ca_certs}
        return self.add_connection({"host": host, "port": port, **files})

    # --- the life of connections ------------------------------------------------------------------------

    def establish_connection(self, current_connection: GearmanConnection) -> GearmanConnection:
        """Connects, unless that has been done already; raises ConnectionError."""
        if current_connection not in self.connection_list:
            raise AssertionError(f"Not one of the connections of {self!r}: {current_connection!r}")
        if current_connection.connected:
            return current_connection
        # A connection that was closed by other hands still has its old handler.
        self._detach_handler(current_connection)
        self._connect(current_connection)
        assert self.command_handler_class is not None  # the constructor has seen to that
        handler = self.command_handler_class(connection_manager=self)
        self.handler_to_connection_map[handler] = current_connection
        self.connection_to_handler_map[current_connection] = handler
        handler.initial_state(**self.handler_initial_state)
        return current_connection

    def _connect(self, current_connection: GearmanConnection) -> None:
        started = time.monotonic()
        try:
            current_connection.connect()
        except ConnectionError as error:
            now = time.monotonic()
            current_connection.record.failed(now, now - started, random.random())
            gearman_logger.debug("Connecting failed: %s", error)
            raise
        current_connection.record.succeeded()

    def _detach_handler(self, current_connection: GearmanConnection) -> None:
        handler = self.connection_to_handler_map.pop(current_connection, None)
        if handler is not None:
            handler.on_io_error()
            self.handler_to_connection_map.pop(handler, None)

    def shutdown(self) -> None:
        """Closes all connections. What is under way on them is lost; using them again opens them again."""
        self._close_connections()

    def _close_connections(self) -> None:
        for connection in [*self.connection_list, *self.connection_to_handler_map]:
            self._detach_handler(connection)
            connection.close()

    def _leave_to_parent(self) -> None:
        """Closes a forked child's copies of all sockets: two processes on one stream would garble it."""
        self._close_connections()

    def close(self) -> None:
        """The same as ``shutdown``."""
        self.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()

    def __del__(self) -> None:
        # Tests of programs make managers without our constructor, and put what they like into the list.
        for connection in getattr(self, "connection_list", ()):
            if isinstance(connection, GearmanConnection):
                connection.close()

    # --- commands ---------------------------------------------------------------------------------------

    def read_command(self, command_handler: GearmanCommandHandler) -> Command | None:
        """The next command that came in for a handler, None if there is none."""
        connection = self.handler_to_connection_map.get(command_handler)
        return None if connection is None else connection.read_command()

    def send_command(
        self, command_handler: GearmanCommandHandler, cmd_type: int, cmd_args: dict[str, Any]
    ) -> None:
        """Queues a command on the connection of a handler; dropped if the connection is gone."""
        connection = self.handler_to_connection_map.get(command_handler)
        if connection is None:
            gearman_logger.debug("Dropped a command for a lost connection: %r", cmd_type)
        else:
            connection.send_command(cmd_type, cmd_args)

    def on_gearman_error(self, error_code: str, error_text: str) -> Any:
        """Hook: a server answered with an error."""
        gearman_logger.error("Received error from server: %s: %s", error_code, error_text)
        return False

    # --- waiting ----------------------------------------------------------------------------------------

    def poll_connections_until_stopped(
        self,
        submitted_connections: Iterable[GearmanConnection],
        callback_fxn: PollCallback,
        timeout: float | None = None,
    ) -> bool:
        """Serves the connections until the callback returns something false or the time is over.

        The callback is called at once with False, and after each round with whether anything happened in
        it. A timeout of 0 or less allows one round that does not wait. Returns whether the time was over
        before the callback had enough. Raises ServerUnavailable if none of the connections is there.
        """
        stopwatch = util.Stopwatch(timeout)
        connections = list(submitted_connections)
        self._drop_closed_connections()
        continue_working = callback_fxn(False)
        is_first_round = True
        while True:
            answer = self._early_answer()
            if answer is not None:
                return answer
            connected = [connection for connection in connections if connection.connected]
            if not connected:
                raise ServerUnavailable(self._unavailable_text(connections))
            if not continue_working:
                return False
            if not (is_first_round or stopwatch.has_time_remaining()):
                return True
            is_first_round = False
            any_activity = self._serve_once(connected, stopwatch.get_time_remaining())
            self._drop_closed_connections()
            continue_working = callback_fxn(any_activity)

    def _early_answer(self) -> bool | None:
        """What to return from waiting whatever the callback says; None to go on."""
        return None

    def _prepare_round(self) -> bool:
        """Called before each round of waiting; True has the callback called first."""
        return False

    def _serve_once(self, connections: list[GearmanConnection], timeout: float | None) -> bool:
        """One round: writes what waits, waits for input, handles it. Returns whether anything happened."""
        if self._prepare_round():
            return True
        any_activity = False
        for connection in connections:
            if connection.writable():
                self.handle_write(connection)
                any_activity = any_activity or not connection.writable()
        for connection in connections:
            if connection.has_commands():
                # A handler had put them off, so no input will announce them.
                self._fetch_commands(connection)
                any_activity = True
        readable, writable, dead = self._wait(connections, 0.0 if any_activity else timeout)
        self.handle_connection_activity(readable, writable, dead)
        return any_activity or bool(readable or writable or dead)

    def _wait(self, connections: list[GearmanConnection], timeout: float | None) -> Activity:
        """Waits until something happens, or until it is time to call the callback anyway."""
        wait = self._longest_wait if timeout is None else min(timeout, self._longest_wait)
        return self.poll_connections_once(connections, timeout=wait)

    def _signal_descriptor(self) -> int | None:
        """What becomes readable when a signal is to end waiting, if there is such a thing."""
        return None

    def poll_connections_once(
        self, submitted_connections: Iterable[GearmanConnection], timeout: float | None = None
    ) -> Activity:
        """Waits until one of the connections can be read or written, and returns which: sets of those that
        can be read, those that can be written, and those that are dead.
        """
        readable, writable, dead = set(), set(), set()
        poller = gearman.io.get_connection_poller()
        signal_descriptor = self._signal_descriptor()
        if signal_descriptor is not None:
            poller.register(signal_descriptor, gearman.io.READ)
        by_descriptor: dict[int, GearmanConnection] = {}
        for connection in submitted_connections:
            if not connection.connected:
                continue
            descriptor = connection.fileno()
            if descriptor < 0:
                # The program has closed the socket itself.
                dead.add(connection)
                timeout = 0
            else:
                poller.register(
                    descriptor, gearman.io.READ | (gearman.io.WRITE if connection.writable() else 0)
                )
                by_descriptor[descriptor] = connection
        for descriptor, events in _poll(poller, timeout):
            if descriptor == signal_descriptor:
                continue
            connection = by_descriptor[descriptor]
            # What came in before the end is read first; reading then finds the end.
            if events & gearman.io.READ:
                readable.add(connection)
            elif events & ~gearman.io.WRITE:
                dead.add(connection)
            if events & gearman.io.WRITE:
                writable.add(connection)
        return readable, writable, dead

    def handle_connection_activity(
        self,
        rd_connections: Iterable[GearmanConnection],
        wr_connections: Iterable[GearmanConnection],
        ex_connections: Iterable[GearmanConnection],
    ) -> Activity:
        """Reads, writes and closes what ``poll_connections_once`` found; returns the same sets."""
        for connection in rd_connections:
            self.handle_read(connection)
        for connection in wr_connections:
            # Reading may have ended it.
            if connection.connected:
                self.handle_write(connection)
        for connection in ex_connections:
            self.handle_error(connection)
        return set(rd_connections), set(wr_connections), set(ex_connections)

    def handle_read(self, current_connection: GearmanConnection) -> None:
        """Reads what came in and handles the commands in it."""
        if not current_connection.connected:
            return
        try:
            current_connection.read_data_from_socket()
            current_connection.read_commands_from_buffer()
        except ConnectionError as error:
            gearman_logger.debug("Lost a connection: %s", error)
            self.handle_error(current_connection)
        except ProtocolError as error:
            gearman_logger.error("%r sent what cannot be understood: %s", current_connection, error)
            current_connection.last_error = str(error)
            try:
                # What came before it counts.
                self._fetch_commands(current_connection)
            finally:
                self.handle_error(current_connection)
        else:
            self._fetch_commands(current_connection)

    def _fetch_commands(self, current_connection: GearmanConnection) -> None:
        handler = self.connection_to_handler_map.get(current_connection)
        if handler is not None:
            handler.fetch_commands()

    def handle_write(self, current_connection: GearmanConnection) -> None:
        """Writes what can be written without waiting."""
        try:
            current_connection.send_commands_to_buffer()
            current_connection.send_data_to_socket()
        except ConnectionError as error:
            gearman_logger.debug("Lost a connection: %s", error)
            self.handle_error(current_connection)

    def handle_error(self, current_connection: GearmanConnection) -> None:
        """Closes a connection that is lost."""
        self._detach_handler(current_connection)
        current_connection.close()

    def _drop_closed_connections(self) -> None:
        # A program may close a connection itself; its handler has to hear of it.
        for connection in list(self.connection_to_handler_map):
            if not connection.connected:
                self.handle_error(connection)

    def _drop_if_stale(self, current_connection: GearmanConnection) -> None:
        """Finds out without waiting whether a server has closed a connection since it was used last."""
        # The end only shows behind what came before it.
        while current_connection.connected and current_connection.gearman_socket is not None:
            readable, _, dead = self.poll_connections_once([current_connection], timeout=0)
            if not (readable or dead):
                break
            self.handle_connection_activity(readable, (), dead)

    def _unavailable_text(self, connections: Iterable[GearmanConnection]) -> str:
        hosts = [describe_server(connection) for connection in connections]
        return f"Found no valid connections: {', '.join(hosts) or 'no server is configured'}"


def _each_host(host_list: Any) -> list[Any]:
    """The servers of a list; a bare text is no list of characters, and a dict is one server."""
    if host_list is None:
        return []
    if isinstance(host_list, (bytes, bytearray)):
        host_list = host_list.decode("utf-8", "surrogateescape")
    if isinstance(host_list, str):
        return [host.strip() for host in host_list.split(",")]
    return [host_list] if isinstance(host_list, Mapping) else list(host_list)


def _tls_settings(server: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(server) - {"host", "port", *_TLS_KEYS})
    if unknown:
        raise GearmanError(f"Not a setting of a server: {', '.join(map(repr, unknown))}")
    return {key: server[key] for key in _TLS_KEYS if server.get(key) is not None}


def describe_server(connection: GearmanConnection) -> str:
    """The server of a connection, and what was wrong with it last."""
    host, port = connection.get_address()
    reason = getattr(connection, "last_error", "")
    return f"{host}:{port} ({reason})" if reason else f"{host}:{port}"


def _poll(poller: gearman.io.ConnectionPoller, timeout: float | None) -> list[tuple[int, int]]:
    try:
        return poller.poll(timeout)
    except (OSError, ValueError) as error:
        # A signal handler or another thread closed one of the sockets; the next round leaves it out.
        gearman_logger.debug("Waiting was cut short: %s", error)
        return []


# --- fork ---------------------------------------------------------------------------------------------

_managers: weakref.WeakSet[GearmanConnectionManager] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for manager in list(_managers):
        manager._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
