"""A queue in an SQL database; what differs between databases is in the module of each."""

from __future__ import annotations

import os
import socket
import time
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from geartrain.errors import JobsRefused, StoreCorrupt, StoreError, StoreInUse
from geartrain.masking import masked_url
from geartrain.store import migrations
from geartrain.store.base import Batch, QueueCount, Store, StoredHead, StoredJob
from geartrain.store.lots import in_lots
from geartrain.store.rows import (
    SELECT_HEADS,
    SELECT_JOBS,
    Insert,
    Rows,
    UnknownFunction,
    insert_rows,
    read_pieces,
)
from geartrain.store.tables import SCHEMA_VERSION, facts, jobs, metadata

# A database that says nothing for so long, in the middle of a statement or while it is connected to, is lost.
ANSWER_SECONDS: Final = 30
CONNECT_SECONDS: Final = 10
# How long to wait for the lock: the database may not have noticed yet that its last owner was killed.
LOCK_SECONDS: Final = 2.0
_LOCK_PAUSE_SECONDS: Final = 0.1
# Rows that are read at a time.
_READ_ROWS: Final = 500

SCHEMA: Final = "schema"
OWNER: Final = "owner"
# And the name of the queue that jobs have come from.
_ARRIVED: Final = "arrived:"


class SqlStore(Store):
    """One connection to a database, which holds a lock there for as long as it lives.

    ``engine`` makes connections for those who can wait; ``limited`` those that notice a database that is
    frozen.
    """

    can_page = True
    # What to do about a corrupt queue.
    advice = ""
    steps = migrations.STEPS
    schema_version = SCHEMA_VERSION

    def __init__(
        self, url: sa.URL, engine: sa.Engine, limited: sa.Engine, *, insert: Insert = insert_rows
    ) -> None:
        self.url = masked_url(url.render_as_string(hide_password=False))
        self.engine = engine
        self._limited = limited
        self._connection: sa.Connection | None = None
        self._rows = Rows(insert)
        # To the microsecond, so that no other server is called the same.
        since = datetime.now().astimezone().isoformat(" ")
        self._owner = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        self._is_owner = False

    # --- what differs between databases -----------------------------------------------------------------

    @abstractmethod
    def _prepare(self, connection: sa.Connection) -> list[str]:
        """Sets the session up to keep the promise; returns what the database does to break it."""

    def _lock(self, connection: sa.Connection) -> bool:
        """Makes sure that nobody else holds the queue for as long as the connection lives."""
        del connection
        return True

    def _has_lock(self, connection: sa.Connection) -> bool:
        """Whether the lock is still there."""
        del connection
        return True

    def _is_full(self, error: DBAPIError) -> bool:
        """Whether the database has no room for anything."""
        del error
        return False

    def _is_refusal(self, error: DBAPIError) -> bool:
        """Whether the database does not like what it was to write, and never will."""
        return isinstance(error, DataError | IntegrityError)

    def is_corrupt(self, error: DBAPIError) -> bool:
        """Whether what was written before makes no sense to the database."""
        del error
        return False

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self) -> list[str]:
        try:
            warnings = self._connect(self._limited)
            if self._is_outdated():
                # Changes of big tables take their time.
                self._connect(self.engine)
                self._migrate()
                self._connect(self._limited)
            with self._transaction() as connection:
                self._take(connection)
                self._rows.tidy(connection)
                self._rows.learn(connection)
        except StoreError:
            self._disconnect()
            raise
        except Exception as error:
            # Drivers raise all sorts of errors for options that they do not know, or need and do not have.
            self._disconnect()
            raise StoreError(self.url, reason_of(error)) from error
        return warnings

    def close(self) -> None:
        self._is_owner = False
        self._disconnect()

    def _connect(self, engine: sa.Engine) -> list[str]:
        """A new connection that holds the lock; returns what is unsafe."""
        self._disconnect()
        self._connection = engine.connect()
        with self._transaction() as connection:
            warnings = self._prepare(connection)
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            with self._transaction() as connection:
                if self._lock(connection):
                    return warnings
                if time.monotonic() > deadline:
                    raise self._held(connection)
            time.sleep(_LOCK_PAUSE_SECONDS)

    def _held(self, connection: sa.Connection) -> StoreError:
        has_facts = sa.inspect(connection).has_table(facts.name)
        owner = self._fact(connection, OWNER) if has_facts else None
        if owner == self._owner:
            return StoreError(
                self.url, "the database has not given up an earlier connection of this server yet"
            )
        return StoreInUse(self.url, owner or "a server that has not said its name")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                # Without a word: it may be lost, and what it was in the middle of is to be undone anyway.
                connection.invalidate()
                connection.close()
            except SQLAlchemyError:
                pass

    def _take(self, connection: sa.Connection) -> None:
        """Writes down whose queue it is. It must not have had another owner since it became ours."""
        owner = self._fact(connection, OWNER)
        if self._is_owner and owner != self._owner:
            raise StoreInUse(self.url, owner or "nobody: what was in it is gone")
        self._set_fact(connection, OWNER, self._owner)
        self._is_owner = True

    def keep(self) -> None:
        with self._transaction() as connection:
            if not self._has_lock(connection):
                raise StoreError(self.url, "the database has lost our lock")

    # --- schema -----------------------------------------------------------------------------------------

    def _is_outdated(self) -> bool:
        """Whether the tables are those of an older version; makes them when they are missing."""
        with self._transaction() as connection:
            has_facts = sa.inspect(connection).has_table(facts.name)
            found = self._fact(connection, SCHEMA) if has_facts else None
            if found is None:
                metadata.create_all(connection)
                self._set_fact(connection, SCHEMA, str(self.schema_version))
                return False
        if not found.isdigit() or int(found) > self.schema_version:
            known = self.schema_version
            raise StoreError(self.url, f"it has schema {found}, and this version knows up to {known}")
        return int(found) < self.schema_version

    def _migrate(self) -> None:
        with self._transaction() as connection:
            found = int(self._fact(connection, SCHEMA) or 0)
        for number, step in enumerate(self.steps[found - 1 :], found + 1):
            with self._transaction() as connection:
                step(connection)
                self._set_fact(connection, SCHEMA, str(number))

    def _fact(self, connection: sa.Connection, name: str) -> str | None:
        return connection.execute(sa.select(facts.c.value).where(facts.c.name == name)).scalar()

    def _set_fact(self, connection: sa.Connection, name: str, value: str) -> None:
        connection.execute(sa.delete(facts).where(facts.c.name == name))
        connection.execute(sa.insert(facts).values(name=name, value=value))

    # --- changes ----------------------------------------------------------------------------------------

    def apply(self, batch: Batch, *, again: bool = False) -> None:
        try:
            connection = self._open_connection()
            with connection.begin():
                self._rows.apply(connection, batch, again)
        except SQLAlchemyError as error:
            raise self._refusal(error, batch) or self._failure(error) from error
        except BaseException:
            self._disconnect()
            raise

    def _refusal(self, error: SQLAlchemyError, batch: Batch) -> JobsRefused | None:
        """What to raise when the database goes on, but does not take the batch; None for other errors."""
        if not isinstance(error, DBAPIError) or error.connection_invalidated or not batch.added:
            return None
        sequences = [job.sequence for job in batch.added]
        if not self._is_full(error):
            if not self._is_refusal(error):
                return None
            sequences = []
        with self._transaction() as connection:
            # Functions of the batch are known here, but not there.
            self._rows.learn(connection)
        return JobsRefused(self.url, reason_of(error), sequences)

    def _failure(self, error: SQLAlchemyError) -> StoreError:
        # Everything is unknown now: open anew.
        self._disconnect()
        if isinstance(error, DBAPIError) and self.is_corrupt(error):
            return StoreCorrupt(self.url, reason_of(error) + self.advice)
        return StoreError(self.url, reason_of(error))

    # --- questions --------------------------------------------------------------------------------------

    def counts(self) -> list[QueueCount]:
        columns = (jobs.c.function_id, jobs.c.priority)
        statement = sa.select(*columns, sa.func.count()).group_by(*columns)
        with self._errors(), self.engine.connect() as connection:
            rows = connection.execute(statement).all()
            return [QueueCount(self._rows.name(number), priority, jobs) for number, priority, jobs in rows]

    def last_sequence(self) -> int:
        with self._transaction() as connection:
            return connection.execute(sa.select(sa.func.max(jobs.c.sequence))).scalar() or 0

    def read(self, after: int = 0) -> Iterator[StoredJob]:
        while True:
            some = SELECT_JOBS.where(jobs.c.sequence > after).limit(_READ_ROWS)
            with self._transaction() as connection:
                found = [self._rows.job(row) for row in connection.execute(some).all()]
            for job, missing_bytes in found:
                yield self._whole(job, missing_bytes)
            if len(found) < _READ_ROWS:
                return
            after = found[-1][0].sequence

    def read_heads(self, after: int = 0) -> Iterator[list[StoredHead]]:
        while True:
            some = SELECT_HEADS.where(jobs.c.sequence > after).limit(_READ_ROWS)
            with self._transaction() as connection:
                found = [self._rows.head(row) for row in connection.execute(some).all()]
            if found:
                yield found
            if len(found) < _READ_ROWS:
                return
            after = found[-1].sequence

    def read_queue(self, function: bytes, priority: int, after: int, limit: int) -> list[StoredJob]:
        wanted = self._rows.of_queue(function, priority) & (jobs.c.sequence > after)
        return self._found(wanted, limit)

    def find_all(self, sequences: Collection[int]) -> list[StoredJob]:
        return self._found(jobs.c.sequence.in_(sequences), len(sequences))

    def _found(self, wanted: sa.ColumnElement[bool], limit: int) -> list[StoredJob]:
        with self._transaction() as connection:
            rows = connection.execute(SELECT_JOBS.where(wanted).limit(limit)).all()
            found = [self._rows.job(row) for row in rows]
        return [self._whole(job, missing_bytes) for job, missing_bytes in found]

    def _whole(self, job: StoredJob, missing_bytes: int) -> StoredJob:
        """The job with the data that is in pieces."""
        if not missing_bytes:
            return job
        with self._transaction() as connection:
            data = read_pieces(connection, job.sequence)
        if len(data) != missing_bytes:
            raise StoreCorrupt(self.url, f"of the data of job {job.sequence} there is only a part")
        return job._replace(data=data)

    # --- without a server -------------------------------------------------------------------------------

    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        last = 0
        try:
            with self._transaction() as connection:
                for some in in_lots(jobs):
                    self._rows.add(connection, some)
                    last = some[-1].sequence
                if origin and last:
                    self._set_fact(connection, _ARRIVED + origin, str(last))
        except BaseException:
            # Functions may be known here that have been taken back there.
            self._disconnect()
            raise

    def arrived(self, origin: str) -> int:
        with self._transaction() as connection:
            return int(self._fact(connection, _ARRIVED + origin) or 0)

    def forget_arrival(self, origin: str) -> None:
        with self._transaction() as connection:
            connection.execute(sa.delete(facts).where(facts.c.name == _ARRIVED + origin))

    # --- transactions -----------------------------------------------------------------------------------

    def _open_connection(self) -> sa.Connection:
        if self._connection is None:
            raise StoreError(self.url, "it is not open")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        connection = self._open_connection()
        with self._errors(), connection.begin():
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._failure(error) from error
        except UnknownFunction as error:
            self._disconnect()
            raise StoreCorrupt(self.url, str(error)) from error


def reason_of(error: Exception) -> str:
    """What the driver says, without the statement and its values."""
    cause = getattr(error, "orig", None)
    return " ".join(str(cause if cause is not None else error).split()) or type(error).__name__
