"""What clients ask of the job server: to take jobs, and to say how far they are.

A reply to a background submission waits for its journal entry; while it does, the connection is *gated*.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.gates import QUEUE_ERROR, Gates
from geartrain.engine.guard import Guard
from geartrain.engine.job import COMMITTING, NORMAL, RUNNING, Job, serial_of
from geartrain.engine.jobs import Jobs
from geartrain.engine.journal import Find, StoredJob
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer
from geartrain.engine.questions import StatusByHandle, StatusByUnique, Submission
from geartrain.engine.schedule import next_match, parse_epoch
from geartrain.engine.stored import StoredJobs
from geartrain.protocol.codec import ARGUMENT_TOO_LARGE, INVALID_ARGUMENTS, encode_response
from geartrain.protocol.packets import (
    ERROR,
    JOB_CREATED,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB_EPOCH,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    Packet,
)

# As in the C server, which spoils a unique of exactly that length.
MAX_UNIQUE_BYTES: Final = 64


# Known and not running, without progress.
_STORED: Final = (b"1", b"0", b"0", b"0")


class Clients:
    """Submissions and status questions of all connections. ``wall`` is seconds since 1970-01-01 UTC."""

    __slots__ = ("_gates", "_guard", "_jobs", "_options", "_stored")

    def __init__(
        self, options: EngineOptions, jobs: Jobs, guard: Guard, gates: Gates, stored: StoredJobs
    ) -> None:
        self._options = options
        self._jobs = jobs
        self._guard = guard
        self._gates = gates
        self._stored = stored

    # --- submissions --------------------------------------------------------------------------------

    def submit(
        self, peer: Peer, packet: Packet, priority: int, background: bool, now: float, wall: float
    ) -> None:
        name, unique, data = packet.arguments
        self._submit(Submission(peer, name, unique, data, priority, background, 0.0, b""), now, wall)

    def submit_reduce(self, peer: Peer, packet: Packet, now: float, wall: float) -> None:
        name, unique, reducer, _, data = packet.arguments
        background = packet.number == SUBMIT_REDUCE_JOB_BACKGROUND
        self._submit(Submission(peer, name, unique, data, NORMAL, background, 0.0, reducer), now, wall)

    def submit_for_later(self, peer: Peer, packet: Packet, now: float, wall: float) -> None:
        arguments = packet.arguments
        try:
            if packet.number == SUBMIT_JOB_EPOCH:
                run_at = parse_epoch(arguments[2])
            else:
                run_at = next_match(arguments[2:7], wall, self._options.timezone)
        except ValueError as error:
            peer.send_error(INVALID_ARGUMENTS, str(error))
            return
        submission = Submission(peer, arguments[0], arguments[1], arguments[-1], NORMAL, True, run_at, b"")
        self._submit(submission, now, wall)

    def _submit(self, submission: Submission, now: float, wall: float) -> None:
        peer = submission.peer
        # Before anything is looked up, so that the answer tells nothing about other people's jobs.
        if peer.access is not None and not self._guard.lets_submit(peer, submission.name):
            return
        if len(submission.unique) > MAX_UNIQUE_BYTES:
            peer.send_error(ARGUMENT_TOO_LARGE, "Unique value too large")
            return
        jobs = self._jobs
        if submission.background and jobs.journal.refusal:
            peer.send_error(QUEUE_ERROR, jobs.journal.refusal)
            return
        function = jobs.function(submission.name)
        job = function.find(submission.unique, submission.data)
        if job is None and jobs.paging.jobs > 0:
            sequence = jobs.paging.find(function, submission.unique, submission.data)
            if sequence > 0:
                # It seems to be in the store; only that can tell.
                number = jobs.journal.ask(Find(sequence, submission))
                submission.gate = self._gates.hold(peer, number)
                return
        self._accept(submission, job, now, wall)

    def found_for_submission(
        self, submission: Submission, answer: StoredJob | None, now: float, wall: float
    ) -> None:
        """Goes on with a submission, now that the store has said whether it has the job."""
        assert submission.gate is not None
        if not self._gates.is_held(submission.peer, submission.gate):
            return
        # Another one may have come first.
        job = self._jobs.function(submission.name).find(submission.unique, submission.data)
        if job is None and answer is not None and submission.joins(answer):
            job = self._stored.bring_in(answer)
        self._accept(submission, job, now, wall)

    def _accept(self, submission: Submission, job: Job | None, now: float, wall: float) -> None:
        """Joins a submission to a live job, or makes a new one of it."""
        jobs = self._jobs
        background = submission.background
        if job is None:
            if jobs.function(submission.name).is_full(submission.priority):
                self._refuse(submission)
                return
            job = jobs.create(submission, now, wall)
        elif background and not job.background:
            jobs.promote(job)
        if not background:
            jobs.attach(job, submission.peer)
        self._reply_created(submission, job)

    def _refuse(self, submission: Submission) -> None:
        error = encode_response(ERROR, QUEUE_ERROR.encode(), b"Job queue is full")
        if submission.gate is None:
            submission.peer.send(error)
        else:
            submission.gate.reply = error

    def _reply_created(self, submission: Submission, job: Job) -> None:
        reply = encode_response(JOB_CREATED, job.handle)
        # A foreground submission that joined a job already offered has nothing to wait for.
        is_settled = job.change <= self._jobs.journal.settled
        waits = not is_settled and (submission.background or job.state == COMMITTING)
        if submission.gate is not None:
            submission.gate.reply = reply
            if waits:
                submission.gate.change = job.change
        elif waits:
            self._gates.hold(submission.peer, job.change, reply)
        else:
            submission.peer.send(reply)

    # --- questions ----------------------------------------------------------------------------------

    def get_status(self, peer: Peer, packet: Packet) -> None:
        handle = packet.arguments[0].partition(b"\0")[0]
        jobs = self._jobs
        job = jobs.by_handle.get(handle)
        sequence = jobs.paging.sequence_of(handle) if job is None else 0
        if sequence > 0:
            question = StatusByHandle(peer, handle)
            question.gate = self._gates.hold(peer, jobs.journal.ask(Find(sequence, question)))
            return
        if job is not None and not _may_see(peer, job.function.name):
            job = None
        peer.send(encode_response(STATUS_RES, handle, *_state_arguments(job)))

    def found_by_handle(self, question: StatusByHandle, answer: StoredJob | None) -> None:
        """Answers GET_STATUS for a job that is in the store only, if it is."""
        is_known = answer is not None and answer.handle == question.handle
        if answer is not None and not _may_see(question.peer, answer.function):
            is_known = False
        state = _STORED if is_known else _state_arguments(self._jobs.by_handle.get(question.handle))
        self._gates.answer(question.gate, encode_response(STATUS_RES, question.handle, *state))

    def get_status_unique(self, peer: Peer, packet: Packet) -> None:
        unique = packet.arguments[0].partition(b"\0")[0]
        found = self._find_unique(peer, unique)
        if found is None and self._jobs.paging.jobs > 0:
            sequence = self._find_stored(peer, unique)
            if sequence > 0:
                question = StatusByUnique(peer, unique)
                number = self._jobs.journal.ask(Find(sequence, question))
                question.gate = self._gates.hold(peer, number)
                return
        clients = len(found.clients) if found is not None and found.clients is not None else 0
        peer.send(encode_response(STATUS_RES_UNIQUE, unique, *_state_arguments(found), b"%d" % clients))

    def found_by_unique(self, question: StatusByUnique, answer: StoredJob | None) -> None:
        """Answers GET_STATUS_UNIQUE for a job that is in the store only, if it is."""
        is_known = answer is not None and answer.unique == question.unique
        state = _STORED if is_known else _state_arguments(self._find_unique(question.peer, question.unique))
        self._gates.answer(question.gate, encode_response(STATUS_RES_UNIQUE, question.unique, *state, b"0"))

    def _find_unique(self, peer: Peer, unique: bytes) -> Job | None:
        """The job of that unique; of several in different functions, the one submitted last."""
        found: Job | None = None
        for function in self._jobs.functions.values():
            job = function.find_unique(unique)
            if job is None or not _may_see(peer, function.name):
                continue
            if found is None or serial_of(job.handle) > serial_of(found.handle):
                found = job
        return found

    def _find_stored(self, peer: Peer, unique: bytes) -> int:
        """The same for jobs in the store only: the sequence; 0 if there seems to be none."""
        sequence = 0
        for function in self._jobs.functions.values():
            if _may_see(peer, function.name):
                sequence = max(sequence, self._jobs.paging.find(function, unique, b""))
        return sequence


def _may_see(peer: Peer, function: bytes) -> bool:
    """Whether the connection may know of the function's jobs."""
    return peer.access is None or peer.access.may_see(function)


def _state_arguments(job: Job | None) -> tuple[bytes, bytes, bytes, bytes]:
    """Known, running, numerator and denominator, as the status packets carry them."""
    if job is None:
        return b"0", b"0", b"0", b"0"
    running = b"1" if job.state == RUNNING else b"0"
    return b"1", running, b"%d" % job.numerator, b"%d" % job.denominator
