"""The scenarios that a drop-in replacement has to pass, against our server and the C server."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

import pytest

import gearman
from gearman.errors import ServerUnavailable
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import JOB_CREATED, WORK_COMPLETE
from tests.classic.conftest import MakeClient, StartProgram, StartScript, StartServer, StartWorker
from tests.classic.helpers import ACCEPTED, SOON_SECONDS, StoppableWorker, Stopwatch, echo, wait_until
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer, free_port


def test_a_seed_program_reverses_a_string(
    either_server: JobServer,
    start_worker: StartWorker,
    make_client: MakeClient,
    task: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program that every tutorial opens with runs as it stands."""

    def reverse(_worker: Any, job: Any) -> Any:
        print("Reversing string: " + job.data)
        return job.data[::-1]

    start_worker({task: reverse}, either_server.address)

    request = make_client(either_server.address).submit_job(task, "Hello World!")

    assert request.state == "COMPLETE"
    assert "%s" % request.result == "!dlroW olleH"  # noqa: UP031 - as programs do it
    assert request.result == "!dlroW olleH"
    assert request.result == b"!dlroW olleH"
    assert len(request.unique) == 32
    assert "Reversing string: Hello World!\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "data",
    [bytes(range(256)), os.urandom(70 * 1024), os.urandom(65536), os.urandom(8 * 1024 * 1024)],
    ids=["every byte", "70 KiB", "64 KiB", "8 MiB"],
)
def test_binary_data_comes_back_as_it_was(
    either_server: JobServer, start_worker: StartWorker, make_client: MakeClient, task: str, data: bytes
) -> None:
    """Payloads are never decoded; a task named in bytes gets plain bytes."""
    start_worker({task: echo, task.encode() + b"2": echo}, either_server.address)
    client = make_client(either_server.address)

    native = client.submit_job(task, data)
    plain = client.submit_job(task.encode() + b"2", data)

    assert native.result == data
    assert isinstance(native.result, bytes)
    assert plain.result == data
    assert type(plain.result) is bytes


def test_a_program_of_the_bytes_family_runs(
    either_server: JobServer, start_worker: StartWorker, make_client: MakeClient, task: str
) -> None:
    """Names given in bytes come back in bytes, and the admin client shows them as text."""
    seen: list[Any] = []

    class JsonEncoder(gearman.DataEncoder):
        @classmethod
        def encode(cls, encodable_object: Any) -> Any:
            return json.dumps(encodable_object)

        @classmethod
        def decode(cls, decodable_string: Any) -> Any:
            return json.loads(decodable_string)

    class JsonWorker(StoppableWorker):
        data_encoder = JsonEncoder

    class JsonClient(gearman.GearmanClient):
        data_encoder = JsonEncoder

    def note(_worker: Any, job: Any) -> Any:
        seen.append((job.task, job.unique.decode(), job.data))
        workers = gearman.GearmanAdminClient([either_server.address]).get_workers()
        return [[row["client_id"], list(row["tasks"])] for row in workers if row["tasks"]]

    running = start_worker({task.encode(): note}, either_server.address, worker_class=JsonWorker)
    running.worker.set_client_id(b"id")

    request = make_client(either_server.address, client_class=JsonClient).submit_job(
        task.encode(), {"a": [1, None]}, unique=b"uniq"
    )

    assert seen == [(task.encode(), "uniq", {"a": [1, None]})]
    assert type(seen[0][0]) is bytes
    assert ["id", [task]] in request.result


