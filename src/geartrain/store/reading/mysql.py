"""Reads a queue in a MariaDB or MySQL database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from geartrain.store.mysql import MysqlStore, unsafe_settings
from geartrain.store.reading.sql import SqlReader
from geartrain.store.tables import metadata

_SIZE: Final = sa.text(
    "SELECT SUM(data_length + index_length) FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name IN :names"
).bindparams(sa.bindparam("names", expanding=True))


class MysqlReader(SqlReader):
    """A session that only reads."""

    def __init__(self, store: MysqlStore) -> None:
        super().__init__(store)
        self._lock_name = store.lock_name

    def _prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def _is_held(self, connection: sa.Connection) -> bool:
        return connection.scalar(sa.select(sa.func.is_used_lock(self._lock_name))) is not None

    def _size_bytes(self, connection: sa.Connection) -> int:
        names = [table.name for table in metadata.sorted_tables]
        return int(connection.scalar(_SIZE, {"names": names}) or 0)

    def _warnings(self, connection: sa.Connection) -> list[str]:
        return unsafe_settings(connection)
