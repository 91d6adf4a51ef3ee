"""What a callback does, and what becomes of its job."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

import gearman
from gearman.errors import GearmanError, ServerUnavailable
from geartrain.protocol.codec import Decoder, encode_response
from geartrain.protocol.packets import (
    JOB_ASSIGN_UNIQ,
    MAGIC_REQUEST,
    NOOP,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
    Packet,
)
from tests.classic.conftest import MakeClient, StartScript, StartServer, StartWorker
from tests.classic.helpers import StoppableWorker, wait_until
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer

JOB = encode_response(JOB_ASSIGN_UNIQ, b"H:1", b"t", b"u", b"data")
HANDLE = b"H:1"
REPORTS = (WORK_COMPLETE, WORK_DATA, WORK_EXCEPTION, WORK_FAIL, WORK_STATUS, WORK_WARNING)


class PickyEncoder(gearman.DataEncoder):
    """Fails for one value in each direction."""

    @classmethod
    def encode(cls, encodable_object: Any) -> Any:
        if encodable_object == "bad":
            raise ValueError("cannot encode")
        return encodable_object

    @classmethod
    def decode(cls, decodable_string: Any) -> Any:
        assert type(decodable_string) is bytes
        if decodable_string == b"poison":
            raise ValueError("cannot decode")
        return decodable_string.decode()


class PickyWorker(StoppableWorker):
    data_encoder = PickyEncoder


def raise_value_error(_worker: Any, _job: Any) -> Any:
    raise ValueError("no")


def complete_and_return(worker: Any, job: Any) -> Any:
    worker.send_job_complete(job, "early")
    return "late"


def fail_and_return(worker: Any, job: Any) -> Any:
    worker.send_job_failure(job)
    return "late"


def send_exception_and_return(worker: Any, job: Any) -> Any:
    worker.send_job_exception(job, "why")
    return "late"


def complete_and_raise(worker: Any, job: Any) -> Any:
    worker.send_job_complete(job, "early")
    raise ValueError("no")


def send_everything(worker: Any, job: Any) -> Any:
    worker.send_job_data(job, "d")
    worker.send_job_warning(job, b"w")
    worker.send_job_status(job, 1, 2)
    worker.send_job_status(job, 2.0, 4.0)
    worker.send_job_status(job, 0.5, 1)
    return "r"


def returns(value: Any) -> Any:
    def callback(_worker: Any, job: Any) -> Any:
        return value(job) if callable(value) else value

    return callback


COMPLETE = Packet(WORK_COMPLETE, (HANDLE, b"early"))
FAIL = Packet(WORK_FAIL, (HANDLE,))


def complete(data: bytes) -> list[Packet]:
    return [Packet(WORK_COMPLETE, (HANDLE, data))]


@pytest.mark.parametrize(
    ("callback", "reports"),
    [
        (returns("text"), complete(b"text")),
        (returns("h\u00e9"), complete("h\u00e9".encode())),
        (returns(b"\x00\xff"), complete(b"\x00\xff")),
        (returns(bytearray(b"x")), complete(b"x")),
        (returns(memoryview(b"x")), complete(b"x")),
        (returns(None), complete(b"")),
        (returns(lambda job: reversed(job.data)), complete(b"atad")),
        (returns(lambda _job: iter(["a", b"b", 99])), complete(b"abc")),
        (returns(5), [FAIL]),
        (returns([1]), [FAIL]),
        (raise_value_error, [FAIL]),
        (complete_and_return, [COMPLETE]),
        (complete_and_raise, [COMPLETE]),
        (fail_and_return, [FAIL]),
        (send_exception_and_return, [Packet(WORK_EXCEPTION, (HANDLE, b"why")), FAIL]),
        (
            send_everything,
            [
                Packet(WORK_DATA, (HANDLE, b"d")),
                Packet(WORK_WARNING, (HANDLE, b"w")),
                Packet(WORK_STATUS, (HANDLE, b"1", b"2")),
                Packet(WORK_STATUS, (HANDLE, b"2", b"4")),
                Packet(WORK_STATUS, (HANDLE, b"500", b"1000")),
                *complete(b"r"),
            ],
        ),
        (lambda worker, job: worker.send_job_status(job, "1", 2), [FAIL]),
        (lambda worker, job: worker.send_job_status(job, True, 2), [FAIL]),
        (lambda worker, job: worker.send_job_status(job, float("nan"), 2), [FAIL]),
        (lambda worker, job: worker.send_job_data(job, object()), [FAIL]),
        (lambda worker, job: worker.wait_until_updates_sent([job]), complete(b"")),
    ],
)
def test_a_callback_s_outcome_is_sent(
    start_script: StartScript, start_worker: StartWorker, callback: Any, reports: list[Packet]
) -> None:
    """Each job ends exactly once, whatever its callback does, and the worker goes on."""
    script = start_script([[encode_response(NOOP), JOB, ScriptedServer.STAY]])
    running = start_worker({"t": callback}, script.address)

    wait_until(lambda: len(sent_reports(script)) >= len(reports), "the reports")

    assert sent_reports(script) == reports
    assert running.is_running


def sent_reports(script: ScriptedServer) -> list[Packet]:
    messages = Decoder(MAGIC_REQUEST).feed(b"".join(script.received))
    return [message for message in messages if isinstance(message, Packet) and message.number in REPORTS]


@pytest.mark.parametrize("data", ["poison", "bad"])
def test_an_encoder_that_fails_fails_the_job_and_not_the_worker(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str, data: str
) -> None:
    """On the way in as on the way out; the next job is done."""
    seen: list[Any] = []

    class Worker(PickyWorker):
        def on_job_exception(self, current_job: Any, exc_info: Any) -> Any:
            seen.append(
                (bytes(current_job.data, "ascii") if data == "bad" else current_job.data, exc_info[0])
            )
            assert sys.exc_info()[0] is exc_info[0]
            return super().on_job_exception(current_job, exc_info)

    start_worker({task: returns(lambda job: job.data)}, either_server.address, worker_class=Worker)
    client = make_client(either_server.address)

    assert client.submit_job(task, data).state == "FAILED"
    assert client.submit_job(task, "good").result == "good"
    assert seen == [(data.encode(), ValueError)]


def test_an_exception_is_logged_with_its_traceback(
    server: JobServer,
    client: gearman.GearmanClient,
    start_worker: StartWorker,
    task: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At level ERROR."""
    start_worker({task: raise_value_error}, server.address)

    client.submit_job(task, "x")

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