def test_bad_results_do_not_kill_the_worker(
    either_server: JobServer, start_worker: StartWorker, make_client: MakeClient, task: str
) -> None:
    """None and iterators are results, all else fails the job; the hook sees the live exception."""
    exceptions: list[Any] = []

    class NotingWorker(StoppableWorker):
        def on_job_exception(self, current_job: Any, exc_info: Any) -> Any:
            assert sys.exc_info()[1] is exc_info[1]
            exceptions.append(exc_info[0])
            return super().on_job_exception(current_job, exc_info)

    def behave(_worker: Any, job: Any) -> Any:
        if job.data == "none":
            return None
        if job.data == "reversed":
            return reversed(job.data)
        if job.data == "raise":
            raise KeyError("no")
        return 5 if job.data == "number" else job.data

    start_worker({task: behave}, either_server.address, worker_class=NotingWorker)
    client = make_client(either_server.address)

    outcomes = [
        (request.state, request.result)
        for request in [
            client.submit_job(task, data) for data in ("none", "number", "reversed", "raise", "sixth")
        ]
    ]

    assert outcomes == [
        ("COMPLETE", b""),
        ("FAILED", None),
        ("COMPLETE", "desrever"),
        ("FAILED", None),
        ("COMPLETE", "sixth"),
    ]
    assert exceptions == [TypeError, KeyError]


