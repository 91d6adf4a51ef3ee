"""What ``gearman`` does as a process: it goes to the background, and leaves its number in a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from geartrain.errors import PidFileError


@contextmanager
def tool_process(*, daemon: bool, pid_file: str | None) -> Iterator[None]:
    """Goes to the background, writes the pid file and removes it in the end.

    Raises UsageError for a pid file that cannot be written; the first process has not exited by then.
    """
    background = None
    if daemon:
        from geartrain.cli.daemon import Daemon

        background = Daemon()
    remove = _write_pid_file(pid_file) if pid_file is not None else None
    if background is not None:
        background.ready()
    try:
        yield
    finally:
        if remove is not None:
            remove()


def _write_pid_file(path: str) -> Callable[[], None]:
    """Writes the file and returns what removes it; signals that nobody else handles remove it too."""
    from geartrain.cli.pid_file import PidFile

    try:
        file = PidFile(path)
        file.write()
    except PidFileError as error:
        raise click.UsageError(str(error)) from error

    def die(number: int, _frame: FrameType | None) -> None:
        file.remove()
        # Whoever started this process sees that a signal has ended it.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        # A program behind nohup goes on.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, die)
    return file.remove
