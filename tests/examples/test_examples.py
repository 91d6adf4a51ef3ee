"""Every example runs as it stands, against our server and against the C server."""

from __future__ import annotations

import re

import pytest

from tests.examples.conftest import EXAMPLES, StartExample, example
from tests.interop.peers import run
from tests.interop.servers import JobServer


def output(name: str, server: JobServer) -> str:
    """What an example prints that ends by itself, and ends well."""
    result = run(*example(name, server))
    assert result.stderr == b""
    return result.stdout.decode()


def test_a_string_is_reversed(server: JobServer, start: StartExample) -> None:
    """The two lines that every tutorial promises; the unique has 32 hexadecimal digits."""
    worker = start("reverse_worker.py")

    printed = output("reverse_client.py", server)

    assert re.fullmatch(r"Job [0-9a-f]{32} finished!  Result: COMPLETE - !dlroW olleH\n", printed)
    worker.stdout.search("^Reversing string: Hello World!$")


def test_updates_arrive_in_flight(server: JobServer, start: StartExample) -> None:
    """A piece for each character, the last progress, and an empty result."""
    start("updates_worker.py")

    assert output("updates_client.py", server).splitlines() == [
        "Pieces: ! d l r o W   o l l e H",
        "Progress: 12 of 12",
        "Result: COMPLETE - 0 bytes",
    ]


@pytest.mark.parametrize(
    ("worker", "client", "printed"),
    [
        ("json_worker.py", "json_client.py", "Sum: 6.5\n"),
        ("pickle_worker.py", "pickle_client.py", "Days: 366\n"),
    ],
)
def test_payloads_may_be_objects(
    server: JobServer, start: StartExample, worker: str, client: str, printed: str
) -> None:
    """An encoder on both sides turns them into bytes and back."""
    start(worker)

    assert output(client, server) == printed


def test_several_jobs_run_at_once(server: JobServer, start: StartExample) -> None:
    """The results come in the order in which the jobs were submitted."""
    start("reverse_worker.py")

    assert output("multiple_jobs.py", server).splitlines() == [
        "Submitted 3 jobs",
        "one: COMPLETE - eno",
        "two: COMPLETE - owt",
        "three: COMPLETE - eerht",
    ]


def test_the_most_urgent_job_runs_first(server: JobServer, start: StartExample) -> None:
    """Background jobs are accepted without a worker; the one that comes takes them by priority."""
    accepted = output("priorities.py", server).splitlines()

    worker = start("reverse_worker.py")
    worker.stdout.search("low priority")
    worker.stop()

    assert [re.sub(r"\d+$", "N", line) for line in accepted] == [
        "low: CREATED as T:N",
        "normal: CREATED as T:N",
        "high: CREATED as T:N",
    ]
    assert worker.stdout.finish().splitlines() == [
        "Reversing string: high priority",
        "Reversing string: normal priority",
        "Reversing string: low priority",
    ]


def test_progress_can_be_watched(server: JobServer, start: StartExample) -> None:
    """From waiting or running to done; the figures grow."""
    start("updates_worker.py")
    server.wait_for_status("reverse_in_flight 0 0 1")

    lines = output("status_polling.py", server).splitlines()

    progress = [int(found[1]) for line in lines if (found := re.search(r"running, (\d+) of 12", line))]
    assert progress
    assert progress == sorted(progress)
    assert lines[-1] == "done"


def test_the_server_can_be_looked_at(server: JobServer, start: StartExample) -> None:
    """Version, tasks and connections."""
    start("reverse_worker.py")
    server.wait_for_status("reverse 0 0 1")

    printed = output("admin_view.py", server)

    assert re.search(r"^Version: OK ", printed)
    assert re.search(r"^Answers within \d+\.\d+ ms$", printed, re.MULTILINE)
    assert "\n  reverse: waiting 0, running 0, workers 1\n" in printed
    assert "\n  example worker from 127.0.0.1: reverse\n" in printed


def test_every_example_is_listed() -> None:
    """In the README of the examples, each of them, and nothing that is not there."""
    listed = set(re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text()))

    assert listed == {path.name for path in EXAMPLES.glob("*.py")}
