"""A live view of running jobs on a terminal: one bar for each, gone when they are done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Jobs that are done sooner show nothing, and do not wait for rich to load either.
_DELAY_SECONDS: Final = 0.4


class ProgressBars:
    """Bars for jobs, on stderr, which has to be a terminal; needs a running event loop.

    ``hide`` makes room for other output, ``show`` brings the bars back.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[object, TaskID] = {}
        # Label, numerator and denominator of each job under way.
        self._jobs: dict[object, tuple[str, int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_hidden = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for key in list(self._jobs):
            self.end(key)

    def begin(self, key: object, label: str) -> None:
        """A job has been submitted; nobody knows yet how long it is."""
        self._jobs[key] = label, 0, 0
        if self._progress is not None:
            self._draw(key)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._appear)

    def update(self, key: object, numerator: int, denominator: int) -> None:
        """A job has come this far."""
        if key in self._jobs:
            self._jobs[key] = self._jobs[key][0], numerator, denominator
            self._draw(key)

    def end(self, key: object) -> None:
        """A job has ended; the last one takes everything away."""
        self._jobs.pop(key, None)
        task = self._tasks.pop(key, None)
        if self._progress is not None and task is not None:
            self._progress.remove_task(task)
        if not self._jobs:
            self._vanish()

    def hide(self) -> None:
        """Takes the bars off the terminal for a moment."""
        self._is_hidden = True
        if self._progress is not None:
            self._progress.stop()

    def show(self) -> None:
        """Brings them back."""
        self._is_hidden = False
        if self._progress is not None:
            self._progress.start()

    def _appear(self) -> None:
        self._timer = None
        self._progress = _make_progress()
        for key in self._jobs:
            self._draw(key)
        if not self._is_hidden:
            self._progress.start()

    def _vanish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _draw(self, key: object) -> None:
        if self._progress is None:
            return
        label, numerator, denominator = self._jobs[key]
        # Without a total the bar only shows that something goes on.
        total = denominator if denominator > 0 else None
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(label, total=total)
        self._progress.update(self._tasks[key], total=total, completed=numerator)


def _make_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        # The name of a function is not markup, even with brackets in it.
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
