"""Handlers: commands in, commands out, without a socket."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import gearman
from gearman import protocol
from gearman.client_handler import GearmanClientCommandHandler
from gearman.command_handler import GearmanCommandHandler
from gearman.connection import GearmanConnection
from gearman.errors import (
    GearmanError,
    InvalidClientState,
    InvalidWorkerState,
    UnknownCommandError,
)
from gearman.job import GearmanJob, GearmanJobRequest
from gearman.worker_handler import GearmanWorkerCommandHandler


class QuietConnection(GearmanConnection):
    """A connection without a socket, which notes what is sent."""

    def connect(self) -> None:
        self._reset_connection()
        self.connected = True

    def taken(self) -> list[int]:
        """The numbers of the commands sent since the last time."""
        numbers = [cmd_type for cmd_type, _ in self._outgoing_commands]
        self._outgoing_commands.clear()
        return numbers


class QuietClient(gearman.GearmanClient):
    connection_class = QuietConnection


class QuietWorker(gearman.GearmanWorker):
    connection_class = QuietConnection


def connect(manager: Any, host: str = "host") -> tuple[Any, QuietConnection]:
    connection = manager.add_connection(host)
    manager.establish_connection(connection)
    connection.taken()
    return manager.connection_to_handler_map[connection], connection


def make_request() -> GearmanJobRequest:
    return GearmanJobRequest(GearmanJob(None, None, "t", "u", "d"))


# --- what all handlers share --------------------------------------------------------------------------


def test_a_handler_needs_a_manager() -> None:
    """It cannot do anything without."""
    with pytest.raises(AssertionError):
        GearmanCommandHandler()


def test_a_manager_needs_a_class_of_handlers() -> None:
    """The base class is not meant to be used."""
    with pytest.raises(AssertionError):
        gearman.connection_manager.GearmanConnectionManager()


def test_a_handler_does_not_keep_its_manager_alive() -> None:
    """Using it afterwards is an error that says so."""
    client = QuietClient()
    handler, _ = connect(client)
    del client
    gc.collect()

    with pytest.raises(GearmanError, match="gone"):
        handler.encode_data("x")


def test_unknown_commands_raise_as_ever() -> None:
    """ValueError for a number that does not exist, UnknownCommandError without a method for it."""
    client = QuietClient()
    handler, _ = connect(client)

    with pytest.raises(ValueError, match="4711"):
        handler.recv_command(4711)
    with pytest.raises(UnknownCommandError, match="NOOP"):
        handler.recv_command(protocol.GEARMAN_COMMAND_NOOP)


def test_a_base_handler_reports_errors_to_the_hook() -> None:
    """What the hook returns does not stop the commands behind the error."""
    errors: list[Any] = []

    class Client(QuietClient):
        def on_gearman_error(self, error_code: str, error_text: str) -> Any:
            errors.append((error_code, error_text))
            return False

    client = Client()
    handler = GearmanCommandHandler(connection_manager=client)
    handler.initial_state()
    handler.on_io_error()

    assert handler.recv_error(b"X", "text") is True
    assert errors == [("X", "text")]


def test_a_command_for_a_lost_connection_is_dropped() -> None:
    """Nobody would send it."""
    client = QuietClient()
    handler, connection = connect(client)
    client.handle_error(connection)

    handler.send_command(protocol.GEARMAN_COMMAND_ECHO_REQ, data=b"x")

    assert client.read_command(handler) is None


def test_a_connection_gets_commands_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """Number and parameters: tests of programs replace the method."""
    sent: list[Any] = []
    client = QuietClient()
    handler, connection = connect(client)
    monkeypatch.setattr(connection, "send_command", lambda *arguments: sent.append(arguments))

    handler.send_command(protocol.GEARMAN_COMMAND_ECHO_REQ, data=b"x")

    assert sent == [(protocol.GEARMAN_COMMAND_ECHO_REQ, {"data": b"x"})]


# --- clients ------------------------------------------------------------------------------------------


def test_a_client_s_handler_can_be_driven_by_hand() -> None:
    """With text or bytes: the way the libraries' own tests did."""
    client = QuietClient()
    handler, connection = connect(client)
    request = make_request()

    handler.send_job_request(request)
    assert connection.taken() == [protocol.GEARMAN_COMMAND_SUBMIT_JOB]
    assert list(handler.requests_awaiting_handles) == [request]

    handler.recv_command(protocol.GEARMAN_COMMAND_JOB_CREATED, job_handle="H:1")
    assert handler.handle_to_request_map == {"H:1": request}
    handler.recv_command(protocol.GEARMAN_COMMAND_WORK_COMPLETE, job_handle=b"H:1", data="r")

    assert (request.state, request.result) == ("COMPLETE", "r")
    assert not handler.handle_to_request_map


