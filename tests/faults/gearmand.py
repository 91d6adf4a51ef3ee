"""The real ``gearmand`` as a process that is made to die, again and again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GEARMAND: Final = str(Path(sys.executable).with_name("gearmand"))
_LISTENING: Final = re.compile(rb"^gearmand: listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)
# The end of a server that stops in order, or starts with a queue of many jobs, takes less.
PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.005


class Gearmand:
    """One life of a job server, on a free port; everything it says goes to the end of a file."""

    def __init__(self, log: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as stream:
            self._said_before = stream.tell()
            # Coverage would make it ten times as slow.
            inherited = {
                name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")
            }
            self._process = subprocess.Popen(
                [GEARMAND, "--config-file", "none", "-p0", "-L", "127.0.0.1", *options],
                stdin=subprocess.DEVNULL,
                stderr=stream,
                env={**inherited, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for_port(self) -> int:
        """The port that it listens on, as soon as it does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := _LISTENING.search(self.said())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"gearmand does not start: {self.said().decode(errors='replace')}")
            time.sleep(_PAUSE_SECONDS)
        return int(found[1])

    def said(self) -> bytes:
        """What it has written to stderr."""
        with self._log.open("rb") as stream:
            stream.seek(self._said_before)
            return stream.read()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._process.kill()
        self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Waits for its end; its exit code."""
        return self._process.wait(PATIENCE_SECONDS)
