"""The names that programs import and use."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest

import gearman

MODULES = [
    "admin_client",
    "admin_client_handler",
    "client",
    "client_handler",
    "command_handler",
    "compat",
    "connection",
    "connection_manager",
    "constants",
    "errors",
    "io",
    "job",
    "protocol",
    "util",
    "version",
    "worker",
    "worker_handler",
]
EXPORTED = [
    "GearmanAdminClient",
    "GearmanClient",
    "GearmanWorker",
    "DataEncoder",
    "PRIORITY_NONE",
    "PRIORITY_LOW",
    "PRIORITY_HIGH",
    "JOB_PENDING",
    "JOB_CREATED",
    "JOB_FAILED",
    "JOB_COMPLETE",
    "JOB_UNKNOWN",
    "__version__",
]
ERRORS = ["ConnectionError", "GearmanError", "ProtocolError", "ServerUnavailable"]
NAMES = {
    "client": "RANDOM_UNIQUE_BYTES ExceededConnectionAttempts InvalidClientState",
    "worker": "POLL_TIMEOUT_IN_SECONDS InvalidWorkerState",
    "admin_client": "ECHO_STRING DEFAULT_ADMIN_CLIENT_TIMEOUT InvalidAdminClientState",
    "connection": "",
    "connection_manager": "DataEncoder NoopEncoder",
}
MEMBERS: dict[type, str] = {
    gearman.GearmanClient: (
        "submit_job submit_multiple_jobs submit_multiple_requests wait_until_jobs_accepted "
        "wait_until_jobs_completed get_job_status get_job_statuses wait_until_job_statuses_received "
        "establish_request_connection send_job_request request_to_rotating_connection_queue "
        "random_unique_bytes _create_request_from_dictionary"
    ),
    gearman.GearmanWorker: (
        "register_task unregister_task set_client_id work shutdown send_job_data send_job_warning "
        "send_job_complete send_job_status send_job_failure send_job_exception wait_until_updates_sent "
        "after_poll after_job on_job_execute on_job_exception on_job_complete create_job "
        "establish_worker_connections command_handler_holding_job_lock set_job_lock check_job_lock "
        "has_job_lock worker_abilities worker_client_id randomized_connections handler_initial_state"
    ),
    gearman.connection_manager.GearmanConnectionManager: (
        "command_handler_class connection_class job_class job_request_class data_encoder add_connection "
        "add_ssl_connection establish_connection poll_connections_until_stopped poll_connections_once "
        "handle_connection_activity handle_read handle_write handle_error read_command send_command "
        "on_gearman_error shutdown close __enter__ __exit__"
    ),
    gearman.connection.GearmanConnection: (
        "connect close fileno get_address readable writable read_command send_command "
        "send_commands_to_buffer send_data_to_socket read_data_from_socket read_commands_from_buffer "
        "set_socket throw_exception _create_client_socket connect_cooldown_seconds connect_timeout keepalive "
        "keepalive_idle keepalive_interval keepalive_count"
    ),
    gearman.command_handler.GearmanCommandHandler: (
        "initial_state on_io_error encode_data decode_data fetch_commands send_command recv_command "
        "recv_error"
    ),
    gearman.client_handler.GearmanClientCommandHandler: (
        "send_job_request send_get_status_of_job recv_job_created recv_work_data recv_work_warning "
        "recv_work_complete recv_work_exception recv_work_fail recv_work_status recv_status_res "
        "requests_awaiting_handles handle_to_request_map"
    ),
    gearman.worker_handler.GearmanWorkerCommandHandler: (
        "set_abilities set_client_id send_job_status send_job_complete send_job_failure send_job_exception "
        "send_job_data send_job_warning recv_noop recv_no_job recv_job_assign_uniq recv_job_assign _grab_job "
        "_sleep _check_job_lock _acquire_job_lock _release_job_lock"
    ),
}


def test_modules_are_attributes_of_the_package() -> None:
    """After nothing but ``import gearman``, which only a fresh interpreter can show."""
    names = ", ".join(f"gearman.{module}" for module in MODULES)

    subprocess.run([sys.executable, "-c", f"import gearman; {names}"], check=True)


def test_a_star_import_gets_the_classic_names() -> None:
    """JOB_UNKNOWN among them, which programs use bare."""
    namespace: dict[str, Any] = {}

    exec("from gearman import *", namespace)

    assert set(EXPORTED) <= set(namespace)
    assert namespace["JOB_UNKNOWN"] == "UNKNOWN"
    assert isinstance(namespace["__version__"], str)


@pytest.mark.parametrize("module", NAMES)
def test_names_are_visible_in_the_modules_that_used_to_import_them(module: str) -> None:
    """Programs write gearman.admin_client.ServerUnavailable."""
    for name in [*ERRORS, *NAMES[module].split()]:
        assert hasattr(getattr(gearman, module), name), f"gearman.{module}.{name}"


@pytest.mark.parametrize("owner", MEMBERS, ids=lambda owner: owner.__name__)
def test_members_that_programs_use_or_override_are_there(owner: type) -> None:
    """On an object, as some are set when it is made."""
    found = owner() if issubclass(owner, gearman.GearmanClient | gearman.GearmanWorker) else owner

    assert [name for name in MEMBERS[owner].split() if not hasattr(found, name)] == []


def test_the_package_logs_nothing_by_itself() -> None:
    """Its logger has a handler that does nothing, which programs may build on."""
    assert hasattr(gearman, "NullHandler")
    assert gearman.gearman_root_logger is logging.getLogger("gearman")
    assert any(isinstance(handler, logging.NullHandler) for handler in gearman.gearman_root_logger.handlers)


@pytest.mark.parametrize("base", [gearman.GearmanClient, gearman.GearmanWorker])
def test_names_that_programs_set_before_the_constructor_are_left_alone(base: Any) -> None:
    """These are in use: no base class may define or reset them."""
    names = [
        "stop",
        "quit",
        "cont",
        "killed",
        "task",
        "taskID",
        "job_pid",
        "exit_poll",
        "client_id",
        "logger",
        "ovdm",
        "db_connections",
        "shutdown_event",
        "memory",
    ]

    class Program(base):  # type: ignore[misc]  # the base varies on purpose
        def __init__(self) -> None:
            for name in names:
                setattr(self, name, "mine")
            super().__init__([])

    assert [name for name in names if hasattr(base, name)] == []
    program = Program()
    assert [getattr(program, name) for name in names] == ["mine"] * len(names)
