"""The worker's loop: its hooks, its servers, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

import pytest

import gearman
from gearman.errors import ProtocolError, ServerUnavailable
from geartrain.protocol.codec import Decoder, encode_response
from geartrain.protocol.packets import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    ERROR,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_UNIQ,
    MAGIC_REQUEST,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
    WORK_COMPLETE,
    WORK_FAIL,
    Packet,
)
from tests.classic.conftest import MakeClient, StartProgram, StartScript, StartServer, StartWorker
from tests.classic.helpers import (
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


def packets_of(script: ScriptedServer) -> list[Packet]:
    """What a scripted server has received."""
    messages = Decoder(MAGIC_REQUEST).feed(b"".join(script.received))
    return [message for message in messages if isinstance(message, Packet)]


def numbers_of(script: ScriptedServer) -> list[int]:
    return [packet.number for packet in packets_of(script)]


# --- what is sent -------------------------------------------------------------------------------------


def test_a_worker_introduces_itself_in_order(start_script: StartScript) -> None:
    """Its id, a clean slate, its tasks in the order of registration, and sleep."""
    script = start_script([[b"", STAY]])
    worker = make_worker({"b": echo, b"a": echo}, script.address)
    worker.register_task("limited", echo, timeout=1.5)
    worker.set_client_id("me")
    running = RunningWorker(worker)

    wait_until(lambda: len(numbers_of(script)) >= 6, "the introduction")

    assert packets_of(script) == [
        Packet(SET_CLIENT_ID, (b"me",)),
        Packet(RESET_ABILITIES),
        Packet(CAN_DO, (b"b",)),
        Packet(CAN_DO, (b"a",)),
        Packet(CAN_DO_TIMEOUT, (b"limited", b"1500")),
        Packet(PRE_SLEEP),
    ]
    running.stop()


def test_a_woken_worker_grabs_once_and_sleeps_when_there_is_no_job(
    start_script: StartScript, start_worker: StartWorker
) -> None:
    """However often it is woken meanwhile."""
    noop = encode_response(NOOP)
    script = start_script([[noop * 3, encode_response(NO_JOB), STAY]])
    start_worker({"t": echo}, script.address)

    wait_until(lambda: numbers_of(script)[-1:] == [PRE_SLEEP] and len(numbers_of(script)) == 5, "sleep")

    assert numbers_of(script)[2:] == [PRE_SLEEP, GRAB_JOB_UNIQ, PRE_SLEEP]


def test_after_a_job_the_worker_asks_for_the_next_one_at_once(
    start_script: StartScript, start_worker: StartWorker
) -> None:
    """That saves a round trip between PRE_SLEEP and NOOP."""
    job = encode_response(JOB_ASSIGN_UNIQ, b"H:1", b"t", b"u", b"data")
    script = start_script([[encode_response(NOOP), job, STAY]])
    start_worker({"t": echo}, script.address)

    wait_until(lambda: len(numbers_of(script)) >= 6, "the next grab")

    assert packets_of(script)[3:] == [
        Packet(GRAB_JOB_UNIQ),
        Packet(WORK_COMPLETE, (b"H:1", b"data")),
        Packet(GRAB_JOB_UNIQ),
    ]


def test_a_job_assigned_without_its_unique_has_none(
    start_script: StartScript, start_worker: StartWorker
) -> None:
    """Servers of other makes answer every grab that way."""
    seen: list[Any] = []

    def note(_worker: Any, job: Any) -> None:
        seen.append((job.handle, job.task, job.unique, job.data))

    job = encode_response(JOB_ASSIGN, b"H:1", b"t", b"data")
    script = start_script([[encode_response(NOOP), job, STAY]])
    start_worker({"t": note}, script.address)

    wait_until(lambda: seen, "the job")

    assert seen == [("H:1", "t", None, "data")]


def test_a_job_for_a_task_that_was_unregistered_fails(
    start_script: StartScript, start_worker: StartWorker
) -> None:
    """It may have been assigned before the server heard of it."""
    job = encode_response(JOB_ASSIGN_UNIQ, b"H:1", b"other", b"u", b"data")
    script = start_script([[encode_response(NOOP), job, STAY]])
    start_worker({"t": echo}, script.address)

    wait_until(lambda: Packet(WORK_FAIL, (b"H:1",)) in packets_of(script), "the failure")


def test_an_error_of_the_server_does_not_end_the_worker(
    start_script: StartScript, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """A late result is normal; anything else goes to the hook, which logs it."""
    late = encode_response(ERROR, b"JOB_NOT_FOUND", b"gone")
    script = start_script([[late + encode_response(ERROR, b"ODD", b"what") + encode_response(NOOP), STAY]])
    start_worker({"t": echo}, script.address)

    wait_until(lambda: GRAB_JOB_UNIQ in numbers_of(script), "the grab")

    messages = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert messages == ["Received error from server: ODD: what"]


def test_a_server_that_sends_garbage_is_left(
    start_script: StartScript,
    server: JobServer,
    start_worker: StartWorker,
    make_client: MakeClient,
    task: str,
) -> None:
    """The others are served on."""
    script = start_script([[b"\0FOO" + bytes(8)]])
    running = start_worker({task: echo}, script.address, server.address)

    assert make_client(server.address).submit_job(task, "x").result == "x"
    assert running.is_running


# --- hooks --------------------------------------------------------------------------------------------


def test_after_poll_is_called_once_before_the_first_poll(server: JobServer, task: str) -> None:
    """With False; a forgotten return value ends work()."""
    calls: list[bool] = []

    class Worker(gearman.GearmanWorker):
        def after_poll(self, any_activity: bool) -> Any:
            calls.append(any_activity)

    make_worker({task: echo}, server.address, worker_class=Worker).work()

    assert calls == [False]


def test_after_poll_may_be_replaced_at_any_time(server: JobServer, task: str) -> None:
    """On the class or on the object: it is looked up at each call."""
    worker = make_worker({task: echo}, server.address, worker_class=gearman.GearmanWorker)
    worker.after_poll = lambda any_activity: False  # type: ignore[method-assign]  # noqa: ARG005

    worker.work()


def test_an_error_in_after_poll_ends_work(server: JobServer, task: str) -> None:
    """It is the program's own."""

    class Worker(gearman.GearmanWorker):
        def after_poll(self, any_activity: bool) -> Any:  # noqa: ARG002
            return self.db_connections  # type: ignore[attr-defined]  # on purpose

    with pytest.raises(AttributeError, match="db_connections"):
        make_worker({task: echo}, server.address, worker_class=Worker).work()


