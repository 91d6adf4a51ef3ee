"""``geartrain queue export``, ``import``, ``move`` and ``purge``: what carries jobs about."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.queue.conftest import QueueTool, damage
from tests.store.jobs import ALL_KINDS, stored_job, without_numbers


def test_an_export_can_be_imported(tool: QueueTool, tmp_path: Path) -> None:
    """All but the handles comes back as it was."""
    tool.fill(*ALL_KINDS)
    file = str(tmp_path / "jobs.jsonl")
    tool.run("export", file)
    assert f"{len(ALL_KINDS)} jobs exported" in tool.error

    told = tool.run("import", file)

    assert told == f"{len(ALL_KINDS)} jobs imported into {tool.url}\n"
    jobs = tool.jobs()
    assert jobs[: len(ALL_KINDS)] == ALL_KINDS
    assert without_numbers(jobs[len(ALL_KINDS) :]) == without_numbers(ALL_KINDS)


def test_an_export_may_go_through_a_pipe(tool: QueueTool) -> None:
    """From stdout to stdin, which - stands for, and no name at all."""
    tool.fill(*ALL_KINDS)

    exported = tool.run("export", "-")
    tool.run("import", stdin=exported.encode())

    assert tool.run("export") != exported
    assert len(tool.jobs()) == 2 * len(ALL_KINDS)


def test_an_export_is_for_its_owner_only(tool: QueueTool, tmp_path: Path) -> None:
    """It holds the data of jobs; nothing else is left beside it."""
    tool.fill(stored_job(1))
    file = tmp_path / "jobs.jsonl"

    tool.run("export", str(file))

    assert file.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "jobs.jsonl.part").exists()


def test_an_export_saves_what_is_sound(tool: QueueTool, tmp_path: Path) -> None:
    """A job that is damaged is named, and the exit code tells; the others can be imported."""
    file = str(tmp_path / "jobs.jsonl")
    tool.fill(stored_job(1), stored_job(2, priority=9), stored_job(3))

    tool.run("export", file, status=1)

    assert "left out: job 2: its priority is 9" in tool.error
    assert tool.run("import", file).startswith("2 jobs")


def test_an_export_that_fails_leaves_the_last_one_alone(tool: QueueTool, tmp_path: Path) -> None:
    """Half of a queue must not pass for all of it."""
    file = tmp_path / "jobs.jsonl"
    file.write_text("the last one")
    tool.fill(*[stored_job(number, data=bytes(1000)) for number in range(1, 200)])
    damage(tool.path)

    assert "malformed" in tool.refusal("export", str(file))

    assert file.read_text() == "the last one"
    assert not (tmp_path / "jobs.jsonl.part").exists()


def test_an_export_works_beside_a_server(tool: QueueTool) -> None:
    """It only looks."""
    tool.fill(*ALL_KINDS)

    with closing(tool.hold()):
        assert tool.run("export").count("\n") == len(ALL_KINDS) + 2


@pytest.mark.parametrize("command", ["import", "purge", "move", "import-gearmand"])
def test_changes_need_the_queue(tool: QueueTool, tmp_path: Path, command: str) -> None:
    """A server that holds it is named; the exit code is 1."""
    other = f"sqlite:///{tmp_path}/other.db"
    source = tmp_path / "c.db"
    words = {
        "import": ["import"],
        "purge": ["purge", "f", "--yes"],
        "move": ["move", tool.url, other],
        "import-gearmand": ["import-gearmand", str(source)],
    }
    _c_queue(source)

    with closing(tool.hold()):
        refusal = tool.refusal(*words[command], stdin=_FILE)

    assert f"it is held by process {os.getpid()}" in refusal


_FILE = b'{"format": "geartrain-queue", "version": 1, "jobs": 1}\n{"function": "f"}\n{"jobs": 1}\n'


def _c_queue(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE gearman_queue (unique_key, function_name, priority, data)")


@pytest.mark.parametrize(
    "text",
    [b"", b"no export", _FILE[:-10], _FILE + b"more", _FILE.replace(b"1}", b"2}")],
    ids=["empty", "no export", "cut off", "more", "a job is missing"],
)
def test_an_import_that_fails_adds_nothing(tool: QueueTool, text: bytes) -> None:
    """The file is at fault, so the exit code is 1."""
    tool.fill(stored_job(1))

    assert tool.refusal("import", stdin=text).startswith("stdin, line ")

    assert tool.jobs() == [stored_job(1)]


def test_an_import_makes_a_queue_that_is_not_there(tool: QueueTool) -> None:
    """A server finds it when it starts."""
    tool.run("import", stdin=_FILE)

    assert [job.function for job in tool.jobs()] == [b"f"]


def test_a_file_that_is_not_there_is_wrong_usage(tool: QueueTool) -> None:
    """And no queue is made."""
    tool.refusal("import", "nowhere.jsonl", status=2)

    assert not tool.path.exists()


def test_a_queue_moves(tool: QueueTool, tmp_path: Path) -> None:
    """With handles and all."""
    tool.fill(*ALL_KINDS)
    target = tmp_path / "target.db"

    told = tool.run("move", tool.url, f"sqlite:///{target}")

    assert told == f"{len(ALL_KINDS)} jobs moved to sqlite:///{target}\n"
    assert tool.jobs(target) == ALL_KINDS
    assert tool.jobs() == []


def test_a_queue_does_not_move_onto_itself(tool: QueueTool) -> None:
    """Whatever it is called."""
    tool.fill(stored_job(1))

    tool.refusal("move", tool.url, tool.url, status=2)
    same = f"sqlite:///{tool.path.parent}/./{tool.path.name}"
    assert "it is held by" in tool.refusal("move", tool.url, same)

    assert tool.jobs() == [stored_job(1)]


def test_a_queue_that_is_not_there_does_not_move(tool: QueueTool, tmp_path: Path) -> None:
    """A mistyped source is no empty queue."""
    assert "there is no such file" in tool.refusal(
        "move", tool.url, f"sqlite:///{tmp_path}/target.db", status=3
    )

    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_taken_stop_a_move(tool: QueueTool, tmp_path: Path) -> None:
    """With a way out."""
    target = tmp_path / "target.db"
    tool.fill(stored_job(1))
    tool.fill(stored_job(1, function=b"other"), path=target)

    assert "export and import give new numbers" in tool.refusal("move", tool.url, f"sqlite:///{target}")


def test_a_function_is_purged(tool: QueueTool) -> None:
    """All of its jobs are gone, and the others are not."""
    tool.fill(stored_job(1), stored_job(2, function=b"g"), stored_job(3))

    assert tool.run("purge", "f", "--yes") == "2 jobs of f removed\n"

    assert tool.jobs() == [stored_job(2, function=b"g")]


def test_nothing_is_purged_without_a_word(tool: QueueTool) -> None:
    """Where nobody can be asked, --yes is needed."""
    tool.fill(stored_job(1))

    assert "--yes is needed" in tool.refusal("purge", "f", status=2)

    assert tool.jobs() == [stored_job(1)]


def test_a_queue_that_is_not_there_is_not_purged(tool: QueueTool) -> None:
    """It is not made either."""
    tool.refusal("purge", "f", "--yes", status=3)

    assert not tool.path.exists()
