"""Reads a queue in an SQLite file; thanks to the write-ahead log it holds up nobody."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import sqlalchemy as sa

from geartrain.errors import StoreError
from geartrain.store.reading.sql import SqlReader
from geartrain.store.sqlite import LOCK_SUFFIX, SqliteStore

_SOUND = "ok"


class SqliteReader(SqlReader):
    """Needs the file to be there; a folder that cannot be written will do."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        self._path = store.path

    def open(self) -> None:
        # Otherwise an empty file would be made.
        if not os.path.exists(self._path):
            raise StoreError(self.url, "there is no such file")
        super().open()

    def _prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    def _is_held(self, connection: sa.Connection) -> bool:
        del connection
        try:
            descriptor = os.open(self._path + LOCK_SUFFIX, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _size_bytes(self, connection: sa.Connection) -> int:
        del connection
        paths = (self._path, self._path + "-wal")
        return sum(os.path.getsize(path) for path in paths if os.path.exists(path))

    def _warnings(self, connection: sa.Connection) -> list[str]:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        return [] if mode == "wal" else [f"it has no write-ahead log; journal_mode is {mode}"]

    def damage(self) -> Iterator[str]:
        with self._transaction() as connection:
            lines = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        for line in lines:
            if line != _SOUND:
                yield f"the file is damaged: {' '.join(line.split())}"
