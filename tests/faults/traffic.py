"""Submitters and workers that keep a job server busy, and write down in the ledger all that they see."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Final, cast

from geartrain.engine.job import serial_of
from geartrain.protocol import packets
from geartrain.protocol.codec import Decoder, encode_request
from geartrain.protocol.packets import MAGIC_RESPONSE, Packet
from tests.faults.jobs import FUNCTIONS, Maker, Submission, digest
from tests.faults.ledger import NO_ANSWER, OUT_OF_ORDER, Ledger, Run, WorkerLog

HOST: Final = "127.0.0.1"
# How long a connection may take over what it is asked for; nothing here takes a tenth of that.
PATIENCE_SECONDS: Final = 60.0

_GRAB: Final = encode_request(packets.GRAB_JOB_ALL)
_PRE_SLEEP: Final = encode_request(packets.PRE_SLEEP)
_ASSIGNMENTS: Final = (packets.JOB_ASSIGN_ALL, packets.JOB_ASSIGN_UNIQ)
# Refusals that are meant for submissions.
_QUEUE_ERROR: Final = b"QUEUE_ERROR"

# What a worker does with a job, and how often in a hundred.
_COMPLETE: Final = "complete"
_FAIL: Final = "fail"
_HOLD: Final = "hold"
_LEAVE: Final = "leave"
_MANNERS: Final = {_COMPLETE: 88, _FAIL: 8, _HOLD: 2, _LEAVE: 2}
# Out of a hundred jobs, so many are followed by a rest.
_REST_PERCENT: Final = 5
_REST_SECONDS: Final = 0.02


class _Connection(asyncio.Protocol):
    """Packets in, packets out; ``gone`` is set when it has ended."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.gone = asyncio.Event()
        self._decoder = Decoder(MAGIC_RESPONSE)
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            assert isinstance(message, Packet), message
            self.handle(message)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.gone.set()

    def close(self) -> None:
        self._transport.close()

    def send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def handle(self, packet: Packet) -> None:
        raise NotImplementedError


class Submitter(_Connection):
    """Submits up to ``quota`` jobs, with up to ``window`` of them unanswered at a time."""

    def __init__(self, ledger: Ledger, maker: Maker, window: int, quota: int) -> None:
        super().__init__(ledger)
        # Set while every submission has its answer, or none can come any more.
        self.is_answered = asyncio.Event()
        self._maker = maker
        self._window = window
        self._quota = quota
        self._waiting: deque[Submission] = deque()
        self._last_serial = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._fill()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._quota = 0
        self.is_answered.set()

    def stop(self) -> None:
        """Submits no more."""
        self._quota = 0
        self._fill()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._fill()

    def _fill(self) -> None:
        packets_to_send = []
        while self._quota > 0 and len(self._waiting) < self._window:
            self._quota -= 1
            submission, packet = self._maker.make()
            self.ledger.submitted(submission)
            self._waiting.append(submission)
            packets_to_send.append(packet)
        if packets_to_send:
            self.is_answered.clear()
            self.send(b"".join(packets_to_send))
        elif not self._waiting:
            self.is_answered.set()

    def handle(self, packet: Packet) -> None:
        submission = self._waiting.popleft()
        if packet.number == packets.JOB_CREATED:
            handle = packet.arguments[0]
            self.ledger.acknowledged(submission, handle)
            if not submission.may_coalesce:
                self._check_order(submission)
        else:
            assert packet.number == packets.ERROR, packet
            assert packet.arguments[0] == _QUEUE_ERROR, packet
            self.ledger.refused(submission, packet.arguments[1].decode())

    def _check_order(self, submission: Submission) -> None:
        serial = serial_of(submission.handle)
        if serial < self._last_serial:
            self.ledger.complain(OUT_OF_ORDER, f"acknowledged after {self._last_serial}", repr(submission))
        self._last_serial = serial


