"""Clients and workers that put a server under load: pipelined connections on one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import cast

import uvloop

from geartrain.protocol import packets
from geartrain.protocol.codec import Decoder, encode_request
from geartrain.protocol.packets import MAGIC_RESPONSE, Packet

FUNCTION = b"reverse"
# Jobs that one client has under way at a time.
_WINDOW = 200
# Far longer than it takes; only a test that fails ever waits for it.
_TIMEOUT_SECONDS = 90.0
_GRAB = encode_request(packets.GRAB_JOB)
_PRE_SLEEP = encode_request(packets.PRE_SLEEP)


class _Peer(asyncio.Protocol):
    """Decodes what comes in, and sends the answers of one read in one write."""

    def __init__(self) -> None:
        self._decoder = Decoder(MAGIC_RESPONSE)
        self._answers: list[bytes] = []
        self.transport: asyncio.Transport
        # Ends with the connection.
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            assert isinstance(message, Packet), message
            self.handle(message.number, message.arguments)
        self.write()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.closed.set_result(None)

    def write(self) -> None:
        if self._answers:
            self.transport.write(b"".join(self._answers))
            self._answers.clear()

    def send(self, packet: bytes) -> None:
        self._answers.append(packet)

    def handle(self, number: int, arguments: tuple[bytes, ...]) -> None:
        raise NotImplementedError


class ReversingWorker(_Peer):
    """Answers each job with its data reversed, and sleeps when there is none."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(encode_request(packets.CAN_DO, FUNCTION))
        self.send(_GRAB)
        self.write()

    def handle(self, number: int, arguments: tuple[bytes, ...]) -> None:
        if number == packets.JOB_ASSIGN:
            self.send(encode_request(packets.WORK_COMPLETE, arguments[0], arguments[2][::-1]))
            self.send(_GRAB)
        elif number == packets.NO_JOB:
            self.send(_PRE_SLEEP)
        else:
            assert number == packets.NOOP
            self.send(_GRAB)


class CountingClient(_Peer):
    """Submits jobs of 10 bytes, all different, and checks that each is answered once, rightly."""

    def __init__(self, name: int, jobs: int) -> None:
        super().__init__()
        self._to_submit = deque(b"%03d%07d" % (name, number) for number in range(jobs))
        # Submitted and not yet created, in order; created and not yet complete, by handle.
        self._submitted: deque[bytes] = deque()
        self._created: dict[bytes, bytes] = {}
        self._unanswered = jobs
        # Ends with the last answer.
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for _ in range(min(_WINDOW, self._unanswered)):
            self._submit()
        self.write()

    def _submit(self) -> None:
        data = self._to_submit.popleft()
        self._submitted.append(data)
        self.send(encode_request(packets.SUBMIT_JOB, FUNCTION, b"", data))

    def handle(self, number: int, arguments: tuple[bytes, ...]) -> None:
        if number == packets.JOB_CREATED:
            assert arguments[0] not in self._created
            self._created[arguments[0]] = self._submitted.popleft()
            return
        assert number == packets.WORK_COMPLETE
        # A second answer to the same job would find no handle here.
        data = self._created.pop(arguments[0])
        assert arguments[1] == data[::-1]
        self._unanswered -= 1
        if self._to_submit:
            self._submit()
        elif self._unanswered == 0:
            self.done.set_result(None)


def run_jobs(port: int, *, clients: int, workers: int, jobs: int) -> None:
    """Puts so many jobs through, spread evenly over the clients; fails when an answer is lost or doubled."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run_jobs(port, clients, workers, jobs))


async def _run_jobs(port: int, clients: int, workers: int, jobs: int) -> None:
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    # What fails in a protocol object reaches nobody else.
    loop.set_exception_handler(lambda _, context: failures.append(context))
    asking = [CountingClient(name, jobs // clients) for name in range(clients)]
    peers: list[_Peer] = [*(ReversingWorker() for _ in range(workers)), *asking]
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        for peer in peers:
            await loop.create_connection(partial(_itself, peer), "127.0.0.1", port)
        await asyncio.wait([client.done for client in asking])
        for peer in peers:
            peer.transport.close()
        await asyncio.wait([peer.closed for peer in peers])
    assert failures == []


def _itself(peer: _Peer) -> _Peer:
    return peer
