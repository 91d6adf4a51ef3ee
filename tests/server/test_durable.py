"""What clients and workers see of a durable queue, whatever its store does: a server with a scripted one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from geartrain.engine.paging import JOB_BYTES
from geartrain.errors import StoreError, StoreInUse
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request
from geartrain.protocol.packets import Packet
from geartrain.server import durable, run_in_thread
from geartrain.server.thread import RunningServer
from geartrain.store import committer
from tests.server.wire import Wire
from tests.store.jobs import stored_job
from tests.store.scripted_store import PATIENCE_SECONDS, ScriptedStore, failure

_MIB = 1024 * 1024
# Shorter than a test, and long enough for what is to be in time.
_TIMEOUT_SECONDS = 0.2


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedStore]:
    """What every server of the test has for a queue."""
    store = ScriptedStore()
    monkeypatch.setattr("geartrain.server.server.make_store", lambda *_, **__: store)
    monkeypatch.setattr(committer, "_FIRST_PAUSE_SECONDS", 0.001)
    yield store
    store.let_go()


@contextmanager
def _server(**settings: Any) -> Iterator[RunningServer]:
    with run_in_thread(port=0, queue="sqlite:///scripted", **settings) as server:
        yield server


def _wire(server: RunningServer) -> Wire:
    return Wire(("127.0.0.1", server.port))


def _submit(wire: Wire, unique: bytes = b"", data: bytes = b"") -> None:
    """Submits a background job without waiting for the answer."""
    wire.send(packets.SUBMIT_JOB_BG, b"f", unique, data)


def _created(wire: Wire) -> bytes:
    packet = wire.read()
    assert packet.number == packets.JOB_CREATED, packet
    return packet.arguments[0]


def _refused(wire: Wire) -> str:
    """The text of the next answer, which has to be a refusal by the queue."""
    packet = wire.read()
    assert packet.number == packets.ERROR, packet
    assert packet.arguments[0] == b"QUEUE_ERROR"
    return packet.arguments[1].decode()


def _total(wire: Wire, function: bytes) -> int:
    """How many jobs of a function there are, in whatever state."""
    wire.send_raw(b"status\n")
    total = 0
    while (line := wire.read_line()) != b".":
        name, jobs, *_ = line.split(b"\t")
        if name == function:
            total = int(jobs)
    return total


def _queue(wire: Wire) -> list[bytes]:
    """The row of ``list queue``."""
    wire.send_raw(b"list queue\n")
    _, row, end = [wire.read_line() for _ in range(3)]
    assert end == b"."
    return row.split(b"\t")


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["event"] for record in caplog.records if "event" in vars(record)]


# --- a store that is slow -------------------------------------------------------------------------------


def test_a_job_is_acknowledged_when_it_is_durable(store: ScriptedStore) -> None:
    """And offered to workers only then."""
    with _server() as server, _wire(server) as client, _wire(server) as worker:
        worker.send(packets.CAN_DO, b"f")
        store.hold()
        _submit(client)
        store.wait_until_held()
        assert worker.grab().number == packets.NO_JOB

        store.let_go()

        handle = _created(client)
        assert worker.grab().arguments[0] == handle


def test_nobody_else_waits_for_the_store(store: ScriptedStore) -> None:
    """Foreground jobs, echo and admin commands are served while it hangs."""
    with _server() as server, _wire(server) as client, _wire(server) as other, _wire(server) as worker:
        store.hold()
        _submit(client)
        store.wait_until_held()

        other.echo()
        handle = other.submit(b"g")
        worker.send(packets.CAN_DO, b"g")
        assert worker.grab().arguments[0] == handle
        worker.send(packets.WORK_COMPLETE, handle, b"done")
        assert other.read() == Packet(packets.WORK_COMPLETE, (handle, b"done"))
        assert other.ask(b"getpid").startswith(b"OK")

        store.let_go()
        _created(client)


def test_answers_on_a_connection_keep_their_order(store: ScriptedStore) -> None:
    """What comes after a submission is answered after it."""
    with _server() as server, _wire(server) as client:
        store.hold()
        _submit(client)
        client.send(packets.ECHO_REQ, b"behind")
        store.wait_until_held()

        store.let_go()

        _created(client)
        assert client.read() == Packet(packets.ECHO_RES, (b"behind",))


def test_what_arrives_during_a_commit_is_the_next_batch(store: ScriptedStore) -> None:
    """Many submissions share one commit."""
    with _server() as server, _wire(server) as first, _wire(server) as second, _wire(server) as other:
        store.hold()
        _submit(first)
        store.wait_until_held()
        second.send_raw(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b"") * 100)
        _wait_until(lambda: _total(other, b"f") == 101)

        store.let_go()

        for _ in range(100):
            _created(second)
    assert [len(batch.added) for batch, _ in store.tries] == [1, 100]


def test_a_big_backlog_is_written_in_several_batches(
    store: ScriptedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the first of them do not wait for the last."""
    monkeypatch.setattr("geartrain.server.pending.BATCH_BYTES", 10_000)
    with _server() as server, _wire(server) as first, _wire(server) as second, _wire(server) as other:
        store.hold()
        _submit(first)
        store.wait_until_held()
        second.send_raw(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", bytes(4000)) * 7)
        _wait_until(lambda: _total(other, b"f") == 8)

        store.let_go()

        for _ in range(7):
            _created(second)
    assert [len(batch.added) for batch, _ in store.tries] == [1, 3, 3, 1]


def test_a_job_that_ends_before_its_turn_is_not_written(store: ScriptedStore) -> None:
    """A foreground job was made a background job, and done meanwhile; who did that gets an answer."""
    with _server() as server, _wire(server) as client, _wire(server) as worker, _wire(server) as other:
        client.send(packets.SUBMIT_JOB, b"f", b"u", b"")
        handle = _created(client)
        worker.send(packets.CAN_DO, b"f")
        worker.grab()
        store.hold()
        _submit(client, b"held")
        store.wait_until_held()
        # The second job shows that the first packet has been read.
        join = encode_request(packets.SUBMIT_JOB_BG, b"f", b"u", b"")
        other.send_raw(join + encode_request(packets.SUBMIT_JOB, b"g", b"", b""))
        _wait_until(lambda: _total(worker, b"g") == 1)
        worker.send(packets.WORK_COMPLETE, handle, b"")
        worker.echo()

        store.let_go()

        assert _created(other) == handle
    assert [len(batch.added) for batch, _ in store.tries] == [1]


def test_attempts_are_written_down(store: ScriptedStore) -> None:
    """A job whose worker is lost has one more, after a restart, too."""
    with _server() as server, _wire(server) as client:
        handle = client.submit(b"f", number=packets.SUBMIT_JOB_BG)
        for _ in range(2):
            with _wire(server) as worker:
                worker.send(packets.CAN_DO, b"f")
                assert worker.grab().arguments[0] == handle
            _wait_until(lambda: bool(store.tries[-1][0].attempts))

        _wait_until(lambda: [job.attempts for job in store.rows.values()] == [2])
    with _server(job_retries=3) as server, _wire(server) as other, _wire(server) as worker:
        worker.send(packets.CAN_DO, b"f")
        assert worker.grab().arguments[0] == handle
        worker.close()

        _wait_until(lambda: _total(other, b"f") == 0)


# --- a store that does not answer -----------------------------------------------------------------------


def test_a_submission_that_waits_for_too_long_is_refused(store: ScriptedStore) -> None:
    """It is not kept, though the store takes it in the end, and no worker gets it."""
    with _server(store_timeout=_TIMEOUT_SECONDS) as server, _wire(server) as client, _wire(server) as worker:
        store.hold()
        _submit(client)
        store.wait_until_held()
        _submit(client, b"never handed over")

        for _ in range(2):
            assert _refused(client) == "the durable queue has not answered within 0.2 seconds"

        store.let_go()
        _wait_until(lambda: len(store.tries) == 2)
        worker.send(packets.CAN_DO, b"f")
        assert worker.grab().number == packets.NO_JOB
        assert _total(client, b"f") == 0
    assert store.rows == {}
    assert [len(batch.added) for batch, _ in store.tries] == [1, 0]


def test_work_goes_on_when_the_store_is_back(store: ScriptedStore, caplog: pytest.LogCaptureFixture) -> None:
    """Without a restart; what waits in time is taken, and the log has one line for each turn."""
    store.before += [failure("connection lost")]
    with _server() as server, _wire(server) as client:
        store.closed += [failure("connection refused") for _ in range(3)]
        _submit(client)

        handle = _created(client)

        assert [job.handle for job in store.rows.values()] == [handle]
    said = _events(caplog)
    assert said[said.index("the durable queue fails") :] == [
        "the durable queue fails",
        "the durable queue works again",
    ]


def test_a_store_that_is_silent_is_reported(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before its connection is given up."""
    monkeypatch.setattr(durable, "SILENCE_SECONDS", 0.05)
    with _server() as server, _wire(server) as client:
        store.hold()
        _submit(client)
        _wait_until(lambda: "the durable queue fails" in _events(caplog))

        store.let_go()

        _created(client)
        _wait_until(lambda: "the durable queue works again" in _events(caplog))
    (failing,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(failing)["fields"]["reason"] == "it does not answer"


def test_administrators_see_how_the_queue_fares(store: ScriptedStore) -> None:
    """Where it is, what is unsafe about it, what waits for it, and why it fails, as long as it does."""
    store.warnings = ["fsync is off", "full_page_writes is off"]
    fine = [b"scripted://", b"ok", b"0", b"0", b"-", b"fsync is off; full_page_writes is off"]
    with _server() as server, _wire(server) as client, _wire(server) as admin:
        assert _queue(admin) == fine

        store.before.extend([failure("the disk is full")] * 1000)
        store.hold()
        _submit(client, data=b"data")
        store.wait_until_held()
        _wait_until(lambda: _queue(admin)[1:3] == [b"ok", b"%d" % (JOB_BYTES + len(b"data"))])

        store.let_go()
        _wait_until(lambda: _queue(admin)[1] == b"failing")
        assert _queue(admin)[4] == b"the disk is full"

        store.before.clear()
        # Taken in the end, or refused, where the machine is slow and the store has failed too often.
        assert client.read().number in (packets.JOB_CREATED, packets.ERROR)
        _wait_until(lambda: _queue(admin) == fine)


def test_too_much_that_waits_is_refused_at_once(store: ScriptedStore) -> None:
    """Foreground jobs are not."""
    with _server(store_backlog_bytes=_MIB) as server, _wire(server) as client, _wire(server) as other:
        store.hold()
        _submit(client, b"big", bytes(2 * _MIB))
        store.wait_until_held()
        _wait_until(lambda: _total(other, b"f") == 1)

        _submit(other)
        assert _refused(other) == "too much waits for the durable queue already"
        other.submit(b"g")

        store.let_go()
        _created(client)
        other.submit(b"f", number=packets.SUBMIT_JOB_BG)


def test_small_jobs_count_for_the_backlog(store: ScriptedStore) -> None:
    """They take memory, though they have no data."""
    with _server(store_backlog_bytes=_MIB) as server, _wire(server) as client, _wire(server) as other:
        store.hold()
        client.send_raw(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b"") * 3000)
        store.wait_until_held()
        _wait_until(lambda: _total(other, b"f") * JOB_BYTES > _MIB)

        _submit(other)

        _refused(other)
        store.let_go()


def test_a_completion_is_remembered_while_the_store_is_away(store: ScriptedStore) -> None:
    """The job does not run again, and its row goes when the store is back."""
    with _server() as server, _wire(server) as client, _wire(server) as worker, _wire(server) as other:
        handle = client.submit(b"f", number=packets.SUBMIT_JOB_BG)
        worker.send(packets.CAN_DO, b"f")
        worker.grab()
        store.before += [failure(), failure()]
        store.hold()
        _submit(other, b"held")
        store.wait_until_held()
        worker.send(packets.WORK_COMPLETE, handle, b"")
        assert worker.grab().number == packets.NO_JOB

        store.let_go()

        held = _created(other)
        _wait_until(lambda: [job.handle for job in store.rows.values()] == [held])


def test_output_behind_a_submission_is_limited(store: ScriptedStore) -> None:
    """A connection that adds to it is not read from until the store has answered."""
    chunk = bytes(64 * 1024)
    with _server(pause_bytes=_MIB) as server, _wire(server) as client, _wire(server) as other:
        store.hold()
        _submit(client)
        store.wait_until_held()
        sender = threading.Thread(
            target=client.send_raw, args=(encode_request(packets.ECHO_REQ, chunk) * 800,)
        )
        sender.start()
        sender.join(_TIMEOUT_SECONDS)
        assert sender.is_alive()
        other.echo()

        store.let_go()

        _created(client)
        for _ in range(800):
            assert client.read() == Packet(packets.ECHO_RES, (chunk,))
        sender.join(PATIENCE_SECONDS)
        client.echo()


def test_a_worker_waits_for_a_client_that_waits_for_the_store(store: ScriptedStore) -> None:
    """What it sends to that client piles up as well."""
    chunk = bytes(64 * 1024)
    with _server(pause_bytes=_MIB) as server, _wire(server) as client, _wire(server) as worker:
        handle = client.submit(b"g")
        worker.send(packets.CAN_DO, b"g")
        worker.grab()
        store.hold()
        _submit(client)
        store.wait_until_held()
        data = encode_request(packets.WORK_DATA, handle, chunk) * 800
        sender = threading.Thread(target=worker.send_raw, args=(data,))
        sender.start()
        sender.join(_TIMEOUT_SECONDS)
        assert sender.is_alive()

        store.let_go()

        _created(client)
        for _ in range(800):
            assert client.read() == Packet(packets.WORK_DATA, (handle, chunk))
        sender.join(PATIENCE_SECONDS)
        worker.echo()


# --- a store that does not want a job -------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
def test_a_job_that_the_store_never_takes_is_refused(store: ScriptedStore, tells: bool) -> None:
    """With the reason, in the place of its answer; those around it are taken, the last one included."""
    store.tells = tells
    store.is_poison = lambda job: job.data == b"poison"
    with _server() as server, _wire(server) as first, _wire(server) as client, _wire(server) as other:
        store.hold()
        _submit(first)
        store.wait_until_held()
        jobs = [b"a", b"poison", b"b", b"poison", b"poison", b"c"]
        client.send_raw(b"".join(encode_request(packets.SUBMIT_JOB_BG, b"f", b"", data) for data in jobs))
        _wait_until(lambda: _total(other, b"f") == 7)

        store.let_go()

        for data in jobs:
            if data == b"poison":
                assert _refused(client) == "poison"
            else:
                _created(client)
        assert _total(other, b"f") == 4
    assert sorted(job.data for job in store.rows.values()) == [b"", b"a", b"b", b"c"]


# --- a queue that another server has taken --------------------------------------------------------------


def test_a_lost_queue_is_not_served_any_more(store: ScriptedStore, caplog: pytest.LogCaptureFixture) -> None:
    """Its jobs are the other server's; submissions are refused at once, and say why. The rest goes on."""
    store.rows[1] = stored_job(1)
    store.before.append(StoreInUse(store.url, "process 7 on other"))
    text = "the durable queue was taken over: it is held by process 7 on other"
    with _server() as server, _wire(server) as client, _wire(server) as worker:
        _submit(client)
        assert _refused(client) == text

        _submit(client)

        assert _refused(client) == text
        worker.send(packets.CAN_DO, b"f")
        assert worker.grab().number == packets.NO_JOB
        handle = client.submit(b"f")
        assert worker.grab().arguments[0] == handle
        worker.send(packets.WORK_COMPLETE, handle, b"")
        client.read()
    assert _events(caplog).count("the durable queue fails") == 1
    assert set(store.rows) == {1}


# --- the end --------------------------------------------------------------------------------------------


def test_what_was_said_before_the_end_is_durable(store: ScriptedStore) -> None:
    """Whether it had come to the store by then or not."""
    with _server() as server, _wire(server) as client, _wire(server) as worker, _wire(server) as other:
        done = client.submit(b"f", number=packets.SUBMIT_JOB_BG)
        worker.send(packets.CAN_DO, b"f")
        worker.grab()
        store.hold()
        _submit(other)
        store.wait_until_held()
        worker.send(packets.WORK_COMPLETE, done, b"")
        worker.echo()
        threading.Timer(_TIMEOUT_SECONDS, store.let_go).start()
    assert len(store.rows) == 1
    assert not store.is_open


def test_what_was_refused_is_gone_after_the_end(store: ScriptedStore) -> None:
    """Also when the store takes it after all while the server stops."""
    with _server(store_timeout=_TIMEOUT_SECONDS) as server, _wire(server) as client:
        store.hold()
        _submit(client)
        store.wait_until_held()
        _refused(client)
        threading.Timer(_TIMEOUT_SECONDS, store.let_go).start()
    assert store.rows == {}


def test_what_is_said_after_the_end_has_begun_is_not_heard(
    store: ScriptedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker is told that the server knows of the end of a job which runs again."""
    closing = threading.Event()
    close = durable.DurableQueue.close

    async def close_slowly(queue: durable.DurableQueue) -> None:
        closing.set()
        await close(queue)

    monkeypatch.setattr(durable.DurableQueue, "close", close_slowly)
    heard: list[object] = []

    def speak(worker: Wire, handle: bytes) -> None:
        assert closing.wait(PATIENCE_SECONDS)
        worker.send(packets.WORK_COMPLETE, handle, b"")
        worker.send(packets.ECHO_REQ, b"late")
        threading.Timer(_TIMEOUT_SECONDS, store.let_go).start()
        heard.extend(worker.read_until_closed())

    with _server() as server, _wire(server) as client:
        worker = _wire(server)
        handle = client.submit(b"f", number=packets.SUBMIT_JOB_BG)
        worker.send(packets.CAN_DO, b"f")
        worker.grab()
        store.hold()
        _submit(client)
        store.wait_until_held()
        speaker = threading.Thread(target=speak, args=(worker, handle))
        speaker.start()
    speaker.join()
    worker.close()
    assert heard == []
    assert handle in [job.handle for job in store.rows.values()]


def test_a_stop_is_no_failed_attempt(store: ScriptedStore) -> None:
    """A job whose worker loses its connection because the server closes it stays as it was."""
    with _server(job_retries=1) as server:
        worker = _wire(server)
        handle = worker.submit(b"f", number=packets.SUBMIT_JOB_BG)
        worker.send(packets.CAN_DO, b"f")
        assert worker.grab().arguments[0] == handle
    worker.close()
    assert [job.attempts for job in store.rows.values()] == [0]


def test_a_store_that_hangs_does_not_keep_the_server_from_its_end(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some time it is left alone, with a line in the log."""
    monkeypatch.setattr(durable, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(durable, "_LET_GO_SECONDS", 0.1)
    with _server() as server, _wire(server) as client:
        store.hold()
        _submit(client)
        store.wait_until_held()
    assert "stopping before all changes are durable" in _events(caplog)


# --- the start ------------------------------------------------------------------------------------------


def test_an_unsafe_database_is_reported(store: ScriptedStore, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each of its settings."""
    store.warnings = ["fsync is off", "full_page_writes is off"]

    with _server():
        pass

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [vars(record)["fields"]["reason"] for record in warnings] == store.warnings


def test_an_unsafe_database_is_refused_by_who_is_strict(store: ScriptedStore) -> None:
    """And let go of."""
    store.warnings = ["fsync is off"]

    with pytest.raises(StoreError, match="fsync is off"), _server(durability="strict"):
        pass

    assert not store.is_open


def test_a_queue_that_cannot_be_read_keeps_the_server_from_starting(store: ScriptedStore) -> None:
    """The store is closed, and the port is free again."""

    def read(after: int = 0) -> Iterator[object]:
        del after
        raise failure("damaged")

    store.read = read  # type: ignore[method-assign,assignment]

    with pytest.raises(StoreError, match="damaged"), _server():
        pass

    assert not store.is_open
