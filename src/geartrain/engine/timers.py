"""A heap of deadlines.

A timer belongs to a job or a function and ends with it: cancelling lets go of the target at once, and the
dead entry leaves the heap when its time comes or when dead entries outnumber the living.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from geartrain.engine.function import Function
    from geartrain.engine.job import Job

_MIN_DEAD_TO_SWEEP: Final = 64


class Timer:
    """One deadline and what it is for; ``target`` is None once it was cancelled or has run."""

    __slots__ = ("deadline", "target")

    def __init__(self, deadline: float, target: Job | Function) -> None:
        self.deadline = deadline
        self.target: Job | Function | None = target


class Timers:
    """Timers in order of deadline; equal deadlines come in the order they were added."""

    __slots__ = ("_dead", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._sequence = 0
        self._dead = 0

    def __len__(self) -> int:
        """How many timers are alive."""
        return len(self._heap) - self._dead

    def add(self, deadline: float, target: Job | Function) -> Timer:
        timer = Timer(deadline, target)
        self._sequence += 1
        heapq.heappush(self._heap, (deadline, self._sequence, timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forgets a timer; harmless when it has run already."""
        if timer.target is None:
            return
        timer.target = None
        self._dead += 1
        if self._dead > _MIN_DEAD_TO_SWEEP and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].target is not None]
            heapq.heapify(self._heap)
            self._dead = 0

    def next_deadline(self) -> float:
        """The earliest deadline, infinity when there is none."""
        self._drop_dead()
        return self._heap[0][0] if self._heap else math.inf

    def pop_due(self, now: float) -> Job | Function | None:
        """Takes the target of the earliest timer whose deadline is not after now."""
        self._drop_dead()
        if not self._heap or self._heap[0][0] > now:
            return None
        timer = heapq.heappop(self._heap)[2]
        target = timer.target
        timer.target = None
        return target

    def _drop_dead(self) -> None:
        while self._heap and self._heap[0][2].target is None:
            heapq.heappop(self._heap)
            self._dead -= 1
