"""Submits jobs and waits for them: the classic client."""

from __future__ import annotations

import math
import os
import random
import time
import weakref
from collections import deque
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, Final, TypeVar

from gearman.client_handler import GearmanClientCommandHandler
from gearman.connection import GearmanConnection
from gearman.connection_manager import GearmanConnectionManager, describe_server
from gearman.constants import (
    JOB_COMPLETE,
    JOB_CREATED,
    JOB_FAILED,
    JOB_PENDING,
    JOB_UNKNOWN,
    PRIORITY_HIGH,
    PRIORITY_LOW,
    PRIORITY_NONE,
)
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    ExceededConnectionAttempts,
    GearmanError,
    InvalidClientState,
    ProtocolError,
    ServerUnavailable,
)
from gearman.job import GearmanJobRequest
from gearman.util import Stopwatch
from geartrain.roles.servers import order

__all__ = [
    "JOB_COMPLETE",
    "JOB_CREATED",
    "JOB_FAILED",
    "JOB_PENDING",
    "JOB_UNKNOWN",
    "PRIORITY_HIGH",
    "PRIORITY_LOW",
    "PRIORITY_NONE",
    "RANDOM_UNIQUE_BYTES",
    "ConnectionError",
    "ExceededConnectionAttempts",
    "GearmanClient",
    "GearmanError",
    "InvalidClientState",
    "ProtocolError",
    "ServerUnavailable",
]

RANDOM_UNIQUE_BYTES: Final = 16

_Requests = TypeVar("_Requests", bound=Collection[GearmanJobRequest])
_ConnectionQueues = MutableMapping[GearmanJobRequest, deque[GearmanConnection]]


