"""Carries the engine's journal to a store, batch by batch, and tells the engine what became of it.

The next batch is whatever has come while the last one was committing: one client pays for one commit, a thousand
share it. The event loop never waits for the store. Submissions that it does not take in time are refused, and if
it takes them after all, they are taken out again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from geartrain.engine.job import Job, serial_of
from geartrain.engine.journal import ADD, REMOVE, Change
from geartrain.errors import StoreError, StoreInUse
from geartrain.server.log import log_event
from geartrain.store.base import Batch, Store, StoredJob
from geartrain.store.committer import Committer

if TYPE_CHECKING:
    from geartrain.server.hub import Hub

# How long the end of the server waits for what is not durable yet.
CLOSE_SECONDS: Final = 10.0


class _Addition(NamedTuple):
    """A submission that waits for the store, until a deadline on the monotonic clock."""

    number: int
    sequence: int
    data_bytes: int
    deadline: float


class _Pending:
    """Changes that are to go into the next batch, by the sequence of their job."""

    def __init__(self) -> None:
        self.added: dict[int, StoredJob] = {}
        self.removed: list[int] = []
        self.attempts: dict[int, int] = {}

    def collect(self, change: Change) -> None:
        job = change.job
        sequence = serial_of(job.handle)
        if change.kind == ADD:
            self.added[sequence] = _record(sequence, job)
        elif change.kind == REMOVE:
            self.attempts.pop(sequence, None)
            if self.added.pop(sequence, None) is None:
                self.removed.append(sequence)
        elif sequence in self.added:
            self.added[sequence] = _record(sequence, job)
        else:
            self.attempts[sequence] = job.retries

    def take(self) -> Batch:
        batch = Batch(list(self.added.values()), self.removed, self.attempts)
        self.added, self.removed, self.attempts = {}, [], {}
        return batch

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.attempts)


class DurableQueue:
    """The journal of a hub's engine, and the open store that it goes to.

    ``timeout_seconds`` is how long a submission waits for the store before it is refused, ``backlog_bytes`` how
    much data may wait for it.
    """

    def __init__(self, hub: Hub, store: Store, *, timeout_seconds: float, backlog_bytes: int) -> None:
        self._hub = hub
        self._engine = hub.engine
        self._loop = hub.loop
        self._store = store
        self._timeout_seconds = timeout_seconds
        self._backlog_bytes = backlog_bytes
        self._committer = Committer(store, self._applied_soon, self._failing_soon, self._recovered_soon)
        self._pending = _Pending()
        # The last change that is in a batch, or will be in the next one.
        self._last = 0
        # The same of the batch that the store is busy with; 0 while it is idle.
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._additions: deque[_Addition] = deque()
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def start(self) -> int:
        """Has the engine take in what the store holds, and begins to serve the journal.

        Blocks until all jobs are read; returns how many there were. Raises StoreError.
        """
        count = 0
        now = self._hub.now()
        for job in self._store.read():
            self._restore(job, now)
            count += 1
        self._committer.start()
        return count

    def pump(self) -> None:
        """Takes the journal over, and hands it to the store as soon as that is idle."""
        if self._is_closed:
            return
        self._collect(self._engine.journal.take())
        if self._pending and not self._in_flight:
            self._in_flight = self._last
            self._idle.clear()
            self._committer.commit(self._pending.take())

    async def close(self) -> None:
        """Waits, for a limited time, until all is durable, and closes the store.

        What the engine journals from then on is not kept: the jobs that workers lose when the server closes
        their connections have not failed.
        """
        self.pump()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._in_flight:
                    await self._idle.wait()
        except TimeoutError:
            log_event(logging.ERROR, "stopping before all changes are durable", {"queue": self._store.url})
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._loop.run_in_executor(None, self._committer.stop, CLOSE_SECONDS)

    # --- towards the store ------------------------------------------------------------------------------

    def _collect(self, changes: list[Change]) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        for change in changes:
            self._pending.collect(change)
            self._last = change.number
            if change.kind == ADD:
                size = len(change.job.data)
                sequence = serial_of(change.job.handle)
                self._additions.append(_Addition(change.number, sequence, size, deadline))
                self._waiting_bytes += size
        if changes:
            self._limit()
            self._set_timer()

    def _limit(self) -> None:
        """Refuses new submissions while too much waits already."""
        if self._waiting_bytes > self._backlog_bytes:
            self._engine.journal.refusal = "too much waits for the durable queue already"
        else:
            self._engine.journal.refusal = ""

    def _settled(self, number: int) -> None:
        """Nobody waits any more for the additions up to this one."""
        while self._additions and self._additions[0].number <= number:
            self._waiting_bytes -= self._additions.popleft().data_bytes
        self._limit()

    # --- back from the store ----------------------------------------------------------------------------

    def _applied(self) -> None:
        number, self._in_flight = self._in_flight, 0
        self._settled(number)
        self._engine.committed(number, self._hub.now())
        self._hub.settle()
        if not self._in_flight:
            self._idle.set()

    def _failing(self, error: StoreError) -> None:
        log_event(logging.ERROR, "the durable queue fails", {"queue": error.url, "reason": error.reason})
        if isinstance(error, StoreInUse):
            # They are the other server's jobs now, and it has them all.
            self._engine.keep_durable_jobs()

    def _recovered(self) -> None:
        log_event(logging.WARNING, "the durable queue works again", {"queue": self._store.url})

    # --- submissions that wait for too long -------------------------------------------------------------

    def _set_timer(self) -> None:
        if self._timer is None and self._additions:
            delay = max(self._additions[0].deadline - time.monotonic(), 0.0)
            self._timer = self._loop.call_later(delay, self._refuse_late)

    def _refuse_late(self) -> None:
        """Refuses what has waited for too long, and sees to it that it is not kept either."""
        self._timer = None
        now = time.monotonic()
        late = []
        while self._additions and self._additions[0].deadline <= now:
            late.append(self._additions.popleft())
        if late:
            for addition in late:
                self._waiting_bytes -= addition.data_bytes
                if self._pending.added.pop(addition.sequence, None) is None:
                    # The store has it, and may yet write it down.
                    self._pending.removed.append(addition.sequence)
            text = f"the durable queue has not answered within {self._timeout_seconds:g} seconds"
            self._engine.commit_failed(late[0].number, late[-1].number, text, self._hub.now())
            self._limit()
            self._hub.settle()
        self._set_timer()

    # --- the start --------------------------------------------------------------------------------------

    def _restore(self, job: StoredJob, now: float) -> None:
        self._engine.restore(
            job.handle,
            job.function,
            job.unique,
            job.data,
            job.priority,
            job.run_at,
            job.reducer,
            job.attempts,
            job.submitted_at,
            now,
        )

    # --- calls from the store's thread ------------------------------------------------------------------

    def _applied_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._applied)

    def _failing_soon(self, error: StoreError) -> None:
        self._loop.call_soon_threadsafe(self._failing, error)

    def _recovered_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._recovered)


def _record(sequence: int, job: Job) -> StoredJob:
    return StoredJob(
        sequence,
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
