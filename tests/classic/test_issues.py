"""What users of the classic versions reported: one test for each report that could come true again.

The numbers are those of the archived repository YelpArchive/python-gearman where nothing else is said.
"""

from __future__ import annotations

import gc
import socket
import threading
import time
import weakref
from typing import Any

import pytest

import gearman
from gearman.errors import ServerUnavailable
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import JOB_CREATED, WORK_COMPLETE, WORK_DATA
from tests.classic.conftest import MakeClient, StartScript, StartServer, StartWorker
from tests.classic.helpers import (
    ACCEPTED,
    SOON_SECONDS,
    RunningWorker,
    StoppableWorker,
    Stopwatch,
    echo,
    make_worker,
    wait_until,
)
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer, free_port

STAY = ScriptedServer.STAY


# --- leaks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [False, True])
def test_issue_6_and_77_requests_are_freed_once_they_are_over(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str, background: bool
) -> None:
    """The client keeps no reference to foreground or background requests."""
    start_worker({task: echo}, server.address)

    requests = [weakref.ref(client.submit_job(task, "x", background=background)) for _ in range(20)]
    gc.collect()

    assert [request() for request in requests] == [None] * 20
    [handler] = client.handler_to_connection_map
    assert not handler.handle_to_request_map
    assert not handler.requests_awaiting_handles


def test_issue_10_requests_that_timed_out_are_freed(client: gearman.GearmanClient, task: str) -> None:
    """Though their jobs stay in the queue of the server."""
    requests = [weakref.ref(client.submit_job(task, "x", poll_timeout=0.0)) for _ in range(20)]
    requests += [weakref.ref(client.submit_job(task, "x", poll_timeout=0.001)) for _ in range(20)]
    gc.collect()

    assert [request() for request in requests] == [None] * 40


def test_datadog_421_abandoned_clients_close_their_sockets(server: JobServer, task: str) -> None:
    """At once, and not when the garbage collector runs; a request that is kept does not keep the socket."""
    gc.disable()
    try:
        client = gearman.GearmanClient([server.address])
        request = client.submit_job(task, "x", background=True)
        connection = client.connection_list[0]
        assert connection.gearman_socket is not None

        del client

        assert not connection.connected
        assert request.state == "CREATED"
    finally:
        gc.enable()


# --- crashes ------------------------------------------------------------------------------------------


def test_issue_75_late_packet_for_unknown_handle(start_script: StartScript, make_client: MakeClient) -> None:
    """It is ignored."""
    late = encode_response(WORK_DATA, b"H:t:99", b"x") + encode_response(WORK_COMPLETE, b"H:t:99", b"x")
    script = start_script([[ACCEPTED + late + encode_response(WORK_COMPLETE, b"H:t:1", b"r"), STAY]])

    assert make_client(script.address).submit_job("t", "x").result == "r"


