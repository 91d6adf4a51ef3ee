"""What only the SQLite queue of the C server does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from geartrain.errors import ForeignQueueError, StoreError
from geartrain.store.gearmand.base import ForeignJob, ForeignQueue
from geartrain.store.gearmand.naming import Naming
from geartrain.store.gearmand.urls import make_foreign_queue

_TABLE = (
    "CREATE TABLE {name} ( unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB,"
    " when_to_run INTEGER, PRIMARY KEY (unique_key, function_name))"
)
_OLD_TABLE = "CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB)"


def _execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _open(source: str, *, to_delete: bool = False) -> ForeignQueue:
    queue = make_foreign_queue(source, Naming())
    queue.open(to_delete=to_delete)
    return queue


def _read(source: str) -> list[ForeignJob]:
    with closing(_open(source)) as queue:
        return list(queue.jobs())


def test_a_path_will_do(tmp_path: Path) -> None:
    """It is what the option of the C server has."""
    path = tmp_path / "with blanks, % and ?.db"
    _execute(
        path, _TABLE.format(name="gearman_queue"), "INSERT INTO gearman_queue VALUES ('u', 'f', 0, NULL, 5)"
    )

    assert _read(str(path)) == [ForeignJob(b"f", b"u", 0, b"", 5)]


def test_the_table_may_have_another_name(tmp_path: Path) -> None:
    """Any name: it is quoted."""
    path = tmp_path / "q.db"
    _execute(
        path,
        _TABLE.format(name='"my ""queue"""'),
        "INSERT INTO \"my \"\"queue\"\"\" VALUES ('u', 'f', 0, 'd', 0)",
    )

    assert _read(f"sqlite:///{path}?table=my%20%22queue%22") == [ForeignJob(b"f", b"u", 0, b"d", 0)]


def test_an_old_table_has_no_times(tmp_path: Path) -> None:
    """It is from before jobs could be submitted for later."""
    path = tmp_path / "q.db"
    _execute(path, _OLD_TABLE, "INSERT INTO gearman_queue VALUES ('u', 'f', 2, x'00ff')")

    assert _read(str(path)) == [ForeignJob(b"f", b"u", 2, b"\x00\xff", 0)]


def test_rows_that_stop_the_c_server_are_read(tmp_path: Path) -> None:
    """Values of other types, and none at all; what is no priority is the normal one."""
    path = tmp_path / "q.db"
    _execute(
        path,
        _OLD_TABLE.replace("BLOB)", "BLOB, when_to_run)"),
        "INSERT INTO gearman_queue VALUES (NULL, x'66ff', 7, 'text', NULL)",
        "INSERT INTO gearman_queue VALUES (12, 'f', 'high', NULL, -5)",
    )

    assert _read(str(path)) == [
        ForeignJob(b"f\xff", b"", 1, b"text", 0),
        ForeignJob(b"f", b"12", 1, b"", 0),
    ]


def test_several_jobs_may_have_an_empty_unique(tmp_path: Path) -> None:
    """Tables without the key have them; they are jobs of their own."""
    path = tmp_path / "q.db"
    insert = "INSERT INTO gearman_queue VALUES ('', 'f', 1, 'd')"
    _execute(path, _OLD_TABLE, insert, insert)

    assert len(_read(str(path))) == 2


def test_replaced_rows_have_moved_to_the_end(tmp_path: Path) -> None:
    """The C server replaces the row of a job with the same key, and the newer job came later."""
    path = tmp_path / "q.db"
    replace = "INSERT OR REPLACE INTO gearman_queue VALUES ('{0}', 'f', 1, NULL, 0)"
    _execute(path, _TABLE.format(name="gearman_queue"), *[replace.format(unique) for unique in "zyaz"])

    assert [job.unique for job in _read(str(path))] == [b"y", b"a", b"z"]


def test_nobody_adds_jobs_to_a_queue_that_will_be_deleted(tmp_path: Path) -> None:
    """They would be lost; a C server that still runs has to refuse them."""
    path = tmp_path / "q.db"
    _execute(path, _TABLE.format(name="gearman_queue"))
    insert = "INSERT INTO gearman_queue VALUES ('u', 'f', 0, NULL, 5)"

    with (
        closing(_open(str(path), to_delete=True)),
        closing(sqlite3.connect(path, timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute(insert)

    _execute(path, insert)
    assert len(_read(str(path))) == 1


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    """A mistyped path must not pass for an empty queue."""
    path = tmp_path / "none.db"

    with pytest.raises(StoreError, match="there is no such file"):
        _open(str(path))

    assert not path.exists()


def test_a_file_that_is_none_of_its_own_is_refused(tmp_path: Path) -> None:
    """No table, a table of something else, and no database at all."""
    path = tmp_path / "q.db"
    _execute(path, "CREATE TABLE gearman_queue (id INTEGER)")
    other = tmp_path / "other.db"
    other.write_text("no database, but a text that is long enough to be seen as a file" * 20)

    with pytest.raises(ForeignQueueError, match="has no column data"):
        _open(str(path))
    with pytest.raises(ForeignQueueError, match="there is no table jobs"):
        _open(f"sqlite:///{path}?table=jobs")
    with pytest.raises(StoreError, match="not a database"):
        _open(str(other))
