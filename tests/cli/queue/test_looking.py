"""``geartrain queue info``, ``list`` and ``check``: what looks at a queue."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import pytest

from tests.cli.queue.conftest import QueueTool, damage
from tests.cli.tools import queue_job, table
from tests.interop.servers import start_ours
from tests.store.jobs import ALL_KINDS, SUBMITTED_AT, stored_job


def test_info_shows_what_is_in_a_queue(tool: QueueTool) -> None:
    """The queue as a whole, and its jobs by function and priority."""
    tool.fill(stored_job(1), stored_job(2), stored_job(3, function=b"g", priority=0, data=bytes(5000)))

    head, _, functions = tool.run("info").partition("\n\n")

    assert [line.split()[0] for line in head.splitlines()] == ["queue", "schema", "holder", "size", "jobs"]
    assert f"queue   {tool.url}\n" in head
    assert "holder  nobody\n" in head
    assert [row[:5] for row in table(functions)] == [
        ["FUNCTION", "PRIORITY", "JOBS", "DATA", "OLDEST"],
        ["f", "normal", "2", "8", "B"],
        ["g", "high", "1", "4.9", "KiB"],
    ]


def test_info_tells_programs_the_same(tool: QueueTool) -> None:
    """With times as they are."""
    tool.fill(stored_job(1, function=b"\xff"))

    told = tool.json("info")

    assert told["queue"] == tool.url
    assert (told["holder"], told["jobs"], told["warnings"]) == (None, 1, [])
    assert told["functions"] == [
        {"function": r"\xff", "priority": "normal", "jobs": 1, "data_bytes": 4, "oldest": SUBMITTED_AT}
    ]


def test_info_names_the_holder(tool: QueueTool) -> None:
    """A server may hold the queue: looking does not need it."""
    with closing(tool.hold()):
        assert tool.json("info")["holder"].startswith("process ")


def test_info_warns_of_what_is_not_safe(tool: QueueTool) -> None:
    """On stderr, so that it is seen in a script."""
    tool.fill()
    with closing(sqlite3.connect(tool.path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")

    tool.run("info")

    assert "not safe: it has no write-ahead log" in tool.error


def test_list_shows_jobs_in_order(tool: QueueTool) -> None:
    """With the first bytes of their data, as text that no terminal takes for commands."""
    tool.fill(
        stored_job(1, unique=b"u", data=b"\x1b[2J"), stored_job(2, priority=0, attempts=3, data=b"x" * 100)
    )

    titles, first, second = table(tool.run("list"))

    assert titles == ["HANDLE", "FUNCTION", "PRIORITY", "ATTEMPTS", "AGE", "DUE", "BYTES", "UNIQUE", "DATA"]
    assert [*first[:4], first[-2], first[-1]] == ["H:host:1", "f", "normal", "0", "u", r"\x1b[2J"]
    assert second[:4] == ["H:host:2", "f", "high", "3"]
    assert second[-3:] == ["100", "-", "x" * 40 + "…"]


def test_list_shows_when_jobs_are_due(tool: QueueTool) -> None:
    """Those that wait for a time."""
    tool.fill(stored_job(1, run_at=9e9), stored_job(2, run_at=5.0))

    due, past = tool.run("list").splitlines()[1:]

    assert " in " in due
    assert " in " not in past


@pytest.mark.parametrize(
    ("words", "handles"),
    [
        (["--function", "f"], ["H:host:1", "H:host:2"]),
        (["--priority", "high"], ["H:host:2", "H:host:3"]),
        (["--unique", "u"], ["H:host:3"]),
        (["--handle", "H:host:1"], ["H:host:1"]),
        (["--limit", "2"], ["H:host:1", "H:host:2"]),
        (["--limit", "0"], ["H:host:1", "H:host:2", "H:host:3"]),
        (["--function", "g", "--priority", "low"], []),
    ],
)
def test_list_selects_jobs(tool: QueueTool, words: list[str], handles: list[str]) -> None:
    """The same for people and for programs."""
    tool.fill(stored_job(1), stored_job(2, priority=0), stored_job(3, function=b"g", unique=b"u", priority=0))

    rows = tool.run("list", *words).splitlines()[1:]
    told = tool.json("list", *words)

    assert [row.split()[0] for row in rows] == handles
    assert [job["handle"] for job in told["jobs"]] == handles


def test_list_says_when_there_are_more(tool: QueueTool) -> None:
    """And when there are none."""
    tool.fill()
    assert tool.run("list") == "There are no such jobs.\n"

    tool.fill(*[stored_job(number) for number in range(1, 102)])
    assert len(tool.run("list").splitlines()) == 101
    assert "more than these 100; --limit 0 shows all" in tool.error
    assert len(tool.json("list")["jobs"]) == 101


def test_list_shortens_data(tool: QueueTool) -> None:
    """Unless all of it is asked for; what is no text is Base64."""
    tool.fill(stored_job(1, data=b"x" * 1000), stored_job(2, data=b"\xff\xfe"))

    short = tool.json("list")["jobs"]
    whole = json.loads(tool.run("list", "--data"))["jobs"]

    assert (short[0]["data"], short[0]["data_bytes"]) == ("x" * 200, 1000)
    assert whole[0]["data"] == "x" * 1000
    assert whole[1]["data_base64"] == "//4="


def test_list_does_not_cut_text_in_the_middle_of_a_letter(tool: QueueTool) -> None:
    """It stays text when it is shortened."""
    tool.fill(stored_job(1, data="ü".encode() * 1000), stored_job(2, data=b"x" + "ü".encode() * 1000))

    first, second = tool.json("list")["jobs"]

    assert first["data"] == "ü" * 100
    assert second["data"] == "x" + "ü" * 99


def test_check_finds_a_queue_sound(tool: QueueTool) -> None:
    """Also while a server holds it."""
    tool.fill(*ALL_KINDS)

    with closing(tool.hold()):
        assert tool.run("check") == "The queue is sound.\n"
        assert tool.json("check") == {"problems": []}


def test_check_tells_of_jobs_that_cannot_be_run(tool: QueueTool) -> None:
    """A line for each; the exit code is 1."""
    tool.fill(stored_job(1, priority=5), stored_job(2), stored_job(3))
    with closing(sqlite3.connect(tool.path)) as connection, connection:
        connection.execute("UPDATE geartrain_jobs SET data = 'text' WHERE sequence = 2")
        connection.execute("UPDATE geartrain_jobs SET function_id = 99, run_at = 'x' WHERE sequence = 3")

    told = tool.run("check", status=1)

    assert told.splitlines() == [
        "job 1: its priority is 5, and there are 0 to 2",
        "job 2: its data is of type str",
        "job 3: its function is missing",
    ]
    assert json.loads(tool.run("check", "--json", status=1))["problems"] == told.splitlines()


def test_check_tells_of_a_file_that_is_damaged(tool: QueueTool) -> None:
    """A page in the middle of it, overwritten."""
    tool.fill(*[stored_job(number, data=bytes(1000)) for number in range(1, 200)])
    damage(tool.path)

    assert re.search("damaged|malformed", tool.run("check", status=1))


def test_check_tells_of_a_file_that_is_none(tool: QueueTool) -> None:
    """That is damage, too."""
    tool.path.write_bytes(b"this was a queue once" * 1000)

    assert "not a database" in tool.run("check", status=1)


@pytest.mark.parametrize("command", ["info", "list", "check", "export"])
def test_a_queue_that_is_not_there_is_out_of_reach(tool: QueueTool, command: str) -> None:
    """Exit code 3, and nothing is made."""
    assert "there is no such file" in tool.refusal(command, status=3)
    assert not tool.path.exists()


@pytest.mark.parametrize("url", ["memory://", "queue.db", "mongodb://host/db", "sqlite:///"])
def test_a_url_that_is_no_queue_is_wrong_usage(tool: QueueTool, url: str) -> None:
    """Exit code 2."""
    tool.refusal("info", "--queue", url, status=2)


def test_passwords_are_not_shown(tool: QueueTool) -> None:
    """In no message."""
    told = tool.refusal("info", "--queue", "postgresql://me:hidden@127.0.0.1:1/db", status=3)

    assert "hidden" not in told


def test_a_running_server_is_looked_at(tool: QueueTool) -> None:
    """Its jobs are seen as soon as they are acknowledged; what would change them is refused, and names it."""
    server = start_ours("--queue", tool.url)
    try:
        handle = queue_job(server, b"f", b"u")

        told = tool.json("list")["jobs"]
        holder = tool.json("info")["holder"]
        refusal = tool.refusal("purge", "f", "--yes")
    finally:
        server.stop()

    assert [(job["handle"], job["unique"]) for job in told] == [(handle, "u")]
    assert holder.startswith(f"process {server.program.pid}")
    assert f"it is held by process {server.program.pid}" in refusal


def test_the_help_lists_what_there_is(tool: QueueTool) -> None:
    """What only looks comes first."""
    lines = tool.run().partition("Commands:\n")[2].splitlines()

    names = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert names == ["info", "list", "check", "export", "import", "move", "import-gearmand", "purge"]
