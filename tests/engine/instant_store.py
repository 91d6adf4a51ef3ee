"""A durable store in a dict, which does at once whatever the journal asks of it."""

from __future__ import annotations

from geartrain.engine.job import serial_of
from geartrain.engine.journal import ADD, REMOVE, Change, Entry, Find, Load, Purge, StoredJob
from tests.engine.world import World


class InstantStore:
    """Rows by sequence; ``settle`` brings them up to date with the engine and answers its questions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows: dict[int, StoredJob] = {}
        self.loads = 0

    def settle(self) -> None:
        engine = self._world.engine
        while entries := engine.journal.take():
            for entry in entries:
                self._do(entry)
                engine.committed(entry.number, self._world.now)

    def _do(self, entry: Entry) -> None:
        engine, now = self._world.engine, self._world.now
        if isinstance(entry, Change):
            self._change(entry)
        elif isinstance(entry, Load):
            self.loads += 1
            engine.loaded(entry, self._load(entry), now)
        elif isinstance(entry, Find):
            engine.found(entry, self.rows.get(entry.sequence), now)
        else:
            assert isinstance(entry, Purge)
            self._purge(entry)

    def _change(self, change: Change) -> None:
        sequence = serial_of(change.job.handle)
        if change.kind == ADD:
            assert sequence not in self.rows
            self.rows[sequence] = stored(change)
        elif change.kind == REMOVE:
            del self.rows[sequence]
        else:
            self.rows[sequence] = self.rows[sequence]._replace(attempts=change.job.retries)

    def _load(self, load: Load) -> list[StoredJob]:
        wanted = [
            row
            for row in sorted(self.rows.values())
            if (row.function, row.priority) == (load.function, load.priority) and row.sequence > load.after
        ]
        return wanted[: load.limit]

    def _purge(self, purge: Purge) -> None:
        for row in list(self.rows.values()):
            if row.function == purge.function and row.sequence < purge.before:
                del self.rows[row.sequence]


def stored(change: Change) -> StoredJob:
    job = change.job
    return StoredJob(
        serial_of(job.handle),
        job.handle,
        job.function.name,
        job.unique,
        job.priority,
        job.run_at,
        job.reducer,
        job.retries,
        job.submitted_at,
        job.data,
    )
