"""``geartrain cancel`` as a program, against both servers."""

from __future__ import annotations

import json

from tests.cli.tools import geartrain, queue_job, run_tool, scripted_server
from tests.interop.servers import JobServer


def test_jobs_are_cancelled_by_handle(either_server: JobServer) -> None:
    """One line for each."""
    first, second = queue_job(either_server, b"f", b"1"), queue_job(either_server, b"f", b"2")

    assert geartrain(either_server, "cancel", first, second) == f"{first} cancelled\n{second} cancelled\n"


def test_a_cancelled_job_is_gone(our_server: JobServer) -> None:
    """The C server keeps it until a worker would take it."""
    geartrain(our_server, "cancel", queue_job(our_server, b"f"))

    assert our_server.ask("show jobs") == []


def test_a_job_that_is_unknown_is_told_and_fails(either_server: JobServer) -> None:
    """The others are cancelled all the same."""
    handle = queue_job(either_server, b"f")

    done = run_tool("geartrain", "cancel", "H:x:1", handle, "-s", either_server.address, status=1)

    assert done.stdout.decode() == f"{handle} cancelled\n"
    assert done.stderr == b"geartrain: H:x:1: no such job\n"


def test_json_tells_what_became_of_each(either_server: JobServer) -> None:
    """With the reason of what failed."""
    handle = queue_job(either_server, b"f")

    done = run_tool("geartrain", "cancel", handle, "H:x:1", "--json", "-s", either_server.address, status=1)

    assert json.loads(done.stdout) == {
        "jobs": [
            {"handle": handle, "cancelled": True, "error": None},
            {"handle": "H:x:1", "cancelled": False, "error": "no such job"},
        ]
    }


def test_what_cannot_be_a_handle_is_wrong_use() -> None:
    """Nothing is sent, not even for the others."""
    done = run_tool("geartrain", "cancel", "H:x:1", "a b", status=2)

    assert done.stderr == b"geartrain: 'a b' is no handle of a job.\n"
    assert run_tool("geartrain", "cancel", status=2).stderr.startswith(b"geartrain: Missing argument")


def test_another_refusal_is_told_in_the_servers_words() -> None:
    """Such as that of a server with access rules."""
    with scripted_server(
        lambda connection: connection.sendall(b"ERR NOT_ALLOWED cancel+is+not+yours\r\n")
    ) as port:
        done = run_tool("geartrain", "cancel", "H:x:1", "-s", f"127.0.0.1:{port}", status=1)

    assert done.stderr == (
        b"geartrain: H:x:1: the server refuses 'cancel job H:x:1': NOT_ALLOWED: cancel is not yours\n"
    )
