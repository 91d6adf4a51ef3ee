"""One connection of a client: sends requests, and tells them what came of their jobs."""

from __future__ import annotations

import logging
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from gearman.command_handler import GearmanCommandHandler
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
from gearman.errors import InvalidClientState, ProtocolError
from gearman.job import GearmanJobRequest
from gearman.text import name_like, to_bytes
from geartrain.errors import LocalProtocolError
from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from geartrain.roles import client as role_client
from geartrain.roles.client import ClientRole
from geartrain.roles.events import (
    Completed,
    Created,
    Data,
    Event,
    Exception_,
    Failed,
    Ignored,
    JobEvent,
    Lost,
    OptionAccepted,
    Progress,
    Refused,
    ServerError,
    StatusReport,
    Unanswered,
    Warning_,
)

if TYPE_CHECKING:
    from gearman.connection_manager import GearmanConnectionManager

__all__ = ["GearmanClientCommandHandler", "InvalidClientState"]

gearman_logger = logging.getLogger(__name__)

Name = str | bytes

_PRIORITIES = {
    PRIORITY_HIGH: role_client.PRIORITY_HIGH,
    PRIORITY_NONE: role_client.PRIORITY_NORMAL,
    PRIORITY_LOW: role_client.PRIORITY_LOW,
}
_EXCEPTIONS = b"exceptions"


class GearmanClientCommandHandler(GearmanCommandHandler):
    """Applies what happens on one connection to the requests that were sent over it."""

    def __init__(self, connection_manager: GearmanConnectionManager | None = None) -> None:
        super().__init__(connection_manager)
        # Its tokens are weak references to requests: a request that a program dropped is forgotten.
        self._role = ClientRole()

    def initial_state(self, *_args: Any, **_kwargs: Any) -> None:
        if self.connection_manager.ask_for_exceptions:
            self._role.set_option(_EXCEPTIONS, _EXCEPTIONS)
            self.send_packets(self._role.drain())

    @property
    def requests_awaiting_handles(self) -> deque[GearmanJobRequest]:
        """The requests that were sent and neither accepted nor refused, oldest first."""
        requests = [_request_of(token) for token in self._role.pending()]
        return deque([request for request in requests if request is not None])

    @property
    def handle_to_request_map(self) -> dict[Any, GearmanJobRequest]:
        """The requests whose foreground job is under way, by handle; one of them if they share it."""
        requests = [_request_of(token) for token in self._role.running()]
        return {request.job.handle: request for request in requests if request is not None}

    # --- out --------------------------------------------------------------------------------------------

    def send_job_request(self, current_request: GearmanJobRequest) -> None:
        """Submits the job of a request.

        Raises InvalidClientState for a request that is under way or has ended, ProtocolError for a zero byte
        in a name, KeyError for an unknown priority, and whatever the encoder raises.
        """
        if current_request.state != JOB_UNKNOWN:
            raise InvalidClientState(f"Expected a request in state {JOB_UNKNOWN}, got {current_request!r}")
        job = current_request.job
        token = weakref.ref(current_request)
        task, unique, data = to_bytes(job.task), to_bytes(job.unique), self.encode_data(job.data)
        priority = _PRIORITIES[current_request.priority]
        try:
            if current_request.when_to_run is None:
                self._role.submit(token, task, unique, data, priority, current_request.background)
            else:
                self._role.submit_epoch(token, task, unique, data, current_request.when_to_run)
        except LocalProtocolError as error:
            raise ProtocolError(str(error)) from error
        job.handle = None
        current_request.state = JOB_PENDING
        self.send_packets(self._role.drain())

    def send_get_status_of_job(self, current_request: GearmanJobRequest) -> None:
        """Asks for the status of a request's job; InvalidClientState if it has no handle."""
        if current_request.job.handle is None:
            raise InvalidClientState(f"No server has given this request a handle: {current_request!r}")
        self._role.query_status(weakref.ref(current_request), to_bytes(current_request.job.handle))
        current_request._status_queries += 1
        self.send_packets(self._role.drain())

    def on_io_error(self) -> None:
        for event in self._role.lost():
            self._apply(event)

    # --- in ---------------------------------------------------------------------------------------------

    def recv_job_created(self, job_handle: Name) -> bool:
        events = self._receive(packets.JOB_CREATED, job_handle)
        if any(isinstance(event, Ignored) for event in events):
            raise InvalidClientState(f"Received a handle, but no request waits for one: {job_handle!r}")
        return True

    def recv_work_data(self, job_handle: Name, data: Name) -> bool:
        return self._handle(packets.WORK_DATA, job_handle, data)

    def recv_work_warning(self, job_handle: Name, data: Name) -> bool:
        return self._handle(packets.WORK_WARNING, job_handle, data)

    def recv_work_status(self, job_handle: Name, numerator: Name, denominator: Name) -> bool:
        return self._handle(packets.WORK_STATUS, job_handle, numerator, denominator)

    def recv_work_complete(self, job_handle: Name, data: Name) -> bool:
        return self._handle(packets.WORK_COMPLETE, job_handle, data)

    def recv_work_fail(self, job_handle: Name) -> bool:
        return self._handle(packets.WORK_FAIL, job_handle)

    def recv_work_exception(self, job_handle: Name, data: Name) -> bool:
        return self._handle(packets.WORK_EXCEPTION, job_handle, data)

    def recv_status_res(
        self, job_handle: Name, known: Name, running: Name, numerator: Name, denominator: Name
    ) -> bool:
        return self._handle(packets.STATUS_RES, job_handle, known, running, numerator, denominator)

    def recv_option_res(self, option_name: Name) -> bool:
        return self._handle(packets.OPTION_RES, option_name)

    def recv_error(self, error_code: Name, error_text: Name) -> bool:
        return self._handle(packets.ERROR, error_code, error_text)

    def _handle(self, number: int, *arguments: Name) -> bool:
        self._receive(number, *arguments)
        return True

    def _receive(self, number: int, *arguments: Name) -> list[Event]:
        """Lets the role judge a packet, and applies all of it before an encoder's error goes on."""
        events = self._role.receive(Packet(number, tuple([to_bytes(argument) for argument in arguments])))
        errors: list[Exception] = []
        for event in events:
            try:
                self._apply(event)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return events

    # --- what a packet means to a request ---------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        if isinstance(event, Ignored):
            gearman_logger.debug("%r concerns no request", event)
        elif isinstance(event, ServerError):
            super().recv_error(event.code, event.text)
        elif isinstance(event, OptionAccepted):
            gearman_logger.debug("The server set %r", event.option)
        elif isinstance(event, Refused):
            self._apply_refusal(event)
        elif isinstance(event, (JobEvent, Lost, StatusReport, Unanswered)):
            request = _request_of(event.token)
            if request is None:
                gearman_logger.debug("Nobody waits for %r any more", event)
            elif isinstance(event, JobEvent):
                self._apply_to_job(request, event)
            elif isinstance(event, Lost):
                _apply_loss(request)
            elif isinstance(event, StatusReport):
                _apply_status(request, event)
            else:
                request._status_queries -= 1

    def _apply_refusal(self, event: Refused) -> None:
        if event.request == packets.OPTION_REQ:
            gearman_logger.debug("The server does not set %r: %s", event.token, event.code)
            return
        request = _request_of(event.token)
        if request is not None and request.state == JOB_PENDING:
            request.state = JOB_FAILED
            request.error_code = event.code
            request.error_text = event.text
        super().recv_error(event.code, event.text)

    def _apply_to_job(self, request: GearmanJobRequest, event: JobEvent) -> None:
        expected = JOB_PENDING if isinstance(event, Created) else JOB_CREATED
        if request.state != expected:
            # The program has changed its mind, by resetting the request for instance.
            gearman_logger.warning("%r does not fit %r", event, request)
        elif isinstance(event, Completed):
            request.state = JOB_COMPLETE
            request.result = self._decode(request, event.data)
        elif isinstance(event, Created):
            request.state = JOB_CREATED
            request.job.handle = name_like(event.handle, request.job.task)
        elif isinstance(event, Data):
            request.data_updates.append(self._decode(request, event.data))
        elif isinstance(event, Warning_):
            request.warning_updates.append(self._decode(request, event.data))
        elif isinstance(event, Progress):
            _apply_progress(request, event)
        elif isinstance(event, Failed):
            request.state = JOB_FAILED
        elif isinstance(event, Exception_):
            request.state = JOB_FAILED
            request.exception = self._decode(request, event.data)

    def _decode(self, request: GearmanJobRequest, data: bytes) -> Any:
        return self.decode_data(data, request.job.task)