def test_a_packet_for_a_request_that_was_reset_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """The program has changed its mind; that is logged."""
    client = QuietClient()
    handler, _ = connect(client)
    request = make_request()
    handler.send_job_request(request)
    handler.recv_job_created(b"H:1")
    request.reset()

    handler.recv_work_complete(b"H:1", b"r")

    assert (request.state, request.result) == ("UNKNOWN", None)
    assert "does not fit" in caplog.text


def test_a_loss_does_not_touch_requests_that_are_over() -> None:
    """Only what was under way is unknown."""
    client = QuietClient()
    handler, connection = connect(client)
    request = make_request()
    handler.send_job_request(request)
    handler.recv_job_created(b"H:1")
    request.state = "COMPLETE"

    client.handle_error(connection)

    assert request.state == "COMPLETE"


def test_an_overridden_recv_method_is_called() -> None:
    """With the classic names of the parameters."""
    seen: list[Any] = []

    class Handler(GearmanClientCommandHandler):
        def recv_work_data(self, job_handle: Any, data: Any) -> bool:
            seen.append((job_handle, data))
            return super().recv_work_data(job_handle, data)

    class Client(QuietClient):
        command_handler_class = Handler

    client = Client()
    handler, _ = connect(client)
    handler.recv_command(protocol.GEARMAN_COMMAND_WORK_DATA, job_handle=b"H:1", data=b"x")

    assert seen == [(b"H:1", b"x")]


def test_a_status_that_nobody_asked_for_is_ignored() -> None:
    """It has no request to go to."""
    client = QuietClient()
    handler, _ = connect(client)

    assert handler.recv_status_res(b"H:1", b"1", b"1", b"0", b"0") is True
    with pytest.raises(InvalidClientState):
        handler.send_get_status_of_job(make_request())


def test_an_error_without_a_question_goes_to_the_hook(caplog: pytest.LogCaptureFixture) -> None:
    """Which logs it."""
    client = QuietClient()
    client.ask_for_exceptions = False
    handler, _ = connect(client)

    assert handler.recv_error(b"ODD", b"what") is True
    assert "Received error from server: ODD: what" in caplog.text


def test_the_option_for_exceptions_is_asked_for_first() -> None:
    """Unless the program does not want it."""
    client = QuietClient(["a"])
    [connection] = client.connection_list
    client.establish_connection(connection)
    assert isinstance(connection, QuietConnection)
    assert connection.taken() == [protocol.GEARMAN_COMMAND_OPTION_REQ]
    assert client.connection_to_handler_map[connection].recv_option_res(b"exceptions") is True

    client.close()
    client.ask_for_exceptions = False
    client.establish_connection(connection)
    assert connection.taken() == []


# --- workers ------------------------------------------------------------------------------------------


def test_a_worker_s_handler_can_be_driven_by_hand() -> None:
    """Woken it takes the lock and grabs, without a job it lets go and sleeps."""
    worker = QuietWorker()
    handler, connection = connect(worker)

    handler.recv_command(protocol.GEARMAN_COMMAND_NOOP)
    assert connection.taken() == [protocol.GEARMAN_COMMAND_GRAB_JOB_UNIQ]
    assert worker.check_job_lock(handler)
    handler.recv_command(protocol.GEARMAN_COMMAND_NOOP)
    assert connection.taken() == []

    handler.recv_command(protocol.GEARMAN_COMMAND_NO_JOB)
    assert connection.taken() == [protocol.GEARMAN_COMMAND_PRE_SLEEP]
    assert not worker.has_job_lock()