def test_issue_1_and_13_status_of_a_complete_job(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """The server does not know it any more, which is what the status says."""
    start_worker({task: echo}, either_server.address)
    client = make_client(either_server.address)
    request = client.submit_job(task, "x")

    client.get_job_status(request)

    assert (request.state, request.result) == ("COMPLETE", "x")
    assert (request.status["known"], request.status["running"]) == (False, False)
    assert not request.timed_out


def test_issue_79_a_bad_callback_result_does_not_crash_the_worker(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Its job fails."""
    start_worker({task: lambda _worker, job: {"no": job} if job.data == "bad" else "r"}, server.address)

    assert client.submit_job(task, "bad").state == "FAILED"
    assert client.submit_job(task, "good").result == "r"


# --- hangs, CPU, delays -------------------------------------------------------------------------------


def test_issue_44_a_full_queue_does_not_hang_the_client(
    server: JobServer, client: gearman.GearmanClient, task: str
) -> None:
    """The job is refused."""
    client.submit_job(task, "x", background=True)
    with gearman.GearmanAdminClient([server.address]) as admin:
        admin.send_maxqueue(task, 1)

    request = client.submit_job(task, "x", poll_timeout=None)

    assert (request.state, request.error_code) == ("FAILED", "QUEUE_ERROR")


def test_issue_37_an_idle_worker_sees_a_job_at_once(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Not when its poll_timeout is over; and so after each job, josiahmwalton/python3-gearman/issues/8."""
    start_worker({task: echo}, server.address, poll_timeout=60)
    server.wait_for_status(f"{task} 0 0 1")

    for _ in range(20):
        watch = Stopwatch()
        assert client.submit_job(task, "x").result == "x"
        assert watch.seconds < SOON_SECONDS


def test_issue_56_waiting_takes_no_cpu(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Neither an idle worker's nor a client's; archivematica/Issues/issues/1453."""

    class Worker(StoppableWorker):
        _longest_wait = gearman.GearmanWorker._longest_wait

    start_worker({task + "idle": echo}, server.address, worker_class=Worker)
    server.wait_for_status(f"{task}idle 0 0 1")

    before = time.process_time()
    client.submit_job(task, "x", poll_timeout=0.5)

    assert time.process_time() - before < 0.1


def test_archivematica_1505_waiting_for_any_of_several_jobs(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Programs polled in a tight loop for want of it."""
    requests = client.submit_multiple_jobs(
        [{"task": task + name, "data": name} for name in ("a", "b")], wait_until_complete=False
    )
    start_worker({task + "b": echo}, server.address)

    assert [request.result for request in client.wait_until_any_job_completed(requests)] == ["b"]


# --- several servers, reconnecting --------------------------------------------------------------------


def test_issue_47_a_worker_goes_on_taking_jobs_from_both_servers(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """The C server does not wake a worker again that was woken and did not grab."""
    servers = [start_server(), start_server()]
    start_worker({task: echo}, *[server.address for server in servers])
    clients = [make_client(server.address) for server in servers]

    for _ in range(20):
        requests = [client.submit_job(task, "x", wait_until_complete=False) for client in clients]
        for client, request in zip(clients, requests, strict=True):
            client.wait_until_jobs_completed([request], poll_timeout=10)
            assert request.result == "x"


def test_gearmand_344_a_worker_may_reconnect(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """If it is asked to, a restart of its only server is no more than a pause."""
    own_server = start_server()
    start_worker({task: echo}, own_server.address, reconnect=True)
    assert make_client(own_server.address).submit_job(task, "x").result == "x"

    own_server.program.kill()
    start_server("--port", str(own_server.port))

    assert make_client(own_server.address).submit_job(task, "x").result == "x"


def test_gearmand_344_a_worker_s_loop_around_work_reconnects(
    start_server: StartServer, make_client: MakeClient, task: str
) -> None:
    """As many programs do it."""
    own_server = start_server()
    worker = make_worker({task: echo}, own_server.address)
    first = RunningWorker(worker)
    own_server.wait_for_status(f"{task} 0 0 1")
    own_server.program.kill()
    first.join()
    assert isinstance(first.error, ServerUnavailable)

    start_server("--port", str(own_server.port))
    second = RunningWorker(worker)

    assert make_client(own_server.address).submit_job(task, "x").result == "x"
    second.stop()


def test_gearmand_46_the_reason_is_in_the_message(make_client: MakeClient) -> None:
    """Which server, and why."""
    port = free_port()

    with pytest.raises(ServerUnavailable, match=rf"127\.0\.0\.1:{port} \(.*[Cc]onnection refused\)"):
        make_client(f"127.0.0.1:{port}").submit_job("t", "x")


def test_archivematica_2371_an_ambiguous_submission_is_not_replayed(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """A job that a server had accepted is not sent to another one by itself."""
    script = start_script([[ACCEPTED]])
    other = start_script([[STAY]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False, max_retries=3)
    client.add_connection(other.address)

    client.wait_until_jobs_completed([request])

    assert (request.state, request.timed_out) == ("UNKNOWN", True)
    assert b"".join(other.received).find(b"t\0") < 0


def test_archivematica_1791_a_server_that_vanished_is_noticed_by_the_kernel(
    client: gearman.GearmanClient, task: str
) -> None:
    """Keepalive is on for every connection."""
    client.submit_job(task, "x", background=True)
    own_socket = client.connection_list[0].gearman_socket

    assert own_socket is not None
    assert own_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


# --- unique, unicode, exceptions ----------------------------------------------------------------------


def test_issue_18_a_dash_goes_to_the_server_unchanged(
    either_server: JobServer, make_client: MakeClient, task: str
) -> None:
    """It means: merge jobs of the same data, which is for the server to do."""
    client = make_client(either_server.address)

    first, same, other = client.submit_multiple_jobs(
        [{"task": task, "data": data, "unique": "-"} for data in ("1", "1", "2")], background=True
    )

    assert first.job.unique == "-"
    assert first.job.handle == same.job.handle != other.job.handle


def test_pull_21_and_71_names_may_be_any_text(
    server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """Tasks, uniques and host names."""
    seen: list[Any] = []

    def note(_worker: Any, job: Any) -> Any:
        seen.append((job.task, job.unique))
        return job.data

    start_worker({task + "\u4efb\u52a1": note}, server.address)

    request = make_client(server.address).submit_job(task + "\u4efb\u52a1", "\u00e9", unique="\u00fcnique")

    assert request.result == "\u00e9"
    assert seen == [(task + "\u4efb\u52a1", "\u00fcnique")]


def test_issue_4_exceptions_are_logged(
    server: JobServer,
    client: gearman.GearmanClient,
    start_worker: StartWorker,
    task: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They vanished without a line."""

    def fail(_worker: Any, _job: Any) -> Any:
        raise LookupError("where is it")

    start_worker({task: fail}, server.address)
    client.submit_job(task, "x")

    assert "where is it" in caplog.text


def test_issue_81_sending_an_exception_does_not_stop_the_worker(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """And its reason arrives."""

    def send_exception(worker: Any, job: Any) -> Any:
        worker.send_job_exception(job, "reason")

    start_worker({task: send_exception}, either_server.address)
    client = make_client(either_server.address)

    for _ in range(3):
        request = client.submit_job(task, "x")
        assert (request.state, request.exception) == ("FAILED", "reason")


def test_pull_24_a_job_can_be_handed_back(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Without ending the process: by closing its connection."""
    runs: list[Any] = []

    def hand_back(_worker: Any, job: Any) -> Any:
        runs.append(job.data)
        if len(runs) < 3:
            job.connection.close()
        return job.data

    start_worker({task: hand_back}, server.address, reconnect=True)

    assert client.submit_job(task, "x").result == "x"
    assert len(runs) == 3


# --- not found in any tracker -------------------------------------------------------------------------


def test_large_payloads_are_copied_a_bounded_number_of_times(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Eight times the size must not take much more than eight times as long: it took 64 times."""
    start_worker({task: echo}, server.address)
    client.submit_job(task, b"x" * (1 << 20))
    watch = Stopwatch()
    client.submit_job(task, b"x" * (4 << 20))
    small = watch.seconds
    watch = Stopwatch()

    client.submit_job(task, b"x" * (32 << 20))

    assert watch.seconds < 8 * small * 4 + 0.5


def test_a_client_per_thread_works(server: JobServer, start_worker: StartWorker, task: str) -> None:
    """That is what the classic API promises."""
    start_worker({task: echo}, server.address)
    results: list[Any] = []

    def submit(number: int) -> None:
        with gearman.GearmanClient([server.address]) as client:
            results.extend(client.submit_job(task, f"{number} {index}").result for index in range(20))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(map(str, results)) == sorted(
        f"{number} {index}" for number in range(4) for index in range(20)
    )


def test_a_handler_that_puts_commands_off_gets_them_in_the_next_round(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """No new input is needed for that."""

    class Handler(gearman.client_handler.GearmanClientCommandHandler):
        def recv_job_created(self, job_handle: Any) -> bool:
            super().recv_job_created(job_handle)
            return False

    class Client(gearman.GearmanClient):
        command_handler_class = Handler

    script = start_script([[ACCEPTED + encode_response(WORK_COMPLETE, b"H:t:1", b"r"), STAY]])

    assert make_client(script.address, client_class=Client).submit_job("t", "x", poll_timeout=5).result == "r"


def test_a_handle_that_nobody_waits_for_is_an_invalid_state(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """Such a server cannot be trusted to answer in order."""
    script = start_script([[ACCEPTED + encode_response(JOB_CREATED, b"H:t:2"), STAY]])

    with pytest.raises(gearman.errors.InvalidClientState):
        make_client(script.address).submit_job("t", "x")


def test_a_client_leaves_a_server_that_sends_garbage(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """And says what was wrong with it."""
    script = start_script([[b"\0FOO" + bytes(8)]])

    with pytest.raises(gearman.errors.ExceededConnectionAttempts):
        make_client(script.address).submit_job("t", "x")


def test_a_result_in_front_of_garbage_counts(start_script: StartScript, make_client: MakeClient) -> None:
    """It was understood."""
    script = start_script([[ACCEPTED + encode_response(WORK_COMPLETE, b"H:t:1", b"r") + b"\0FOO" + bytes(8)]])

    assert make_client(script.address).submit_job("t", "x").result == "r"


def test_the_end_of_a_worker_is_seen_by_the_thread_that_waits(
    server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """shutdown() of another thread ends work() soon, though its sockets are waited for."""
    running = start_worker({task: echo}, server.address)
    wait_until(lambda: running.worker.handler_to_connection_map, "the connection")

    running.worker.shutdown()

    running.join()
    assert running.error is None