def test_a_timeout_returns_in_time_and_the_job_stays_submitted(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """A budget is kept, none at all still transmits, and None waits for the result."""
    client = make_client(either_server.address)
    watch = Stopwatch()

    waited = client.submit_job(task, "a", poll_timeout=0.5)
    assert 0.5 <= watch.seconds < SOON_SECONDS
    assert (waited.state, waited.timed_out) == ("CREATED", True)

    watch = Stopwatch()
    instant = client.submit_job(task, "b", poll_timeout=0.0)
    assert watch.seconds < SOON_SECONDS
    assert instant.timed_out
    either_server.wait_for_status(f"{task} 2 0 0")

    start_worker({task: echo}, either_server.address)
    unlimited = client.submit_job(task, "c", poll_timeout=None)
    assert (unlimited.state, unlimited.result) == ("COMPLETE", "c")
    client.wait_until_jobs_completed([waited, instant])
    assert [waited.result, instant.result] == ["a", "b"]


def test_a_late_result_of_a_dropped_request_disturbs_nobody(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """The client has no more to do with a request that the program let go of."""
    late = encode_response(WORK_COMPLETE, b"H:t:1", b"late")
    answer = late + encode_response(JOB_CREATED, b"H:t:2") + encode_response(WORK_COMPLETE, b"H:t:2", b"r")
    script = start_script([[ACCEPTED, answer, ScriptedServer.STAY]])
    client = make_client(script.address)

    client.submit_job("t", "1", poll_timeout=0.2)
    request = client.submit_job("t", "2")

    assert request.result == "r"


def test_a_client_fails_over_and_tells_what_was_lost(
    start_server: StartServer, make_client: MakeClient, task: str
) -> None:
    """Dead servers are passed over; a lost job is UNKNOWN; a server that comes back is used again."""
    servers = {server.port: server for server in (start_server(), start_server())}
    client = make_client(f"127.0.0.1:{free_port()}", *[server.address for server in servers.values()])

    request = client.submit_job(task, "x", poll_timeout=0.2)
    assert request.state == "CREATED"

    assert request.job.connection is not None
    lost = servers.pop(request.job.connection.gearman_port)
    lost.program.kill()
    watch = Stopwatch()
    client.wait_until_jobs_completed([request])
    assert watch.seconds < SOON_SECONDS
    assert (request.state, request.timed_out) == ("UNKNOWN", True)

    [other] = servers.values()
    other.program.kill()
    with pytest.raises(ServerUnavailable):
        client.submit_job(task, "x")

    start_server("--port", str(lost.port))
    again = client.submit_job(task, "x", background=True, max_retries=1)
    assert again.state == "CREATED"


def test_a_worker_outlives_one_of_its_servers(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """A server that dies while its job runs costs that job only; it is used again when it is back."""
    servers = {server.port: server for server in (start_server(), start_server())}
    first, second = servers.values()
    started, killed = threading.Event(), threading.Event()

    def work(_worker: Any, job: Any) -> Any:
        if job.data == "wait":
            started.set()
            killed.wait(20)
        return job.data

    running = start_worker({task: work}, first.address, second.address)
    client = make_client(first.address)
    client.submit_job(task, "wait", wait_until_complete=False)
    started.wait(20)
    first.program.kill()
    killed.set()

    assert make_client(second.address).submit_job(task, "other").result == "other"
    start_server("--port", str(first.port))
    watch = Stopwatch()
    assert make_client(first.address).submit_job(task, "back").result == "back"
    assert watch.seconds < SOON_SECONDS
    assert running.is_running


def test_a_worker_without_any_server_ends(start_server: StartServer, start_worker: StartWorker) -> None:
    """Programs loop around work() and expect ServerUnavailable."""
    servers = [start_server(), start_server()]
    running = start_worker({"t": echo}, *[server.address for server in servers])
    wait_until(lambda: len(running.worker.handler_to_connection_map) == 2, "both connections")

    for server in servers:
        server.program.kill()
    running.join()

    assert isinstance(running.error, ServerUnavailable)
    running.error = None


def test_an_error_packet_ends_the_wait(either_server: JobServer, make_client: MakeClient, task: str) -> None:
    """A full queue and a unique that is too long are refused at once, with a code to read."""
    client = make_client(either_server.address)
    client.submit_job(task, "1", background=True)
    with gearman.GearmanAdminClient([either_server.address]) as admin:
        assert admin.send_maxqueue(task, 1) == "OK"

    full = client.submit_job(task, "2", background=True)
    long_unique = client.submit_job(task + "2", "x", unique="u" * 100)

    assert (full.state, full.error_code) == ("FAILED", "QUEUE_ERROR")
    assert (long_unique.state, long_unique.error_code) == ("FAILED", "ARGUMENT_TOO_LARGE")
    assert (full.timed_out, full.complete) == (False, True)


OWN_LOOP = """
import signal, sys
import gearman

class OwnLoop(gearman.GearmanWorker):
    def __init__(self, hosts):
        self.stop = False
        self.quit = False
        super().__init__(hosts)

    def work(self, poll_timeout=60):
        def callback(any_activity):
            return not self.stop
        continue_working = True
        while continue_working:
            connections = self.establish_worker_connections()
            continue_working = self.poll_connections_until_stopped(
                connections, callback, timeout=poll_timeout)
        for connection in connections:
            connection.close()

    def on_job_complete(self, current_job, job_result):
        print('hook', current_job.data, flush=True)
        self.send_job_complete(current_job, job_result)

worker = OwnLoop([sys.argv[1]])

def end(number, frame):
    worker.stop = True

signal.signal(signal.SIGTERM, end)
worker.register_task(sys.argv[2], lambda worker, job: job.data)
print('ready', flush=True)
worker.work()
print('ended', flush=True)
"""


def test_a_worker_with_a_loop_of_its_own_runs(
    either_server: JobServer, make_client: MakeClient, start_program: StartProgram, task: str
) -> None:
    """Each hook fires once per job, and a flag that a signal sets ends the loop at once."""
    program = start_program(sys.executable, "-c", OWN_LOOP, either_server.address, task)
    program.stdout.search("ready")

    class OwnClient(gearman.GearmanClient):
        def submit_multiple_requests(self, job_requests: Any, *args: Any, **kwargs: Any) -> Any:
            super().submit_multiple_requests(job_requests, *args, **kwargs)
            for request in job_requests:
                self.request_to_rotating_connection_queue.pop(request, None)
            return job_requests

    client = make_client(either_server.address, client_class=OwnClient)
    assert [client.submit_job(task, data).result for data in ("1", "2")] == ["1", "2"]
    assert len(client.request_to_rotating_connection_queue) == 0

    watch = Stopwatch()
    os.kill(program.pid, signal.SIGTERM)
    assert program.wait() == 0
    assert watch.seconds < SOON_SECONDS
    assert program.stdout.finish().split("\n")[1:] == ["hook 1", "hook 2", "ended", ""]
