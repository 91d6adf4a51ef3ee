"""Runs jobs: the classic worker."""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import deque
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

from gearman.abilities import Abilities, JobCallback
from gearman.connection import GearmanConnection
from gearman.connection_manager import Activity, GearmanConnectionManager, PollCallback
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    GearmanError,
    InvalidWorkerState,
    ProtocolError,
    ServerUnavailable,
)
from gearman.job import GearmanJob
from gearman.signals import SignalWatch
from gearman.text import to_bytes
from gearman.util import Stopwatch
from gearman.worker_handler import GearmanWorkerCommandHandler
from geartrain.roles.servers import next_retry, order

__all__ = [
    "POLL_TIMEOUT_IN_SECONDS",
    "ConnectionError",
    "GearmanError",
    "GearmanWorker",
    "InvalidWorkerState",
    "ProtocolError",
    "ServerUnavailable",
]

gearman_logger = logging.getLogger(__name__)

POLL_TIMEOUT_IN_SECONDS: Final = 60.0

# Waiting is done in slices, between which a worker looks at what other threads have done to it, and at lost
# servers that may be tried again.
_LONGEST_WAIT_SECONDS: Final = 0.5
# How often at most waiting ends early because a lost server may be tried again.
_RECONNECT_LOOK_SECONDS: Final = 1.0


