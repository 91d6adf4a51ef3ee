"""One connection as a client sees it.

Rules:

* The server answers in the order of the requests, and JOB_CREATED and ERROR do not say what they answer.
  So every request that gets an answer waits in one line, and an answer belongs to the first in line that it
  fits. A question before it that was passed over will not be answered any more; a submission is never given
  up that way.
* After JOB_CREATED, packets name the job by its handle. Submissions that the server merged into one job
  share its handle, and the server sends each packet once for each of them. The copies are dealt out in turn,
  so that each submission sees each packet once. The first final packet ends all of them; its other copies
  then meet an unknown handle, and those are ignored.
* WORK_EXCEPTION is final. A server that sends WORK_FAIL behind it does no harm, for the same reason.
* Nothing follows the JOB_CREATED of a background job.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from geartrain.protocol.packets import (
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    JOB_CREATED,
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
from geartrain.roles.fields import parse_number, parse_progress, strip_handle
from geartrain.roles.outgoing import Outgoing

PRIORITY_HIGH: Final = 0
PRIORITY_NORMAL: Final = 1
PRIORITY_LOW: Final = 2

_FOREGROUND: Final = (SUBMIT_JOB_HIGH, SUBMIT_JOB, SUBMIT_JOB_LOW)
_BACKGROUND: Final = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)
_QUESTIONS: Final = frozenset({GET_STATUS, GET_STATUS_UNIQUE, OPTION_REQ, ECHO_REQ})


class _Request:
    """A request that waits for its answer; ``key`` is the handle or unique that a status answer repeats."""

    __slots__ = ("background", "key", "number", "token")

    def __init__(self, number: int, token: object, key: bytes = b"", background: bool = False) -> None:
        self.number = number
        self.token = token
        self.key = key
        self.background = background


class _SharedJob:
    """The submissions behind one handle, and whose turn it is to get the next copy."""

    __slots__ = ("tokens", "turn")

    def __init__(self) -> None:
        # None stands for a submission that was forgotten: the server still sends its copies.
        self.tokens: list[object] = []
        self.turn = 0

    def attach(self, token: object) -> None:
        self.tokens.append(token)
        # The server sends all copies of a packet in one go, so a new submission starts a new round.
        self.turn = 0

    def next_token(self) -> object:
        token = self.tokens[self.turn]
        self.turn = (self.turn + 1) % len(self.tokens)
        return token


class ClientRole:
    """Submits jobs and asks questions over one connection, and tells what came of them."""

    __slots__ = ("_jobs", "_outgoing", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[_Request] = deque()
        self._jobs: dict[bytes, _SharedJob] = {}
        self._outgoing = Outgoing()

    # --- requests ---------------------------------------------------------------------------------------

    def submit(
        self,
        token: object,
        function: bytes,
        unique: bytes,
        data: bytes,
        priority: int = PRIORITY_NORMAL,
        background: bool = False,
    ) -> None:
        """Submits a job; answered by Created or Refused.

        As for every request, LocalProtocolError tells of a zero byte in a name, and nothing is sent then.
        """
        number = (_BACKGROUND if background else _FOREGROUND)[priority]
        self._outgoing.add(number, function, unique, data)
        self._waiting.append(_Request(number, token, background=background))

    def submit_epoch(self, token: object, function: bytes, unique: bytes, data: bytes, epoch: int) -> None:
        """Submits a background job that runs at a time, in seconds since 1970 UTC, or later."""
        self._outgoing.add(SUBMIT_JOB_EPOCH, function, unique, b"%d" % epoch, data)
        self._waiting.append(_Request(SUBMIT_JOB_EPOCH, token, background=True))

    def submit_sched(
        self, token: object, function: bytes, unique: bytes, data: bytes, schedule: tuple[bytes, ...]
    ) -> None:
        """Submits a background job that runs at the next time which matches.

        ``schedule`` is minute, hour, day of month, month and day of week as decimal text, empty for any.
        """
        minute, hour, day_of_month, month, day_of_week = schedule
        self._outgoing.add(
            SUBMIT_JOB_SCHED, function, unique, minute, hour, day_of_month, month, day_of_week, data
        )
        self._waiting.append(_Request(SUBMIT_JOB_SCHED, token, background=True))

    def submit_reduce(
        self,
        token: object,
        function: bytes,
        unique: bytes,
        reducer: bytes,
        data: bytes,
        background: bool = False,
    ) -> None:
        """Submits a job whose worker is also told the name of a reducer."""
        number = SUBMIT_REDUCE_JOB_BACKGROUND if background else SUBMIT_REDUCE_JOB
        # The aggregator is in no worker's packet; libgearman sends it empty, and the C server insists on it.
        self._outgoing.add(number, function, unique, reducer, b"", data)
        self._waiting.append(_Request(number, token, background=background))

    def query_status(self, token: object, handle: bytes) -> None:
        """Asks for the state of a job; answered by StatusReport."""
        self._outgoing.add(GET_STATUS, handle)
        self._waiting.append(_Request(GET_STATUS, token, strip_handle(handle)))

    def query_status_by_unique(self, token: object, unique: bytes) -> None:
        """Asks for the state of a job by its unique; answered by UniqueStatusReport."""
        self._outgoing.add(GET_STATUS_UNIQUE, unique)
        self._waiting.append(_Request(GET_STATUS_UNIQUE, token, unique))

    def set_option(self, token: object, option: bytes) -> None:
        """Asks for an option of this connection; answered by OptionAccepted or Refused."""
        self._outgoing.add(OPTION_REQ, option)
        self._waiting.append(_Request(OPTION_REQ, token))

    def echo(self, token: object, data: bytes) -> None:
        """Asks for the data back; answered by Echoed."""
        self._outgoing.add(ECHO_REQ, data)
        self._waiting.append(_Request(ECHO_REQ, token))

    def drain(self) -> list[Packet]:
        """The packets to send, oldest first; they are the caller's from now on."""
        return self._outgoing.drain()

    # --- what is under way ------------------------------------------------------------------------------

    def pending(self) -> list[object]:
        """The tokens of submissions that the server has not answered yet, oldest first."""
        return [
            request.token
            for request in self._waiting
            if request.token is not None and request.number not in _QUESTIONS
        ]

    def running(self) -> list[object]:
        """The tokens of submissions whose foreground job has a handle and has not ended."""
        return [token for job in self._jobs.values() for token in job.tokens if token is not None]

    def forget(self, token: object) -> None:
        """Reports nothing more to this token. What was submitted stays submitted."""
        for request in self._waiting:
            if request.token is token:
                request.token = None
        for job in self._jobs.values():
            job.tokens = [None if other is token else other for other in job.tokens]

    def lost(self) -> list[Event]:
        """Ends the role because its connection is gone; tells what that leaves open."""
        events: list[Event] = []
        for handle, job in self._jobs.items():
            events += [Lost(token, handle) for token in job.tokens if token is not None]
        for request in self._waiting:
            if request.token is None:
                continue
            if request.number in _QUESTIONS:
                events.append(Unanswered(request.token, request.number))
            else:
                events.append(Lost(request.token, b""))
        self._jobs.clear()
        self._waiting.clear()
        self._outgoing.drain()
        return events

    # --- packets ----------------------------------------------------------------------------------------

    def receive(self, packet: Packet) -> list[Event]:
        """Takes a packet of the server and returns what it means, in order."""
        number = packet.number
        if number in (WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION):
            return self._end(packet)
        elif number == JOB_CREATED:
            return self._created(packet)
        elif number in (WORK_DATA, WORK_WARNING, WORK_STATUS):
            return self._update(packet)
        elif number == ERROR:
            return self._error(packet)
        elif number == STATUS_RES:
            return self._status(packet)
        elif number == STATUS_RES_UNIQUE:
            return self._status_by_unique(packet)
        elif number == OPTION_RES:
            return self._option(packet)
        elif number == ECHO_RES:
            return self._echo(packet)
        return [Ignored(packet)]

    def _created(self, packet: Packet) -> list[Event]:
        position = 0
        while position < len(self._waiting) and self._waiting[position].number in _QUESTIONS:
            position += 1
        if position == len(self._waiting):
            return [Ignored(packet)]
        events: list[Event] = []
        request = self._take(position, events)
        handle = strip_handle(packet.arguments[0])
        if not request.background:
            job = self._jobs.get(handle)
            if job is None:
                job = self._jobs[handle] = _SharedJob()
            job.attach(request.token)
        if request.token is not None:
            events.append(Created(request.token, handle))
        return events

    def _update(self, packet: Packet) -> list[Event]:
        handle = strip_handle(packet.arguments[0])
        job = self._jobs.get(handle)
        if job is None:
            return [Ignored(packet)]
        token = job.next_token()
        if token is None:
            return []
        elif packet.number == WORK_DATA:
            return [Data(token, handle, packet.arguments[1])]
        elif packet.number == WORK_WARNING:
            return [Warning_(token, handle, packet.arguments[1])]
        numerator, denominator = parse_progress(packet.arguments[1], packet.arguments[2])
        return [Progress(token, handle, numerator, denominator)]

    def _end(self, packet: Packet) -> list[Event]:
        handle = strip_handle(packet.arguments[0])
        job = self._jobs.pop(handle, None)
        if job is None:
            return [Ignored(packet)]
        return [_ending(token, handle, packet) for token in job.tokens if token is not None]

    def _error(self, packet: Packet) -> list[Event]:
        code = packet.arguments[0].decode("utf-8", "replace")
        text = packet.arguments[1].decode("utf-8", "replace")
        if not self._waiting:
            return [ServerError(code, text)]
        request = self._waiting.popleft()
        return [] if request.token is None else [Refused(request.token, request.number, code, text)]

    def _status(self, packet: Packet) -> list[Event]:
        handle = strip_handle(packet.arguments[0])
        events: list[Event] = []
        token = self._answer(GET_STATUS, handle, events)
        known, running = _flag(packet.arguments[1]), _flag(packet.arguments[2])
        numerator, denominator = parse_progress(packet.arguments[3], packet.arguments[4])
        events.append(StatusReport(token, handle, known, running, numerator, denominator))
        return events

    def _status_by_unique(self, packet: Packet) -> list[Event]:
        unique = packet.arguments[0]
        events: list[Event] = []
        token = self._answer(GET_STATUS_UNIQUE, unique, events)
        known, running = _flag(packet.arguments[1]), _flag(packet.arguments[2])
        numerator, denominator = parse_progress(packet.arguments[3], packet.arguments[4])
        clients = parse_number(packet.arguments[5])
        events.append(UniqueStatusReport(token, unique, known, running, numerator, denominator, clients))
        return events

    def _option(self, packet: Packet) -> list[Event]:
        events: list[Event] = []
        token = self._answer(OPTION_REQ, b"", events)
        events.append(OptionAccepted(token, packet.arguments[0]))
        return events

    def _echo(self, packet: Packet) -> list[Event]:
        events: list[Event] = []
        token = self._answer(ECHO_REQ, b"", events)
        events.append(Echoed(token, packet.arguments[0]))
        return events

    # --- the line of requests ---------------------------------------------------------------------------

    def _answer(self, number: int, key: bytes, events: list[Event]) -> object:
        """The token of the first question of this kind, taken out of the line; None if nobody asked."""
        for position, request in enumerate(self._waiting):
            if request.number == number and request.key == key:
                return self._take(position, events).token
        return None

    def _take(self, position: int, events: list[Event]) -> _Request:
        """Takes a request out of the line, and gives up the questions before it."""
        passed_over: list[_Request] = []
        for _ in range(position):
            request = self._waiting.popleft()
            if request.number not in _QUESTIONS:
                passed_over.append(request)
            elif request.token is not None:
                events.append(Unanswered(request.token, request.number))
        taken = self._waiting.popleft()
        self._waiting.extendleft(reversed(passed_over))
        return taken


def _ending(token: object, handle: bytes, packet: Packet) -> Event:
    if packet.number == WORK_COMPLETE:
        return Completed(token, handle, packet.arguments[1])
    elif packet.number == WORK_FAIL:
        return Failed(token, handle)
    return Exception_(token, handle, packet.arguments[1])


def _flag(raw: bytes) -> bool:
    return parse_number(raw) != 0
