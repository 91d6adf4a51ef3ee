"""The programs of the first versions' documentation, run as they stand there, in today's Python."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import gearman
from tests.classic.conftest import MakeClient, StartWorker
from tests.classic.helpers import StoppableWorker
from tests.interop.servers import JobServer


def check_request_status(job_request: Any) -> str:
    if job_request.complete:
        return f"Job {job_request.unique} finished!  Result: {job_request.state} - {job_request.result}"
    elif job_request.timed_out:
        return f"Job {job_request.unique} timed out!"
    elif job_request.state == gearman.JOB_UNKNOWN:
        return f"Job {job_request.unique} connection failed!"
    return "impossible"


def test_the_status_of_a_request_is_printed(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """The three outcomes that programs tell apart; unique, task and data can be read from the request."""
    timed_out = client.submit_job(task, "Hello World!", poll_timeout=0.05)
    assert check_request_status(timed_out) == f"Job {timed_out.unique} timed out!"

    start_worker({task: lambda _worker, job: job.data[::-1]}, server.address)
    client.wait_until_jobs_completed([timed_out])

    line = check_request_status(timed_out)
    assert line == f"Job {timed_out.job.unique} finished!  Result: COMPLETE - !dlroW olleH"
    assert (timed_out.task, timed_out.data) == (task, "Hello World!")


def test_an_unsent_request_counts_as_failed() -> None:
    """Nothing is known of it."""
    request = gearman.GearmanJobRequest(gearman.GearmanJob(None, None, "t", "u", "d"))

    assert check_request_status(request) == "Job u connection failed!"


def test_reversed_is_a_result(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """It ended the worker in the first versions."""

    def task_listener_reverse(_gearman_worker: Any, gearman_job: Any) -> Any:
        return reversed(gearman_job.data)

    start_worker({task: task_listener_reverse}, server.address)

    assert client.submit_job(task, "Hello World!").result == "!dlroW olleH"


def test_in_flight_updates_are_sent_one_by_one(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """n pieces of data, a status of n/n, and an empty result."""

    def task_listener_reverse_inflight(gearman_worker: Any, gearman_job: Any) -> Any:
        reversed_data = reversed(gearman_job.data)
        total_chars = len(reversed_data)
        for idx, character in enumerate(reversed_data):
            gearman_worker.send_job_data(gearman_job, str(character))
            gearman_worker.send_job_status(gearman_job, idx + 1, total_chars)
        return None

    start_worker({task: task_listener_reverse_inflight}, server.address)

    request = client.submit_job(task, "Hello World!")

    assert [str(update) for update in request.data_updates] == list("!dlroW olleH")
    assert (request.status["numerator"], request.status["denominator"]) == (12, 12)
    assert (request.state, request.result) == ("COMPLETE", "")


class JSONDataEncoder(gearman.DataEncoder):
    @classmethod
    def encode(cls, encodable_object: Any) -> Any:
        return json.dumps(encodable_object)

    @classmethod
    def decode(cls, decodable_string: Any) -> Any:
        return json.loads(decodable_string)


class PickleDataEncoder(gearman.DataEncoder):
    @classmethod
    def encode(cls, encodable_object: Any) -> Any:
        return pickle.dumps(encodable_object)

    @classmethod
    def decode(cls, decodable_string: Any) -> Any:
        return pickle.loads(decodable_string)


@pytest.mark.parametrize(
    ("encoder", "value"),
    [
        (JSONDataEncoder, {"a": [1, "h\u00e9", None]}),
        (PickleDataEncoder, {"a": (1, "h\u00e9", {2}), b"\xff": object}),
        (JSONDataEncoder(), [1]),
    ],
)
def test_encoders_carry_objects(
    server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str, encoder: Any, value: Any
) -> None:
    """Set on the class, as a class or an object."""

    class EncodingClient(gearman.GearmanClient):
        data_encoder = encoder

    class EncodingWorker(StoppableWorker):
        data_encoder = encoder

        def after_poll(self, any_activity: bool) -> bool:
            # As the demonstration has it: with connections that the program keeps on the worker.
            self.db_connections = ["connection"]
            return super().after_poll(any_activity)

    start_worker({task: lambda _worker, job: job.data}, server.address, worker_class=EncodingWorker)

    request = make_client(server.address, client_class=EncodingClient).submit_job(task, value)

    assert request.result == value


def test_an_encoder_may_be_set_at_any_time(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """On the object too: it is looked up at each use."""
    running = start_worker({task: lambda _worker, job: job.data}, server.address)
    assert client.submit_job(task, "x").result == "x"

    running.worker.data_encoder = JSONDataEncoder
    client.data_encoder = JSONDataEncoder

    assert client.submit_job(task, {"x": 1}).result == {"x": 1}


@pytest.mark.parametrize(("encoder", "kind"), [(gearman.TextEncoder, str), (gearman.BytesEncoder, bytes)])
def test_one_line_opts_out_of_the_mixed_type(
    server: JobServer,
    client: gearman.GearmanClient,
    start_worker: StartWorker,
    task: str,
    encoder: Any,
    kind: Any,
) -> None:
    """Plain text, or plain bytes, both ways."""
    seen: list[Any] = []

    def note(_worker: Any, job: Any) -> Any:
        seen.append(type(job.data))
        return job.data

    start_worker({task: note}, server.address).worker.data_encoder = encoder
    client.data_encoder = encoder
    server.wait_for_status(f"{task} 0 0 1")

    request = client.submit_job(task, "h\u00e9llo")

    assert [type(request.result), *seen] == [kind, kind]


def test_priority_and_background_are_submitted(client: gearman.GearmanClient, task: str) -> None:
    """In one call."""
    request = client.submit_job(task, "x", priority=gearman.PRIORITY_HIGH, background=True)

    assert (request.priority, request.background, request.complete) == ("HIGH", True, True)


def test_several_jobs_are_submitted_and_waited_for_later(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """In the order of the list."""
    list_of_jobs = [{"task": task, "data": str(number), "priority": None} for number in range(10)]

    submitted = client.submit_multiple_jobs(list_of_jobs, background=False, wait_until_complete=False)
    start_worker({task: lambda _worker, job: job.data}, server.address)
    completed = client.wait_until_jobs_completed(submitted, poll_timeout=5.0)

    assert completed is submitted
    assert [request.result for request in completed] == [str(number) for number in range(10)]
    assert completed[3].gearman_job is completed[3].job


def test_admin_calls_answer(server: JobServer) -> None:
    """All four of the demonstration."""
    client = gearman.GearmanAdminClient([server.address])

    assert isinstance(client.get_status(), tuple)
    assert isinstance(client.get_workers(), tuple)
    assert client.get_version().startswith("OK")
    assert isinstance(client.ping_server(), float)
    client.close()