def test_a_handler_that_is_woken_while_another_has_the_lock_waits_in_line() -> None:
    """It sleeps meanwhile, and grabs when the lock is free: it must, or no NOOP would wake it again."""
    worker = QuietWorker()
    holder, holder_connection = connect(worker, "a")
    waiter, waiter_connection = connect(worker, "b")
    holder.recv_noop()
    holder_connection.taken()

    waiter.recv_noop()
    assert waiter_connection.taken() == [protocol.GEARMAN_COMMAND_PRE_SLEEP]
    waiter.recv_noop()
    worker._prepare_round()
    assert worker.check_job_lock(holder)

    holder.recv_no_job()
    worker._prepare_round()
    assert worker.check_job_lock(waiter)
    assert protocol.GEARMAN_COMMAND_GRAB_JOB_UNIQ in waiter_connection.taken()


def test_a_lost_connection_gives_the_lock_and_its_place_back() -> None:
    """The next in line gets it."""
    worker = QuietWorker()
    holder, holder_connection = connect(worker, "a")
    waiter, waiter_connection = connect(worker, "b")
    third, _ = connect(worker, "c")
    holder.recv_noop()
    waiter.recv_noop()
    third.recv_noop()

    worker.handle_error(holder_connection)
    worker.handle_error(waiter_connection)
    worker._prepare_round()

    assert worker.check_job_lock(third)


def test_a_job_without_the_lock_is_an_invalid_state() -> None:
    """Nobody asked for it."""
    worker = QuietWorker()
    handler, _ = connect(worker)

    with pytest.raises(InvalidWorkerState):
        handler.recv_job_assign_uniq(job_handle=b"H:1", task=b"t", unique=b"u", data=b"d")


def test_a_lock_that_is_not_held_cannot_be_released() -> None:
    """And not be taken twice, or by a handler without a connection."""
    worker = QuietWorker()
    handler, connection = connect(worker)
    other, _ = connect(worker, "b")

    with pytest.raises(InvalidWorkerState):
        handler._release_job_lock()
    assert worker.set_job_lock(handler, lock=True)
    assert not worker.set_job_lock(other, lock=True)
    worker.handle_error(connection)
    assert not worker.set_job_lock(handler, lock=True)


def test_a_replaced_assignment_runs_as_it_did_in_the_older_packages() -> None:
    """Programs replaced recv_job_assign_uniq to mend them for a new Python."""
    ran: list[Any] = []

    class Handler(GearmanWorkerCommandHandler):
        def recv_job_assign_uniq(self, job_handle: Any, task: Any, unique: Any, data: Any) -> bool:
            assert task in self._handler_abilities
            if not self.connection_manager.check_job_lock(self):
                raise InvalidWorkerState("Received a job when we weren't expecting one")
            job = self.connection_manager.create_job(self, job_handle, task, unique, self.decode_data(data))
            self.connection_manager.on_job_execute(job)
            self._release_job_lock()
            self._sleep()
            return True

    class Worker(QuietWorker):
        command_handler_class = Handler

        def wait_until_updates_sent(self, multiple_jobs: Any, poll_timeout: Any = None) -> None: ...

    worker = Worker()
    worker.register_task(b"t", lambda _worker, job: ran.append(job.data))
    handler, connection = connect(worker)
    handler.recv_noop()
    handler.recv_command(
        protocol.GEARMAN_COMMAND_JOB_ASSIGN_UNIQ, job_handle=b"H:1", task=b"t", unique=b"u", data=b"d"
    )

    assert ran == ["d"]
    assert (
        connection.taken()
        == [
            protocol.GEARMAN_COMMAND_GRAB_JOB_UNIQ,
            protocol.GEARMAN_COMMAND_WORK_COMPLETE,
        ]
        or connection.taken() == []
    )
