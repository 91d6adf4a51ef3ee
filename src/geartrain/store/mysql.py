"""A queue in a MariaDB or MySQL database.

The promise: what ``apply`` has taken is in the redo log of InnoDB and on its disk when it returns, as far as
the database has ``innodb_flush_log_at_trx_commit`` 1, and ``sync_binlog`` 1 if it writes a binary log. Only
its administrator can set those.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from geartrain.errors import StoreError
from geartrain.store.sql import ANSWER_SECONDS, CONNECT_SECONDS, SqlStore

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueReader

_LOCK_PREFIX: Final = "geartrain:"
_MAX_LOCK_NAME: Final = 64
# What data and names of a job may come to in one statement.
_LEAST_PACKET_BYTES: Final = 1024 * 1024

# Strict, so that nothing is cut off in silence, and with InnoDB or not at all.
_SQL_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"
# Has the database end a session whose machine is gone, so that another one gets the lock.
_SESSION_SECONDS: Final = 120

# Numbers of errors: no room on the disk, in a table or in memory.
_FULL: Final = (1021, 1037, 1038, 1041, 1114)
# A packet, a row, a result or a transaction that is too big.
_TOO_MUCH: Final = (1118, 1153, 1197, 1301)
# What a damaged table or index leads to.
_CORRUPT: Final = (126, 127, 144, 145, 1034, 1035, 1194, 1712)


class MysqlStore(SqlStore):
    """Tables in the database that the URL names; one job server holds them by a named lock.

    ``answer_seconds`` is how long the database may be silent in the middle of a statement.
    """

    def __init__(self, url: sa.URL, *, answer_seconds: int = ANSWER_SECONDS) -> None:
        defaults = {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"}
        defaults = {name: value for name, value in defaults.items() if name not in url.query}
        limits = {"read_timeout": answer_seconds, "write_timeout": answer_seconds}
        driver_url = url.set(drivername="mysql+pymysql")
        engine = sa.create_engine(driver_url, poolclass=sa.NullPool, connect_args=defaults)
        limited = sa.create_engine(driver_url, poolclass=sa.NullPool, connect_args=defaults | limits)
        super().__init__(url, engine, limited)
        self.lock_name = _lock_name(url.database or "")

    def reader(self) -> QueueReader:
        from geartrain.store.reading.mysql import MysqlReader

        return MysqlReader(self)

    def _prepare(self, connection: sa.Connection) -> list[str]:
        connection.exec_driver_sql(f"SET SESSION sql_mode = '{_SQL_MODE}'")
        connection.exec_driver_sql(f"SET SESSION wait_timeout = {_SESSION_SECONDS}")
        # Some transactions of ours are longer than what they read should be kept for.
        connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        packet_bytes = _variable(connection, "max_allowed_packet")
        if int(packet_bytes) < _LEAST_PACKET_BYTES:
            reason = f"max_allowed_packet is {packet_bytes}; {_LEAST_PACKET_BYTES} is the least that will do"
            raise StoreError(self.url, reason)
        return unsafe_settings(connection)

    def _lock(self, connection: sa.Connection) -> bool:
        return connection.scalar(sa.select(sa.func.get_lock(self.lock_name, 0))) == 1

    def _has_lock(self, connection: sa.Connection) -> bool:
        holder = sa.func.is_used_lock(self.lock_name)
        return bool(connection.scalar(sa.select(holder == sa.func.connection_id())))

    def _is_full(self, error: DBAPIError) -> bool:
        return _number_of(error) in _FULL

    def _is_refusal(self, error: DBAPIError) -> bool:
        return isinstance(error, DataError | IntegrityError) or _number_of(error) in _TOO_MUCH

    def is_corrupt(self, error: DBAPIError) -> bool:
        return _number_of(error) in _CORRUPT


def _lock_name(database: str) -> str:
    """A name for the lock of a queue, of which there is one in each database; such names may not be long."""
    name = _LOCK_PREFIX + database
    if len(name) <= _MAX_LOCK_NAME:
        return name
    return _LOCK_PREFIX + hashlib.sha256(database.encode()).hexdigest()[:32]


def unsafe_settings(connection: sa.Connection) -> list[str]:
    """What the database does to break the promise."""
    warnings = []
    flush = _variable(connection, "innodb_flush_log_at_trx_commit")
    if flush != "1":
        warnings.append(f"innodb_flush_log_at_trx_commit is {flush}: a crash of the database may lose jobs")
    sync = _variable(connection, "sync_binlog")
    if _variable(connection, "log_bin") == "1" and sync != "1":
        # After a crash, what has not come to the binary log is taken back.
        warnings.append(f"sync_binlog is {sync}: a crash of the machine may lose jobs")
    if _variable(connection, "innodb_doublewrite") in ("0", "OFF"):
        warnings.append("innodb_doublewrite is off: a crash of the machine may destroy the queue")
    return warnings


def _variable(connection: sa.Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SELECT @@{name}").scalar())


def _number_of(error: DBAPIError) -> int:
    """The number that the database gives an error; 0 for one of the driver."""
    arguments = error.orig.args if error.orig is not None else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
