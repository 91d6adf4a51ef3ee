"""The engine: what every packet and text line of a connection means to the job server.

Pure: it never calls out and never blocks. The caller passes messages and the time in, and collects what
must happen from ``take_ready_peers``, ``take_notices``, ``journal``, ``next_deadline`` and
``stop_requested``.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.admin import Administration
from geartrain.engine.function import Function
from geartrain.engine.job import COMMITTING, HIGH, LOW, NORMAL, RUNNING, Job
from geartrain.engine.jobs import Jobs
from geartrain.engine.journal import Journal
from geartrain.engine.notices import WARNING, Notice
from geartrain.engine.numbers import leading_number
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer, send_to_all
from geartrain.engine.schedule import next_match, parse_epoch
from geartrain.protocol.admin import error_line
from geartrain.protocol.codec import (
    ARGUMENT_TOO_LARGE,
    INVALID_ARGUMENTS,
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
    ERROR,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
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

# Longest unique and client id, in bytes, as in the C server (which spoils a unique of exactly 64).
MAX_UNIQUE_BYTES: Final = 64
MAX_CLIENT_ID_BYTES: Final = 127
# The least time limit of CAN_DO_TIMEOUT. Programs written when servers took the number as seconds send
# small ones; taken at their word, their jobs would be taken away before they could finish.
MIN_LIMIT_MILLISECONDS: Final = 1000
# While jobs wait for their time, how often to look whether somebody has set the clock.
CLOCK_CHECK_SECONDS: Final = 1.0

QUEUE_ERROR: Final = "QUEUE_ERROR"
JOB_NOT_FOUND: Final = "JOB_NOT_FOUND"
UNKNOWN_OPTION: Final = "UNKNOWN_OPTION"

_NO_JOB: Final = encode_response(NO_JOB)
_NOOP: Final = encode_response(NOOP)
_MAX_PROGRESS: Final = 0xFFFFFFFF


class Engine:
    """The state of a job server: connections, functions and jobs.

    ``now`` is always the monotonic clock in seconds. ``wall_offset`` turns it into seconds since
    1970-01-01 UTC; the caller keeps it up to date.
    """

    __slots__ = (
        "_admin",
        "_gated",
        "_jobs",
        "_notices",
        "_now",
        "_options",
        "_peers",
        "_ready",
        "wall_offset",
    )

    def __init__(self, options: EngineOptions) -> None:
        self.wall_offset = 0.0
        self._options = options
        self._notices: list[Notice] = []
        self._jobs = Jobs(options, self._notices)
        self._peers: dict[Peer, None] = {}
        self._admin = Administration(options, self._jobs, self._peers)
        self._ready: list[Peer] = []
        self._gated: dict[Peer, None] = {}
        self._now = 0.0

    # --- what the caller puts in --------------------------------------------------------------------

    def connect(self, descriptor: int, address: bytes, now: float) -> Peer:
        """A new connection; ``descriptor`` and ``address`` are shown to administrators."""
        self._now = now
        peer = Peer(descriptor, address, self._options.exceptions, self._ready)
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
            peer.send(self._admin.answer(message.text))
        else:
            self._receive_fault(peer, message)

    def disconnect(self, peer: Peer, now: float) -> None:
        """The connection is gone: its jobs go back to their queues, the jobs only it waited for go away."""
        self._now = now
        if peer not in self._peers:
            return
        del self._peers[peer]
        self._gated.pop(peer, None)
        peer.close()
        self._jobs.leave(peer)
        self._reset_abilities(peer, now)

    def committed(self, number: int, now: float) -> None:
        """The journal is durable up to that number: jobs are offered, held replies go out."""
        self._now = now
        self._jobs.settle(number, now, now + self.wall_offset)
        self._open_gates(number)

    def commit_failed(self, first: int, last: int, text: str, now: float) -> None:
        """The store refused the changes from first to last: ERROR goes out in place of their JOB_CREATED.

        Batches are reported in order, so all changes before first have been reported already.
        """
        self._now = now
        refusal = encode_response(ERROR, QUEUE_ERROR.encode(), text.encode())
        for peer in self._gated:
            peer.refuse_gates(first, last, refusal)
        self._jobs.refuse(last)
        self._open_gates(last)

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
        """What a graceful stop waits for: jobs queued or running, without those whose time has not come."""
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
        if number == SUBMIT_JOB:
            self._submit(peer, packet, NORMAL, False, now)
        elif number in (GRAB_JOB_ALL, GRAB_JOB_UNIQ, GRAB_JOB):
            self._grab(peer, number, now)
        elif number == WORK_COMPLETE:
            self._work_complete(peer, packet)
        elif number == PRE_SLEEP:
            self._pre_sleep(peer)
        elif number == SUBMIT_JOB_BG:
            self._submit(peer, packet, NORMAL, True, now)
        elif number in (WORK_DATA, WORK_WARNING):
            self._work_data(peer, packet)
        elif number == WORK_STATUS:
            self._work_status(peer, packet)
        elif number == SUBMIT_JOB_HIGH:
            self._submit(peer, packet, HIGH, False, now)
        elif number == SUBMIT_JOB_LOW:
            self._submit(peer, packet, LOW, False, now)
        elif number == SUBMIT_JOB_HIGH_BG:
            self._submit(peer, packet, HIGH, True, now)
        elif number == SUBMIT_JOB_LOW_BG:
            self._submit(peer, packet, LOW, True, now)
        elif number == WORK_FAIL:
            self._work_fail(peer, packet)
        elif number == WORK_EXCEPTION:
            self._work_exception(peer, packet)
        elif number == GET_STATUS:
            self._get_status(peer, packet)
        elif number == GET_STATUS_UNIQUE:
            self._get_status_unique(peer, packet)
        elif number in (SUBMIT_JOB_EPOCH, SUBMIT_JOB_SCHED):
            self._submit_for_later(peer, packet, now)
        elif number in (SUBMIT_REDUCE_JOB, SUBMIT_REDUCE_JOB_BACKGROUND):
            self._submit_reduce(peer, packet, now)
        else:
            self._receive_settings(peer, packet, now)

    def _receive_settings(self, peer: Peer, packet: Packet, now: float) -> None:
        """The packets that a connection sends rarely: what it can do, who it is, whether we are there."""
        number = packet.number
        if number == ECHO_REQ:
            data = packet.arguments[0]
            peer.send_data(response_head(ECHO_RES, b"", len(data)), data)
        elif number == CAN_DO:
            self._can_do(peer, packet.arguments[0].rstrip(b"\0"), 0.0)
        elif number == CAN_DO_TIMEOUT:
            self._can_do_timeout(peer, packet)
        elif number == CANT_DO:
            self._cant_do(peer, packet.arguments[0].rstrip(b"\0"), now)
        elif number == RESET_ABILITIES:
            self._reset_abilities(peer, now)
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

    # --- submissions --------------------------------------------------------------------------------

    def _submit(self, peer: Peer, packet: Packet, priority: int, background: bool, now: float) -> None:
        name, unique, data = packet.arguments
        self._submit_job(peer, name, unique, data, priority, background, 0.0, b"", now)

    def _submit_reduce(self, peer: Peer, packet: Packet, now: float) -> None:
        name, unique, reducer, _, data = packet.arguments
        background = packet.number == SUBMIT_REDUCE_JOB_BACKGROUND
        self._submit_job(peer, name, unique, data, NORMAL, background, 0.0, reducer, now)

    def _submit_for_later(self, peer: Peer, packet: Packet, now: float) -> None:
        arguments = packet.arguments
        try:
            if packet.number == SUBMIT_JOB_EPOCH:
                run_at = parse_epoch(arguments[2])
            else:
                run_at = next_match(arguments[2:7], now + self.wall_offset, self._options.timezone)
        except ValueError as error:
            peer.send_error(INVALID_ARGUMENTS, str(error))
            return
        self._submit_job(peer, arguments[0], arguments[1], arguments[-1], NORMAL, True, run_at, b"", now)

    def _submit_job(
        self,
        peer: Peer,
        name: bytes,
        unique: bytes,
        data: bytes,
        priority: int,
        background: bool,
        run_at: float,
        reducer: bytes,
        now: float,
    ) -> None:
        if len(unique) > MAX_UNIQUE_BYTES:
            peer.send_error(ARGUMENT_TOO_LARGE, "Unique value too large")
            return
        jobs = self._jobs
        function = jobs.function(name)
        job = function.find(unique, data)
        if job is None:
            if function.is_full(priority):
                peer.send_error(QUEUE_ERROR, "Job queue is full")
                return
            wall = now + self.wall_offset
            job = jobs.create(function, unique, data, priority, background, run_at, reducer, now, wall)
        elif background and not job.background:
            jobs.promote(job)
        if not background:
            jobs.attach(job, peer)
        self._reply_created(peer, job, background)

    def _reply_created(self, peer: Peer, job: Job, background: bool) -> None:
        reply = encode_response(JOB_CREATED, job.handle)
        # A foreground submission that joined a job already offered has nothing to wait for.
        if job.change > self._jobs.journal.settled and (background or job.state == COMMITTING):
            peer.send_gated(reply, job.change)
            self._gated[peer] = None
        else:
            peer.send(reply)

    def _open_gates(self, settled: int) -> None:
        for peer in list(self._gated):
            peer.open_gates(settled)
            if not peer.is_gated:
                del self._gated[peer]

    # --- workers ------------------------------------------------------------------------------------

    def _grab(self, peer: Peer, number: int, now: float) -> None:
        peer.wake_up()
        job = self._jobs.take(peer, now)
        if job is None:
            peer.send(_NO_JOB)
            return
        names = [job.handle, job.function.name]
        reply = JOB_ASSIGN
        if number != GRAB_JOB:
            names.append(job.unique)
            reply = JOB_ASSIGN_UNIQ
        if number == GRAB_JOB_ALL and job.reducer:
            names.append(job.reducer)
            reply = JOB_ASSIGN_ALL
        names.append(b"")
        peer.send_data(response_head(reply, b"\0".join(names), len(job.data)), job.data)

    def _pre_sleep(self, peer: Peer) -> None:
        if self._jobs.has_work(peer):
            peer.wake_up()
            peer.send(_NOOP)
        else:
            peer.fall_asleep()

    def _can_do(self, peer: Peer, name: bytes, limit_seconds: float) -> None:
        function = self._jobs.function(name)
        peer.add_ability(function, limit_seconds)
        if peer.asleep and function.queued > 0:
            peer.wake_up()
            peer.send(_NOOP)

    def _can_do_timeout(self, peer: Peer, packet: Packet) -> None:
        limit = leading_number(packet.arguments[1])
        seconds = max(limit, MIN_LIMIT_MILLISECONDS) / 1000 if limit > 0 else 0.0
        self._can_do(peer, packet.arguments[0], seconds)

    def _cant_do(self, peer: Peer, name: bytes, now: float) -> None:
        peer.remove_ability(name)
        self._give_back(peer, self._jobs.functions.get(name), now)

    def _reset_abilities(self, peer: Peer, now: float) -> None:
        peer.remove_abilities()
        for job in list(peer.running.values()):
            self._jobs.give_back(job, now)

    def _give_back(self, peer: Peer, function: Function | None, now: float) -> None:
        for job in list(peer.running.values()):
            if job.function is function:
                self._jobs.give_back(job, now)

    # --- what workers report ------------------------------------------------------------------------

    def _work_complete(self, peer: Peer, packet: Packet) -> None:
        job = peer.running.get(packet.arguments[0])
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "Job given in work result not found")
            return
        _relay_data(job, packet)
        self._jobs.end(job)

    def _work_fail(self, peer: Peer, packet: Packet) -> None:
        # Some clients end the handle in a zero byte.
        handle = packet.arguments[0].rstrip(b"\0")
        job = peer.running.get(handle)
        if job is not None:
            self._jobs.fail(job)
        elif handle != peer.excepted or not handle:
            peer.send_error(JOB_NOT_FOUND, "Job given in work result not found")
        # Otherwise a farewell: old workers send WORK_FAIL behind WORK_EXCEPTION, and some die of an ERROR.

    def _work_exception(self, peer: Peer, packet: Packet) -> None:
        job = peer.running.get(packet.arguments[0])
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "An exception was received for a job that does not exist")
            return
        if job.clients:
            data = packet.arguments[1]
            head = response_head(WORK_EXCEPTION, job.handle + b"\0", len(data))
            send_to_all([client for client in job.clients if client.exceptions], head, data)
            failure = encode_response(WORK_FAIL, job.handle)
            for client in job.clients:
                if not client.exceptions:
                    client.send(failure)
        peer.excepted = job.handle
        self._jobs.end(job)

    def _work_data(self, peer: Peer, packet: Packet) -> None:
        job = peer.running.get(packet.arguments[0])
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "Job does not exist on server")
            return
        _relay_data(job, packet)

    def _work_status(self, peer: Peer, packet: Packet) -> None:
        handle, numerator, denominator = packet.arguments
        job = peer.running.get(handle)
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "Job given in work result not found")
            return
        job.numerator = _progress(numerator)
        job.denominator = _progress(denominator)
        if job.clients:
            # As the worker wrote it: some send fractions, which clients may understand.
            status = encode_response(WORK_STATUS, handle, numerator, denominator)
            for client in job.clients:
                client.send(status)

    # --- questions and settings ---------------------------------------------------------------------

    def _get_status(self, peer: Peer, packet: Packet) -> None:
        handle = packet.arguments[0].partition(b"\0")[0]
        state = _state_arguments(self._jobs.by_handle.get(handle))
        peer.send(encode_response(STATUS_RES, handle, *state))

    def _get_status_unique(self, peer: Peer, packet: Packet) -> None:
        unique = packet.arguments[0].partition(b"\0")[0]
        found = self._find_unique(unique)
        clients = len(found.clients) if found is not None and found.clients is not None else 0
        peer.send(encode_response(STATUS_RES_UNIQUE, unique, *_state_arguments(found), b"%d" % clients))

    def _find_unique(self, unique: bytes) -> Job | None:
        """The job of that unique; of several in different functions, the one submitted last."""
        found: Job | None = None
        for function in self._jobs.functions.values():
            job = function.find_unique(unique)
            if job is not None and (found is None or _serial(job) > _serial(found)):
                found = job
        return found

    def _option(self, peer: Peer, packet: Packet) -> None:
        option = packet.arguments[0]
        # Some clients end the name in a zero byte.
        if option.rstrip(b"\0").lower() != b"exceptions":
            peer.send_error(UNKNOWN_OPTION, "Server does not recognize given option")
            return
        peer.exceptions = True
        peer.send(encode_response(OPTION_RES, option))


def _serial(job: Job) -> int:
    """The number in the job's handle, higher for each later job."""
    return int(job.handle.rpartition(b":")[2])


def _relay_data(job: Job, packet: Packet) -> None:
    """Passes a packet of handle and data on to the clients of its job."""
    if job.clients:
        data = packet.arguments[1]
        head = response_head(packet.number, job.handle + b"\0", len(data))
        send_to_all(job.clients, head, data)


def _state_arguments(job: Job | None) -> tuple[bytes, bytes, bytes, bytes]:
    """Known, running, numerator and denominator, as the status packets carry them."""
    if job is None:
        return b"0", b"0", b"0", b"0"
    running = b"1" if job.state == RUNNING else b"0"
    return b"1", running, b"%d" % job.numerator, b"%d" % job.denominator


def _progress(text: bytes) -> int:
    return min(max(leading_number(text), 0), _MAX_PROGRESS)
