"""A queue in a MariaDB or MySQL database.

The promise: what ``apply`` has taken is in the redo log of InnoDB and on its disk when it returns, as far as the
database has ``innodb_flush_log_at_trx_commit`` 1, which only its administrator can set.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from geartrain.store.sql import SqlStore

_LOCK_PREFIX: Final = "geartrain:"


class MysqlStore(SqlStore):
    """Tables in the database that the URL names; one job server holds them by a named lock."""

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}))
        self._lock_name = _LOCK_PREFIX + (url.database or "")

    def _prepare(self, connection: sa.Connection) -> list[str]:
        # Some transactions of ours are longer than what they read should be kept for.
        connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        flush = connection.exec_driver_sql("SELECT @@innodb_flush_log_at_trx_commit").scalar()
        if str(flush) == "1":
            return []
        return [f"innodb_flush_log_at_trx_commit is {flush}: a crash of the database may lose jobs"]

    def _lock(self, connection: sa.Connection) -> bool:
        return connection.scalar(sa.select(sa.func.get_lock(self._lock_name, 0))) == 1
