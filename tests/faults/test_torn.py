"""The log of an SQLite file is torn as a dying machine does it, and no promise is torn with it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.torn import tear

_JOBS = 5
_SEEDS = range(10)


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[str], Path]:
    """Makes copies of a file whose log has a transaction for each of some jobs, and whose server is gone."""
    original = tmp_path / "original.db"

    def make(statement: str = "") -> Path:
        with closing(sqlite3.connect(original, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE geartrain_jobs (sequence INTEGER PRIMARY KEY)")
            for number in range(_JOBS):
                connection.execute("INSERT INTO geartrain_jobs VALUES (?)", [number])
            connection.execute(statement)
            return _copy(original, tmp_path / "copy.db")

    return make


def _copy(path: Path, target: Path) -> Path:
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")
    return target


def _numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [number for (number,) in connection.execute("SELECT sequence FROM geartrain_jobs ORDER BY 1")]


@pytest.mark.parametrize("seed", _SEEDS)
def test_what_was_promised_to_nobody_is_torn(make_file: Callable[[str], Path], seed: int) -> None:
    """Only the last transaction can be half on the disk."""
    path = make_file("")

    said = tear(path, set(range(_JOBS - 1)), random.Random(seed))

    assert said == "the last transaction was torn"
    assert _numbers(path) == list(range(_JOBS - 1))


@pytest.mark.parametrize("seed", _SEEDS)
def test_what_was_promised_is_not_torn(make_file: Callable[[str], Path], seed: int) -> None:
    """One more transaction is, which nobody knows of."""
    path = make_file("")

    said = tear(path, set(range(_JOBS)), random.Random(seed))

    assert said == "one more transaction was torn"
    assert _numbers(path) == list(range(_JOBS))


def test_what_is_in_the_file_already_is_not_torn(make_file: Callable[[str], Path]) -> None:
    """The log is on the disk before any of it is written back."""
    path = make_file("PRAGMA wal_checkpoint(PASSIVE)")

    said = tear(path, set(), random.Random(1))

    assert said == "one more transaction was torn"
    assert _numbers(path) == list(range(_JOBS))
