"""Programs as processes: start them, read what they print as it comes, and leave none behind."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

# How long anything may take before a test gives up on it; nothing here takes a tenth of it.
PATIENCE_SECONDS = 20.0


class Output:
    """What a process writes to one of its pipes, collected by a thread so that the pipe never fills up."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        for line in self._pipe:
            with self._changed:
                self._text += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def search(self, pattern: str) -> re.Match[str]:
        """Waits for a line that the pattern is found in."""
        with self._changed:
            self._changed.wait_for(lambda: self._found(pattern) or self._ended, PATIENCE_SECONDS)
            found = self._found(pattern)
            assert found is not None, f"{pattern!r} is not in the output:\n{self._text}"
            return found

    def _found(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self._text, re.MULTILINE)

    def finish(self) -> str:
        """Waits for the end of the output and returns all of it."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "a child of the program is left behind and holds its output open"
        self._pipe.close()
        return self._text


class Program:
    """A running program. ``run`` is for one that ends by itself; this is for one that stays."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = Output(self._process.stdout)
        self.stderr = Output(self._process.stderr)

    def wait(self) -> int:
        """Waits for the program to end; returns its exit status."""
        status = self._process.wait(PATIENCE_SECONDS)
        self.stdout.finish()
        self.stderr.finish()
        return status

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Ends the program as a crash would: it gets no chance to say goodbye."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Asks the program to end, and makes it end when it does not."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.stdout.finish()
        self.stderr.finish()


class Deadline:
    """Bounds a loop that asks for something until it is so."""

    def __init__(self) -> None:
        self._end = time.monotonic() + PATIENCE_SECONDS

    def check(self, what: str) -> None:
        assert time.monotonic() < self._end, f"waited in vain for {what}"
