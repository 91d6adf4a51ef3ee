"""The engine: what every packet and text line of a connection means to the job server.

Pure: it never calls out and never blocks. The caller passes messages and the time in, and collects what
must happen from ``take_ready_peers``, ``take_notices``, ``journal``, ``next_deadline`` and
``stop_requested``.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.access import Access
from geartrain.engine.admin import Administration
from geartrain.engine.clients import Clients
from geartrain.engine.gates import Gates
from geartrain.engine.guard import Guard
from geartrain.engine.job import HIGH, LOW, NORMAL, Job
from geartrain.engine.jobs import Jobs
from geartrain.engine.journal import Find, Journal, Load, StoredJob
from geartrain.engine.notices import WARNING, Notice
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer
from geartrain.engine.questions import Cancellation, StatusByHandle, StatusByUnique, Submission
from geartrain.engine.queue_report import QueueReport
from geartrain.engine.stored import StoredJobs
from geartrain.engine.workers import Workers
from geartrain.protocol.admin import error_line
from geartrain.protocol.codec import (
    INVALID_COMMAND,
    AdminLine,
    Fault,
    Message,
    encode_response,
    response_head,
)
from geartrain.protocol.packets import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
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

# Longest client id; more is cut off, as in the C server.
MAX_CLIENT_ID_BYTES: Final = 127
# While jobs wait for their time, how often to look whether somebody has set the clock.
CLOCK_CHECK_SECONDS: Final = 1.0

UNKNOWN_OPTION: Final = "UNKNOWN_OPTION"


class Engine:
    """The state of a job server: connections, functions and jobs.

    ``now`` is always the monotonic clock in seconds. ``wall_offset`` turns it into seconds since
    1970-01-01 UTC; the caller keeps it up to date, and ``queue_report`` too.
    """

    __slots__ = (
        "_admin",
        "_clients",
        "_gates",
        "_jobs",
        "_notices",
        "_now",
        "_options",
        "_peers",
        "_ready",
        "_stored",
        "_workers",
        "queue_report",
        "wall_offset",
    )

    def __init__(self, options: EngineOptions) -> None:
        self.wall_offset = 0.0
        self.queue_report = QueueReport()
        self._options = options
        self._notices: list[Notice] = []
        self._jobs = Jobs(options, self._notices)
        self._peers: dict[Peer, None] = {}
        guard = Guard(self._notices)
        self._gates = Gates()
        self._stored = StoredJobs(self._jobs)
        self._admin = Administration(
            options, self._jobs, self._peers, guard, self._gates, self._stored, self.queue_report
        )
        self._clients = Clients(options, self._jobs, guard, self._gates, self._stored)
        self._workers = Workers(self._jobs, guard)
        self._ready: list[Peer] = []
        self._now = 0.0

    # --- what the caller puts in --------------------------------------------------------------------

    def connect(
        self,
        descriptor: int,
        address: bytes,
        now: float,
        listener: bytes = b"",
        subject: bytes = b"",
        access: Access | None = None,
    ) -> Peer:
        """A new connection, which may do what its access allows; everything if that is None.

        ``descriptor``, ``address`` and ``listener`` are shown to administrators, ``subject`` in the log.
        """
        self._now = now
        peer = Peer(
            descriptor, address, listener, now, self._options.exceptions, self._ready, subject, access
        )
        self._peers[peer] = None
        return peer

    def receive(self, peer: Peer, message: Message, now: float) -> None:
        """One message of a connection, in the order it was sent."""
        self._now = now
        if peer.is_closing:
            return
        if isinstance(message, Packet):
            self._receive_packet(peer, message, now)
        elif isinstance(message, AdminLine):
            self._admin.receive(peer, message.text, now, now + self.wall_offset)
        else:
            self._receive_fault(peer, message)

    def set_access(self, peer: Peer, access: Access | None, now: float) -> None:
        """Changes what a connection may do.

        Registrations that are not allowed any more are taken back; jobs that already run may finish.
        """
        self._now = now
        peer.access = access
        peer.refused = False
        self._workers.check_abilities(peer)

    def disconnect(self, peer: Peer, now: float) -> None:
        """The connection is gone: its jobs go back to their queues, the jobs only it waited for go away."""
        self._now = now
        if peer not in self._peers:
            return
        del self._peers[peer]
        peer.close()
        self._gates.forget(peer)
        self._jobs.leave(peer)
        self._workers.reset_abilities(peer, now)

    def restore(self, stored: StoredJob, now: float) -> None:
        """A durable job from before the start; they come in the order of their submission."""
        self._now = now
        self._stored.restore(stored, now, now + self.wall_offset)

    def has_room(self, function: bytes, priority: int) -> bool:
        """Whether ``restore`` is to be given the next job of that queue; otherwise ``leave_stored`` is."""
        return self._stored.has_room(function, priority)

    def leave_stored(
        self, sequence: int, function: bytes, unique: bytes, priority: int, data: bytes, data_bytes: int
    ) -> None:
        """A durable job from before the start that stays in the store until its turn is near.

        ``data`` may be empty unless the unique is ``-``, where it says which jobs are the same.
        """
        self._stored.leave(sequence, function, unique, priority, data, data_bytes)

    def committed(self, number: int, now: float) -> None:
        """The journal is durable up to that number: jobs are offered, held replies go out.

        The questions up to that number have been answered before.
        """
        self._now = now
        self._jobs.settle(number, now, now + self.wall_offset)
        self._gates.open(number)

    def commit_failed(self, first: int, last: int, text: str, now: float) -> None:
        """The store refused the changes from first to last: ERROR goes out in place of their JOB_CREATED.

        Batches are reported in order, so all changes before first have been reported already.
        """
        self._now = now
        self._gates.refuse(first, last, text)
        self._jobs.refuse(last)
        self._gates.open(last)

    def loaded(self, question: Load, answer: list[StoredJob], now: float) -> None:
        """The answer to a Load of the journal."""
        self._now = now
        self._stored.loaded(question, answer, now)

    def found(self, question: Find, answer: StoredJob | None, now: float) -> None:
        """The answer to a Find of the journal."""
        self._now = now
        who = question.who
        if isinstance(who, Submission):
            self._clients.found_for_submission(who, answer, now, now + self.wall_offset)
        elif isinstance(who, StatusByHandle):
            self._clients.found_by_handle(who, answer)
        elif isinstance(who, StatusByUnique):
            self._clients.found_by_unique(who, answer)
        elif isinstance(who, Cancellation):
            self._admin.found(who, answer)

    def tick(self, now: float) -> None:
        """Does what is due by now."""
        self._now = now
        jobs = self._jobs
        target = jobs.timers.pop_due(now)
        while target is not None:
            if isinstance(target, Job):
                jobs.run_out(target, now)
            else:
                jobs.wake_again(target, now)
            target = jobs.timers.pop_due(now)
        target = jobs.calendar.pop_due(now + self.wall_offset)
        while target is not None:
            assert isinstance(target, Job)
            jobs.come_due(target, now)
            target = jobs.calendar.pop_due(now + self.wall_offset)

    def keep_durable_jobs(self) -> None:
        """Gives no durable job to a worker any more: the engine ends soon, and the next start has them."""
        self._jobs.keep_durable()

    # --- what the caller takes out ------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The numbered changes for the store; empty for ever unless the options say durable."""
        return self._jobs.journal

    @property
    def stop_requested(self) -> int:
        """What an administrator asked for: KEEP_RUNNING, STOP_GRACEFULLY or STOP_NOW."""
        return self._admin.stop_requested

    @property
    def unfinished_jobs(self) -> int:
        """What a graceful stop waits for: jobs queued or running, without those kept for later."""
        return self._jobs.unfinished

    def next_deadline(self) -> float:
        """When ``tick`` has something to do next; infinity for never."""
        deadline = self._jobs.timers.next_deadline()
        if len(self._jobs.calendar) > 0:
            due = self._jobs.calendar.next_deadline() - self.wall_offset
            deadline = min(deadline, due, self._now + CLOCK_CHECK_SECONDS)
        return deadline

    def take_ready_peers(self) -> list[Peer]:
        """The connections that have output to be written or are to be closed."""
        peers = self._ready.copy()
        self._ready.clear()
        for peer in peers:
            peer.left_ready()
        return peers

    def take_notices(self) -> list[Notice]:
        """The events worth a log line since the last call."""
        notices = self._notices.copy()
        self._notices.clear()
        return notices

    # --- packets ------------------------------------------------------------------------------------

    def _receive_packet(self, peer: Peer, packet: Packet, now: float) -> None:
        number = packet.number
        wall = now + self.wall_offset
        if number == SUBMIT_JOB:
            self._clients.submit(peer, packet, NORMAL, False, now, wall)
        elif number in (GRAB_JOB_ALL, GRAB_JOB_UNIQ, GRAB_JOB):
            self._workers.grab(peer, number, now)
        elif number == WORK_COMPLETE:
            self._workers.work_complete(peer, packet)
        elif number == PRE_SLEEP:
            self._workers.pre_sleep(peer)
        elif number == SUBMIT_JOB_BG:
            self._clients.submit(peer, packet, NORMAL, True, now, wall)
        elif number in (WORK_DATA, WORK_WARNING):
            self._workers.work_data(peer, packet)
        elif number == WORK_STATUS:
            self._workers.work_status(peer, packet)
        elif number == SUBMIT_JOB_HIGH:
            self._clients.submit(peer, packet, HIGH, False, now, wall)
        elif number == SUBMIT_JOB_LOW:
            self._clients.submit(peer, packet, LOW, False, now, wall)
        elif number == SUBMIT_JOB_HIGH_BG:
            self._clients.submit(peer, packet, HIGH, True, now, wall)
        elif number == SUBMIT_JOB_LOW_BG:
            self._clients.submit(peer, packet, LOW, True, now, wall)
        elif number == WORK_FAIL:
            self._workers.work_fail(peer, packet)
        elif number == WORK_EXCEPTION:
            self._workers.work_exception(peer, packet)
        elif number == GET_STATUS:
            self._clients.get_status(peer, packet)
        elif number == GET_STATUS_UNIQUE:
            self._clients.get_status_unique(peer, packet)
        elif number in (SUBMIT_JOB_EPOCH, SUBMIT_JOB_SCHED):
            self._clients.submit_for_later(peer, packet, now, wall)
        elif number in (SUBMIT_REDUCE_JOB, SUBMIT_REDUCE_JOB_BACKGROUND):
            self._clients.submit_reduce(peer, packet, now, wall)
        else:
            self._receive_settings(peer, packet, now)

    def _receive_settings(self, peer: Peer, packet: Packet, now: float) -> None:
        """The packets that a connection sends rarely: what it can do, who it is, whether we are there."""
        number = packet.number
        if number == ECHO_REQ:
            data = packet.arguments[0]
            peer.send_data(response_head(ECHO_RES, b"", len(data)), data)
        elif number == CAN_DO:
            self._workers.can_do(peer, packet)
        elif number == CAN_DO_TIMEOUT:
            self._workers.can_do_timeout(peer, packet)
        elif number == CANT_DO:
            self._workers.cant_do(peer, packet, now)
        elif number == RESET_ABILITIES:
            self._workers.reset_abilities(peer, now)
        elif number == SET_CLIENT_ID:
            peer.client_id = packet.arguments[0].partition(b"\0")[0][:MAX_CLIENT_ID_BYTES]
        elif number == OPTION_REQ:
            self._option(peer, packet)
        else:
            peer.send_error(INVALID_COMMAND, "Command not expected")

    def _receive_fault(self, peer: Peer, fault: Fault) -> None:
        if not peer.faulted:
            peer.faulted = True
            fields: dict[str, object] = {"peer": peer.address, "code": fault.code, "text": fault.text}
            self._notices.append(Notice(WARNING, "message not understood", fields))
        if fault.is_text:
            peer.send(error_line(fault.code, fault.text))
        else:
            peer.send_error(fault.code, fault.text)
        if fault.fatal:
            peer.close()

    def _option(self, peer: Peer, packet: Packet) -> None:
        option = packet.arguments[0]
        # Some clients end the name in a zero byte.
        if option.rstrip(b"\0").lower() != b"exceptions":
            peer.send_error(UNKNOWN_OPTION, "Server does not recognize given option")
            return
        peer.exceptions = True
        peer.send(encode_response(OPTION_RES, option))