class Worker(_Connection):
    """Takes jobs of all functions, and ends them, each in the manner that ``choose`` names."""

    def __init__(self, ledger: Ledger, *, is_alone: bool = False) -> None:
        super().__init__(ledger)
        self.log = WorkerLog(ledger.life, is_alone)
        # Set while the server has nothing to do for it.
        self.is_idle = asyncio.Event()
        # Ended, and the server has not shown yet that it knows.
        self._unnoted: list[Run] = []
        self._is_grabbing = False
        self._is_stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for function in FUNCTIONS:
            self.send(encode_request(packets.CAN_DO, function))
        self.grab()

    def connection_lost(self, error: Exception | None) -> None:
        self.log.closed_at = time.monotonic()
        super().connection_lost(error)

    def stop(self) -> None:
        """Takes no more jobs, and closes as soon as none can be on its way here."""
        self._is_stopping = True
        if not self._is_grabbing:
            self.close()

    def choose(self) -> str:
        """What to do with a job."""
        return _COMPLETE

    def rest_seconds(self) -> float:
        """How long to wait before the next job is asked for."""
        return 0.0

    def grab(self) -> None:
        if self._is_stopping:
            self.close()
        elif not self._is_grabbing:
            self._is_grabbing = True
            self.is_idle.clear()
            self.send(_GRAB)

    def handle(self, packet: Packet) -> None:
        if packet.number == packets.NOOP:
            self.grab()
            return
        self._is_grabbing = False
        for run in self._unnoted:
            self.ledger.noted(run)
        self._unnoted.clear()
        if packet.number in _ASSIGNMENTS:
            self._begin(packet)
        else:
            assert packet.number == packets.NO_JOB, packet
            self.is_idle.set()
            if self._is_stopping:
                self.close()
            else:
                self.send(_PRE_SLEEP)

    def _begin(self, packet: Packet) -> None:
        handle, function, unique, *reducer, data = packet.arguments
        contents = (function, unique, reducer[0] if reducer else b"", digest(data))
        run = self.ledger.begun(self.log, handle, contents)
        manner = self.choose()
        if manner == _LEAVE:
            self.close()
            return
        if manner != _HOLD:
            self._end(run, manner)
        pause = self.rest_seconds()
        if pause:
            asyncio.get_running_loop().call_later(pause, self.grab)
        else:
            self.grab()

    def _end(self, run: Run, manner: str) -> None:
        if manner == _FAIL:
            packet = encode_request(packets.WORK_FAIL, run.handle)
        else:
            packet = encode_request(packets.WORK_COMPLETE, run.handle, b"done")
        self.send(packet)
        self.ledger.ended(run)
        self._unnoted.append(run)


class MoodyWorker(Worker):
    """Completes most jobs, fails some, never ends others, and now and then leaves with one in its hands."""

    def __init__(self, ledger: Ledger, rng: random.Random) -> None:
        super().__init__(ledger)
        self._rng = rng

    def choose(self) -> str:
        return self._rng.choices(list(_MANNERS), list(_MANNERS.values()))[0]

    def rest_seconds(self) -> float:
        return _REST_SECONDS if self._rng.randrange(100) < _REST_PERCENT else 0.0


class Traffic:
    """Connections of both kinds to one server."""

    def __init__(self, ledger: Ledger, maker: Maker, rng: random.Random, port: int) -> None:
        self._ledger = ledger
        self._maker = maker
        self._rng = rng
        self._port = port
        self._submitters: list[Submitter] = []
        self._workers: list[Worker] = []

    async def start(self) -> None:
        """Opens connections: few or many, patient or not."""
        rng = self._rng
        for _ in range(rng.randint(0, 3)):
            await self._connect_worker()
        for _ in range(rng.choice((1, 2, 4, 8))):
            submitter = Submitter(
                self._ledger, self._maker, rng.choice((1, 1, 10, 100)), rng.randint(20, 400)
            )
            await connect(submitter, self._port)
            self._submitters.append(submitter)

    async def replace_workers(self) -> None:
        """Opens connections instead of those that have left."""
        for worker in [worker for worker in self._workers if worker.gone.is_set()]:
            self._workers.remove(worker)
            await self._connect_worker()

    async def submit_more(self, jobs: int) -> None:
        """Submits so many jobs one after the other."""
        submitter = Submitter(self._ledger, self._maker, 1, jobs)
        await connect(submitter, self._port)
        self._submitters.append(submitter)

    async def answered(self) -> None:
        """Waits until every submission is answered, and makes no more of them."""
        for submitter in self._submitters:
            submitter.stop()
        for submitter in self._submitters:
            await self._within_patience(submitter.is_answered, "a submission has no answer")

    async def end(self) -> None:
        """Ends all connections in peace: no job is on its way to a worker then."""
        await self.answered()
        for connection in self._submitters:
            connection.close()
        for worker in self._workers:
            worker.stop()
        for one in (*self._submitters, *self._workers):
            await self._within_patience(one.gone, "a connection does not end")

    async def release(self) -> None:
        """Has the workers give back what they hold; the submitters go on."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            await self._within_patience(worker.gone, "the connection of a worker does not end")

    async def lost(self) -> None:
        """Waits until the end of the server has ended all connections."""
        for one in (*self._submitters, *self._workers):
            await self._within_patience(one.gone, "a connection outlives the server")

    async def _connect_worker(self) -> None:
        worker = MoodyWorker(self._ledger, self._rng)
        await connect(worker, self._port)
        self._workers.append(worker)

    async def _within_patience(self, event: asyncio.Event, fact: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await event.wait()
        except TimeoutError:
            self._ledger.complain(NO_ANSWER, fact)


async def connect(connection: _Connection, port: int) -> None:
    await asyncio.get_running_loop().create_connection(lambda: connection, HOST, port)


async def drain(ledger: Ledger, port: int) -> None:
    """Has one worker take all jobs that are queued; what is outstanding then is lost."""
    worker = Worker(ledger, is_alone=True)
    await connect(worker, port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await worker.is_idle.wait()
                ledger.settle()
                if not ledger.outstanding():
                    break
                worker.is_idle.clear()
    except TimeoutError:
        ledger.lose_outstanding()
    worker.stop()
    await worker.gone.wait()
