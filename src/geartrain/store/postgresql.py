"""A queue in a PostgreSQL database.

The promise: what ``apply`` has taken is in the write-ahead log of the database and on its disk when it
returns (``synchronous_commit`` on), as far as the database has ``fsync`` on. In relaxed mode it survives the
death of the job server, and the database may lose the last moments when it crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from geartrain.store.rows import Row, insert_rows
from geartrain.store.sql import ANSWER_SECONDS, CONNECT_SECONDS, SqlStore

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueReader

# Names the advisory lock of queues, together with the schema; the number means "geartrain" to nobody else.
_LOCK_KEY: Final = 0x67656172
_LOCK: Final = f"SELECT pg_try_advisory_lock({_LOCK_KEY}, hashtext(current_schema()))"
# Whether anybody has the lock, and whether we have it. The keys of locks are kept without a sign.
IS_LOCKED: Final = (
    f"SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = {_LOCK_KEY}"
    " AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid AND objsubid = 2"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_IS_OURS: Final = f"{IS_LOCKED} AND pid = pg_backend_pid()"
_UNSAFE: Final = ("fsync", "full_page_writes")
# Has the system, and the database, notice a machine that is gone; what the URL says comes first. In seconds,
# but for the last one.
_DEFAULTS: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": ANSWER_SECONDS * 1000,
    "application_name": "geartrain",
}
_SESSION: Final = {"tcp_keepalives_idle": 15, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}

# From so many rows on, COPY is faster than INSERT.
_COPIED_ROWS: Final = 16
_TYPES: Final[dict[type, str]] = {
    sa.BigInteger: "int8",
    sa.Integer: "int4",
    sa.SmallInteger: "int2",
    sa.Double: "float8",
    sa.LargeBinary: "bytea",
}

# Classes of error codes: a value or a constraint is not met, or there is too much for a row or a statement.
_REFUSED: Final = ("22", "23", "54")
# No room on the disk or in memory.
_FULL: Final = ("53100", "53200")
# What a damaged table or index leads to.
_CORRUPT: Final = ("XX001", "XX002")


class PostgresqlStore(SqlStore):
    """Tables in the first schema of the search path; one job server holds them by an advisory lock.

    ``answer_seconds`` is how long the database may be silent in the middle of a statement.
    """

    def __init__(self, url: sa.URL, *, relaxed: bool = False, answer_seconds: float = ANSWER_SECONDS) -> None:
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
        driver_url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(driver_url, poolclass=sa.NullPool, connect_args=defaults)
        limited = sa.create_engine(driver_url, poolclass=sa.NullPool, connect_args=defaults)
        sa.event.listen(limited, "do_connect", _connector(answer_seconds))
        super().__init__(url, engine, limited, insert=_insert)
        self._relaxed = relaxed

    def reader(self) -> QueueReader:
        from geartrain.store.reading.postgresql import PostgresqlReader

        return PostgresqlReader(self)

    def _prepare(self, connection: sa.Connection) -> list[str]:
        for name, value in _SESSION.items():
            connection.exec_driver_sql(f"SET {name} = {value}")
        if self._relaxed:
            connection.exec_driver_sql("SET synchronous_commit = off")
        elif _setting(connection, "synchronous_commit") == "off":
            # Any other value has it on the disk, and says more about replicas.
            connection.exec_driver_sql("SET synchronous_commit = on")
        return unsafe_settings(connection)

    def _lock(self, connection: sa.Connection) -> bool:
        # Of the session and not of a transaction: it ends with the connection.
        return bool(connection.exec_driver_sql(_LOCK).scalar())

    def _has_lock(self, connection: sa.Connection) -> bool:
        return bool(connection.exec_driver_sql(_IS_OURS).scalar())

    def _is_full(self, error: DBAPIError) -> bool:
        return _code_of(error) in _FULL

    def _is_refusal(self, error: DBAPIError) -> bool:
        return isinstance(error.orig, psycopg.DataError) or _code_of(error).startswith(_REFUSED)

    def is_corrupt(self, error: DBAPIError) -> bool:
        return _code_of(error) in _CORRUPT


T = TypeVar("T")


class _Connection(psycopg.Connection[Any]):
    """A connection that does not wait for ever."""

    answer_seconds: float = ANSWER_SECONDS

    def wait(self, gen: Generator[Any, Any, T], interval: float = 1.0, timeout: float | None = None) -> T:
        return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)


def _connector(answer_seconds: float) -> Callable[..., _Connection]:
    """Connects in place of SQLAlchemy."""

    def connect(
        dialect: sa.Dialect, record: object, arguments: tuple[Any], options: dict[str, Any]
    ) -> _Connection:
        del dialect, record
        connection = _Connection.connect(*arguments, **options)
        connection.answer_seconds = answer_seconds
        return connection

    return connect


def _insert(connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    """Puts rows into a table, many of them by COPY."""
    if len(rows) < _COPIED_ROWS:
        insert_rows(connection, table, rows)
        return
    names = ",".join(table.columns.keys())
    cursor = cast("psycopg.Cursor[Any]", connection.connection.cursor())
    try:
        with cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([_TYPES[type(column.type)] for column in table.columns])
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError(None, None, error, connection_invalidated=cursor.connection.closed) from error


def unsafe_settings(connection: sa.Connection) -> list[str]:
    """What the database does to break the promise."""
    off = [name for name in _UNSAFE if _setting(connection, name) == "off"]
    return [f"{name} is off: a crash of the machine may lose jobs" for name in off]


def _setting(connection: sa.Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar())


def _code_of(error: DBAPIError) -> str:
    """The SQLSTATE of an error; empty for one of the connection."""
    return getattr(error.orig, "sqlstate", None) or ""
