"""One connection as a worker sees it.

Rules:

* A worker is awake, waits for the answer to a grab, or sleeps. NOOP wakes it. A woken worker has to grab
  sooner or later, even if it goes to sleep first: the C server sends no second NOOP before a grab.
* One grab is under way at a time. A worker that can hold several jobs grabs again after JOB_ASSIGN.
* The server never acknowledges what is sent for a job, and refuses it with ERROR JOB_NOT_FOUND when the job
  is not this worker's any more. That concerns a job and not the connection, so it is reported as LateResult.
* When to grab and when to sleep is the driver's decision: it may share one slot among several connections.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

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
from geartrain.roles.fields import strip_handle, whole_progress
from geartrain.roles.outgoing import Outgoing

_JOB_NOT_FOUND: Final = "JOB_NOT_FOUND"
_INVALID_COMMAND: Final = "INVALID_COMMAND"
_MILLISECONDS: Final = 1000
# What to ask a server with that does not know a kind of grab.
_OLDER_GRABS: Final = {GRAB_JOB_ALL: GRAB_JOB_UNIQ, GRAB_JOB_UNIQ: GRAB_JOB}


class WorkerRole:
    """Registers functions, grabs jobs and reports on them over one connection.

    ``grab_packet`` is GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL; each later one tells more about a job. A
    server that does not know one of the later ones is asked with the one before.
    """

    __slots__ = ("_grab_packet", "_outgoing", "_questions", "grabbing", "jobs", "sleeping")

    def __init__(self, grab_packet: int = GRAB_JOB_UNIQ) -> None:
        self._grab_packet = grab_packet
        self._outgoing = Outgoing()
        # Packet numbers and tokens of options and echoes that wait for their answer.
        self._questions: deque[tuple[int, object]] = deque()
        # Whether a grab waits for its answer, and whether the server believes that this worker sleeps.
        self.grabbing = False
        self.sleeping = False
        # Handles of the jobs that were assigned here and have not ended, in the order of assignment.
        self.jobs: list[bytes] = []

    # --- registration -----------------------------------------------------------------------------------

    def set_client_id(self, client_id: bytes) -> None:
        """Sets the name that the server lists this worker under."""
        self._outgoing.add(SET_CLIENT_ID, client_id)

    def can_do(self, function: bytes, timeout_seconds: float | None = None) -> None:
        """Registers a function.

        When a job runs longer than the timeout, the server takes it away and queues it again; it counts
        whole milliseconds. LocalProtocolError tells of a zero byte in the name if there is a timeout.
        """
        # The server looks for jobs of the new function only when it is told to wake this worker anew.
        self.sleeping = False
        if timeout_seconds is None:
            self._outgoing.add(CAN_DO, function)
        else:
            milliseconds = math.ceil(timeout_seconds * _MILLISECONDS)
            self._outgoing.add(CAN_DO_TIMEOUT, function, b"%d" % milliseconds)

    def cant_do(self, function: bytes) -> None:
        """Takes a function back. The server queues its jobs that run here again."""
        self._outgoing.add(CANT_DO, function)

    def reset_abilities(self) -> None:
        """Takes all functions back. The server queues all jobs that run here again."""
        self._outgoing.add(RESET_ABILITIES)

    def set_option(self, token: object, option: bytes) -> None:
        """Asks for an option of this connection; answered by OptionAccepted or Refused."""
        self._outgoing.add(OPTION_REQ, option)
        self._questions.append((OPTION_REQ, token))

    def echo(self, token: object, data: bytes) -> None:
        """Asks for the data back; answered by Echoed."""
        self._outgoing.add(ECHO_REQ, data)
        self._questions.append((ECHO_REQ, token))

    # --- jobs in ----------------------------------------------------------------------------------------

    def grab(self) -> None:
        """Asks for a job, unless such a request is under way; answered by Assigned or NoJob."""
        if not self.grabbing:
            self._outgoing.add(self._grab_packet)
            self.grabbing = True
            self.sleeping = False

    def sleep(self) -> None:
        """Asks for a Noop as soon as there is a job, unless that has been asked already."""
        if not self.sleeping and not self.grabbing:
            self._outgoing.add(PRE_SLEEP)
            self.sleeping = True

    # --- reports out ------------------------------------------------------------------------------------

    def send_data(self, handle: bytes, data: bytes) -> None:
        """Sends a piece of the result to the clients."""
        self._outgoing.add(WORK_DATA, handle, data)

    def send_warning(self, handle: bytes, data: bytes) -> None:
        """Sends a warning to the clients."""
        self._outgoing.add(WORK_WARNING, handle, data)

    def send_status(self, handle: bytes, numerator: float, denominator: float) -> None:
        """Tells how far a job has come; fractions are sent as whole numbers of the same ratio.

        Raises ValueError or OverflowError for a number that is not finite.
        """
        above, below = whole_progress(numerator, denominator)
        self._outgoing.add(WORK_STATUS, handle, b"%d" % above, b"%d" % below)

    def complete(self, handle: bytes, data: bytes) -> None:
        """Ends a job with its result."""
        self._outgoing.add(WORK_COMPLETE, handle, data)
        self._ended(handle)

    def fail(self, handle: bytes) -> None:
        """Ends a job without a result."""
        self._outgoing.add(WORK_FAIL, handle)
        self._ended(handle)

    def send_exception(self, handle: bytes, data: bytes) -> None:
        """Ends a job without a result, with a reason for the clients that asked for exceptions."""
        self._outgoing.add(WORK_EXCEPTION, handle, data)
        self._ended(handle)

    def _ended(self, handle: bytes) -> None:
        if handle in self.jobs:
            self.jobs.remove(handle)

    # --- the connection ---------------------------------------------------------------------------------

    def drain(self) -> list[Packet]:
        """The packets to send, oldest first; they are the caller's from now on."""
        return self._outgoing.drain()

    def lost(self) -> list[bytes]:
        """Ends the role because its connection is gone; returns the handles of the jobs that lose it."""
        jobs = self.jobs
        self.jobs = []
        self.grabbing = False
        self.sleeping = False
        self._questions.clear()
        self._outgoing.drain()
        return jobs

    # --- packets ----------------------------------------------------------------------------------------

    def receive(self, packet: Packet) -> list[Event]:
        """Takes a packet of the server and returns what it means, in order."""
        number = packet.number
        if number in (JOB_ASSIGN_UNIQ, JOB_ASSIGN_ALL, JOB_ASSIGN):
            return [self._assigned(packet)]
        elif number == NO_JOB:
            self.grabbing = False
            return [NoJob()]
        elif number == NOOP:
            self.sleeping = False
            return [Noop()]
        elif number == ERROR:
            return self._error(packet)
        elif number == OPTION_RES:
            return [OptionAccepted(self._answered(OPTION_REQ), packet.arguments[0])]
        elif number == ECHO_RES:
            return [Echoed(self._answered(ECHO_REQ), packet.arguments[0])]
        return [Ignored(packet)]

    def _assigned(self, packet: Packet) -> Event:
        arguments = packet.arguments
        handle = strip_handle(arguments[0])
        self.grabbing = False
        self.jobs.append(handle)
        if packet.number == JOB_ASSIGN_UNIQ:
            return Assigned(handle, arguments[1], arguments[2], b"", arguments[3])
        elif packet.number == JOB_ASSIGN_ALL:
            return Assigned(handle, arguments[1], arguments[2], arguments[3], arguments[4])
        return Assigned(handle, arguments[1], b"", b"", arguments[2])

    def _error(self, packet: Packet) -> list[Event]:
        code = packet.arguments[0].decode("utf-8", "replace")
        text = packet.arguments[1].decode("utf-8", "replace")
        if code == _JOB_NOT_FOUND:
            return [LateResult(text)]
        elif code == _INVALID_COMMAND and self.grabbing and self._grab_packet in _OLDER_GRABS:
            self._grab_packet = _OLDER_GRABS[self._grab_packet]
            self._outgoing.add(self._grab_packet)
            return []
        elif self._questions:
            number, token = self._questions.popleft()
            return [Refused(token, number, code, text)]
        return [ServerError(code, text)]

    def _answered(self, number: int) -> object:
        """The token of the first question of this kind; those before it will not be answered any more."""
        while self._questions:
            asked, token = self._questions.popleft()
            if asked == number:
                return token
        return None
