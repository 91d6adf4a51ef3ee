"""Carries the engine's journal to a store, piece by piece, and tells the engine what became of it.

The next batch is whatever has come while the last one was committing: one client pays for one commit, a
thousand share it. The event loop never waits for the store.

Submissions that the store does not take in time are refused. It may have them all the same, if it was lost in
the middle of a commit; then they are taken out again and do not run, unless the server dies before.

Removals and attempts are never given up while the server lives. They need no limit: there is at most one for
each job that was in memory when the store went away, and it takes less memory than the job did.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from geartrain.engine.job import serial_of
from geartrain.engine.journal import ADD, Change, Entry, Find
from geartrain.engine.paging import JOB_BYTES
from geartrain.errors import StoreError, StoreInUse
from geartrain.server.log import log_event
from geartrain.server.pending import Pending
from geartrain.server.restoring import restore_jobs
from geartrain.store.base import Store
from geartrain.store.committer import Committer, Outcome

if TYPE_CHECKING:
    from geartrain.server.hub import Hub

# How long the end of the server waits for what is not durable yet.
CLOSE_SECONDS: Final = 10.0
# A store that is busy with the same piece of work for so long is in trouble.
SILENCE_SECONDS: Final = 3.0
# How long a store that has not answered in all that time may take to let go.
_LET_GO_SECONDS: Final = 1.0

_SILENT: Final = "it does not answer"
_BACKLOG: Final = "too much waits for the durable queue already"


class _Waiting(NamedTuple):
    """An entry that somebody waits for, until a deadline on the monotonic clock.

    ``sequence`` is that of a submission, 0 for a question.
    """

    number: int
    sequence: int
    size_bytes: int
    deadline: float


class DurableQueue:
    """The journal of a hub's engine, and the open store that it goes to.

    ``timeout_seconds`` is how long a submission waits for the store before it is refused, ``backlog_bytes``
    how much memory may wait for it.
    """

    def __init__(self, hub: Hub, store: Store, *, timeout_seconds: float, backlog_bytes: int) -> None:
        self._hub = hub
        self._engine = hub.engine
        # Why the store does not work now, and how much waits for it: administrators see it too.
        self._state = hub.engine.queue_report
        self._state.url = store.url
        self._loop = hub.loop
        self._store = store
        self._timeout_seconds = timeout_seconds
        self._backlog_bytes = backlog_bytes
        self._committer = Committer(store, self._done_soon, self._failing_soon, self._recovered_soon)
        # Why no submission is taken from now on; empty while they are.
        self._refusal = ""
        self._is_lost = False
        self._is_closed = False
        # Whether the next piece of work goes to the store as soon as the event loop comes to it.
        self._is_handing_over = False
        self._pending = Pending()
        self._waiting: deque[_Waiting] = deque()
        # The last entry taken from the journal, and the last one that the store is done with.
        self._last = 0
        self._done_up_to = 0
        self._progress = asyncio.Event()
        # Since when the store has been busy; None while it is idle.
        self._busy_since: float | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._silence_timer: asyncio.TimerHandle | None = None

    def start(self) -> int:
        """Has the engine take in what the store holds, and begins to serve the journal.

        Blocks until all jobs are read; returns how many there were. Raises StoreError.
        """
        count = restore_jobs(self._engine, self._store, self._hub.now())
        self._committer.start()
        return count

    def files(self) -> list[str]:
        """The files that the queue is in; none if it is in a database server."""
        return self._store.files()

    def pump(self) -> None:
        """Takes the journal over, and hands the store its next piece of work if it is idle.

        Not at once: what other connections have sent until now is for the same batch. When one has become
        durable, all its clients submit again at nearly the same time, and the first of them would have a
        commit of its own, with all others waiting for its end.
        """
        entries = self._engine.journal.take()
        if self._is_closed:
            return
        if entries:
            self._last = entries[-1].number
            if self._is_lost:
                self._refuse(entries[0].number, self._last, self._refusal)
            else:
                self._collect(entries)
        if self._pending and self._busy_since is None and not self._is_handing_over:
            self._is_handing_over = True
            self._loop.call_soon(self._hand_over_all)

    async def close(self) -> None:
        """Waits, for a limited time, until all is durable that has been journalled, and closes the store.

        What the engine journals from then on is not kept: the jobs that workers lose when the server closes
        their connections have not failed.
        """
        self.pump()
        seconds_left = CLOSE_SECONDS
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._is_busy and not self._is_lost:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            log_event(logging.ERROR, "stopping before all changes are durable", {"queue": self._store.url})
            seconds_left = _LET_GO_SECONDS
        self._is_closed = True
        for timer in (self._deadline_timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
        await self._loop.run_in_executor(None, self._committer.stop, seconds_left)

    @property
    def _is_busy(self) -> bool:
        """Whether the store has something to do; taking out what was refused has no number of its own."""
        return bool(self._pending) or self._busy_since is not None or self._done_up_to < self._last

    # --- towards the store ------------------------------------------------------------------------------

    def _collect(self, entries: list[Entry]) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        for entry in entries:
            self._pending.add(entry)
            if isinstance(entry, Change):
                if entry.kind == ADD:
                    job = entry.job
                    size_bytes = len(job.data) + len(job.reducer) + JOB_BYTES
                    self._wait(_Waiting(entry.number, serial_of(job.handle), size_bytes, deadline))
            elif isinstance(entry, Find):
                self._wait(_Waiting(entry.number, 0, JOB_BYTES, deadline))
        self._limit()
        self._watch_deadlines()

    def _wait(self, entry: _Waiting) -> None:
        self._waiting.append(entry)
        self._state.waiting_bytes += entry.size_bytes

    def _limit(self) -> None:
        """Refuses new submissions while too much waits already, and when none are taken at all."""
        refusal = self._refusal
        if not refusal and self._state.waiting_bytes > self._backlog_bytes:
            refusal = _BACKLOG
        self._engine.journal.refusal = refusal

    def _hand_over_all(self) -> None:
        self._is_handing_over = False
        while self._pending and self._busy_since is None and not self._is_closed:
            self._hand_over()

    def _hand_over(self) -> None:
        work = self._pending.take()
        if work:
            self._busy_since = time.monotonic()
            self._watch_silence()
            self._committer.commit(work)
        else:
            # What it would have added has ended before it came to that.
            self._report(Outcome(work.number))
            self._loop.call_soon(self._hub.settle)

    # --- back from the store ----------------------------------------------------------------------------

    def _done(self, outcome: Outcome) -> None:
        if self._is_closed:
            return
        self._busy_since = None
        if self._state.trouble == _SILENT:
            self._recovered()
        self._report(outcome)
        self._hub.settle()

    def _report(self, outcome: Outcome) -> None:
        """Tells the engine what has become of all entries up to a number."""
        now = self._hub.now()
        for question, answer in outcome.answers:
            if isinstance(question, Find):
                self._engine.found(question, answer[0] if answer else None, now)
            else:
                self._engine.loaded(question, answer, now)
        settled = self._take_waiting(lambda entry: entry.number <= outcome.number)
        for reason, group in groupby(settled, lambda entry: outcome.refused.get(entry.sequence, "")):
            if reason:
                refused = list(group)
                self._engine.committed(refused[0].number - 1, now)
                self._engine.commit_failed(refused[0].number, refused[-1].number, reason, now)
                fields = {"queue": self._store.url, "jobs": len(refused), "reason": reason}
                log_event(logging.WARNING, "the durable queue does not take jobs", fields)
        self._engine.committed(outcome.number, now)
        self._done_up_to = outcome.number
        self._progress.set()
        self._limit()

    def _take_waiting(self, is_settled: Callable[[_Waiting], bool]) -> list[_Waiting]:
        """Takes the first of those that wait out, as long as they are settled."""
        taken = []
        while self._waiting and is_settled(self._waiting[0]):
            entry = self._waiting.popleft()
            self._state.waiting_bytes -= entry.size_bytes
            taken.append(entry)
        return taken

    # --- trouble ----------------------------------------------------------------------------------------

    def _failing(self, error: StoreError) -> None:
        if self._is_closed:
            return
        self._say_trouble(error.reason)
        if isinstance(error, StoreInUse):
            self._give_up(error)

    def _say_trouble(self, reason: str) -> None:
        self._state.trouble = reason
        log_event(logging.ERROR, "the durable queue fails", {"queue": self._store.url, "reason": reason})

    def _recovered(self) -> None:
        self._state.trouble = ""
        log_event(logging.WARNING, "the durable queue works again", {"queue": self._store.url})

    def _give_up(self, error: StoreInUse) -> None:
        """The jobs are another server's now, and it has them all."""
        self._is_lost = True
        self._refusal = f"the durable queue was taken over: {error.reason}"
        self._engine.keep_durable_jobs()
        self._pending = Pending()
        waiting = self._take_waiting(lambda _: True)
        if waiting:
            self._refuse(waiting[0].number, waiting[-1].number, self._refusal)
        self._limit()
        self._progress.set()
        self._hub.settle()

    def _refuse(self, first: int, last: int, text: str) -> None:
        self._engine.commit_failed(first, last, text, self._hub.now())
        self._loop.call_soon(self._hub.settle)

    def _watch_silence(self) -> None:
        if self._silence_timer is None and self._busy_since is not None:
            delay = max(self._busy_since + SILENCE_SECONDS - time.monotonic(), 0.0)
            self._silence_timer = self._loop.call_later(delay, self._check_silence)

    def _check_silence(self) -> None:
        self._silence_timer = None
        if self._busy_since is None or self._state.trouble:
            return
        if time.monotonic() >= self._busy_since + SILENCE_SECONDS:
            self._say_trouble(_SILENT)
        else:
            self._watch_silence()

    # --- those who wait for too long --------------------------------------------------------------------

    def _watch_deadlines(self) -> None:
        if self._deadline_timer is None and self._waiting:
            delay = max(self._waiting[0].deadline - time.monotonic(), 0.0)
            self._deadline_timer = self._loop.call_later(delay, self._refuse_late)

    def _refuse_late(self) -> None:
        """Refuses what has waited for too long, and sees to it that it is not kept either."""
        self._deadline_timer = None
        now = time.monotonic()
        late = self._take_waiting(lambda entry: entry.deadline <= now)
        if late:
            sequences = [entry.sequence for entry in late if entry.sequence]
            self._committer.withdraw(sequences)
            for sequence in sequences:
                self._pending.withdraw(sequence)
            self._pending.drop_questions({entry.number for entry in late})
            text = f"the durable queue has not answered within {self._timeout_seconds:g} seconds"
            self._refuse(late[0].number, late[-1].number, text)
            self._limit()
        self._watch_deadlines()

    # --- calls from the store's thread ------------------------------------------------------------------

    def _done_soon(self, outcome: Outcome) -> None:
        self._soon(lambda: self._done(outcome))

    def _failing_soon(self, error: StoreError) -> None:
        self._soon(lambda: self._failing(error))

    def _recovered_soon(self) -> None:
        self._soon(self._recovered)

    def _soon(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            # The server has ended without waiting any longer.
            pass
