"""Runs a store on a thread of its own, one piece of work after the other, and never gives a change up.

While the store fails, the thread opens it again and again, with growing pauses, and repeats what it has to
do. What to tell those who wait meanwhile, and for how long, is for the caller to decide.

A job that the database will never take must not block the others for ever. Where the database says which one
it is, or that it does not want one of a batch, the batch is applied in smaller and smaller parts until the
culprits are alone; so it is when the same batch breaks an open store again and again. Removals are never
given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from geartrain.engine.journal import Find, Load
from geartrain.errors import JobsRefused, StoreError, StoreInUse
from geartrain.store.base import Batch, Store, StoredJob

Question = Find | Load
Answer = list[StoredJob]

# How often a store is asked whether it is still there and still ours.
KEEP_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
# So often may a store that opens well break on the same changes before those are suspected.
_TRIES: Final = 3


@dataclass(slots=True)
class Work:
    """Changes, and questions whose answers see them. ``number`` is the caller's, to know it again."""

    number: int = 0
    batch: Batch = field(default_factory=Batch)
    questions: Sequence[Question] = ()

    def __bool__(self) -> bool:
        return bool(self.batch or self.questions)


@dataclass(slots=True)
class Outcome:
    """What became of a piece of work: all is durable but the jobs refused, by sequence and with why."""

    number: int
    refused: dict[int, str] = field(default_factory=dict)
    answers: list[tuple[Question, Answer]] = field(default_factory=list)


class Committer:
    """A thread that owns an open store.

    It calls ``on_done`` after each piece of work, ``on_failed`` with the error when the store begins to fail,
    and ``on_recovered`` when it works again; all three on its own thread. After a StoreInUse it does nothing
    more: the queue is another server's.
    """

    def __init__(
        self,
        store: Store,
        on_done: Callable[[Outcome], None],
        on_failed: Callable[[StoreError], None],
        on_recovered: Callable[[], None],
    ) -> None:
        self._store = store
        self._on_done = on_done
        self._on_failed = on_failed
        self._on_recovered = on_recovered
        self._changed = threading.Condition()
        self._work: Work | None = None
        self._withdrawn: set[int] = set()
        self._stopping = False
        self._is_failing = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._kept_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="geartrain-store", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def commit(self, work: Work) -> None:
        """Hands over the next piece of work, which is not empty; the one before has to be done."""
        with self._changed:
            assert work
            assert self._work is None
            self._withdrawn.clear()
            self._work = work
            self._changed.notify()

    def withdraw(self, sequences: Iterable[int]) -> None:
        """Has these additions not tried again: nobody waits for them. They may be durable all the same."""
        with self._changed:
            self._withdrawn.update(sequences)

    def stop(self, timeout_seconds: float) -> bool:
        """Ends the thread and closes the store; returns whether all work was done in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive() and self._work is None

    # --- on the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                if work:
                    self._carry_out(work)
                if time.monotonic() - self._kept_at >= KEEP_SECONDS:
                    self._keep()
        except _Ended:
            pass
        self._store.close()

    def _next(self) -> Work | None:
        """What to do; nothing in particular when there was nothing for a while, None at the end."""
        with self._changed:
            if self._work is None and not self._stopping:
                self._changed.wait(max(self._kept_at + KEEP_SECONDS - time.monotonic(), 0.0))
            if self._work is not None:
                return self._work
            return None if self._stopping else Work()

    def _keep(self) -> None:
        try:
            with self._all_errors():
                self._store.keep()
        except StoreError as error:
            self._fail(error)
            self._reopen()
        self._kept_at = time.monotonic()
        self._recover()

    def _carry_out(self, work: Work) -> None:
        outcome = Outcome(work.number)
        self._apply(work.batch, outcome)
        for question in work.questions:
            outcome.answers.append((question, self._answer(question)))
        with self._changed:
            self._work = None
        self._on_done(outcome)

    # --- changes ----------------------------------------------------------------------------------------

    def _apply(self, batch: Batch, outcome: Outcome) -> None:
        """Applies a batch, in parts where that is needed to find the jobs that are to be refused."""
        parts = [batch]
        again = False
        tries = 0
        while parts:
            part = self._without_withdrawn(parts.pop())
            try:
                self._apply_part(part, again)
            except JobsRefused as error:
                parts += _rest(part, error, outcome)
                tries = 0
            except StoreError as error:
                self._fail(error)
                self._reopen()
                again = True
                tries += 1
                if tries < _TRIES or not part.added:
                    parts.append(part)
                else:
                    parts += _rest(part, JobsRefused(error.url, error.reason), outcome)
                    self._pause = _FIRST_PAUSE_SECONDS
                    tries = 0
            else:
                self._recover()
                tries = 0

    def _apply_part(self, part: Batch, again: bool) -> None:
        if not part:
            return
        try:
            with self._all_errors():
                self._store.apply(part, again=again)
        except JobsRefused as error:
            if not part.added:
                # Never true: what is left is to be done, sooner or later.
                raise StoreError(error.url, error.reason) from error
            raise

    def _without_withdrawn(self, part: Batch) -> Batch:
        with self._changed:
            if not self._withdrawn:
                return part
            gone = self._withdrawn.intersection(job.sequence for job in part.added)
        kept = [job for job in part.added if job.sequence not in gone]
        # A try before may have written them.
        return replace(part, added=kept, removed=[*part.removed, *gone])

    # --- questions --------------------------------------------------------------------------------------

    def _answer(self, question: Question) -> Answer:
        while True:
            try:
                with self._all_errors():
                    answer = self._ask(question)
            except StoreError as error:
                self._fail(error)
                self._reopen()
            else:
                self._recover()
                return answer

    def _ask(self, question: Question) -> Answer:
        if isinstance(question, Find):
            return self._store.find_all([question.sequence])
        return self._store.read_queue(question.function, question.priority, question.after, question.limit)

    # --- trouble ----------------------------------------------------------------------------------------

    @contextmanager
    def _all_errors(self) -> Iterator[None]:
        """Turns what no store should raise, such as a fault of ours, into a StoreError."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(self._store.url, f"{type(error).__name__}: {error}") from error

    def _fail(self, error: StoreError) -> None:
        if isinstance(error, StoreInUse):
            self._on_failed(error)
            raise _Ended
        if not self._is_failing:
            self._is_failing = True
            self._on_failed(error)

    def _recover(self) -> None:
        """Something worked."""
        self._pause = _FIRST_PAUSE_SECONDS
        if self._is_failing:
            self._is_failing = False
            self._on_recovered()

    def _reopen(self) -> None:
        """Opens the store anew, however long it takes."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, self._pause):
                    raise _Ended
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                with self._all_errors():
                    self._store.open()
            except StoreInUse as error:
                self._fail(error)
            except StoreError:
                pass
            else:
                return


class _Ended(Exception):
    """The thread has nothing more to do."""


def _rest(part: Batch, error: JobsRefused, outcome: Outcome) -> list[Batch]:
    """What is still to be applied of a part that the store did not take, the last first.

    The jobs that are at fault are refused as soon as it is known which ones they are.
    """
    added = part.added
    culprits = {job.sequence for job in added if len(added) == 1 or job.sequence in error.sequences}
    if culprits:
        outcome.refused.update(dict.fromkeys(culprits, error.reason))
        kept = [job for job in added if job.sequence not in culprits]
        # A try before, with an unknown end, may have written them.
        return [replace(part, added=kept, removed=[*part.removed, *culprits])]
    middle = len(added) // 2
    return [replace(part, added=[]), Batch(added[middle:]), Batch(added[:middle])]
