"""Reads a queue in a PostgreSQL database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from geartrain.store.postgresql import IS_LOCKED, unsafe_settings
from geartrain.store.reading.sql import SqlReader
from geartrain.store.tables import metadata

_SESSION: Final = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_SIZE: Final = sa.text("SELECT pg_total_relation_size(to_regclass(:name))")


class PostgresqlReader(SqlReader):
    """A session that only reads."""

    def _prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(_SESSION)

    def _is_held(self, connection: sa.Connection) -> bool:
        return bool(connection.exec_driver_sql(IS_LOCKED).scalar())

    def _size_bytes(self, connection: sa.Connection) -> int:
        names = [table.name for table in metadata.sorted_tables]
        return sum(connection.scalar(_SIZE, {"name": name}) or 0 for name in names)

    def _warnings(self, connection: sa.Connection) -> list[str]:
        return unsafe_settings(connection)
