"""Jobs as rows: how they are put into the tables of an SQL database, and found there again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from geartrain.store.base import Batch, StoredHead, StoredJob
from geartrain.store.tables import INLINE_BYTES, PIECE_BYTES, functions, jobs, pieces

Row = tuple[object, ...]
# Puts rows into a table, their values in the order of its columns.
Insert = Callable[[sa.Connection, sa.Table, list[Row]], None]

# Rows that one statement names.
_NAMED_ROWS: Final = 1000
# Rows that are looked for at once when many are to go: no statement should take very long.
_DISCARDED_ROWS: Final = 10_000

SELECT_JOBS: Final = sa.select(
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
    jobs.c.data_bytes,
).order_by(jobs.c.sequence)
SELECT_HEADS: Final = sa.select(
    jobs.c.sequence,
    jobs.c.function_id,
    jobs.c.unique_key,
    jobs.c.priority,
    jobs.c.run_at,
    jobs.c.data_bytes,
).order_by(jobs.c.sequence)
_SELECT_PIECES: Final = (
    sa.select(pieces.c.data).where(pieces.c.sequence == sa.bindparam("key")).order_by(pieces.c.number)
)
_SET_ATTEMPTS: Final = (
    sa.update(jobs).where(jobs.c.sequence == sa.bindparam("key")).values(attempts=sa.bindparam("number"))
)


class UnknownFunction(Exception):
    """A job in the tables is of a function that is not there."""


class Rows:
    """Writes and reads rows on whichever connection; knows the functions by their numbers."""

    def __init__(self, insert: Insert) -> None:
        self._insert = insert
        self._ids: dict[bytes, int] = {}
        self._names: dict[int, bytes] = {}
        # Whether any data may be in pieces: most queues have none, and need not look for them.
        self._has_pieces = False

    def tidy(self, connection: sa.Connection) -> None:
        """Removes functions that have no jobs any more: anybody may make up names."""
        in_use = sa.select(jobs.c.sequence).where(jobs.c.function_id == functions.c.id).exists()
        connection.execute(sa.delete(functions).where(~in_use))

    def learn(self, connection: sa.Connection) -> None:
        """Reads what has to be known of the tables; after a transaction that failed, too."""
        self._names = {row.id: bytes(row.name) for row in connection.execute(sa.select(functions))}
        self._ids = {name: number for number, name in self._names.items()}
        self._has_pieces = connection.execute(sa.select(pieces.c.sequence).limit(1)).first() is not None

    # --- changes ----------------------------------------------------------------------------------------

    def apply(self, connection: sa.Connection, batch: Batch, again: bool) -> None:
        """Makes all changes of a batch."""
        if again:
            self.remove(connection, [job.sequence for job in batch.added])
        self.add(connection, batch.added)
        if batch.attempts:
            values = [{"key": key, "number": number} for key, number in batch.attempts.items()]
            connection.execute(_SET_ATTEMPTS, values)
        self.remove(connection, batch.removed)
        for function, before in batch.purged:
            self.discard(connection, function=function, until=before - 1)

    def add(self, connection: sa.Connection, added: Iterable[StoredJob]) -> None:
        """Adds jobs; their data in pieces, where there is much of it."""
        rows = []
        for job in added:
            data = job.data
            if len(data) > INLINE_BYTES:
                self._add_pieces(connection, job)
                data = b""
            rows.append(self._row(connection, job, data))
        if rows:
            self._insert(connection, jobs, rows)

    def _row(self, connection: sa.Connection, job: StoredJob, data: bytes) -> Row:
        return (
            job.sequence,
            self._function_id(connection, job.function),
            job.priority,
            job.handle,
            job.unique,
            job.run_at,
            job.reducer,
            job.attempts,
            job.submitted_at,
            len(job.data),
            data,
        )

    def _add_pieces(self, connection: sa.Connection, job: StoredJob) -> None:
        self._has_pieces = True
        starts = range(0, len(job.data), PIECE_BYTES)
        for number, start in enumerate(starts):
            piece = job.data[start : start + PIECE_BYTES]
            self._insert(connection, pieces, [(job.sequence, number, piece)])

    def _function_id(self, connection: sa.Connection, name: bytes) -> int:
        number = self._ids.get(name)
        if number is None:
            number = max(self._names, default=0) + 1
            self._insert(connection, functions, [(number, name)])
            self._ids[name] = number
            self._names[number] = name
        return number

    def remove(self, connection: sa.Connection, sequences: Sequence[int]) -> None:
        """Removes the jobs of these sequences, as far as there are any."""
        for start in range(0, len(sequences), _NAMED_ROWS):
            # Numbers of ours: as parameters, they would cost more than the rest of the statement.
            some = ",".join(str(int(sequence)) for sequence in sequences[start : start + _NAMED_ROWS])
            for table in (jobs, pieces) if self._has_pieces else (jobs,):
                connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE sequence IN ({some})")

    def discard(self, connection: sa.Connection, *, function: bytes | None, until: int | None) -> int:
        """Removes the jobs of one function or of all, up to a sequence or all; returns how many."""
        wanted = sa.select(jobs.c.sequence).limit(_DISCARDED_ROWS)
        if function is not None:
            wanted = wanted.where(jobs.c.function_id == self._ids.get(function, 0))
        if until is not None:
            wanted = wanted.where(jobs.c.sequence <= until)
        count = 0
        while sequences := connection.execute(wanted).scalars().all():
            self.remove(connection, sequences)
            count += len(sequences)
        return count

    # --- questions --------------------------------------------------------------------------------------

    def of_queue(self, function: bytes, priority: int) -> sa.ColumnElement[bool]:
        """The condition for the rows of one function and priority."""
        return (jobs.c.function_id == self._ids.get(function, 0)) & (jobs.c.priority == priority)

    def name(self, number: int) -> bytes:
        """The function of that number."""
        found = self._names.get(number)
        if found is None:
            raise UnknownFunction(f"there are jobs of function {number}, which has no name")
        return found

    def job(self, row: sa.Row[*tuple[Any, ...]]) -> tuple[StoredJob, int]:
        """The job of a row of SELECT_JOBS, and how much data of it is in pieces."""
        sequence, handle, number, unique, priority, run_at, reducer, attempts, submitted_at, data, size = row
        job = StoredJob(
            sequence,
            handle,
            self.name(number),
            unique,
            priority,
            run_at,
            reducer,
            attempts,
            submitted_at,
            data,
        )
        return job, size - len(data)

    def head(self, row: sa.Row[*tuple[Any, ...]]) -> StoredHead:
        """What is known of the job of a row of SELECT_HEADS."""
        sequence, number, unique, priority, run_at, data_bytes = row
        return StoredHead(sequence, self.name(number), unique, priority, run_at, data_bytes)


def read_pieces(connection: sa.Connection, sequence: int) -> bytes:
    """The data of a job that is in pieces."""
    return b"".join(connection.execute(_SELECT_PIECES, {"key": sequence}).scalars())


def insert_rows(connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    """Puts rows into a table; by the driver itself, which is twice as fast as what SQLAlchemy does."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names = ",".join(table.columns.keys())
    marks = ",".join([mark] * len(table.columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
