"""A TLS peer that does not read is treated as one without TLS."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request, encode_response
from geartrain.protocol.packets import Packet
from geartrain.server import run_in_thread
from tests.certificates import Certificates
from tests.server.tls_wire import LowWire, TlsWire

_MIB = 1 << 20


@pytest.fixture(params=["uvloop", "asyncio"], autouse=True)
def event_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both event loops: their transports count and pause each in its own way."""
    if request.param == "asyncio":
        monkeypatch.setattr(uvloop, "new_event_loop", asyncio.new_event_loop)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def _running_job(client: TlsWire, worker: TlsWire) -> bytes:
    """Submits a job and has the worker take it; its handle."""
    handle = client.submit(b"f")
    worker.send(packets.CAN_DO, b"f")
    assert worker.grab().arguments[0] == handle
    return handle


def test_a_worker_waits_while_its_client_does_not_read(
    certificates: Certificates, pool: ThreadPoolExecutor
) -> None:
    """Others are served meanwhile; once the client reads, all of it arrives, in order."""
    context = certificates.client_context()
    chunks = [bytes([number]) * 65536 for number in range(256)] * 4
    config = certificates.server_config(pause_bytes=_MIB)
    with (
        run_in_thread(config) as server,
        TlsWire(server.port, context) as client,
        TlsWire(server.port, context) as worker,
        TlsWire(server.port, context) as other,
    ):
        handle = _running_job(client, worker)
        is_sent = threading.Event()

        def send_all() -> None:
            for chunk in chunks:
                worker.send(packets.WORK_DATA, handle, chunk)
            is_sent.set()

        sending = pool.submit(send_all)
        assert not is_sent.wait(0.5)
        other.echo()

        for chunk in chunks:
            assert client.read() == Packet(packets.WORK_DATA, (handle, chunk))
        sending.result()


def test_a_peer_that_reads_nothing_is_dropped(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while, so that the worker can go on."""
    context = certificates.client_context()
    config = certificates.server_config(pause_bytes=_MIB, stall_seconds=0.5)
    with (
        caplog.at_level(logging.INFO, "geartrain.server"),
        run_in_thread(config) as server,
        TlsWire(server.port, context) as client,
        TlsWire(server.port, context) as worker,
    ):
        handle = _running_job(client, worker)

        for _ in range(1024):
            worker.send(packets.WORK_DATA, handle, bytes(65536))
        worker.send_raw(b"version\n")
        # The job has no client any more, so each is answered with an error from then on.
        message = worker.read_message()
        while isinstance(message, Packet):
            message = worker.read_message()

    assert message is not None
    (record,) = [each for each in caplog.records if "dropped" in each.getMessage()]
    assert vars(record)["fields"]["unread_bytes"] > _MIB // 2


def test_a_slow_reader_gets_all_of_a_big_result(certificates: Certificates) -> None:
    """As long as it reads some of it now and then, it may take its time."""
    context = certificates.client_context()
    result = hashlib.shake_256(b"result").digest(24 * _MIB)
    config = certificates.server_config(pause_bytes=_MIB, stall_seconds=0.4)
    with (
        run_in_thread(config) as server,
        TlsWire(server.port, context) as client,
        TlsWire(server.port, context) as worker,
    ):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        handle = _running_job(client, worker)
        worker.send(packets.WORK_COMPLETE, handle, result)

        received = bytearray()
        pause = threading.Event()
        expected = len(encode_request(packets.WORK_COMPLETE, handle, result))
        while len(received) < expected:
            piece = client.socket.recv(16384)
            assert piece
            received += piece
            if len(received) % (2 * _MIB) < len(piece):
                # Long enough for twelve of them to be far more than the server's patience.
                pause.wait(0.1)

    assert received.endswith(result)


def test_a_client_that_floods_the_server_and_reads_nothing_holds_itself_up(
    certificates: Certificates, pool: ThreadPoolExecutor
) -> None:
    """Then it reads, and gets every answer."""
    count = 1000
    data = bytes(65536)
    with (
        run_in_thread(certificates.server_config(pause_bytes=_MIB)) as server,
        LowWire(server.port, certificates.client_context()) as wire,
    ):
        wire.shake_hands()
        for _ in range(count):
            wire.encrypt(encode_request(packets.ECHO_REQ, data))
        wire.end_later()
        sending = pool.submit(wire.socket.sendall, wire.take_ready())
        with pytest.raises(TimeoutError):
            sending.result(0.5)

        assert wire.read_to_end() == encode_response(packets.ECHO_RES, data) * count
        sending.result()
