"""What workers tell the job server: what they can do, that they want a job, and what came of it."""

from __future__ import annotations

from typing import Final

from geartrain.engine.guard import Guard
from geartrain.engine.job import Job
from geartrain.engine.jobs import Jobs
from geartrain.engine.numbers import leading_number
from geartrain.engine.peer import Peer, send_to_all
from geartrain.protocol.codec import encode_response, response_head
from geartrain.protocol.packets import (
    GRAB_JOB,
    GRAB_JOB_ALL,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    NO_JOB,
    NOOP,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    Packet,
)

# The least time limit of CAN_DO_TIMEOUT. Programs written when servers took the number as seconds send
# small ones; taken at their word, their jobs would be taken away before they could finish.
MIN_LIMIT_MILLISECONDS: Final = 1000

JOB_NOT_FOUND: Final = "JOB_NOT_FOUND"

_NO_JOB: Final = encode_response(NO_JOB)
_NOOP: Final = encode_response(NOOP)
_MAX_PROGRESS: Final = 0xFFFFFFFF


class Workers:
    """Abilities, grabs and reports of all connections."""

    __slots__ = ("_guard", "_jobs")

    def __init__(self, jobs: Jobs, guard: Guard) -> None:
        self._guard = guard
        self._jobs = jobs

    # --- abilities ----------------------------------------------------------------------------------

    def can_do(self, peer: Peer, packet: Packet) -> None:
        self._add_ability(peer, _name(packet), 0.0)

    def can_do_timeout(self, peer: Peer, packet: Packet) -> None:
        limit = leading_number(packet.arguments[1])
        seconds = max(limit, MIN_LIMIT_MILLISECONDS) / 1000 if limit > 0 else 0.0
        self._add_ability(peer, packet.arguments[0], seconds)

    def cant_do(self, peer: Peer, packet: Packet, now: float) -> None:
        name = _name(packet)
        peer.remove_ability(name)
        for job in list(peer.running.values()):
            if job.function.name == name:
                self._jobs.give_back(job, now)

    def reset_abilities(self, peer: Peer, now: float) -> None:
        peer.remove_abilities()
        for job in list(peer.running.values()):
            self._jobs.give_back(job, now)

    def check_abilities(self, peer: Peer) -> None:
        """Takes the registrations back that the access of the connection does not allow."""
        if peer.access is None:
            return
        for name in list(peer.ability_by_name):
            if not peer.access.may_work(name):
                peer.remove_ability(name)

    def _add_ability(self, peer: Peer, name: bytes, limit_seconds: float) -> None:
        if peer.access is not None and not self._guard.lets_work(peer, name):
            return
        function = self._jobs.function(name)
        peer.add_ability(function, limit_seconds)
        if peer.asleep and function.first_job() is not None:
            peer.wake_up()
            peer.send(_NOOP)

    # --- jobs out -----------------------------------------------------------------------------------

    def grab(self, peer: Peer, number: int, now: float) -> None:
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

    def pre_sleep(self, peer: Peer) -> None:
        if self._jobs.has_work(peer):
            peer.wake_up()
            peer.send(_NOOP)
        else:
            peer.fall_asleep()

    # --- reports in ---------------------------------------------------------------------------------

    def work_complete(self, peer: Peer, packet: Packet) -> None:
        job = peer.running.get(packet.arguments[0])
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "Job given in work result not found")
            return
        _relay_data(job, packet)
        self._jobs.complete(job, len(packet.arguments[1]))

    def work_fail(self, peer: Peer, packet: Packet) -> None:
        # Some clients end the handle in a zero byte.
        handle = packet.arguments[0].rstrip(b"\0")
        job = peer.running.get(handle)
        if job is not None:
            self._jobs.fail(job)
        elif handle != peer.excepted or not handle:
            peer.send_error(JOB_NOT_FOUND, "Job given in work result not found")
        # Otherwise a farewell: old workers send WORK_FAIL behind WORK_EXCEPTION, and some die of an ERROR.

    def work_exception(self, peer: Peer, packet: Packet) -> None:
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
        self._jobs.fail_told(job)

    def work_data(self, peer: Peer, packet: Packet) -> None:
        job = peer.running.get(packet.arguments[0])
        if job is None:
            peer.send_error(JOB_NOT_FOUND, "Job does not exist on server")
            return
        _relay_data(job, packet)

    def work_status(self, peer: Peer, packet: Packet) -> None:
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


def _name(packet: Packet) -> bytes:
    """The function name that is all of a packet; some libraries end it in a zero byte."""
    return packet.arguments[0].rstrip(b"\0")


def _relay_data(job: Job, packet: Packet) -> None:
    """Passes a packet of handle and data on to the clients of its job."""
    if job.clients:
        data = packet.arguments[1]
        head = response_head(packet.number, job.handle + b"\0", len(data))
        send_to_all(job.clients, head, data)


def _progress(text: bytes) -> int:
    return min(max(leading_number(text), 0), _MAX_PROGRESS)