@pytest.mark.parametrize("exc_info", ["a traceback as text", None, True])
def test_the_exception_hook_takes_whatever_it_is_given(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str, exc_info: Any
) -> None:
    """Overriders send data first, and pass on what they made of the exception."""

    class Worker(StoppableWorker):
        def on_job_exception(self, current_job: Any, _exc_info: Any) -> Any:
            self.send_job_data(current_job, "sorry")
            return super().on_job_exception(current_job, exc_info)

    start_worker({task: raise_value_error}, server.address, worker_class=Worker)

    request = client.submit_job(task, "x")

    assert (request.state, list(request.data_updates)) == ("FAILED", ["sorry"])


def test_hooks_may_be_replaced_on_the_class(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Programs and agents that watch them do that while the worker runs."""

    class Worker(StoppableWorker):
        pass

    start_worker({task: raise_value_error}, server.address, worker_class=Worker)
    server.wait_for_status(f"{task} 0 0 1")

    def rescue(self: Any, current_job: Any, _exc_info: Any) -> Any:
        return self.send_job_complete(current_job, "rescued")

    Worker.on_job_exception = rescue  # type: ignore[method-assign, assignment]  # as programs do it

    assert client.submit_job(task, "x").result == "rescued"


def test_executing_may_be_overridden(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """By answering without a callback, or by putting another callback in place."""

    class Worker(StoppableWorker):
        def on_job_execute(self, current_job: Any) -> Any:
            if current_job.data == "short":
                return self.on_job_complete(current_job, "cut")
            original = self.worker_abilities[current_job.task]
            self.worker_abilities[current_job.task] = lambda worker, job: original(worker, job) + "!"
            return super().on_job_execute(current_job)

    start_worker({task: returns("r")}, server.address, worker_class=Worker)

    assert client.submit_job(task, "short").result == "cut"
    assert client.submit_job(task, "long").result == "r!"


def test_an_error_of_an_overridden_execute_ends_work(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """It is the program's own, even if it is one of ours; the job goes back to its queue."""

    class Worker(StoppableWorker):
        def on_job_execute(self, current_job: Any) -> Any:
            raise GearmanError(current_job.data)

    request = client.submit_job(task, "x", wait_until_complete=False)
    running = start_worker({task: returns("r")}, server.address, worker_class=Worker)
    running.join()
    assert isinstance(running.error, GearmanError)
    running.error = None

    start_worker({task: returns("r")}, server.address)
    client.wait_until_jobs_completed([request])
    assert request.result == "r"


def test_completing_may_be_overridden(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """What the hooks return does not matter."""

    class Worker(StoppableWorker):
        def on_job_complete(self, current_job: Any, job_result: Any) -> Any:
            self.send_job_complete(current_job, job_result + "!")

    start_worker({task: returns("r")}, server.address, worker_class=Worker)

    assert client.submit_job(task, "x").result == "r!"


def test_jobs_may_have_a_class_of_their_own(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """By job_class, or by overriding create_job."""

    class Job(gearman.GearmanJob):
        pass

    class Worker(StoppableWorker):
        job_class = Job

        def create_job(self, *arguments: Any) -> Any:
            job = super().create_job(*arguments)
            job.extra = "extra"  # type: ignore[attr-defined]  # as programs do it
            return job

    start_worker(
        {task: returns(lambda job: f"{type(job).__name__} {job.extra}")}, server.address, worker_class=Worker
    )

    assert client.submit_job(task, "x").result == "Job extra"


def test_a_big_update_is_flushed_before_the_callback_goes_on(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Unless its time is over: then the rest goes out later."""
    big = b"x" * (8 * 1024 * 1024)
    unsent: list[bool] = []

    def send(worker: Any, job: Any) -> Any:
        worker.send_job_data(job, big)
        unsent.append(job.connection.writable())
        worker.send_job_data(job, big, poll_timeout=0.0)
        return "r"

    start_worker({task: send}, server.address)

    request = client.submit_job(task, "x")

    assert unsent == [False]
    assert [update == big for update in request.data_updates] == [True, True]
    assert request.result == "r"


def test_a_lost_connection_is_one_error_in_the_callback_and_none_outside(
    start_server: StartServer,
    server: JobServer,
    make_client: MakeClient,
    start_worker: StartWorker,
    task: str,
) -> None:
    """The job is dropped; the worker goes on with its other server."""
    own_server = start_server()
    errors: list[Any] = []
    started, killed = threading.Event(), threading.Event()

    def send_to_nobody(worker: Any, job: Any) -> Any:
        started.set()
        killed.wait(20)
        try:
            while True:
                worker.send_job_data(job, "x" * 65536)
        except GearmanError as error:
            errors.append(error)
            raise

    running = start_worker(
        {task: send_to_nobody, task + "2": returns("r")}, own_server.address, server.address
    )
    make_client(own_server.address).submit_job(task, "x", wait_until_complete=False)
    started.wait(20)
    own_server.program.kill()
    killed.set()

    assert make_client(server.address).submit_job(task + "2", "x").result == "r"
    assert [type(error) for error in errors] == [ServerUnavailable]
    assert running.is_running


def test_a_second_job_is_not_started_while_one_is_flushed(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Though the flush may read what the server sends."""
    running_jobs: list[Any] = []
    overlaps: list[bool] = []

    def note(worker: Any, job: Any) -> Any:
        overlaps.append(bool(running_jobs))
        running_jobs.append(job)
        worker.send_job_data(job, b"x" * (4 * 1024 * 1024))
        running_jobs.remove(job)
        return "r"

    start_worker({task: note}, server.address)

    requests = client.submit_multiple_jobs([{"task": task, "data": ""} for _ in range(5)])

    assert [request.result for request in requests] == ["r"] * 5
    assert overlaps == [False] * 5


def test_a_job_without_a_connection_cannot_be_answered() -> None:
    """ServerUnavailable says so."""
    worker = gearman.GearmanWorker([])
    job = gearman.GearmanJob(None, "H:1", "t", "u", "data")

    with pytest.raises(ServerUnavailable):
        worker.send_job_complete(job, "x")
    worker.wait_until_updates_sent([job])