class GearmanClient(GearmanConnectionManager):
    """Submits jobs to the servers of ``host_list`` and waits for them.

    Connects when it has to. Meant for one thread at a time. ``poll_timeout`` is a budget of seconds for the
    whole call: None waits without limit, 0 and less do one round of reading and writing that does not wait.
    Its end is no error: ``timed_out`` of the requests tells.
    """

    command_handler_class = GearmanClientCommandHandler

    # Ask each server to pass on what a worker gives as the reason of a failure; without it, the server turns
    # that into a plain failure. Set it to False on a class or client that does not want to ask.
    ask_for_exceptions = True

    def __init__(
        self, host_list: Iterable[Any] | None = None, random_unique_bytes: int = RANDOM_UNIQUE_BYTES
    ) -> None:
        super().__init__(host_list)
        self.random_unique_bytes = random_unique_bytes
        # Each request tries the servers in an order of its own, and goes on where it left off.
        self.request_to_rotating_connection_queue: _ConnectionQueues = weakref.WeakKeyDictionary()

    # --- submitting -------------------------------------------------------------------------------------

    def submit_job(
        self,
        task: Any,
        data: Any,
        unique: Any = None,
        priority: str | None = PRIORITY_NONE,
        background: bool = False,
        wait_until_complete: bool = True,
        max_retries: int = 0,
        poll_timeout: float | None = None,
        when_to_run: float | datetime | None = None,
    ) -> GearmanJobRequest:
        """Submits one job, and waits until it has been accepted and has ended, unless told otherwise.

        ``unique`` makes the server merge this job with one of the same task and unique; without it, each job
        is its own. ``max_retries`` is how often the job may be sent again while no server has accepted it.
        ``when_to_run`` makes it a background job that does not run before a time, given in seconds since 1970
        or as a datetime; such jobs have no priority.

        Raises ServerUnavailable if no server can be reached, ExceededConnectionAttempts if the server was
        lost too often before it accepted the job, and whatever the encoder raises.
        """
        job_info = {"task": task, "data": data, "unique": unique, "priority": priority}
        if when_to_run is not None:
            job_info["when_to_run"] = when_to_run
        [request] = self.submit_multiple_jobs(
            [job_info],
            background=background,
            wait_until_complete=wait_until_complete,
            max_retries=max_retries,
            poll_timeout=poll_timeout,
        )
        return request

    def submit_multiple_jobs(
        self,
        jobs_to_submit: Collection[Mapping[str, Any]],
        background: bool = False,
        wait_until_complete: bool = True,
        max_retries: int = 0,
        poll_timeout: float | None = None,
    ) -> list[GearmanJobRequest]:
        """Submits jobs at once and returns their requests in the same order; otherwise as ``submit_job``.

        A job is a dict with ``task`` and ``data``, and optionally ``unique``, ``priority`` and
        ``when_to_run``.
        """
        _check_container(jobs_to_submit)
        requests = [
            self._create_request_from_dictionary(job_info, background=background, max_retries=max_retries)
            for job_info in jobs_to_submit
        ]
        self.submit_multiple_requests(
            requests, wait_until_complete=wait_until_complete, poll_timeout=poll_timeout
        )
        return requests

    def submit_multiple_requests(
        self, job_requests: _Requests, wait_until_complete: bool = True, poll_timeout: float | None = None
    ) -> _Requests:
        """Submits requests that are in no server's hands, and waits for all of them.

        A request that was lost with its server may be submitted again, with all its attempts. One that timed
        out is only waited for.
        """
        _check_container(job_requests)
        stopwatch = Stopwatch(poll_timeout)
        for request in job_requests:
            if request.state == JOB_UNKNOWN:
                request.connection_attempts = 0
        self.wait_until_jobs_accepted(job_requests, poll_timeout=stopwatch.get_time_remaining())
        if wait_until_complete:
            self.wait_until_jobs_completed(job_requests, poll_timeout=stopwatch.get_time_remaining())
        return job_requests

    def _create_request_from_dictionary(
        self, job_info: Mapping[str, Any], background: bool = False, max_retries: int = 0
    ) -> GearmanJobRequest:
        """Makes a request of a dict; raises KeyError if it has no ``task`` or no ``data``."""
        unique = job_info.get("unique") or os.urandom(self.random_unique_bytes).hex()
        job = self.job_class(
            connection=None, handle=None, task=job_info["task"], unique=unique, data=job_info["data"]
        )
        when_to_run = job_info.get("when_to_run")
        request = self.job_request_class(
            job,
            initial_priority=job_info.get("priority", PRIORITY_NONE),
            background=background or when_to_run is not None,
            max_attempts=max_retries + 1,
        )
        if when_to_run is not None:
            request.when_to_run = _epoch_seconds(when_to_run)
        return request

    # --- waiting for jobs -------------------------------------------------------------------------------

    def wait_until_jobs_accepted(
        self, job_requests: _Requests, poll_timeout: float | None = None
    ) -> _Requests:
        """Sends the requests in state UNKNOWN, and waits until no request is PENDING.

        Those whose server is lost meanwhile are sent again while they have attempts left.
        """
        _check_container(job_requests)
        for request in job_requests:
            if request.state == JOB_UNKNOWN:
                self.send_job_request(request)

        def is_any_pending(_any_activity: bool) -> bool:
            for request in job_requests:
                # A handle tells that a server had accepted the job before it was lost: it may have run.
                if request.state == JOB_UNKNOWN and request.job.handle is None:
                    self.send_job_request(request)
            return any(request.state == JOB_PENDING for request in job_requests)

        if any(request.state == JOB_PENDING for request in job_requests):
            try:
                self.poll_connections_until_stopped(
                    self.connection_list, is_any_pending, timeout=poll_timeout
                )
            except ServerUnavailable:
                if any(request.state in (JOB_PENDING, JOB_UNKNOWN) for request in job_requests):
                    raise
        for request in job_requests:
            request.timed_out = request.state == JOB_PENDING
        return job_requests

    def wait_until_jobs_completed(
        self, job_requests: _Requests, poll_timeout: float | None = None
    ) -> _Requests:
        """Waits until each request is complete or lost; sends none.

        A lost one has the state UNKNOWN, and counts as timed out. Raises ServerUnavailable if requests are
        lost and no other server can be reached.
        """
        _check_container(job_requests)
        waiting = list(job_requests)

        def is_any_under_way(_any_activity: bool) -> bool:
            # Looking at the last one only keeps waiting for many jobs cheap.
            while waiting and _has_ended(waiting[-1]):
                waiting.pop()
            return bool(waiting)

        self._wait_for_jobs(job_requests, is_any_under_way, poll_timeout)
        for request in job_requests:
            request.timed_out = not request.complete
        return job_requests

    def wait_until_any_job_completed(
        self, job_requests: Collection[GearmanJobRequest], poll_timeout: float | None = None
    ) -> list[GearmanJobRequest]:
        """Waits until a request is complete or lost, and returns all that are; an empty list at the timeout.

        Raises ServerUnavailable as ``wait_until_jobs_completed`` does.
        """
        _check_container(job_requests)

        def is_none_done(_any_activity: bool) -> bool:
            return not any(_has_ended(request) for request in job_requests)

        self._wait_for_jobs(job_requests, is_none_done, poll_timeout)
        ended = [request for request in job_requests if _has_ended(request)]
        for request in job_requests:
            request.timed_out = not (ended or request.complete)
        return ended

    def _wait_for_jobs(
        self, job_requests: Collection[GearmanJobRequest], callback: Any, poll_timeout: float | None
    ) -> None:
        """Polls until the callback has enough; a lost connection is no error to jobs that do not need it."""
        if all(request.complete for request in job_requests):
            return
        try:
            self.poll_connections_until_stopped(self.connection_list, callback, timeout=poll_timeout)
        except ServerUnavailable:
            if all(request.complete for request in job_requests):
                return
            if not self._reach_another_server(job_requests):
                raise

    def _reach_another_server(self, job_requests: Collection[GearmanJobRequest]) -> bool:
        """Whether a server can be reached that none of the requests was lost with."""
        lost = [request.job.connection for request in job_requests if not request.complete]
        return any(self._can_connect(other) for other in self.connection_list if other not in lost)

    # --- sending ----------------------------------------------------------------------------------------

    def send_job_request(self, current_request: GearmanJobRequest) -> GearmanJobRequest:
        """Sends a request to the first server that can be reached, without waiting for the answer.

        Raises ExceededConnectionAttempts if it was sent as often as it may be.
        """
        if current_request.connection_attempts >= current_request.max_connection_attempts:
            attempts = current_request.max_connection_attempts
            message = f"Exceeded {attempts} connection attempt(s): {current_request!r}"
            if current_request.job.connection is not None:
                message += f", sent to {describe_server(current_request.job.connection)}"
            raise ExceededConnectionAttempts(message)
        connection = self.establish_request_connection(current_request)
        self.connection_to_handler_map[connection].send_job_request(current_request)
        current_request.job.connection = connection
        current_request.connection_attempts += 1
        current_request.timed_out = False
        return current_request

    def establish_request_connection(self, current_request: GearmanJobRequest) -> GearmanConnection:
        """The connection to send a request over: the first in the request's own order that is or can be open.

        Raises ServerUnavailable if there is none.
        """
        queue = self.request_to_rotating_connection_queue.get(current_request)
        if queue is None:
            queue = deque(random.sample(self.connection_list, len(self.connection_list)))
            self.request_to_rotating_connection_queue[current_request] = queue
        connections = list(queue)
        for position in order([connection.record for connection in connections], time.monotonic()):
            connection = connections[position]
            self._drop_if_stale(connection)
            if self._can_connect(connection):
                return connection
            queue.remove(connection)
            queue.append(connection)
        raise ServerUnavailable(self._unavailable_text(connections))

    def _can_connect(self, connection: GearmanConnection) -> bool:
        try:
            self.establish_connection(connection)
        except ConnectionError:
            return False
        return True

    # --- status -----------------------------------------------------------------------------------------

    def get_job_status(
        self, current_request: GearmanJobRequest, poll_timeout: float | None = None
    ) -> GearmanJobRequest:
        """Asks for the status of one job; otherwise as ``get_job_statuses``."""
        self.get_job_statuses([current_request], poll_timeout=poll_timeout)
        return current_request

    def get_job_statuses(self, job_requests: _Requests, poll_timeout: float | None = None) -> _Requests:
        """Asks for the status of jobs, and waits for the answers, which stand in ``status`` of the requests.

        Asks the server that a job was sent to, whichever client sent it. A job that names no server, but has
        a handle, is looked for on all of them. Raises InvalidClientState for a request without a handle, and
        ServerUnavailable if the server cannot be reached.
        """
        _check_container(job_requests)
        for request in job_requests:
            handlers = [
                self.connection_to_handler_map[connection]
                for connection in self._connections_for_status(request)
            ]
            request._status_queries = 0
            request._status_found = None
            for handler in handlers:
                handler.send_get_status_of_job(request)
            request.status["last_time_received"] = request.status.get("time_received")
        return self.wait_until_job_statuses_received(job_requests, poll_timeout=poll_timeout)

    def wait_until_job_statuses_received(
        self, job_requests: _Requests, poll_timeout: float | None = None
    ) -> _Requests:
        """Waits for the answers to the questions of ``get_job_statuses``."""
        _check_container(job_requests)

        def is_any_unanswered(_any_activity: bool) -> bool:
            return any(request._status_queries > 0 and not request._status_found for request in job_requests)

        try:
            if is_any_unanswered(False):
                self.poll_connections_until_stopped(
                    self.connection_list, is_any_unanswered, timeout=poll_timeout
                )
        finally:
            for request in job_requests:
                request.status.pop("last_time_received", None)
                request.timed_out = request._status_found is None
        return job_requests

    def _connections_for_status(self, request: GearmanJobRequest) -> list[GearmanConnection]:
        """The open connections to the servers that may know a job."""
        given = request.job.connection
        if given is None:
            candidates = self.connection_list
        elif given in self.connection_list:
            candidates = [given]
        else:
            candidates = [
                connection
                for connection in self.connection_list
                if connection.get_address() == given.get_address()
            ]
        for connection in candidates:
            self._drop_if_stale(connection)
        usable = [connection for connection in candidates if self._can_connect(connection)]
        if not candidates and given is not None:
            raise ServerUnavailable(f"Not one of this client's servers: {describe_server(given)}")
        if not usable:
            raise ServerUnavailable(self._unavailable_text(candidates))
        return usable


def _has_ended(request: GearmanJobRequest) -> bool:
    """Whether waiting for a request makes no sense any more."""
    return request.complete or request.state == JOB_UNKNOWN


def _check_container(items: object) -> None:
    if not isinstance(items, (list, tuple, set)):
        raise AssertionError(f"Expected a list, tuple or set, got {type(items).__name__}: {items!r}")


def _epoch_seconds(when_to_run: float | datetime) -> int:
    """Whole seconds since 1970, never earlier than asked for; a datetime without a zone is local time."""
    moment = when_to_run.timestamp() if isinstance(when_to_run, datetime) else when_to_run
    return math.ceil(moment)