_MISSING = object()


def _request_of(token: object) -> GearmanJobRequest | None:
    return token() if isinstance(token, weakref.ref) else None


def _apply_loss(request: GearmanJobRequest) -> None:
    if request.state in (JOB_PENDING, JOB_CREATED):
        request.state = JOB_UNKNOWN


def _apply_progress(request: GearmanJobRequest, event: Progress) -> None:
    asked = request.status.get("last_time_received", _MISSING)
    request.status = _status(request, event.handle, True, True, event.numerator, event.denominator)
    if asked is not _MISSING:
        # The question that was asked meanwhile is still open.
        request.status["last_time_received"] = asked


def _apply_status(request: GearmanJobRequest, event: StatusReport) -> None:
    request._status_queries -= 1
    # Of several servers that were asked, the one that knows the job is right.
    if event.known or not request._status_found:
        request._status_found = event.known
        request.status = _status(
            request, event.handle, event.known, event.running, event.numerator, event.denominator
        )


def _status(
    request: GearmanJobRequest,
    handle: bytes,
    known: bool,
    running: bool,
    numerator: int,
    denominator: int,
) -> dict[str, Any]:
    return {
        "handle": name_like(handle, request.job.task),
        "known": known,
        "running": running,
        "numerator": numerator,
        "denominator": denominator,
        "time_received": time.time(),
    }
