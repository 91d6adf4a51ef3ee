"""A queue in an SQLite file.

The promise: what ``apply`` has taken is on the disk when it returns (write-ahead log, ``synchronous`` FULL).
It survives the death of the server and of the machine, as far as the disk keeps what it says it has kept. In
relaxed mode it survives the death of the server only.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from geartrain.errors import StoreCorrupt, StoreError, StoreInUse
from geartrain.store.sql import SqlStore

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueReader

LOCK_SUFFIX: Final = ".lock"
# What SQLite has beside its file: the write-ahead log, and an index of that in shared memory.
_SIDE_SUFFIXES: Final = ("-wal", "-shm")
# The log is written back to the file when it has so many pages of 4 KiB, and cut to so many bytes then.
_LOG_PAGES: Final = 4000
_LOG_BYTES: Final = 32 * 1024 * 1024

# What SQLite calls its errors.
_FULL: Final = ("SQLITE_FULL",)
_CORRUPT: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_REFUSED: Final = ("SQLITE_TOOBIG", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE")


class SqliteStore(SqlStore):
    """A file that one server holds, by a lock on a second file beside it.

    With ``new_queue``, ``open`` looks through the whole file, and if it is corrupt, gives it another name and
    begins a new one.
    """

    advice = "; --new-queue puts it aside and begins a new one"

    def __init__(self, path: str, *, relaxed: bool = False, new_queue: bool = False) -> None:
        url = sa.URL.create("sqlite", database=path)
        # A thread of its own uses the store, and not always the one that made it.
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"check_same_thread": False})
        sa.event.listen(engine, "connect", _settings(relaxed=relaxed))
        sa.event.listen(engine, "begin", _begin)
        super().__init__(url, engine, engine)
        self.path = path
        self._new_queue = new_queue
        self._lock_descriptor = -1
        # The folder, if it was not there before.
        self._made_folder = ""
        # The file that was opened first.
        self._inode = 0

    def open(self) -> list[str]:
        self._hold()
        self._check_file()
        if self._new_queue and self._is_damaged():
            self._put_aside()
        self._new_queue = False
        return super().open()

    def close(self) -> None:
        super().close()
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1
            self._inode = 0

    def keep(self) -> None:
        self._check_file()
        super().keep()

    def files(self) -> list[str]:
        names = [self.path + suffix for suffix in ("", LOCK_SUFFIX, *_SIDE_SUFFIXES)]
        found = [name for name in names if os.path.exists(name)]
        # Whoever goes on with the files has to get at them.
        return [self._made_folder, *found] if self._made_folder else found

    def reader(self) -> QueueReader:
        from geartrain.store.reading.sqlite import SqliteReader

        return SqliteReader(self)

    # --- files ------------------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Takes the lock, unless it is taken already, and makes the file if it is not there."""
        if self._lock_descriptor >= 0:
            return
        folder = os.path.dirname(os.path.abspath(self.path))
        try:
            if not os.path.isdir(folder):
                os.makedirs(folder, mode=0o700, exist_ok=True)
                self._made_folder = folder
            descriptor = os.open(self.path + LOCK_SUFFIX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(self.url, f"{error.filename}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(descriptor, 255).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreInUse(self.url, owner) from error
        self._lock_descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
            self._make_file()
        except OSError as error:
            self.close()
            raise StoreError(self.url, f"{self.path}: {error.strerror}") from error

    def _make_file(self) -> None:
        """Makes an empty file, for our eyes only; what SQLite puts beside it has the same mode."""
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._inode = os.stat(self.path).st_ino

    def _check_file(self) -> None:
        """Somebody may have removed the file, or put another one there; what we write would be lost."""
        try:
            inode = os.stat(self.path).st_ino
        except OSError as error:
            raise StoreError(self.url, f"{self.path}: {error.strerror}") from error
        if inode != self._inode:
            raise StoreError(self.url, f"{self.path} is not the file that was opened")

    def _put_aside(self) -> None:
        """Gives the files another name; together, so that what can be saved from them is not less."""
        aside = f"{self.path}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        try:
            for suffix in ("", *_SIDE_SUFFIXES):
                if os.path.exists(self.path + suffix):
                    os.rename(self.path + suffix, aside + suffix)
            self._make_file()
        except OSError as error:
            raise StoreError(self.url, f"{self.path}: {error.strerror}") from error
        self.set_aside = aside

    def _is_damaged(self) -> bool:
        """Looks through the whole file, and changes nothing."""
        try:
            with closing(sqlite3.connect(f"file:{quote(self.path)}?mode=ro", uri=True)) as connection:
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            if not error.sqlite_errorname.startswith(_CORRUPT):
                raise StoreError(self.url, str(error)) from error
            return True
        return bool(found != "ok")

    # --- SQLite -----------------------------------------------------------------------------------------

    def _connect(self, engine: sa.Engine) -> list[str]:
        # To be asked for outside of transactions, which SQLAlchemy does not know; the file remembers it.
        try:
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            if error.sqlite_errorname.startswith(_CORRUPT):
                raise StoreCorrupt(self.url, f"{error}{self.advice}") from error
            raise StoreError(self.url, str(error)) from error
        return super()._connect(engine)

    def _prepare(self, connection: sa.Connection) -> list[str]:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        return [] if mode == "wal" else [f"the file system has no write-ahead log; journal_mode is {mode}"]

    def _is_full(self, error: DBAPIError) -> bool:
        return _name_of(error).startswith(_FULL)

    def _is_refusal(self, error: DBAPIError) -> bool:
        return _name_of(error).startswith(_REFUSED)

    def is_corrupt(self, error: DBAPIError) -> bool:
        return _name_of(error).startswith(_CORRUPT)


def _settings(*, relaxed: bool) -> Callable[[sqlite3.Connection, ConnectionPoolEntry], None]:
    """Sets a new connection up: what can only be set outside of transactions."""

    def set_up(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        del record
        # Has changes of tables belong to transactions, too.
        connection.isolation_level = None
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if relaxed else 'FULL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").close()

    return set_up


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _name_of(error: DBAPIError) -> str:
    """The name of SQLite's error code."""
    return getattr(error.orig, "sqlite_errorname", "")
