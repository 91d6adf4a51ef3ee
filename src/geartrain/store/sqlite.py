"""A queue in an SQLite file.

The promise: what ``apply`` has taken is on the disk when it returns (write-ahead log, ``synchronous`` FULL). It
survives the death of the server and of the machine, as far as the disk keeps what it says it has kept. In
relaxed mode it survives the death of the server only.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

import sqlalchemy as sa

from geartrain.errors import StoreError, StoreInUse
from geartrain.store.sql import SqlStore

_LOCK_SUFFIX: Final = ".lock"


class SqliteStore(SqlStore):
    """A file that one server holds, by a lock on a second file beside it."""

    def __init__(self, path: str, *, relaxed: bool = False) -> None:
        super().__init__(sa.URL.create("sqlite", database=path))
        self._path = path
        self._relaxed = relaxed
        self._lock_descriptor = -1

    def open(self) -> list[str]:
        self._hold()
        return super().open()

    def close(self) -> None:
        super().close()
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1

    def _hold(self) -> None:
        """Takes the lock, unless it is taken already."""
        if self._lock_descriptor >= 0:
            return
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self._path)), mode=0o700, exist_ok=True)
            descriptor = os.open(self._path + _LOCK_SUFFIX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(self.url, os.strerror(error.errno or 0)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(descriptor, 255).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreInUse(self.url, owner) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()}\n".encode())
        self._lock_descriptor = descriptor

    def _prepare(self, connection: sa.Connection) -> list[str]:
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
        connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if self._relaxed else 'FULL'}")
        return [] if mode == "wal" else [f"the file system has no write-ahead log; journal_mode is {mode}"]
