"""Reads a queue in an SQL database; what differs between databases is in the module of each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from geartrain.errors import StoreCorrupt, StoreError
from geartrain.store.base import StoredJob
from geartrain.store.lots import LOT_BYTES, LOT_JOBS
from geartrain.store.reading.base import ALL, Filter, QueueFacts, QueueReader, QueueSummary
from geartrain.store.reading.soundness import Row, fault_of_row, job_of, sound
from geartrain.store.sql import OWNER, SCHEMA, SqlStore, reason_of
from geartrain.store.tables import SCHEMA_VERSION, facts, functions, jobs, pieces

# Of any columns.
Statement = sa.Select[*tuple[Any, ...]]

# A job whose function is not known must not vanish from sight.
_NAMED: Final = jobs.outerjoin(functions, functions.c.id == jobs.c.function_id)
_COLUMNS: Final = (
    jobs.c.sequence,
    jobs.c.handle,
    functions.c.name,
    jobs.c.unique_key,
    jobs.c.priority,
    jobs.c.run_at,
    jobs.c.reducer,
    jobs.c.attempts,
    jobs.c.submitted_at,
    jobs.c.data_bytes,
    jobs.c.data,
)
_BEFORE_ALL: Final = -(2**63)
# As the driver has them: what is damaged may be of any type.
_RAW: Final = tuple(sa.type_coerce(column, sa.types.NullType()) for column in _COLUMNS)


class SqlReader(QueueReader):
    """A connection of its own, without the lock of the queue."""

    def __init__(self, store: SqlStore) -> None:
        self.url = store.url
        self._store = store
        self._connection: sa.Connection | None = None

    # --- what differs between databases -----------------------------------------------------------------

    @abstractmethod
    def _prepare(self, connection: sa.Connection) -> None:
        """Sees to it that nothing is written, and that a transaction sees one state of the queue."""

    @abstractmethod
    def _is_held(self, connection: sa.Connection) -> bool:
        """Whether a server holds the queue now."""

    @abstractmethod
    def _size_bytes(self, connection: sa.Connection) -> int:
        """What the tables take."""

    @abstractmethod
    def _warnings(self, connection: sa.Connection) -> list[str]:
        """The settings of the database that may lose jobs."""

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self) -> None:
        try:
            self._connection = self._store.engine.connect()
        except SQLAlchemyError as error:
            raise self._failure(error) from error
        except Exception as error:
            # Drivers raise all sorts of errors for options that they do not know.
            raise StoreError(self.url, reason_of(error)) from error
        with self._transaction() as connection:
            self._prepare(connection)
        with self._transaction() as connection:
            schema = self._schema(connection)
        if schema != str(SCHEMA_VERSION):
            self.close()
            raise StoreError(self.url, _schema_problem(schema))

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                # It was lost already.
                pass

    def _schema(self, connection: sa.Connection) -> str | None:
        if not sa.inspect(connection).has_table(facts.name):
            return None
        return self._fact(connection, SCHEMA)

    def _fact(self, connection: sa.Connection, name: str) -> str | None:
        return connection.execute(sa.select(facts.c.value).where(facts.c.name == name)).scalar()

    # --- questions --------------------------------------------------------------------------------------

    def facts(self) -> QueueFacts:
        with self._transaction() as connection:
            owner = self._fact(connection, OWNER) or "a server that has not said its name"
            return QueueFacts(
                self._fact(connection, SCHEMA) or "",
                owner if self._is_held(connection) else "",
                self._size_bytes(connection),
                self._warnings(connection),
            )

    def summaries(self) -> list[QueueSummary]:
        statement = (
            sa.select(
                functions.c.name,
                jobs.c.priority,
                sa.func.count(),
                sa.func.sum(jobs.c.data_bytes),
                sa.func.min(jobs.c.submitted_at),
            )
            .select_from(_NAMED)
            .group_by(functions.c.name, jobs.c.priority)
        )
        with self._transaction() as connection:
            rows = connection.execute(statement).all()
        return sorted(_summary(*row) for row in rows)

    def scan(self, wanted: Filter = ALL) -> Iterator[StoredJob | str]:
        for row in self._rows(wanted):
            yield fault_of_row(row) or sound(job_of(row))

    def _rows(self, wanted: Filter) -> Iterator[Row]:
        """The rows in order with all their data, in lots that memory has room for."""
        after = _BEFORE_ALL
        while True:
            with self._transaction() as connection:
                last = self._end_of_lot(connection, wanted, after)
                found = connection.execute(_narrowed(sa.select(*_RAW), wanted, after, last)).all()
                rows = [self._completed(connection, tuple(row)) for row in found]
            if last == after:
                return
            yield from rows
            after = last

    def _completed(self, connection: sa.Connection, row: Row) -> Row:
        """The row of a job, with the data that is kept in pieces."""
        *others, data_bytes, data = row
        if not data and data_bytes:
            statement = sa.select(pieces.c.data).where(pieces.c.sequence == row[0]).order_by(pieces.c.number)
            data = b"".join(connection.execute(statement).scalars())
        return (*others, data_bytes, data)

    def _end_of_lot(self, connection: sa.Connection, wanted: Filter, after: int) -> int:
        """The sequence of the last row of the next lot."""
        sizes = sa.select(jobs.c.sequence, jobs.c.data_bytes)
        last, lot_bytes = after, 0
        for sequence, data_bytes in connection.execute(_narrowed(sizes, wanted, after).limit(LOT_JOBS)).all():
            last = sequence
            lot_bytes += data_bytes or 0
            if lot_bytes >= LOT_BYTES:
                break
        return last

    # --- transactions -----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        if self._connection is None:
            raise StoreError(self.url, "it is not open")
        try:
            with self._connection.begin():
                yield self._connection
        except SQLAlchemyError as error:
            raise self._failure(error) from error

    def _failure(self, error: SQLAlchemyError) -> StoreError:
        if isinstance(error, DBAPIError) and self._store.is_corrupt(error):
            return StoreCorrupt(self.url, reason_of(error))
        return StoreError(self.url, reason_of(error))


def _narrowed(statement: Statement, wanted: Filter, after: int, last: int | None = None) -> Statement:
    """The statement for the wanted jobs with a sequence above ``after`` and up to ``last``, in order."""
    statement = statement.select_from(_NAMED).where(jobs.c.sequence > after).order_by(jobs.c.sequence)
    if last is not None:
        statement = statement.where(jobs.c.sequence <= last)
    columns = (functions.c.name, jobs.c.priority, jobs.c.unique_key, jobs.c.handle)
    for column, value in zip(columns, wanted, strict=True):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _summary(
    name: bytes | None, priority: object, jobs: int, data_bytes: Any, oldest: object
) -> QueueSummary:
    """The summary of what may be damaged."""
    return QueueSummary(
        bytes(name or b""),
        priority if isinstance(priority, int) else -1,
        jobs,
        int(data_bytes or 0),
        oldest if isinstance(oldest, float) else 0.0,
    )


def _schema_problem(schema: str | None) -> str:
    if schema is None:
        return "there is no queue in it"
    return f"it has schema {schema}, and this version reads schema {SCHEMA_VERSION}"
