"""What clients ask of the job server: to take jobs, and to say how far they are.

A reply to a background submission waits for its journal entry; while it does, the connection is *gated*.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.function import Function
from geartrain.engine.guard import Guard
from geartrain.engine.job import COMMITTING, NORMAL, RUNNING, Job, serial_of
from geartrain.engine.jobs import Jobs
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer
from geartrain.engine.schedule import next_match, parse_epoch
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

QUEUE_ERROR: Final = "QUEUE_ERROR"


class Clients:
    """Submissions and status questions of all connections. ``wall`` is seconds since 1970-01-01 UTC."""

    __slots__ = ("_gated", "_guard", "_jobs", "_options")

    def __init__(self, options: EngineOptions, jobs: Jobs, guard: Guard) -> None:
        self._options = options
        self._jobs = jobs
        self._guard = guard
        self._gated: dict[Peer, None] = {}

    # --- submissions --------------------------------------------------------------------------------

    def submit(
        self, peer: Peer, packet: Packet, priority: int, background: bool, now: float, wall: float
    ) -> None:
        name, unique, data = packet.arguments
        self._submit_job(peer, name, unique, data, priority, background, 0.0, b"", now, wall)

    def submit_reduce(self, peer: Peer, packet: Packet, now: float, wall: float) -> None:
        name, unique, reducer, _, data = packet.arguments
        background = packet.number == SUBMIT_REDUCE_JOB_BACKGROUND
        self._submit_job(peer, name, unique, data, NORMAL, background, 0.0, reducer, now, wall)

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
        self._submit_job(
            peer, arguments[0], arguments[1], arguments[-1], NORMAL, True, run_at, b"", now, wall
        )

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
        wall: float,
    ) -> None:
        # Before anything is looked up, so that the answer tells nothing about other people's jobs.
        if peer.access is not None and not self._guard.lets_submit(peer, name):
            return
        if len(unique) > MAX_UNIQUE_BYTES:
            peer.send_error(ARGUMENT_TOO_LARGE, "Unique value too large")
            return
        jobs = self._jobs
        if background and jobs.journal.refusal:
            peer.send_error(QUEUE_ERROR, jobs.journal.refusal)
            return
        function = jobs.function(name)
        job = function.find(unique, data)
        if job is None:
            if function.is_full(priority):
                peer.send_error(QUEUE_ERROR, "Job queue is full")
                return
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

    # --- gates --------------------------------------------------------------------------------------

    def open_gates(self, settled: int) -> None:
        """Lets out the replies that waited for journal entries up to the settled one."""
        for peer in list(self._gated):
            peer.open_gates(settled)
            if not peer.is_gated:
                del self._gated[peer]

    def refuse_gates(self, first: int, last: int, text: str) -> None:
        """Turns the replies that wait for journal entries from first to last into errors."""
        refusal = encode_response(ERROR, QUEUE_ERROR.encode(), text.encode())
        for peer in self._gated:
            peer.refuse_gates(first, last, refusal)

    def forget(self, peer: Peer) -> None:
        """The connection is gone: nobody waits for its replies any more."""
        self._gated.pop(peer, None)

    # --- questions ----------------------------------------------------------------------------------

    def get_status(self, peer: Peer, packet: Packet) -> None:
        handle = packet.arguments[0].partition(b"\0")[0]
        job = self._jobs.by_handle.get(handle)
        if job is not None and not _may_see(peer, job.function):
            job = None
        peer.send(encode_response(STATUS_RES, handle, *_state_arguments(job)))

    def get_status_unique(self, peer: Peer, packet: Packet) -> None:
        unique = packet.arguments[0].partition(b"\0")[0]
        found = self._find_unique(peer, unique)
        clients = len(found.clients) if found is not None and found.clients is not None else 0
        peer.send(encode_response(STATUS_RES_UNIQUE, unique, *_state_arguments(found), b"%d" % clients))

    def _find_unique(self, peer: Peer, unique: bytes) -> Job | None:
        """The job of that unique; of several in different functions, the one submitted last."""
        found: Job | None = None
        for function in self._jobs.functions.values():
            job = function.find_unique(unique)
            if job is None or not _may_see(peer, function):
                continue
            if found is None or serial_of(job.handle) > serial_of(found.handle):
                found = job
        return found


def _may_see(peer: Peer, function: Function) -> bool:
    """Whether the connection may know of the function's jobs."""
    return peer.access is None or peer.access.may_see(function.name)


def _state_arguments(job: Job | None) -> tuple[bytes, bytes, bytes, bytes]:
    """Known, running, numerator and denominator, as the status packets carry them."""
    if job is None:
        return b"0", b"0", b"0", b"0"
    running = b"1" if job.state == RUNNING else b"0"
    return b"1", running, b"%d" % job.numerator, b"%d" % job.denominator