def test_after_job_is_called_once_per_job(
    server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """And not when there was none."""
    calls: list[str] = []

    class Worker(StoppableWorker):
        def after_job(self) -> Any:
            calls.append("job")
            return True

    start_worker({task: echo}, server.address, worker_class=Worker)
    client = make_client(server.address)

    for _ in range(5):
        client.submit_job(task, "x")
    client.submit_job(task, "last")

    wait_until(lambda: len(calls) == 6, "the last call")


def test_a_false_after_job_ends_work_before_another_job_is_taken(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """The next job stays in the queue, untouched."""

    class Worker(StoppableWorker):
        def after_job(self) -> Any:
            return False

    requests = client.submit_multiple_jobs(
        [{"task": task, "data": "1"}, {"task": task, "data": "2"}], wait_until_complete=False
    )
    start_worker({task: echo}, server.address, worker_class=Worker).join()

    client.wait_until_any_job_completed(requests)
    assert sorted(request.state for request in requests) == ["COMPLETE", "CREATED"]
    [left] = [request for request in requests if not request.complete]
    jobs = gearman.GearmanAdminClient([server.address]).get_jobs()
    assert [row["retries"] for row in jobs if row["handle"] == left.job.handle] == [0]


def test_has_job_lock_is_false_between_jobs(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """Programs that end between two jobs wait for that."""
    locked: list[bool] = []

    class Worker(StoppableWorker):
        def after_poll(self, any_activity: bool) -> bool:
            if seen:
                locked.append(self.has_job_lock())
            return super().after_poll(any_activity) and len(seen) < 3

    seen: list[Any] = []

    def note(worker: Any, job: Any) -> Any:
        assert worker.has_job_lock()
        seen.append(job.data)
        return job.data

    for number in range(5):
        client.submit_job(task, str(number), background=True)
    start_worker({task: note}, server.address, worker_class=Worker).join()

    assert len(seen) == 3
    assert locked[-1] is False


# --- servers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:1"]])
def test_no_server_at_the_start_is_server_unavailable(hosts: list[str]) -> None:
    """At once."""
    with pytest.raises(ServerUnavailable):
        make_worker({"t": echo}, *hosts).work()


def test_a_worker_that_reconnects_waits_for_its_server(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """If it is told to; from the start, and when the last server is lost."""
    port = free_port()
    start_worker({task: echo}, f"127.0.0.1:{port}", reconnect=True)

    for _ in range(2):
        own_server = start_server("--port", str(port))
        assert make_client(own_server.address).submit_job(task, "x").result == "x"
        own_server.program.kill()


def test_a_worker_that_waits_for_a_server_can_be_stopped(start_worker: StartWorker) -> None:
    """after_poll is called meanwhile."""
    running = start_worker({"t": echo}, f"127.0.0.1:{free_port()}", reconnect=True)
    wait_until(lambda: running.worker.connection_list[0].record.failures > 1, "two attempts")

    running.stop()


def test_reconnecting_without_any_server_to_connect_to_is_an_error() -> None:
    """There is nothing to wait for."""
    with pytest.raises(ServerUnavailable):
        make_worker({"t": echo}).work(reconnect=True)


def test_one_of_two_servers_dying_while_idle_is_survived(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """And it is tried again long before poll_timeout is over."""
    first, second = start_server(), start_server()
    running = start_worker({task: echo}, first.address, second.address)
    wait_until(lambda: len(running.worker.handler_to_connection_map) == 2, "both connections")

    first.program.kill()

    assert make_client(second.address).submit_job(task, "x").result == "x"
    start_server("--port", str(first.port))
    assert make_client(first.address).submit_job(task, "x").result == "x"
    assert len(running.worker.handler_to_connection_map) == 2


def test_a_silent_server_does_not_keep_the_worker_from_the_others(
    server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """After an attempt that took its time, the next one is far away."""
    running = start_worker({task: echo}, server.address)
    silent = running.worker.add_connection("127.0.0.1:1")
    now = time.monotonic()
    silent.record.failed(now, 5.0, 0.0)

    assert make_client(server.address).submit_job(task, "x").result == "x"
    assert silent.record.retry_at > now + 20
    assert silent not in running.worker.establish_worker_connections()
    assert silent.record.failures == 1


def test_closing_the_connection_of_a_job_gives_it_back(
    either_server: JobServer,
    start_worker: StartWorker,
    make_client: MakeClient,
    task: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The worker connects again, and its old handler is forgotten."""
    runs: list[Any] = []

    def close_first(_worker: Any, job: Any) -> Any:
        runs.append(job.data)
        if len(runs) == 1:
            job.connection.close()
        return job.data

    running = start_worker({task: close_first}, either_server.address, reconnect=True)

    assert make_client(either_server.address).submit_job(task, "x").result == "x"
    assert runs == ["x", "x"]
    assert len(running.worker.handler_to_connection_map) == 1
    assert "Job failed" not in caplog.text


def test_servers_take_turns(
    start_server: StartServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """None has to wait until the queue of another is empty."""
    seen: list[Any] = []
    servers = [start_server(), start_server()]

    def note(_worker: Any, job: Any) -> None:
        if not seen:
            # Both have something to say from now on: the worker said that it sleeps along with its task.
            wait_until(lambda: all(map(knows_worker, servers)), "both servers")
        seen.append(job.data)

    def knows_worker(own_server: JobServer) -> bool:
        return any(row.split("\t")[0] == task and row.endswith("1") for row in own_server.ask("status"))

    for name, own_server in zip("ab", servers, strict=True):
        make_client(own_server.address).submit_multiple_jobs(
            [{"task": task, "data": name}] * 10, background=True
        )

    start_worker({task: note}, *[own_server.address for own_server in servers])
    wait_until(lambda: len(seen) == 20, "all jobs")

    assert {"a", "b"} == {str(data) for data in seen[:4]} == {str(data) for data in seen[8:12]}


# --- the end ------------------------------------------------------------------------------------------


def test_shutdown_between_jobs_ends_work(server: JobServer, task: str) -> None:
    """Even if after_poll says to go on."""

    class Worker(gearman.GearmanWorker):
        def after_poll(self, any_activity: bool) -> Any:  # noqa: ARG002
            self.shutdown()
            return True

    worker = make_worker({task: echo}, server.address, worker_class=Worker)
    worker.work()

    assert not worker.handler_to_connection_map


def test_shutdown_in_a_callback_sends_its_result_first(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """The client does not wait in vain."""

    def end(worker: Any, job: Any) -> Any:
        worker.shutdown()
        return job.data

    running = start_worker({task: end}, either_server.address)

    assert make_client(either_server.address).submit_job(task, "x").result == "x"
    running.join()


def test_a_worker_can_work_again(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """After it was stopped and after it was shut down; nothing piles up."""
    running = start_worker({task: echo}, server.address)
    for ending in ("stop", "shutdown"):
        assert client.submit_job(task, "x").result == "x"
        if ending == "stop":
            running.stop()
        else:
            running.worker.shutdown()
            running.join()
        assert not running.worker.handler_to_connection_map
        assert isinstance(running.worker, StoppableWorker)
        running.worker.has_to_end.clear()
        running = RunningWorker(running.worker)
    assert client.submit_job(task, "x").result == "x"
    running.stop()


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_callback_gives_the_job_back(
    either_server: JobServer,
    make_client: MakeClient,
    start_worker: StartWorker,
    task: str,
    exception: type[BaseException],
) -> None:
    """It ends work(), and another worker gets the job."""

    def interrupt(_worker: Any, _job: Any) -> None:
        raise exception

    running = start_worker({task: interrupt}, either_server.address)
    client = make_client(either_server.address)
    request = client.submit_job(task, "x", wait_until_complete=False)
    running.join()
    assert isinstance(running.error, exception)
    running.error = None

    start_worker({task: echo}, either_server.address)
    client.wait_until_jobs_completed([request])

    assert request.result == "x"


FLAG = """
import signal, sys
import gearman

class Worker(gearman.GearmanWorker):
    ended = False
    def after_poll(self, any_activity):
        return not self.ended

worker = Worker([sys.argv[1]])
worker.register_task(sys.argv[2], lambda worker, job: job.data)
signal.signal(signal.SIGTERM, lambda number, frame: setattr(worker, 'ended', True))
signal.signal(signal.SIGINT, lambda number, frame: worker.shutdown())
print('ready', flush=True)
worker.work(poll_timeout=60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_worker_soon(
    server: JobServer, start_program: StartProgram, task: str, number: int
) -> None:
    """By a flag that after_poll reads, or by shutdown() in the signal handler."""
    program = start_program(sys.executable, "-c", FLAG, server.address, task)
    program.stdout.search("ready")
    server.wait_for_status(f"{task} 0 0 1")
    watch = Stopwatch()

    os.kill(program.pid, number)

    assert program.wait() == 0
    assert watch.seconds < SOON_SECONDS


# --- registration -------------------------------------------------------------------------------------


def test_tasks_registered_while_connected_are_announced(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """Jobs that were queued before are found as well."""
    client = make_client(either_server.address)
    request = client.submit_job(task, "early", wait_until_complete=False)
    running = start_worker({task + "other": echo}, either_server.address)
    either_server.wait_for_status(f"{task}other 0 0 1")

    running.worker.register_task(task, echo)

    client.wait_until_jobs_completed([request])
    assert request.result == "early"


def test_registering_in_a_callback_leaves_its_job_alone(
    either_server: JobServer, make_client: MakeClient, start_worker: StartWorker, task: str
) -> None:
    """A server takes the jobs of tasks that are announced anew away, so that waits for the job's end."""
    runs: list[Any] = []

    def register(worker: Any, job: Any) -> Any:
        runs.append(job.data)
        worker.register_task(task + "new", echo)
        return job.data

    start_worker({task: register}, either_server.address)
    client = make_client(either_server.address)

    assert client.submit_job(task, "x").result == "x"
    assert client.submit_job(task + "new", "y").result == "y"
    assert runs == ["x"]


def test_unregistered_tasks_are_not_announced(
    server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """Tasks that are unknown are ignored."""
    running = start_worker({task: echo, task + "kept": echo}, server.address)
    server.wait_for_status(f"{task} 0 0 1")

    assert running.worker.unregister_task(task.encode()) == task.encode()
    assert running.worker.unregister_task("nonsense") == "nonsense"

    server.wait_for_status(f"{task} 0 0 0")
    server.wait_for_status(f"{task}kept 0 0 1")


def test_text_and_bytes_are_one_task(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """The one registered last wins, and decides what its jobs look like."""
    seen: list[Any] = []

    def note(_worker: Any, job: Any) -> None:
        seen.append(type(job.data))

    running = start_worker({task: echo, task.encode(): note}, server.address)
    client.submit_job(task, "x")

    assert seen == [bytes]
    assert running.worker.worker_abilities[task] is note
    assert list(running.worker.worker_abilities) == [task.encode()]


def test_a_client_id_is_announced_at_once(server: JobServer, start_worker: StartWorker, task: str) -> None:
    """A blank in it is no harm."""
    running = start_worker({task: echo}, server.address)
    server.wait_for_status(f"{task} 0 0 1")

    assert running.worker.set_client_id("id with space") == "id with space"

    admin = gearman.GearmanAdminClient([server.address])
    wait_until(
        lambda: (
            ("id with space", (task,)) in [(row["client_id"], row["tasks"]) for row in admin.get_workers()]
        ),
        "the id",
    )
    admin.close()


def test_a_task_with_a_zero_byte_and_a_timeout_is_a_protocol_error(
    server: JobServer, start_worker: StartWorker, task: str
) -> None:
    """It cannot be sent."""
    running = start_worker({task: echo}, server.address)
    server.wait_for_status(f"{task} 0 0 1")

    with pytest.raises(ProtocolError):
        running.worker.register_task("a\0b", echo, timeout=1)
    running.worker.unregister_task("a\0b")


def test_a_time_limit_takes_a_job_away(
    server: JobServer, client: gearman.GearmanClient, start_worker: StartWorker, task: str
) -> None:
    """The server gives it to a worker again, and ignores the late result."""
    runs: list[Any] = []
    second_run = threading.Event()

    def too_slow(_worker: Any, _job: Any) -> Any:
        runs.append(None)
        if len(runs) == 1:
            second_run.wait(20)
        else:
            second_run.set()
        return str(len(runs))

    class LimitedWorker(StoppableWorker):
        def register_task(self, task: Any, callback_function: Any, timeout: float | None = 1.0) -> Any:
            return super().register_task(task, callback_function, timeout)

    for _ in range(2):
        start_worker({task: too_slow}, server.address, worker_class=LimitedWorker)

    assert client.submit_job(task, "x").result == "2"
