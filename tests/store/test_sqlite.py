"""What is particular about a queue in a file."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geartrain.errors import JobsRefused, StoreCorrupt, StoreError
from geartrain.store.base import Batch
from geartrain.store.sqlite import SqliteStore
from tests.store.jobs import stored_job

_MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "queue.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(path))
    store.open()
    yield store
    store.close()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _fill(path: Path, jobs: int = 2000) -> None:
    """A queue of some pages, and closed again."""
    store = SqliteStore(str(path))
    store.open()
    store.apply(Batch(added=[stored_job(number, data=bytes(1000)) for number in range(1, jobs + 1)]))
    store.close()


def _damage(path: Path, where: int) -> None:
    with open(path, "r+b") as file:
        file.seek(where)
        file.write(b"\xa5" * 8192)


# --- files ----------------------------------------------------------------------------------------------


def test_nobody_else_may_read_the_queue(path: Path, store: SqliteStore) -> None:
    """Whatever the mask of the process; a folder that is made for it is closed, too."""
    store.apply(Batch(added=[stored_job(1)]))

    assert _mode(path.parent) == 0o700
    folder, *files = store.files()
    assert folder == str(path.parent)
    assert sorted(files) == sorted(str(file) for file in path.parent.iterdir())
    assert {_mode(Path(file)) for file in files} == {0o600}


def test_the_log_of_a_busy_queue_stays_small(path: Path, store: SqliteStore) -> None:
    """What is in the file is taken out of it, again and again."""
    for start in range(1, 101):
        jobs = [stored_job(start * 100 + number, data=bytes(10_000)) for number in range(100)]
        store.apply(Batch(added=jobs, removed=[job.sequence - 100 for job in jobs]))

    assert Path(f"{path}-wal").stat().st_size < 40 * _MIB


def test_a_torn_write_costs_only_what_was_not_acknowledged(
    tmp_path: Path, path: Path, store: SqliteStore
) -> None:
    """A log that was cut off in its last transaction is as good as one without it."""
    store.apply(Batch(added=[stored_job(1)]))
    log = Path(f"{path}-wal")
    acknowledged_bytes = log.stat().st_size
    store.apply(Batch(added=[stored_job(2, data=bytes(50_000))]))
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    for size in (acknowledged_bytes, acknowledged_bytes + 5000, log.stat().st_size - 1):
        Path(f"{copy}-wal").write_bytes(log.read_bytes()[:size])

        torn = SqliteStore(str(copy))
        torn.open()

        assert list(torn.read()) == [stored_job(1)]
        # As a crash would, and without writing the log back.
        torn._connection = None
        torn.close()
        shutil.copy(path, copy)


def test_a_file_that_is_gone_is_noticed(path: Path, store: SqliteStore) -> None:
    """Nobody would ever read what is written to it from then on; a new one is not begun in silence."""
    path.rename(path.with_suffix(".old"))

    with pytest.raises(StoreError, match="No such file"):
        store.keep()
    with pytest.raises(StoreError, match="No such file"):
        store.open()

    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is not the file that was opened"):
        store.open()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """With what the system says about it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"file/folder.*Not a directory"):
        SqliteStore(str(tmp_path / "file" / "folder" / "queue.db")).open()


@pytest.mark.parametrize("what", ["queue.db", "."])
def test_a_file_or_folder_that_cannot_be_written_is_refused(what: str) -> None:
    """At the start, not when the first job comes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "queue.db"
        _fill(path, 1)
        for file in (path.parent, *path.parent.iterdir()):
            file.chmod(0o777)
        (path.parent / what).chmod(0o555)
        if what == ".":
            (path.parent / "queue.db.lock").unlink()

        with _as_nobody(), pytest.raises(StoreError, match=r"queue\.db.*Permission denied"):
            SqliteStore(str(path)).open()

        path.parent.chmod(0o777)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without the rights of root, who may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


# --- corrupt files --------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """The message names it, and it stays as it is."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(StoreCorrupt, match=r"queue\.db.*not a database; --new-queue"):
        SqliteStore(str(path)).open()

    assert path.read_bytes() == b"no database" * 1000


def test_a_file_that_is_damaged_inside_is_refused(path: Path) -> None:
    """When that shows, which may be when its jobs are read."""
    _fill(path)
    _damage(path, 300_000)
    store = SqliteStore(str(path))
    store.open()

    with pytest.raises(StoreCorrupt, match=r"queue\.db.*malformed; --new-queue"):
        list(store.read())

    store.close()


@pytest.mark.parametrize("where", [0, 300_000])
def test_a_corrupt_file_is_set_aside_when_a_new_queue_is_wanted(path: Path, where: int) -> None:
    """It keeps its content under another name, and the new one is empty."""
    _fill(path)
    _damage(path, where)
    before = path.read_bytes()
    store = SqliteStore(str(path), new_queue=True)

    assert store.open() == []

    assert list(store.read()) == []
    store.apply(Batch(added=[stored_job(1)]))
    assert Path(store.set_aside).read_bytes() == before
    assert store.set_aside.startswith(f"{path}.corrupt-")
    assert _mode(path) == 0o600
    store.close()


def test_a_sound_file_is_kept_when_a_new_queue_is_wanted(path: Path) -> None:
    """The option may stay where it is."""
    _fill(path, 3)
    store = SqliteStore(str(path), new_queue=True)

    store.open()

    assert (len(list(store.read())), store.set_aside) == (3, "")
    store.close()


# --- no room --------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_additions_and_loses_nothing(store: SqliteStore) -> None:
    """With all jobs of the batch, at once; when there is room again, it goes on by itself."""
    kept = [stored_job(number, data=bytes(5000)) for number in range(1, 101)]
    store.apply(Batch(added=kept))
    more = [stored_job(number, data=bytes(50_000)) for number in range(101, 201)]
    _limit_pages(store, 200)

    with pytest.raises(JobsRefused, match="full") as caught:
        store.apply(Batch(added=more, removed=[1]))

    assert caught.value.sequences == {job.sequence for job in more}
    assert list(store.read()) == kept
    store.apply(Batch(removed=[1]))
    _limit_pages(store, 2**30)
    store.apply(Batch(added=more))
    assert list(store.read()) == [*kept[1:], *more]


def test_a_write_that_fails_loses_nothing(path: Path, store: SqliteStore) -> None:
    """Whatever the reason, such as a limit to the size of files; afterwards the store works as before."""
    kept = [stored_job(number, data=bytes(5000)) for number in range(1, 101)]
    store.apply(Batch(added=kept))
    more = Batch(added=[stored_job(101, data=bytes(_MIB))])

    with _limited_files(Path(f"{path}-wal").stat().st_size + 100_000), pytest.raises(StoreError):
        store.apply(more)

    store.open()
    assert list(store.read()) == kept
    store.apply(more, again=True)
    assert list(store.read()) == kept + more.added


@contextmanager
def _limited_files(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _limit_pages(store: SqliteStore, pages: int) -> None:
    with store._transaction() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_relaxed_mode_trades_the_last_moments_for_speed(tmp_path: Path) -> None:
    """The log is not forced to the disk with every commit."""
    levels = []
    for relaxed in (False, True):
        store = SqliteStore(str(tmp_path / f"{relaxed}.db"), relaxed=relaxed)
        store.open()
        with store._transaction() as connection:
            levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
        store.close()

    assert levels == [2, 1]
