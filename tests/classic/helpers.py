"""What the tests of the classic API share: workers in threads, and waiting with a bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import gearman
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import JOB_CREATED, OPTION_RES

# How long anything may take before a test gives up on it; nothing here takes a tenth of it.
PATIENCE_SECONDS = 20.0

# How a server begins to answer a client that asks for exceptions and submits a job.
ACCEPTED = encode_response(OPTION_RES, b"exceptions") + encode_response(JOB_CREATED, b"H:t:1")


class StoppableWorker(gearman.GearmanWorker):
    """A worker that another thread can stop without waiting long."""

    _longest_wait = 0.02

    def __init__(self, host_list: Any = None) -> None:
        self.has_to_end = threading.Event()
        super().__init__(host_list)

    def after_poll(self, any_activity: bool) -> bool:  # noqa: ARG002 - the signature of the hook
        return not self.has_to_end.is_set()


def echo(_worker: Any, job: Any) -> Any:
    """A callback that gives the payload back."""
    return job.data


class RunningWorker:
    """A worker at work in a thread. ``error`` is what ended it, None if it was stopped."""

    def __init__(self, worker: gearman.GearmanWorker, **work_arguments: Any) -> None:
        self.worker = worker
        self.error: BaseException | None = None
        self._arguments = work_arguments
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.worker.work(**self._arguments)
        except BaseException as error:
            self.error = error

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        """Waits for ``work`` to end by itself."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "work() does not end"

    def stop(self) -> None:
        """Ends a StoppableWorker that is still at work; raises what ended it otherwise."""
        if isinstance(self.worker, StoppableWorker):
            self.worker.has_to_end.set()
        self.join()
        if self.error is not None:
            raise self.error


def make_worker(
    tasks: Mapping[Any, Callable[[Any, Any], Any]],
    *addresses: Any,
    worker_class: type[gearman.GearmanWorker] = StoppableWorker,
) -> gearman.GearmanWorker:
    """A worker with these tasks."""
    worker = worker_class(list(addresses))
    for task, callback in tasks.items():
        worker.register_task(task, callback)
    return worker


# What happens at once, or within a second, takes less than this on the busiest machine; what waits for a
# poll timeout of a minute takes more.
SOON_SECONDS = 5.0


class Stopwatch:
    """Measures seconds from its making."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Waits for something that another thread or process does."""
    watch = Stopwatch()
    while not condition():
        assert watch.seconds < PATIENCE_SECONDS, f"waited in vain for {what}"
        time.sleep(0.001)
