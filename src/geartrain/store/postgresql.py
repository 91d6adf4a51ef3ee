"""A queue in a PostgreSQL database.

The promise: what ``apply`` has taken is in the write-ahead log of the database and on its disk when it returns
(``synchronous_commit`` on), as far as the database has ``fsync`` on. In relaxed mode it survives the death of the
job server, and the database may lose the last moments when it crashes.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from geartrain.store.sql import SqlStore

# Names the advisory lock of the queue in this database; the number means "geartrain" to nobody else.
_LOCK_KEY: Final = 0x67656172
_UNSAFE: Final = ("fsync", "full_page_writes")


class PostgresqlStore(SqlStore):
    """Tables in the database that the URL names; one job server holds them by an advisory lock."""

    def __init__(self, url: sa.URL, *, relaxed: bool = False) -> None:
        super().__init__(url.set(drivername="postgresql+psycopg"))
        self._relaxed = relaxed

    def _prepare(self, connection: sa.Connection) -> list[str]:
        connection.exec_driver_sql(f"SET synchronous_commit = {'off' if self._relaxed else 'on'}")
        settings = [(name, connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in _UNSAFE]
        return [
            f"{name} is off: a crash of the machine may lose jobs" for name, on in settings if on == "off"
        ]

    def _lock(self, connection: sa.Connection) -> bool:
        # Of the session and not of a transaction: it ends with the connection.
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK_KEY))))
