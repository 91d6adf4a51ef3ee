"""Many workers, many jobs, and big ones."""

from __future__ import annotations

import selectors
import threading
import time

import pytest

from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request
from geartrain.protocol.packets import Packet
from tests.server.load import run_jobs
from tests.server.process import Gearmand
from tests.server.wire import Wire

_MIB = 1 << 20
_IDLE_SECONDS = 1.0


@pytest.mark.scale
def test_a_payload_of_200_mib_goes_to_a_worker_and_back_intact() -> None:
    """Both ways, with the result as long as the job."""
    payload = bytes(range(256)) * (200 * _MIB // 256)
    with Gearmand() as server, server.connect() as client, server.connect() as worker:
        worker.send(packets.CAN_DO, b"f")
        sending = threading.Thread(target=client.send, args=(packets.SUBMIT_JOB, b"f", b"", payload))
        sending.start()
        created = client.read()
        sending.join()
        handle = created.arguments[0]

        assigned = worker.grab()
        assert assigned == Packet(packets.JOB_ASSIGN, (handle, b"f", payload))
        del assigned
        answering = threading.Thread(target=worker.send, args=(packets.WORK_COMPLETE, handle, payload))
        answering.start()
        result = client.read()
        answering.join()

        assert result == Packet(packets.WORK_COMPLETE, (handle, payload))


@pytest.mark.scale
def test_a_thousand_sleeping_workers_are_woken_one_for_each_job() -> None:
    """No thundering herd: a job wakes one worker, not all of them; and sleeping costs no processor time."""
    jobs = 500
    with Gearmand() as server, server.connect() as client:
        workers = [server.connect() for _ in range(1000)]
        for worker in workers:
            worker.send_raw(encode_request(packets.CAN_DO, b"f") + encode_request(packets.PRE_SLEEP))
        for worker in workers:
            worker.echo()
        asleep_before = server.cpu_seconds()
        assert not _is_answered(client)
        assert server.cpu_seconds() - asleep_before < _IDLE_SECONDS / 10

        woken, seconds = _run_one_at_a_time(client, workers, jobs)
        for worker in workers[1:]:
            worker.close()
        _, seconds_of_one = _run_one_at_a_time(client, workers[:1], jobs)
        workers[0].close()

    # A worker may be slower than the grace time on a busy machine; then another one is woken for its job.
    assert jobs <= woken < 2 * jobs
    # About the same, in fact; a busy machine must not make this fail.
    assert seconds < 10 * seconds_of_one


def _run_one_at_a_time(client: Wire, workers: list[Wire], jobs: int) -> tuple[int, float]:
    """Has sleeping workers do one job after the other; how many were woken, and the seconds it took."""
    woken = 0
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.socket, selectors.EVENT_READ, worker)
        start = time.monotonic()
        for _ in range(jobs):
            client.submit(b"f")
            woken += _serve_one(selector)
            assert client.read().number == packets.WORK_COMPLETE
        return woken, time.monotonic() - start


def _serve_one(selector: selectors.BaseSelector) -> int:
    """Has the woken workers take the job and sleep again; how many were woken."""
    woken = 0
    is_served = False
    while not is_served:
        for key, _ in selector.select(timeout=20):
            worker: Wire = key.data
            assert worker.read().number == packets.NOOP
            woken += 1
            job = worker.grab()
            if job.number == packets.JOB_ASSIGN:
                worker.send(packets.WORK_COMPLETE, job.arguments[0], b"")
                is_served = True
            worker.send(packets.PRE_SLEEP)
            worker.echo()
    return woken


def _is_answered(wire: Wire) -> bool:
    """Waits a while for something to happen that must not."""
    wire.socket.settimeout(_IDLE_SECONDS)
    try:
        wire.read()
    except TimeoutError:
        return False
    finally:
        wire.socket.settimeout(20)
    return True


@pytest.mark.scale
@pytest.mark.timeout(200)
def test_200_000_jobs_pass_without_a_lost_or_doubled_answer_and_leave_no_memory_behind() -> None:
    """Over 16 pipelined clients and 16 workers."""
    with Gearmand("--verbose=ERROR", is_measured=False) as server:
        run_jobs(server.port, clients=16, workers=16, jobs=40_000)
        before = server.memory_bytes()

        run_jobs(server.port, clients=16, workers=16, jobs=200_000)

        assert server.memory_bytes() - before < 8 * _MIB
        with server.connect() as wire:
            assert wire.ask(b"show jobs") == b"."
        assert server.count_lines("Traceback") == 0
