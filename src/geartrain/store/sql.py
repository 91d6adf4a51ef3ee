"""A queue in an SQL database; what differs between databases is in the module of each."""

from __future__ import annotations

import os
import socket
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from geartrain.errors import StoreError, StoreInUse
from geartrain.store.base import Batch, QueueCount, Store, StoredJob
from geartrain.store.tables import SCHEMA_VERSION, facts, functions, jobs, metadata

# Rows that one statement names, and rows that are read at a time.
_NAMED_ROWS: Final = 500
_READ_ROWS: Final = 1000
_SCHEMA: Final = "schema"
_OWNER: Final = "owner"

_SELECT: Final = sa.select(
    jobs.c.sequence,
    jobs.c.handle,
    jobs.c.function_id,
    jobs.c.unique_key,
    jobs.c.priority,
    jobs.c.run_at,
    jobs.c.reducer,
    jobs.c.attempts,
    jobs.c.submitted_at,
    jobs.c.data,
).order_by(jobs.c.sequence)
_INSERT: Final = sa.insert(jobs)
_SET_ATTEMPTS: Final = (
    sa.update(jobs).where(jobs.c.sequence == sa.bindparam("key")).values(attempts=sa.bindparam("number"))
)


class SqlStore(Store):
    """One connection to a database, and the names of functions by their number."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url.render_as_string(hide_password=True)
        # A thread of its own uses the store, and not always the one that made it.
        arguments = {"check_same_thread": False} if url.get_backend_name() == "sqlite" else {}
        self._engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
        self._connection: sa.Connection | None = None
        self._ids: dict[bytes, int] = {}
        self._names: dict[int, bytes] = {}

    # --- what differs between databases -----------------------------------------------------------------

    @abstractmethod
    def _prepare(self, connection: sa.Connection) -> list[str]:
        """Sets the session up to keep the promise; returns what the database does to break it."""

    def _lock(self, connection: sa.Connection) -> bool:
        """Makes sure that nobody else holds the queue for as long as the connection lives."""
        del connection
        return True

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self) -> list[str]:
        self._disconnect()
        try:
            self._connection = self._engine.connect()
            with self._transaction() as connection:
                warnings = self._prepare(connection)
            with self._transaction() as connection:
                is_ours = self._lock(connection)
            with self._transaction() as connection:
                self._take(connection, is_ours)
        except SQLAlchemyError as error:
            raise StoreError(self.url, _reason(error)) from error
        return warnings

    def close(self) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                # It was lost already.
                pass

    def _take(self, connection: sa.Connection, is_ours: bool) -> None:
        if not is_ours:
            owner = self._fact(connection, _OWNER) if sa.inspect(connection).has_table(facts.name) else None
            raise StoreInUse(self.url, owner or "a server that has not said its name")
        metadata.create_all(connection)
        self._check_schema(connection)
        self._set_fact(connection, _OWNER, f"process {os.getpid()} on {socket.gethostname()}")
        self._names = {row.id: bytes(row.name) for row in connection.execute(sa.select(functions))}
        self._ids = {name: number for number, name in self._names.items()}

    def _check_schema(self, connection: sa.Connection) -> None:
        found = self._fact(connection, _SCHEMA)
        if found is None:
            self._set_fact(connection, _SCHEMA, str(SCHEMA_VERSION))
        elif found != str(SCHEMA_VERSION):
            raise StoreError(
                self.url, f"it has schema {found}, and this version knows up to {SCHEMA_VERSION}"
            )

    def _fact(self, connection: sa.Connection, name: str) -> str | None:
        return connection.execute(sa.select(facts.c.value).where(facts.c.name == name)).scalar()

    def _set_fact(self, connection: sa.Connection, name: str, value: str) -> None:
        connection.execute(sa.delete(facts).where(facts.c.name == name))
        connection.execute(sa.insert(facts).values(name=name, value=value))

    def keep(self) -> None:
        with self._transaction() as connection:
            connection.execute(sa.select(1))

    # --- changes ----------------------------------------------------------------------------------------

    def apply(self, batch: Batch, *, again: bool = False) -> None:
        with self._transaction() as connection:
            if again:
                self._delete(connection, [job.sequence for job in batch.added])
            if batch.added:
                connection.execute(_INSERT, [self._row(connection, job) for job in batch.added])
            if batch.attempts:
                rows = [{"key": key, "number": number} for key, number in batch.attempts.items()]
                connection.execute(_SET_ATTEMPTS, rows)
            self._delete(connection, batch.removed)

    def _row(self, connection: sa.Connection, job: StoredJob) -> dict[str, object]:
        return {
            "sequence": job.sequence,
            "function_id": self._function_id(connection, job.function),
            "priority": job.priority,
            "handle": job.handle,
            "unique_key": job.unique,
            "run_at": job.run_at,
            "reducer": job.reducer,
            "attempts": job.attempts,
            "submitted_at": job.submitted_at,
            "data": job.data,
        }

    def _function_id(self, connection: sa.Connection, name: bytes) -> int:
        number = self._ids.get(name)
        if number is None:
            number = max(self._names, default=0) + 1
            connection.execute(sa.insert(functions).values(id=number, name=name))
            self._ids[name] = number
            self._names[number] = name
        return number

    def _delete(self, connection: sa.Connection, sequences: list[int]) -> None:
        for start in range(0, len(sequences), _NAMED_ROWS):
            some = sequences[start : start + _NAMED_ROWS]
            connection.execute(sa.delete(jobs).where(jobs.c.sequence.in_(some)))

    # --- questions --------------------------------------------------------------------------------------

    def counts(self) -> list[QueueCount]:
        statement = sa.select(jobs.c.function_id, jobs.c.priority, sa.func.count()).group_by(
            jobs.c.function_id, jobs.c.priority
        )
        with self._transaction() as connection:
            rows = connection.execute(statement).all()
        return [QueueCount(self._names[number], priority, count) for number, priority, count in rows]

    def last_sequence(self) -> int:
        with self._transaction() as connection:
            return connection.execute(sa.select(sa.func.max(jobs.c.sequence))).scalar() or 0

    def read(self, after: int = 0) -> Iterator[StoredJob]:
        while True:
            with self._transaction() as connection:
                statement = _SELECT.where(jobs.c.sequence > after).limit(_READ_ROWS)
                found = [self._job(row) for row in connection.execute(statement)]
            yield from found
            if len(found) < _READ_ROWS:
                return
            after = found[-1].sequence

    def read_queue(self, function: bytes, priority: int, after: int, limit: int) -> list[StoredJob]:
        """The first jobs of one function and priority with a sequence above ``after``, in order."""
        statement = _SELECT.where(
            jobs.c.function_id == self._ids.get(function, 0),
            jobs.c.priority == priority,
            jobs.c.sequence > after,
        )
        with self._transaction() as connection:
            return [self._job(row) for row in connection.execute(statement.limit(limit))]

    def find(self, sequence: int) -> StoredJob | None:
        with self._transaction() as connection:
            row = connection.execute(_SELECT.where(jobs.c.sequence == sequence)).first()
        return None if row is None else self._job(row)

    def _job(self, row: sa.Row[Any]) -> StoredJob:
        sequence, handle, number, unique, priority, run_at, reducer, attempts, submitted_at, data = row
        return StoredJob(
            sequence,
            bytes(handle),
            self._names[number],
            bytes(unique),
            priority,
            run_at,
            bytes(reducer),
            attempts,
            submitted_at,
            bytes(data),
        )

    # --- transactions -----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        if self._connection is None:
            raise StoreError(self.url, "it is not open")
        try:
            with self._connection.begin():
                yield self._connection
        except SQLAlchemyError as error:
            # Which functions the database knows is unknown now, so is everything else: open anew.
            self._disconnect()
            raise StoreError(self.url, _reason(error)) from error


def _reason(error: SQLAlchemyError) -> str:
    """What the driver says, without the statement and its values."""
    cause = getattr(error, "orig", None)
    return " ".join(str(cause if cause is not None else error).split()) or type(error).__name__