class GearmanWorker(GearmanConnectionManager):
    """Runs the jobs of the servers of ``host_list``, one at a time.

    Register tasks, then call ``work``. Programs shape it by overriding its hooks: ``after_poll``,
    ``after_job``, ``on_job_execute``, ``on_job_complete`` and ``on_job_exception``.
    """

    command_handler_class = GearmanWorkerCommandHandler

    _longest_wait = _LONGEST_WAIT_SECONDS

    def __init__(self, host_list: Iterable[Any] | None = None) -> None:
        super().__init__(host_list)
        self.randomized_connections: list[GearmanConnection] = []
        self.worker_abilities: MutableMapping[Any, JobCallback] = Abilities()
        self.worker_client_id: Any = None
        self.command_handler_holding_job_lock: GearmanWorkerCommandHandler | None = None
        self._ability_timeouts: dict[bytes, float | None] = {}
        # The handlers that want the job lock, next one first.
        self._job_lock_line: deque[GearmanWorkerCommandHandler] = deque()
        self._signals = SignalWatch()
        self._is_working = False
        self._is_executing = False
        self._has_to_stop = False
        self._shutdown_is_due = False
        self._last_reconnect_look = 0.0
        self._update_initial_state()

    # --- registration -----------------------------------------------------------------------------------

    def register_task(self, task: Any, callback_function: JobCallback, timeout: float | None = None) -> Any:
        """Has jobs of a task run by ``callback_function(worker, job)``; returns the task.

        What the callback returns is the result. If the task's name is bytes, everything about its jobs is
        plain bytes. After ``timeout`` seconds the server takes a job away and gives it to another worker.
        """
        self.worker_abilities[task] = callback_function
        self._ability_timeouts[to_bytes(task)] = timeout
        self._tell_abilities()
        return task

    def unregister_task(self, task: Any) -> Any:
        """Has no more jobs of a task run; returns the task. One that is unknown is ignored."""
        self.worker_abilities.pop(task, None)
        self._ability_timeouts.pop(to_bytes(task), None)
        self._tell_abilities()
        return task

    def set_client_id(self, client_id: Any) -> Any:
        """Sets the name that servers list this worker under; returns it."""
        self.worker_client_id = client_id
        self._update_initial_state()
        for handler in list(self.handler_to_connection_map):
            handler.set_client_id(client_id)
        return client_id

    def _tell_abilities(self) -> None:
        self._update_initial_state()
        for handler in list(self.handler_to_connection_map):
            handler.set_abilities(self.handler_initial_state["abilities"])

    def _update_initial_state(self) -> None:
        self.handler_initial_state["abilities"] = list(self.worker_abilities)
        self.handler_initial_state["client_id"] = self.worker_client_id

    def _timeout_of(self, task: Any) -> float | None:
        return self._ability_timeouts.get(to_bytes(task))

    # --- the loop ---------------------------------------------------------------------------------------

    def work(self, poll_timeout: float | None = POLL_TIMEOUT_IN_SECONDS, reconnect: bool = False) -> None:
        """Runs jobs until ``after_poll`` or ``after_job`` returns something false, or ``shutdown`` is called.

        Each ``poll_timeout`` seconds at the latest, servers that are not connected are tried again. Raises
        ServerUnavailable when no server is left, unless ``reconnect`` makes it wait for one; ``after_poll``
        is called meanwhile.

        However it ends, the connections are closed, and a job that has not been answered goes back to its
        queue. So a callback gives its job back by raising KeyboardInterrupt or SystemExit, or by closing
        ``job.connection``, which does not end a worker that has other servers or reconnects.
        """
        connections: list[GearmanConnection] = []
        self._has_to_stop = False
        self._is_working = True
        try:
            continue_working = True
            while continue_working:
                connections = self.establish_worker_connections()
                try:
                    continue_working = self.poll_connections_until_stopped(
                        connections, self._after_poll, timeout=poll_timeout
                    )
                except ServerUnavailable:
                    if not (reconnect and self.connection_list):
                        raise
                    continue_working = self._wait_before_reconnecting()
        finally:
            self._is_working = False
            for connection in connections:
                self._finish_connection(connection)

    def poll_connections_until_stopped(
        self,
        submitted_connections: Iterable[GearmanConnection],
        callback_fxn: PollCallback,
        timeout: float | None = None,
    ) -> bool:
        """Serves the connections, also for programs that have a loop of their own in place of ``work``.

        Returns False once ``shutdown`` has been called or ``after_job`` had enough, and True before the time
        when a lost server may be tried again; otherwise as for all managers.
        """
        if self._is_executing:
            return super().poll_connections_until_stopped(submitted_connections, callback_fxn, timeout)
        is_inner = self._is_working
        self._is_working = True
        try:
            # Signals from now on are noticed; the callback sees what earlier ones have done.
            self._signals.descriptor()
            return super().poll_connections_until_stopped(submitted_connections, callback_fxn, timeout)
        finally:
            self._signals.close()
            self._is_working = is_inner
            if not is_inner:
                # What ends this loop must not end the next one.
                self._has_to_stop = False

    def _wait(self, connections: list[GearmanConnection], timeout: float | None) -> Activity:
        stopwatch = Stopwatch(timeout)
        while True:
            activity = super()._wait(connections, stopwatch.get_time_remaining())
            if any(activity) or self._has_to_look_up(connections) or not stopwatch.has_time_remaining():
                return activity

    def _has_to_look_up(self, connections: list[GearmanConnection]) -> bool:
        """Whether to stop waiting although nothing has come in."""
        return (
            # Programs count on after_poll being called no more often than something happens. Where signals
            # cannot be noticed, it has to be called to see what their handlers have done.
            self._is_executing
            or self._signals.descriptor() is None
            or self._signals.has_rung()
            or self._has_to_stop
            or self._is_reconnect_due()
            # What other threads may have done.
            or any(not connection.connected or connection.writable() for connection in connections)
        )

    def _leave_to_parent(self) -> None:
        super()._leave_to_parent()
        self._signals.close()

    def _signal_descriptor(self) -> int | None:
        return None if self._is_executing else self._signals.descriptor()

    def establish_worker_connections(self) -> list[GearmanConnection]:
        """Connects to all servers, in random order, and returns the connections that are there.

        A server that failed lately is left alone for a while if there is another one.
        """
        self.randomized_connections = random.sample(self.connection_list, len(self.connection_list))
        now = time.monotonic()
        established: list[GearmanConnection] = []
        for position in order([connection.record for connection in self.randomized_connections], now):
            connection = self.randomized_connections[position]
            if established and not connection.record.is_ready(now):
                continue
            try:
                established.append(self.establish_connection(connection))
            except ConnectionError as error:
                gearman_logger.warning("Cannot connect: %s", error)
        return established

    def _after_poll(self, any_activity: bool) -> Any:
        # Looked up at each call: programs replace the hook on the class and on the object.
        return self.after_poll(any_activity)

    def _wait_before_reconnecting(self) -> bool:
        """Waits until a server may be tried again; returns whether to go on working."""
        retry_at = next_retry([connection.record for connection in self.connection_list]) or 0.0
        while True:
            if self._has_to_stop or not self.after_poll(False):
                return False
            remaining = retry_at - time.monotonic()
            if remaining <= 0:
                return True
            time.sleep(min(remaining, _LONGEST_WAIT_SECONDS))

    def _finish_connection(self, connection: GearmanConnection) -> None:
        """Closes a connection after the rest of what a job has sent; a request for another job is dropped."""
        if connection.connected:
            try:
                connection.send_data_to_socket()
            except ConnectionError as error:
                gearman_logger.debug("Lost a connection: %s", error)
        self.handle_error(connection)

    def shutdown(self) -> None:
        """Closes all connections and ends ``work``; inside a callback, once the job's result is sent.

        A job whose callback raises after this goes back to its queue.
        """
        # Outside of its loop, a worker that was shut down can be used again.
        self._has_to_stop = self._is_working
        if self._is_executing:
            self._shutdown_is_due = True
        else:
            super().shutdown()

    def _early_answer(self) -> bool | None:
        if self._is_executing:
            return None
        if self._has_to_stop:
            self._has_to_stop = False
            return False
        if self._is_reconnect_due():
            self._last_reconnect_look = time.monotonic()
            return True
        return None

    def _is_reconnect_due(self) -> bool:
        """Whether to have ``establish_worker_connections`` called before the time."""
        connections = self.connection_list
        if not any(connection.connected for connection in connections):
            return False
        now = time.monotonic()
        if now - self._last_reconnect_look < _RECONNECT_LOOK_SECONDS:
            return False
        return any(not connection.connected and connection.record.is_ready(now) for connection in connections)

    # --- hooks ------------------------------------------------------------------------------------------

    def after_poll(self, any_activity: bool) -> Any:  # noqa: ARG002 - for those who override it
        """Hook: called between polls, with whether anything happened; something false ends ``work``."""
        return True

    def after_job(self) -> Any:
        """Hook: called after each job that was run; something false ends ``work``."""
        return True

    def create_job(
        self, command_handler: GearmanWorkerCommandHandler, job_handle: Any, task: Any, unique: Any, data: Any
    ) -> GearmanJob:
        """Hook: makes the job object that callbacks get."""
        connection = self.handler_to_connection_map[command_handler]
        return self.job_class(connection, job_handle, task, unique, data)

    def on_job_execute(self, current_job: GearmanJob) -> Any:
        """Hook: runs a job and sends what comes of it."""
        try:
            function_callback = self.worker_abilities[current_job.task]
            job_result = function_callback(self, current_job)
            return self.on_job_complete(current_job, job_result)
        except Exception as error:
            if isinstance(error, ServerUnavailable) and self._handler_of(current_job) is None:
                # Nobody is there to be told, which the handler of the connection logs.
                raise
            return self.on_job_exception(current_job, sys.exc_info())

    def on_job_exception(self, current_job: GearmanJob, exc_info: Any) -> Any:
        """Hook: called inside the ``except`` block when a job could not be done; lets it fail.

        Not so after ``shutdown``: the job then goes back to its queue, for another worker to try.
        """
        gearman_logger.error("Job failed: %r", current_job, exc_info=exc_info)
        if not self._shutdown_is_due:
            self.send_job_failure(current_job)
        return False

    def on_job_complete(self, current_job: GearmanJob, job_result: Any) -> Any:
        """Hook: called with what the callback of a job returned; sends it as the result."""
        self.send_job_complete(current_job, job_result)
        return True

    def _has_executed(self) -> bool:
        """A job is over; returns whether to go on."""
        if not self.after_job():
            self._has_to_stop = True
        if self._shutdown_is_due:
            self._shutdown_is_due = False
            self.shutdown()
        return not self._has_to_stop

    # --- what callbacks send ----------------------------------------------------------------------------
    #
    # All of these wait until what they send has left, poll_timeout seconds at most; the rest goes out later.
    # They raise ServerUnavailable if the connection is lost, and whatever the encoder raises.

    def send_job_status(
        self, current_job: GearmanJob, numerator: float, denominator: float, poll_timeout: float | None = None
    ) -> None:
        """Tells the clients how far a job has come; AssertionError for what is no number."""
        self._require_handler(current_job).send_job_status(current_job.handle, numerator, denominator)
        self.wait_until_updates_sent([current_job], poll_timeout)

    def send_job_data(self, current_job: GearmanJob, data: Any, poll_timeout: float | None = None) -> None:
        """Sends the clients a piece of the result."""
        self._require_handler(current_job).send_job_data(current_job.handle, data)
        self.wait_until_updates_sent([current_job], poll_timeout)

    def send_job_warning(self, current_job: GearmanJob, data: Any, poll_timeout: float | None = None) -> None:
        """Sends the clients a warning."""
        self._require_handler(current_job).send_job_warning(current_job.handle, data)
        self.wait_until_updates_sent([current_job], poll_timeout)

    def send_job_complete(
        self, current_job: GearmanJob, data: Any, poll_timeout: float | None = None
    ) -> None:
        """Ends a job with its result. A job that has ended already is left at that, here and below."""
        if not _is_finished(current_job):
            self._require_handler(current_job).send_job_complete(current_job.handle, data)
            current_job._is_finished = True
            self.wait_until_updates_sent([current_job], poll_timeout)

    def send_job_failure(self, current_job: GearmanJob, poll_timeout: float | None = None) -> None:
        """Ends a job without a result."""
        if not _is_finished(current_job):
            self._require_handler(current_job).send_job_failure(current_job.handle)
            current_job._is_finished = True
            self.wait_until_updates_sent([current_job], poll_timeout)

    def send_job_exception(
        self, current_job: GearmanJob, data: Any, poll_timeout: float | None = None
    ) -> None:
        """Ends a job without a result, with a reason for the clients that asked for exceptions."""
        if not _is_finished(current_job):
            handler = self._require_handler(current_job)
            handler.send_job_exception(current_job.handle, data)
            # Servers differ in whether an exception ends a job. Those for which it does ignore the rest.
            handler.send_job_failure(current_job.handle)
            current_job._is_finished = True
            self.wait_until_updates_sent([current_job], poll_timeout)

    def wait_until_updates_sent(
        self, multiple_jobs: Iterable[GearmanJob], poll_timeout: float | None = None
    ) -> None:
        """Waits until all that was sent for these jobs has left."""
        connections = [job.connection for job in multiple_jobs if job.connection is not None]
        for connection in connections:
            if connection.writable():
                self.handle_write(connection)
            if not connection.connected:
                raise ServerUnavailable(self._unavailable_text([connection]))

        def is_any_unsent(_any_activity: bool) -> bool:
            return any(connection.writable() for connection in connections)

        if is_any_unsent(False):
            self.poll_connections_until_stopped(connections, is_any_unsent, timeout=poll_timeout)

    def _handler_of(self, current_job: GearmanJob) -> GearmanWorkerCommandHandler | None:
        connection = current_job.connection
        if connection is None or not connection.connected:
            return None
        return self.connection_to_handler_map.get(connection)

    def _require_handler(self, current_job: GearmanJob) -> GearmanWorkerCommandHandler:
        handler = self._handler_of(current_job)
        if handler is None:
            raise ServerUnavailable(f"The connection of a job is lost: {current_job!r}")
        return handler

    # --- the job lock -----------------------------------------------------------------------------------

    def set_job_lock(self, command_handler: GearmanWorkerCommandHandler, lock: bool) -> bool:
        """Takes (True) or gives back (False) the right to have a job; returns whether that was possible."""
        if command_handler not in self.handler_to_connection_map:
            return False
        holder = self.command_handler_holding_job_lock
        if lock:
            if holder is not None:
                return False
            self._leave_line(command_handler)
            self.command_handler_holding_job_lock = command_handler
        else:
            if holder is not command_handler:
                return False
            self.command_handler_holding_job_lock = None
        return True

    def check_job_lock(self, command_handler: GearmanWorkerCommandHandler) -> bool:
        """Whether this handler has the job lock."""
        return self.command_handler_holding_job_lock is command_handler

    def has_job_lock(self) -> bool:
        """Whether a job is running or has been asked for."""
        return self.command_handler_holding_job_lock is not None

    def _join_line(self, command_handler: GearmanWorkerCommandHandler) -> None:
        if command_handler not in self._job_lock_line:
            self._job_lock_line.append(command_handler)

    def _leave_line(self, command_handler: GearmanWorkerCommandHandler) -> None:
        if command_handler in self._job_lock_line:
            self._job_lock_line.remove(command_handler)

    def _is_next_in_line(self, command_handler: GearmanWorkerCommandHandler) -> bool:
        return not self._job_lock_line or self._job_lock_line[0] is command_handler

    def _prepare_round(self) -> bool:
        # Here and not right after a job: the hooks that may end work come first, and no job is asked for
        # that would have to be given back.
        if self._is_executing:
            return False
        for handler in self.handler_to_connection_map:
            handler._tell_due_abilities()
        if not self._job_lock_line or self.has_job_lock():
            return False
        handler = self._job_lock_line[0]
        if handler._acquire_job_lock():
            handler._grab_job()
        # Programs tell from has_job_lock() in their callback, True and then False, that a job has been run.
        return self.has_job_lock()


def _is_finished(job: GearmanJob) -> bool:
    return getattr(job, "_is_finished", False)
