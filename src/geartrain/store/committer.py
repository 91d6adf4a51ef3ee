"""Runs a store on a thread of its own, one batch after the other, and never gives a batch up.

While the store fails, the thread opens it again and again, with growing pauses, and repeats the batch it has. What
to tell those who wait meanwhile, and for how long, is for the caller to decide.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from geartrain.errors import StoreError
from geartrain.store.base import Batch, Store

# How often an idle store is asked whether it is still there and still ours.
KEEP_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Committer:
    """A thread that owns an open store.

    It calls ``on_applied`` after each batch, ``on_failed`` with the error when the store begins to fail, and
    ``on_recovered`` when it works again; all three on its own thread.
    """

    def __init__(
        self,
        store: Store,
        on_applied: Callable[[], None],
        on_failed: Callable[[StoreError], None],
        on_recovered: Callable[[], None],
    ) -> None:
        self._store = store
        self._on_applied = on_applied
        self._on_failed = on_failed
        self._on_recovered = on_recovered
        self._changed = threading.Condition()
        self._batch: Batch | None = None
        self._stopping = False
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="geartrain-store", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def commit(self, batch: Batch) -> None:
        """Hands over the next batch; the one before has to be applied."""
        with self._changed:
            assert self._batch is None
            self._batch = batch
            self._changed.notify()

    def stop(self, timeout_seconds: float) -> bool:
        """Ends the thread and closes the store; returns whether the last batch was applied in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive() and self._batch is None

    # --- on the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._apply(batch)
            elif not self._is_failing:
                self._keep()
        self._store.close()

    def _next(self) -> Batch | None:
        """The batch to apply; an empty one when there has been nothing to do for a while, None at the end."""
        with self._changed:
            if self._batch is None and not self._stopping:
                self._changed.wait(KEEP_SECONDS)
            if self._batch is not None:
                return self._batch
            return None if self._stopping else Batch()

    def _keep(self) -> None:
        try:
            self._store.keep()
        except StoreError as error:
            self._fail(error)
            self._reopen()

    def _apply(self, batch: Batch) -> None:
        again = False
        while True:
            try:
                self._store.apply(batch, again=again)
            except StoreError as error:
                self._fail(error)
            else:
                break
            again = True
            if not self._reopen():
                return
        with self._changed:
            self._batch = None
        self._on_applied()

    def _reopen(self) -> bool:
        """Opens the store anew, however long it takes; returns whether that came about before the end."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, pause)
                if self._stopping:
                    return False
            try:
                self._store.open()
            except StoreError:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                self._is_failing = False
                self._on_recovered()
                return True

    def _fail(self, error: StoreError) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._on_failed(error)
