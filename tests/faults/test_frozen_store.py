"""A database that does not answer holds up nobody but those who have to wait for it."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from geartrain.protocol import packets
from geartrain.server import run_in_thread
from geartrain.server.thread import RunningServer
from tests.faults.stores import VictimStore
from tests.server.wire import TIMEOUT_SECONDS, Wire

_STORE_TIMEOUT = 0.3
_FOREGROUND = b"reverse"
_BACKGROUND = b"mail"
_TIMES = 25
# So much slower nobody gets, whatever else the machine does meanwhile. Waiting for the store takes longer.
_SLOWER = 20
_SHORTEST_SECONDS = 0.05


@contextmanager
def _server(store: VictimStore) -> Iterator[RunningServer]:
    with run_in_thread(port=0, queue=store.url, store_timeout=_STORE_TIMEOUT) as server:
        yield server


def _wire(server: RunningServer) -> Wire:
    return Wire(("127.0.0.1", server.port))


@contextmanager
def _frozen(store: VictimStore) -> Iterator[None]:
    assert store.database is not None
    store.database.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        store.database.send_signal(signal.SIGCONT)


def _latency(what: Callable[[], None]) -> float:
    """The median of what it takes, in seconds."""
    taken = []
    for _ in range(_TIMES):
        begin = time.perf_counter()
        what()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _background(wire: Wire, data: bytes) -> None:
    wire.send(packets.SUBMIT_JOB_BG, _BACKGROUND, b"", data)


def _submit_until_taken(wire: Wire, data: bytes) -> None:
    """A store that is back may still refuse for a moment."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        _background(wire, data)
        if wire.read().number == packets.JOB_CREATED:
            return
        assert time.monotonic() < deadline


def _run_all(wire: Wire) -> list[bytes]:
    """Completes all background jobs that are queued; their data."""
    wire.send(packets.CAN_DO, _BACKGROUND)
    found = []
    while (packet := wire.grab()).number == packets.JOB_ASSIGN:
        found.append(packet.arguments[2])
        wire.send(packets.WORK_COMPLETE, packet.arguments[0], b"")
    return found


class _Peers:
    """A client and a worker that have nothing to do with the store."""

    def __init__(self, server: RunningServer) -> None:
        self._client = _wire(server)
        self._worker = _wire(server)
        self._worker.send(packets.CAN_DO, _FOREGROUND)
        self._worker.echo()

    def run_job(self) -> None:
        self._client.send(packets.SUBMIT_JOB, _FOREGROUND, b"", b"abc")
        assert self._client.read().number == packets.JOB_CREATED
        job = self._worker.grab()
        self._worker.send(packets.WORK_COMPLETE, job.arguments[0], b"cba")
        assert self._client.read().arguments[1] == b"cba"

    def echo(self) -> None:
        self._client.echo()

    def ask_status(self) -> None:
        self._client.send_raw(b"status\n")
        while self._client.read_line() != b".":
            pass

    def close(self) -> None:
        self._client.close()
        self._worker.close()


def test_nobody_else_waits_for_a_frozen_database(database_store: VictimStore) -> None:
    """Foreground jobs, ECHO and status take as long as before, while a submission waits for the store."""
    with _server(database_store) as server, _wire(server) as submitter:
        peers = _Peers(server)
        calls = (peers.run_job, peers.echo, peers.ask_status)
        before = [_latency(call) for call in calls]

        with _frozen(database_store):
            _background(submitter, b"waits")
            meanwhile = [_latency(call) for call in calls]
            answer = submitter.read()

        peers.close()
    assert answer.number == packets.ERROR
    limits = [max(_SLOWER * latency, _SHORTEST_SECONDS) for latency in before]
    assert all(latency < limit for latency, limit in zip(meanwhile, limits, strict=True)), (before, meanwhile)


def test_submissions_are_refused_when_a_frozen_database_takes_too_long(database_store: VictimStore) -> None:
    """They wait for as long as is configured, and are answered in order."""
    with _server(database_store) as server, _wire(server) as wire, _frozen(database_store):
        begin = time.monotonic()
        for number in range(5):
            _background(wire, b"%d" % number)
        wire.send(packets.ECHO_REQ, b"behind")
        answers = [wire.read() for _ in range(6)]
        taken = time.monotonic() - begin

    texts = {answer.arguments for answer in answers[:5]}
    assert texts == {(b"QUEUE_ERROR", b"the durable queue has not answered within 0.3 seconds")}
    assert answers[5].arguments == (b"behind",)
    assert taken >= _STORE_TIMEOUT


def test_work_goes_on_when_a_frozen_database_is_back(database_store: VictimStore) -> None:
    """Without a new server; and nothing that was refused is run, not even after a restart."""
    with _server(database_store) as server, _wire(server) as wire:
        _submit_until_taken(wire, b"before")
        with _frozen(database_store):
            _background(wire, b"refused")
            assert wire.read().number == packets.ERROR

        _submit_until_taken(wire, b"after")

    with _server(database_store) as server, _wire(server) as wire:
        assert _run_all(wire) == [b"before", b"after"]


@pytest.mark.timeout(120)
def test_work_goes_on_when_a_dead_database_is_back(database_store: VictimStore) -> None:
    """The server opens its queue again by itself."""
    assert database_store.database is not None
    with _server(database_store) as server, _wire(server) as wire:
        _submit_until_taken(wire, b"before")
        database_store.database.kill()
        _background(wire, b"refused")
        assert wire.read().number == packets.ERROR

        database_store.database.start()

        _submit_until_taken(wire, b"after")
        assert _run_all(wire) == [b"before", b"after"]
