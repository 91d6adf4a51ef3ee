"""Queues of the C server in SQL databases: one table, whose name is up to its user.

Five columns in all of them: unique_key, function_name, priority, data, and when_to_run, which old tables have
not. Empty data is NULL.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from geartrain.errors import ForeignQueueError, StoreError
from geartrain.store.gearmand.base import ForeignJob, ForeignQueue, clean_priority, clean_unique
from geartrain.store.sql import reason_of

# How many rows are in memory; each may be large.
_BUFFERED_ROWS: Final = 20
_STREAMED: Final = {
    "stream_results": True,
    "max_row_buffer": _BUFFERED_ROWS,
    "yield_per": _BUFFERED_ROWS,
}
_NEEDED: Final = frozenset(["unique_key", "function_name", "priority", "data"])
_WHEN: Final = "when_to_run"


class GearmandTable(ForeignQueue):
    """A table, on one connection and in one transaction."""

    def __init__(self, url: sa.URL, table: str) -> None:
        self.url = url.render_as_string(hide_password=True)
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self._name = table
        self._connection: sa.Connection | None = None
        self._has_when = True

    # --- what differs between databases -----------------------------------------------------------------

    @abstractmethod
    def _lock(self, connection: sa.Connection, table: str) -> None:
        """Keeps others from changing the table, whose name is in quotes, until the end of the transaction."""

    @abstractmethod
    def _bytes(self, column: str) -> str:
        """The expression for the bytes that the C server has put into a column of text."""

    @abstractmethod
    def _order(self) -> str:
        """The end of a SELECT that gives rows in the order in which they were inserted."""

    def _when(self, value: int) -> int:
        """The time that a number in when_to_run means."""
        return value

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self, *, to_delete: bool) -> None:
        with self._errors():
            self._connection = self._connect()
            self._check_table(self._connection)
            # What has been asked for the table began a transaction.
            self._connection.rollback()
            if to_delete:
                self._lock(self._connection, self._quoted())

    def _connect(self) -> sa.Connection:
        try:
            return self._engine.connect()
        except SQLAlchemyError:
            raise
        except Exception as error:
            # Drivers raise all sorts of errors for options that they do not know.
            raise StoreError(self.url, reason_of(error)) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                # It was lost already.
                pass

    def _check_table(self, connection: sa.Connection) -> None:
        inspector = sa.inspect(connection)
        if not inspector.has_table(self._name):
            raise ForeignQueueError(self.url, f"there is no table {self._name}")
        columns = {column["name"] for column in inspector.get_columns(self._name)}
        missing = sorted(_NEEDED - columns)
        if missing:
            raise ForeignQueueError(self.url, f"table {self._name} has no column {missing[0]}")
        self._has_when = _WHEN in columns

    # --- reading and deleting ---------------------------------------------------------------------------

    def count(self) -> int:
        with self._errors():
            found = self._open().exec_driver_sql(f"SELECT count(*) FROM {self._quoted()}").scalar()
            return int(found or 0)

    def jobs(self) -> Iterator[ForeignJob]:
        when = _WHEN if self._has_when else "0"
        unique, function = self._bytes("unique_key"), self._bytes("function_name")
        columns = f"{unique}, {function}, priority, data, {when}"
        statement = f"SELECT {columns} FROM {self._quoted()} {self._order()}"
        with self._errors(), self._open().exec_driver_sql(statement, execution_options=_STREAMED) as rows:
            for row in rows:
                yield self._job(*row)

    def _job(
        self, unique: object, function: object, priority: object, data: object, when: object
    ) -> ForeignJob:
        return ForeignJob(
            _as_bytes(function),
            clean_unique(_as_bytes(unique)),
            clean_priority(priority),
            _as_bytes(data),
            max(self._when(when), 0) if isinstance(when, int) else 0,
        )

    def delete(self) -> None:
        with self._errors():
            connection = self._open()
            connection.exec_driver_sql(f"DELETE FROM {self._quoted()}")
            connection.commit()

    # --- helpers ----------------------------------------------------------------------------------------

    def _open(self) -> sa.Connection:
        if self._connection is None:
            raise StoreError(self.url, "it is not open")
        return self._connection

    def _quoted(self) -> str:
        return self._engine.dialect.identifier_preparer.quote_identifier(self._name)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreError(self.url, reason_of(error)) from error


class SqliteTable(GearmandTable):
    """A table in an SQLite file."""

    def __init__(self, path: str, table: str) -> None:
        super().__init__(sa.URL.create("sqlite", database=path), table)
        self._path = path

    def open(self, *, to_delete: bool) -> None:
        # Otherwise an empty file would be made.
        if not os.path.exists(self._path):
            raise StoreError(self.url, "there is no such file")
        super().open(to_delete=to_delete)

    def _lock(self, connection: sa.Connection, table: str) -> None:
        del table
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _bytes(self, column: str) -> str:
        return f"CAST({column} AS BLOB)"

    def _order(self) -> str:
        # A row that was replaced has moved to the end.
        return "ORDER BY rowid"


class PostgresqlTable(GearmandTable):
    """A table in a PostgreSQL database."""

    def _lock(self, connection: sa.Connection, table: str) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        connection.exec_driver_sql(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

    def _bytes(self, column: str) -> str:
        # The C server speaks the encoding of the database.
        return f"convert_to({column}, getdatabaseencoding()::name)"

    def _order(self) -> str:
        # Each row is inserted by a transaction of its own, and rows may take the place of deleted ones.
        return "ORDER BY age(xmin) DESC, ctid"


class MysqlTable(GearmandTable):
    """A table in a MariaDB or MySQL database; ``charset`` is what the C server spoke with it."""

    def __init__(self, url: sa.URL, table: str, charset: str) -> None:
        super().__init__(url, table)
        self._charset = charset

    def _lock(self, connection: sa.Connection, table: str) -> None:
        connection.exec_driver_sql("SET SESSION lock_wait_timeout = 10")
        connection.exec_driver_sql(f"LOCK TABLES {table} WRITE")

    def _bytes(self, column: str) -> str:
        return f"CAST(CONVERT({column} USING {self._charset}) AS BINARY)"

    def _order(self) -> str:
        # Without a primary key InnoDB keeps rows in the order in which they came.
        return ""

    def _when(self, value: int) -> int:
        # Its column has 32 bits and a sign, and times from 2038 on have lost theirs in it.
        return value + 2**32 if value < 0 else value


def _as_bytes(value: Any) -> bytes:
    """The bytes of a column; of NULL none."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)
