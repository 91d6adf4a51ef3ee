"""A store in a dict that does what a test tells it to: fail, refuse, hang, or be another server's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from geartrain.errors import JobsRefused, StoreError
from geartrain.store.base import Batch, QueueCount, Store, StoredJob
from geartrain.store.reading.base import QueueReader

PATIENCE_SECONDS = 20.0


def failure(reason: str = "broken") -> StoreError:
    return StoreError("scripted://", reason)


class ScriptedStore(Store):
    """Rows by sequence.

    ``before`` and ``after`` are errors that the next attempts end with, before or after the batch is applied;
    ``closed`` are errors of the next attempts to open it, ``lost`` those of the next looks after it, and
    ``warnings`` is what it says of its settings. ``is_poison`` says which jobs it refuses; it names them if
    ``tells`` is set. While ``hold`` was called, an attempt waits until ``let_go``.
    """

    url = "scripted://"

    def __init__(self) -> None:
        self.rows: dict[int, StoredJob] = {}
        self.before: deque[Exception] = deque()
        self.after: deque[Exception] = deque()
        self.closed: deque[Exception] = deque()
        self.lost: deque[Exception] = deque()
        self.is_poison: Callable[[StoredJob], bool] = lambda _: False
        self.tells = False
        self.tries: list[tuple[Batch, bool]] = []
        self.opened = 0
        self.warnings: list[str] = []
        self.is_open = True
        self._is_free = threading.Event()
        self._is_free.set()
        self._is_held = threading.Event()

    def hold(self) -> None:
        """The next attempt hangs, until ``let_go``."""
        self._is_held.clear()
        self._is_free.clear()

    def wait_until_held(self) -> None:
        """Returns when an attempt hangs."""
        assert self._is_held.wait(PATIENCE_SECONDS)

    def let_go(self) -> None:
        self._is_free.set()

    # --- a store ----------------------------------------------------------------------------------------

    def open(self) -> list[str]:
        if self.closed:
            raise self.closed.popleft()
        self.opened += 1
        return self.warnings

    def apply(self, batch: Batch, *, again: bool = False) -> None:
        self.tries.append((batch, again))
        self._is_held.set()
        assert self._is_free.wait(PATIENCE_SECONDS)
        if self.before:
            raise self.before.popleft()
        poison = [job.sequence for job in batch.added if self.is_poison(job)]
        if poison:
            raise JobsRefused(self.url, "poison", poison if self.tells else ())
        self.rows.update({job.sequence: job for job in batch.added})
        for sequence, attempts in batch.attempts.items():
            if sequence in self.rows:
                self.rows[sequence] = self.rows[sequence]._replace(attempts=attempts)
        for sequence in batch.removed:
            self.rows.pop(sequence, None)
        for function, before in batch.purged:
            self.rows = {
                key: job for key, job in self.rows.items() if job.function != function or key >= before
            }
        if self.after:
            raise self.after.popleft()

    def keep(self) -> None:
        if self.lost:
            raise self.lost.popleft()

    def counts(self) -> list[QueueCount]:
        raise NotImplementedError

    def last_sequence(self) -> int:
        return max(self.rows, default=0)

    def read(self, after: int = 0) -> Iterator[StoredJob]:
        return iter([self.rows[sequence] for sequence in sorted(self.rows) if sequence > after])

    def find_all(self, sequences: Collection[int]) -> list[StoredJob]:
        return [self.rows[sequence] for sequence in sorted(sequences) if sequence in self.rows]

    def close(self) -> None:
        self.is_open = False

    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        raise NotImplementedError

    def arrived(self, origin: str) -> int:
        raise NotImplementedError

    def forget_arrival(self, origin: str) -> None:
        raise NotImplementedError

    def discard(self, *, function: bytes | None = None, until: int | None = None) -> int:
        raise NotImplementedError

    def reader(self) -> QueueReader:
        raise NotImplementedError
