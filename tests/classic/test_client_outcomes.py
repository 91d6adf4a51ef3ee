"""What a client's calls return and raise when something goes wrong: states, timeouts, lost servers."""

from __future__ import annotations

import collections
import datetime
import time
from typing import Any

import pytest

import gearman
from gearman import GearmanJob, GearmanJobRequest
from gearman.connection import GearmanConnection
from gearman.errors import (
    ExceededConnectionAttempts,
    InvalidClientState,
    ProtocolError,
    ServerUnavailable,
)
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import (
    ERROR,
    JOB_CREATED,
    OPTION_RES,
    STATUS_RES,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.classic.conftest import MakeClient, StartScript, StartServer, StartWorker
from tests.classic.helpers import ACCEPTED, SOON_SECONDS, Stopwatch, echo, wait_until
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer, free_port

HANDLE = b"H:t:1"
STAY = ScriptedServer.STAY


def dead_address() -> str:
    return f"127.0.0.1:{free_port()}"


# --- servers that are not there -----------------------------------------------------------------------


def test_all_hosts_refusing_is_server_unavailable_at_once(make_client: MakeClient) -> None:
    """However many retries there are: failing to connect costs no attempt."""
    client = make_client(dead_address(), dead_address())

    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:\d+ \(.*refused\)"):
        client.submit_job("t", "x", max_retries=3)


@pytest.mark.parametrize("hosts", [None, []])
def test_a_client_without_servers_is_server_unavailable(hosts: Any) -> None:
    """Making it is no error, using it is."""
    with pytest.raises(ServerUnavailable):
        gearman.GearmanClient(hosts).submit_job("t", "x")


def test_a_dead_host_is_passed_over_at_no_cost(make_client: MakeClient, server: JobServer, task: str) -> None:
    """The job goes to the server that is there, with one attempt."""
    client = make_client(*[dead_address() for _ in range(5)], server.address)

    request = client.submit_job(task, "x", background=True)

    assert (request.state, request.connection_attempts) == ("CREATED", 1)


def test_the_only_server_dying_raises_and_leaves_the_state_unknown(
    start_server: StartServer, make_client: MakeClient, task: str
) -> None:
    """Nothing says whether the job has run."""
    own_server = start_server()
    client = make_client(own_server.address)
    request = client.submit_job(task, "x", poll_timeout=0.1)

    own_server.program.kill()
    with pytest.raises(ServerUnavailable):
        client.wait_until_jobs_completed([request])

    assert request.state == "UNKNOWN"


def test_a_job_whose_result_came_before_the_end_is_complete(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """A server that goes away afterwards changes nothing about it."""
    script = start_script([[ACCEPTED + encode_response(WORK_COMPLETE, HANDLE, b"r")]])

    request = make_client(script.address).submit_job("t", "x")

    assert (request.state, request.result) == ("COMPLETE", "r")


@pytest.mark.parametrize("background", [False, True])
def test_a_server_lost_together_with_the_last_answer_does_not_matter(
    start_script: StartScript, make_client: MakeClient, background: bool
) -> None:
    """The job is over, and what happens to the connection is of no interest to it."""

    class Handler(gearman.client_handler.GearmanClientCommandHandler):
        def recv_job_created(self, job_handle: Any) -> bool:
            super().recv_job_created(job_handle)
            if background:
                self.connection_manager.connection_list[0].close()
            return True

        def recv_work_complete(self, job_handle: Any, data: Any) -> bool:
            super().recv_work_complete(job_handle, data)
            self.connection_manager.connection_list[0].close()
            return True

    class Client(gearman.GearmanClient):
        command_handler_class = Handler

    script = start_script([[ACCEPTED + encode_response(WORK_COMPLETE, HANDLE, b"r"), STAY]])
    client = make_client(script.address, client_class=Client)

    assert client.submit_job("t", "x", background=background).complete


def test_waiting_for_complete_jobs_needs_no_server(client: gearman.GearmanClient, task: str) -> None:
    """There is nothing to wait for."""
    request = client.submit_job(task, "x", background=True)
    client.close()

    assert client.wait_until_jobs_completed([request]) == [request]
    assert not request.timed_out


# --- retries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (3, 1)])
def test_a_server_restarted_between_two_calls_goes_unnoticed(
    start_server: StartServer, make_client: MakeClient, task: str, max_retries: int, attempts: int
) -> None:
    """The dead connection is found before anything is written, so that costs no attempt."""
    first = start_server()
    client = make_client(first.address)
    client.submit_job(task, "x", background=True)
    first.program.kill()
    start_server("--port", str(first.port))

    request = client.submit_job(task, "x", background=True, max_retries=max_retries)

    assert (request.state, request.connection_attempts) == ("CREATED", attempts)


def test_a_request_lost_before_it_was_accepted_is_sent_again(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """As long as attempts are left."""
    option = encode_response(OPTION_RES, b"exceptions")
    accepted = ACCEPTED + encode_response(WORK_COMPLETE, HANDLE, b"r")
    script = start_script([[option], [accepted, STAY]])

    request = make_client(script.address).submit_job("t", "x", max_retries=1)

    assert (request.result, request.connection_attempts) == ("r", 2)


def test_a_request_lost_with_the_last_server_is_server_unavailable(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """Failing to connect costs no attempt, and is not tried again and again."""

    class ConnectsOnce(GearmanConnection):
        has_connected = False

        def connect(self) -> None:
            if self.has_connected:
                self.throw_exception(message="no more")
            self.has_connected = True
            super().connect()

    class Client(gearman.GearmanClient):
        connection_class = ConnectsOnce

    script = start_script([[encode_response(OPTION_RES, b"exceptions")]])

    with pytest.raises(ServerUnavailable, match=rf"{script.address} \(no more\)"):
        make_client(script.address, client_class=Client).submit_job("t", "x", max_retries=3)


def test_a_request_lost_too_often_exceeds_its_attempts(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """With no retries that is the first time. The error names the server that was lost, and how."""
    script = start_script([[encode_response(OPTION_RES, b"exceptions")]])

    with pytest.raises(ExceededConnectionAttempts, match=rf"{script.address} \(remote disconnected\)"):
        make_client(script.address).submit_job("t", "x")


def test_a_request_lost_after_it_was_accepted_is_not_sent_again_by_itself(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """It may have run."""
    script = start_script([[ACCEPTED], [STAY]])
    client = make_client(script.address)

    with pytest.raises(ServerUnavailable):
        client.submit_job("t", "x", max_retries=5)

    assert len(script.received) == 1


def test_submitting_a_lost_request_again_grants_all_its_attempts(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """As the documentation of the first versions shows it for recovering from failed connections."""
    script = start_script([[ACCEPTED], [ACCEPTED + encode_response(WORK_COMPLETE, HANDLE, b"r"), STAY]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False)
    with pytest.raises(ServerUnavailable):
        client.wait_until_jobs_completed([request])
    assert request.state == "UNKNOWN"

    client.submit_multiple_requests([request])

    assert (request.state, request.result) == ("COMPLETE", "r")


def test_sending_a_request_by_hand_keeps_to_its_attempts(client: gearman.GearmanClient, task: str) -> None:
    """And raises before anything is sent."""
    request = client.submit_job(task, "x", background=True)
    request.state = "UNKNOWN"

    with pytest.raises(ExceededConnectionAttempts):
        client.send_job_request(request)


def test_a_request_that_timed_out_is_waited_for_and_not_sent_again(
    client: gearman.GearmanClient, server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """Its job is in the queue."""
    request = client.submit_job(task, "x", poll_timeout=0.05)
    start_worker({task: echo}, server.address)

    client.submit_multiple_requests([request])

    assert (request.result, request.connection_attempts) == ("x", 1)


def test_a_request_that_is_under_way_cannot_be_sent(client: gearman.GearmanClient, task: str) -> None:
    """The handler of its connection says so."""
    request = client.submit_job(task, "x", background=True)
    [handler] = client.handler_to_connection_map

    with pytest.raises(InvalidClientState):
        handler.send_job_request(request)


# --- timeouts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("poll_timeout", [0, 0.0, -1])
def test_no_time_at_all_is_one_round_that_does_not_wait(
    client: gearman.GearmanClient, server: JobServer, task: str, poll_timeout: float
) -> None:
    """The job is transmitted all the same."""
    watch = Stopwatch()

    request = client.submit_job(task, "x", background=True, poll_timeout=poll_timeout)

    assert watch.seconds < SOON_SECONDS
    # The answer may be there already when the second round, for completion, looks.
    assert request.state in ("PENDING", "CREATED")
    server.wait_for_status(f"{task} 1 0 0")
    client.wait_until_jobs_accepted([request])
    assert (request.state, request.timed_out) == ("CREATED", False)


@pytest.mark.parametrize("poll_timeout", [10**9, float("inf")])
def test_a_budget_may_be_longer_than_the_system_can_wait(
    client: gearman.GearmanClient,
    server: JobServer,
    start_worker: StartWorker,
    task: str,
    poll_timeout: float,
) -> None:
    """Weeks, or for ever."""
    start_worker({task: echo}, server.address)

    assert client.submit_job(task, "x", poll_timeout=poll_timeout).result == "x"


def test_not_waiting_for_completion_waits_for_acceptance(client: gearman.GearmanClient, task: str) -> None:
    """The request has its handle then."""
    request = client.submit_job(task, "x", wait_until_complete=False)

    assert (request.state, request.complete, request.timed_out) == ("CREATED", False, False)
    assert request.job.handle


def test_one_budget_covers_acceptance_and_completion(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """A server that does not even accept the job takes the time once."""
    script = start_script([[STAY]])
    watch = Stopwatch()

    request = make_client(script.address).submit_job("t", "x", poll_timeout=1.0)

    assert 1.0 <= watch.seconds < 1.9
    assert (request.state, request.timed_out) == ("PENDING", True)


def test_waiting_for_any_job_returns_those_that_ended(
    client: gearman.GearmanClient, server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """And an empty list when the time is over."""
    never = client.submit_job(task + "never", "x", wait_until_complete=False)
    assert client.wait_until_any_job_completed([never], poll_timeout=0.05) == []
    assert never.timed_out

    request = client.submit_job(task, "x", wait_until_complete=False)
    start_worker({task: echo}, server.address)

    assert client.wait_until_any_job_completed([never, request]) == [request]
    assert (request.timed_out, never.timed_out) == (False, False)


def test_a_lost_server_ends_the_wait_for_its_jobs_only(
    start_server: StartServer,
    server: JobServer,
    make_client: MakeClient,
    start_worker: StartWorker,
    task: str,
) -> None:
    """The job of the other server is waited for."""
    own_server = start_server()
    client = make_client(own_server.address, server.address)
    lost, kept = (GearmanJobRequest(GearmanJob(None, None, task, name, name)) for name in "ab")
    for request, address in ((lost, own_server.address), (kept, server.address)):
        sender = [c for c in client.connection_list if f"127.0.0.1:{c.gearman_port}" == address]
        client.request_to_rotating_connection_queue[request] = collections.deque(sender)
    client.wait_until_jobs_accepted([lost, kept])
    own_server.program.kill()
    start_worker({task: echo}, server.address)

    client.wait_until_jobs_completed([lost, kept])

    assert (lost.state, lost.timed_out) == ("UNKNOWN", True)
    assert (kept.state, kept.result) == ("COMPLETE", "b")


# --- what comes of a job ------------------------------------------------------------------------------


def test_updates_arrive_in_order_and_decoded(start_script: StartScript, make_client: MakeClient) -> None:
    """Data and warnings pile up, a status replaces the one before."""
    packets = [
        encode_response(WORK_DATA, HANDLE, b"1"),
        encode_response(WORK_WARNING, HANDLE, b"w"),
        encode_response(WORK_STATUS, HANDLE, b"1", b"4"),
        encode_response(WORK_DATA, HANDLE, b""),
        encode_response(WORK_STATUS, HANDLE, b"0.5", b"1"),
        encode_response(WORK_COMPLETE, HANDLE, b""),
    ]
    script = start_script([[ACCEPTED + b"".join(packets), STAY]])

    request = make_client(script.address).submit_job("t", "x")

    assert list(request.data_updates) == ["1", ""]
    assert list(request.warning_updates) == ["w"]
    assert (request.state, request.result) == ("COMPLETE", b"")
    status = dict(request.status)
    assert abs(status.pop("time_received") - time.time()) < 5
    assert status == {
        "handle": "H:t:1",
        "known": True,
        "running": True,
        "numerator": 500,
        "denominator": 1000,
    }
    assert list(request.status_updates) == [(500, 1000)]
    assert request.server_status is request.status


@pytest.mark.parametrize("handle", [HANDLE, HANDLE + b"\0"])
def test_a_failure_ends_a_job_even_with_a_zero_byte_behind_its_handle(
    start_script: StartScript, make_client: MakeClient, handle: bytes
) -> None:
    """The C server sends one when it turns an exception into a failure."""
    script = start_script([[ACCEPTED + encode_response(WORK_FAIL, handle), STAY]])

    request = make_client(script.address).submit_job("t", "x")

    assert (request.state, request.result, request.timed_out) == ("FAILED", None, False)


def test_an_exception_ends_a_job_and_a_failure_behind_it_does_no_harm(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """Servers differ in whether they send one."""
    ending = encode_response(WORK_EXCEPTION, HANDLE, b"why") + encode_response(WORK_FAIL, HANDLE)
    script = start_script([[ACCEPTED + ending, STAY]])

    request = make_client(script.address).submit_job("t", "x")

    assert (request.state, request.exception, request.result) == ("FAILED", "why", None)


@pytest.mark.parametrize(("asks", "exception"), [(True, "why"), (False, None)])
def test_a_worker_s_exception_reaches_clients_that_ask_for_it(
    either_server: JobServer,
    make_client: MakeClient,
    start_worker: StartWorker,
    task: str,
    asks: bool,
    exception: str | None,
) -> None:
    """All do by default; for the others the server turns it into a failure."""

    def send_exception(worker: Any, job: Any) -> Any:
        worker.send_job_exception(job, "why")

    class Client(gearman.GearmanClient):
        ask_for_exceptions = asks

    start_worker({task: send_exception}, either_server.address)

    request = make_client(either_server.address, client_class=Client).submit_job(task, "x")

    assert (request.state, request.exception) == ("FAILED", exception)


def test_a_server_that_does_not_know_exceptions_still_gets_the_job(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """Its refusal of the option is not taken for a refusal of the job."""
    refused = encode_response(ERROR, b"UNKNOWN_OPTION", b"no")
    accepted = encode_response(JOB_CREATED, HANDLE) + encode_response(WORK_COMPLETE, HANDLE, b"r")
    script = start_script([[refused + accepted, STAY]])

    assert make_client(script.address).submit_job("t", "x").result == "r"


def test_an_error_packet_fails_the_oldest_pending_request(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """ERROR says nothing about what it answers; the code and the text can be read from the request."""
    option = encode_response(OPTION_RES, b"exceptions")
    refused = encode_response(ERROR, b"QUEUE_ERROR", b"Job queue is full")
    script = start_script([[option + refused + encode_response(JOB_CREATED, HANDLE), STAY]])
    client = make_client(script.address)

    first, second = client.submit_multiple_jobs(
        [{"task": "t", "data": "1"}, {"task": "t", "data": "2"}], background=True
    )

    assert (first.state, first.error_code, first.error_text) == ("FAILED", "QUEUE_ERROR", "Job queue is full")
    assert (first.complete, first.timed_out) == (True, False)
    assert second.state == "CREATED"


def test_the_same_unique_twice_gives_both_requests_the_result(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """The server makes one job of them, and each sees its updates once."""

    def send_data(worker: Any, job: Any) -> Any:
        worker.send_job_data(job, "1")
        worker.send_job_data(job, "2")
        return job.data

    client = make_client(either_server.address)
    requests = client.submit_multiple_jobs(
        [{"task": task, "data": "x", "unique": "same"}] * 2, wait_until_complete=False
    )
    start_worker({task: send_data}, either_server.address)
    client.wait_until_jobs_completed(requests)

    assert [request.result for request in requests] == ["x", "x"]
    assert [list(request.data_updates) for request in requests] == [["1", "2"], ["1", "2"]]
    assert requests[0].job.handle == requests[1].job.handle


@pytest.mark.parametrize("priority", [gearman.PRIORITY_NONE, gearman.PRIORITY_LOW, gearman.PRIORITY_HIGH])
@pytest.mark.parametrize("background", [False, True])
def test_every_kind_of_job_is_run(
    client: gearman.GearmanClient,
    server: JobServer,
    start_worker: StartWorker,
    task: str,
    priority: str | None,
    background: bool,
) -> None:
    """Foreground and background, in three priorities."""
    seen: list[Any] = []

    def note(_worker: Any, job: Any) -> Any:
        seen.append(job.data)
        return job.data

    start_worker({task: note}, server.address)

    request = client.submit_job(task, "x", priority=priority, background=background)

    assert request.complete
    wait_until(lambda: seen == ["x"], "the job")


def test_a_job_with_a_time_does_not_run_before_it(
    client: gearman.GearmanClient, server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """It is a background job; seconds since 1970 and datetimes will do."""
    times: list[float] = []

    def note(_worker: Any, _job: Any) -> None:
        times.append(time.time())

    start_worker({task: note}, server.address)
    due = time.time() + 0.3

    by_number = client.submit_job(task, "x", when_to_run=due)
    moment = datetime.datetime.fromtimestamp(due, tz=datetime.UTC)
    by_datetime = client.submit_job(task, "x", when_to_run=moment)

    assert by_number.complete
    assert by_number.when_to_run == by_datetime.when_to_run
    assert by_number.background
    wait_until(lambda: len(times) == 2, "both jobs")
    assert min(times) >= due


# --- bad arguments ------------------------------------------------------------------------------------


def test_bad_arguments_raise_as_ever(client: gearman.GearmanClient) -> None:
    """And leave the client usable."""
    with pytest.raises(AssertionError):
        client.submit_multiple_jobs({"task": "t", "data": "x"})  # type: ignore[dict-item]  # on purpose
    with pytest.raises(AssertionError):
        client.wait_until_jobs_completed(iter([]))  # type: ignore[type-var]  # on purpose
    with pytest.raises(KeyError, match="data"):
        client.submit_multiple_jobs([{"task": "t"}])
    with pytest.raises(KeyError, match="URGENT"):
        client.submit_job("t", "x", priority="URGENT")
    with pytest.raises(TypeError):
        client.submit_job("t", 5)
    with pytest.raises(ProtocolError, match="zero byte"):
        client.submit_job("t\0", "x")

    assert client.submit_job("t-bad-arguments", "x", background=True).state == "CREATED"


def test_no_jobs_are_no_error() -> None:
    """Not even without a server."""
    client = gearman.GearmanClient([])

    assert client.submit_multiple_jobs([]) == []
    assert client.get_job_statuses([]) == []


def test_an_encoder_that_cannot_decode_a_result_raises_from_the_call(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """The requests that share the job are all over by then."""

    class Text(gearman.GearmanClient):
        data_encoder = gearman.TextEncoder

    created = encode_response(JOB_CREATED, HANDLE)
    script = start_script([[ACCEPTED + created, encode_response(WORK_COMPLETE, HANDLE, b"\xff"), STAY]])
    client = make_client(script.address, client_class=Text)
    job = {"task": "t", "data": "x", "unique": "u"}
    requests = client.submit_multiple_jobs([job, job], wait_until_complete=False)
    client.connection_list[0].send_command(16, {"data": b"go on"})

    with pytest.raises(UnicodeDecodeError):
        client.wait_until_jobs_completed(requests)

    assert [request.state for request in requests] == ["COMPLETE", "COMPLETE"]


# --- status -------------------------------------------------------------------------------------------


def test_the_status_of_a_background_job_can_be_asked_for_repeatedly(
    either_server: JobServer, make_client: MakeClient, task: str
) -> None:
    """It is known, and not running."""
    client = make_client(either_server.address)
    request = client.submit_job(task, "x", background=True)

    for _ in range(2):
        client.get_job_status(request)
        status = dict(request.status)
        assert status.pop("time_received")
        assert status == {
            "handle": request.job.handle,
            "known": True,
            "running": False,
            "numerator": 0,
            "denominator": 0,
        }
        assert not request.timed_out


def test_a_fresh_client_finds_a_job_by_its_handle(
    start_server: StartServer, server: JobServer, make_client: MakeClient, task: str
) -> None:
    """Without knowing its server: the one that knows the job is right."""
    own_server = start_server("--job-handle-prefix", "other")
    for client in (make_client(own_server.address), make_client(server.address)):
        handle = client.submit_job(task, "x", background=True).job.handle
        job = GearmanJob(None, handle, task, None, None)
        request = GearmanJobRequest(job, background=True)
        request.state = gearman.JOB_CREATED

        make_client(own_server.address, server.address).get_job_status(request)

        assert request.status["known"] is True


def test_another_client_s_request_is_asked_for_at_its_server(
    client: gearman.GearmanClient, server: JobServer, make_client: MakeClient, task: str
) -> None:
    """Servers are the same when their addresses are."""
    request = client.submit_job(task, "x", background=True)

    make_client(dead_address(), server.address).get_job_status(request)
    assert request.status["known"] is True

    with pytest.raises(ServerUnavailable, match=f"Not one of this client's servers: {server.address}"):
        make_client(dead_address()).get_job_status(request)


def test_an_unknown_handle_has_a_status_too(client: gearman.GearmanClient) -> None:
    """Everything about it is zero."""
    job = GearmanJob(None, "H:nobody:1", "t", None, None)
    request = client.get_job_status(GearmanJobRequest(job))

    assert request.status["known"] is False
    assert request.status["running"] is False
    assert (request.status["numerator"], request.status["denominator"]) == (0, 0)


def test_a_request_without_a_handle_has_no_status(client: gearman.GearmanClient) -> None:
    """There is nothing to ask for."""
    request = GearmanJobRequest(GearmanJob(None, None, "t", None, None))

    with pytest.raises(InvalidClientState):
        client.get_job_status(request)


def test_a_status_that_does_not_come_times_out(start_script: StartScript, make_client: MakeClient) -> None:
    """Nothing stays behind in the status; the late answer serves the next call."""
    late = encode_response(STATUS_RES, HANDLE, b"1", b"1", b"3", b"7")
    script = start_script([[ACCEPTED, b"", late, STAY]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False)

    client.get_job_status(request, poll_timeout=0.1)
    assert (request.timed_out, request.status) == (True, {})

    client.get_job_status(request, poll_timeout=5)
    assert (request.timed_out, request.status["numerator"]) == (False, 3)


def test_a_progress_does_not_answer_the_question_for_the_status(
    start_script: StartScript, make_client: MakeClient
) -> None:
    """It comes from the worker, and not because of the question."""
    script = start_script([[ACCEPTED, encode_response(WORK_STATUS, HANDLE, b"1", b"2"), STAY]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False)

    client.get_job_status(request, poll_timeout=0.2)

    assert request.timed_out
    assert request.status["numerator"] == 1
    assert "last_time_received" not in request.status


def test_a_server_lost_while_it_is_asked_for_a_status_ends_the_wait(
    start_script: StartScript, server: JobServer, make_client: MakeClient
) -> None:
    """Another server that is connected does not prolong it."""
    script = start_script([[ACCEPTED, b""]])
    client = make_client(script.address)
    request = client.submit_job("t", "x", wait_until_complete=False)
    client.establish_connection(client.add_connection(server.address))

    client.get_job_status(request)

    assert (request.timed_out, request.state) == (True, "UNKNOWN")
