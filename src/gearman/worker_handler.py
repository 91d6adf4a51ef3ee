"""One connection of a worker: asks for jobs when the worker is free, and has them run.

A worker runs one job at a time over all its connections. The handler that wants one takes the job lock,
grabs, and keeps the lock until the job has ended or the server had none. Handlers that are woken meanwhile
wait in line for the lock, and so does the one that has just run a job: the servers take turns.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from gearman import protocol
from gearman.command_handler import GearmanCommandHandler
from gearman.errors import GearmanError, InvalidWorkerState, ProtocolError
from gearman.text import name_like, to_bytes
from geartrain.errors import LocalProtocolError
from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from geartrain.roles.events import Event, LateResult, ServerError
from geartrain.roles.worker import WorkerRole

if TYPE_CHECKING:
    from gearman.connection_manager import GearmanConnectionManager
    from gearman.worker import GearmanWorker

__all__ = ["GearmanWorkerCommandHandler", "InvalidWorkerState"]

gearman_logger = logging.getLogger(__name__)

Name = str | bytes

_ASSIGNMENTS = (packets.JOB_ASSIGN, packets.JOB_ASSIGN_UNIQ)


class GearmanWorkerCommandHandler(GearmanCommandHandler):
    """Keeps one server informed of what the worker can do, and runs the jobs it assigns."""

    def __init__(self, connection_manager: GearmanConnectionManager | None = None) -> None:
        super().__init__(connection_manager)
        self._role = WorkerRole()
        self._handler_abilities: list[Any] = []
        # The tasks as the program spelt them, as text or as bytes: their jobs look like that.
        self._spellings: dict[bytes, Any] = {}
        self._abilities_are_due = False

    @property
    def worker(self) -> GearmanWorker:
        """The worker that this handler belongs to."""
        worker: GearmanWorker = self.connection_manager
        return worker

    def initial_state(self, abilities: Any = None, client_id: Any = None) -> None:
        self.set_client_id(client_id)
        self.set_abilities(abilities or [])
        self._sleep()

    def on_io_error(self) -> None:
        self._role.lost()
        self.worker._leave_line(self)
        if self._check_job_lock():
            self._release_job_lock()

    # --- registration -----------------------------------------------------------------------------------

    def set_abilities(self, connection_abilities_list: Any) -> None:
        """Tells the server which tasks this worker can do.

        While a job runs or has been asked for, that waits: the server would queue the job again.
        """
        self._handler_abilities = list(connection_abilities_list)
        self._spellings = {to_bytes(task): task for task in self._handler_abilities}
        self._abilities_are_due = True
        if not self.worker._is_executing:
            self._tell_due_abilities()

    def _tell_due_abilities(self) -> None:
        if not self._abilities_are_due or self._role.grabbing:
            return
        self._abilities_are_due = False
        was_sleeping = self._role.sleeping
        self._role.reset_abilities()
        for task in self._handler_abilities:
            self._can_do(task)
        if was_sleeping:
            self._role.sleep()
        self._send_outgoing()

    def _can_do(self, task: Any) -> None:
        try:
            self._role.can_do(to_bytes(task), self.worker._timeout_of(task))
        except LocalProtocolError as error:
            raise ProtocolError(str(error)) from error

    def set_client_id(self, client_id: Any) -> None:
        """Tells the server what to list this worker as; None tells nothing."""
        if client_id is not None:
            self._role.set_client_id(to_bytes(client_id))
            self._send_outgoing()

    # --- out: what a job's callback has to say ----------------------------------------------------------

    def send_job_status(self, job_handle: Any, numerator: float, denominator: float) -> None:
        """Raises AssertionError for what is no number, ValueError or OverflowError for an infinite one."""
        for number in (numerator, denominator):
            if type(number) not in (int, float):
                raise AssertionError(f"A status takes numbers, got {number!r}")
        self._role.send_status(to_bytes(job_handle), numerator, denominator)
        self._send_outgoing()

    def send_job_data(self, job_handle: Any, data: Any) -> None:
        self._role.send_data(to_bytes(job_handle), self.encode_data(data))
        self._send_outgoing()

    def send_job_warning(self, job_handle: Any, data: Any) -> None:
        self._role.send_warning(to_bytes(job_handle), self.encode_data(data))
        self._send_outgoing()

    def send_job_complete(self, job_handle: Any, data: Any) -> None:
        self._role.complete(to_bytes(job_handle), self.encode_data(data))
        self._send_outgoing()

    def send_job_failure(self, job_handle: Any) -> None:
        self._role.fail(to_bytes(job_handle))
        self._send_outgoing()

    def send_job_exception(self, job_handle: Any, data: Any) -> None:
        self._role.send_exception(to_bytes(job_handle), self.encode_data(data))
        self._send_outgoing()

    def _send_outgoing(self) -> None:
        self.send_packets(self._role.drain())

    # --- in ---------------------------------------------------------------------------------------------

    def recv_command(self, cmd_type: int, **cmd_args: Any) -> Any:
        if cmd_type in _ASSIGNMENTS:
            # Here and not in the methods below, because programs have replaced those.
            names = protocol.GEARMAN_PARAMS_FOR_COMMAND[cmd_type]
            self._receive(cmd_type, *[cmd_args[name] for name in names])
        return super().recv_command(cmd_type, **cmd_args)

    def recv_noop(self) -> bool:
        self._receive(packets.NOOP)
        if self._check_job_lock():
            return True
        if self.worker._is_next_in_line(self) and self._acquire_job_lock():
            self._grab_job()
        else:
            self.worker._join_line(self)
            self._sleep()
        return True

    def recv_no_job(self) -> bool:
        self._receive(packets.NO_JOB)
        self._release_job_lock()
        self._sleep()
        return True

    def recv_job_assign_uniq(self, job_handle: bytes, task: bytes, unique: bytes, data: bytes) -> bool:
        return self._run_job(job_handle, task, unique, data)

    def recv_job_assign(self, job_handle: bytes, task: bytes, data: bytes) -> bool:
        return self._run_job(job_handle, task, None, data)

    def recv_error(self, error_code: Name, error_text: Name) -> bool:
        for event in self._receive(packets.ERROR, error_code, error_text):
            if isinstance(event, LateResult):
                # Expected behind an exception, and when a time limit has run out.
                gearman_logger.info("The server has given the job up before its result: %s", event.text)
            elif isinstance(event, ServerError):
                super().recv_error(event.code, event.text)
        return True

    def _receive(self, number: int, *arguments: Name) -> list[Event]:
        events = self._role.receive(Packet(number, tuple([to_bytes(argument) for argument in arguments])))
        self._send_outgoing()
        return events

    # --- a job ------------------------------------------------------------------------------------------

    def _run_job(self, job_handle: bytes, task: bytes, unique: bytes | None, data: bytes) -> bool:
        if not self._check_job_lock():
            raise InvalidWorkerState(f"Received a job that was not asked for: {job_handle!r}")
        worker = self.worker
        worker._is_executing = True
        try:
            self._execute(to_bytes(job_handle), to_bytes(task), unique, to_bytes(data))
        except GearmanError as error:
            if self._is_attached():
                raise
            gearman_logger.warning("Lost the server of job %r, and its result: %s", job_handle, error)
        finally:
            worker._is_executing = False
        if self._is_attached():
            self._release_job_lock()
            worker._join_line(self)
        return worker._has_executed()

    def _execute(self, job_handle: Any, task: Any, unique: Any, data: bytes) -> None:
        """Has the worker run a job; one whose payload cannot be decoded fails without being run."""
        worker = self.worker
        like = self._spellings.get(task)
        job_handle = name_like(job_handle, like)
        task = name_like(task, like)
        unique = None if unique is None else name_like(unique, like)
        try:
            payload = self.decode_data(data, like)
        except Exception:
            job = worker.create_job(self, job_handle, task, unique, data)
            worker.on_job_exception(job, sys.exc_info())
        else:
            worker.on_job_execute(worker.create_job(self, job_handle, task, unique, payload))

    def _is_attached(self) -> bool:
        connection = self.worker.handler_to_connection_map.get(self)
        return connection is not None and connection.connected

    def _grab_job(self) -> None:
        self._role.grab()
        self._send_outgoing()

    def _sleep(self) -> None:
        self._role.sleep()
        self._send_outgoing()

    # --- the job lock -----------------------------------------------------------------------------------

    def _check_job_lock(self) -> bool:
        return self.worker.check_job_lock(self)

    def _acquire_job_lock(self) -> bool:
        return self.worker.set_job_lock(self, lock=True)

    def _release_job_lock(self) -> bool:
        if not self.worker.set_job_lock(self, lock=False):
            raise InvalidWorkerState(f"Unable to release the job lock for {self!r}")
        return True
