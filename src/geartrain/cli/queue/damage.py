"""Passes the sound jobs of a queue on, and names the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geartrain.cli.entry import ExitCode, say
from geartrain.cli.output import readable
from geartrain.cli.queue.words import PROGRAM

if TYPE_CHECKING:
    from geartrain.store.base import StoredJob


class SoundJobs:
    """The jobs that a server can run; for each of the others, a line on stderr says why it is left out.

    ``exit_code`` is that of the command, afterwards.
    """

    def __init__(self, found: Iterator[StoredJob | str]) -> None:
        self._found = found
        self.exit_code = ExitCode.DONE

    def __iter__(self) -> Iterator[StoredJob]:
        for job in self._found:
            if isinstance(job, str):
                say(PROGRAM, f"left out: {readable(job.encode())}")
                self.exit_code = ExitCode.FAILED
            else:
                yield job
