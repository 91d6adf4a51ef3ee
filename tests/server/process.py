"""Runs the real ``gearmand`` as a process, and looks at what the system says about it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.server.wire import TIMEOUT_SECONDS, Wire

GEARMAND = str(Path(sys.executable).with_name("gearmand"))
_LISTENING = re.compile(r"^gearmand: listening on (\S+)$")


def run_gearmand(*options: str) -> subprocess.CompletedProcess[str]:
    """Runs ``gearmand`` until it ends by itself."""
    return subprocess.run([GEARMAND, *options], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)


class Gearmand:
    """A running ``gearmand`` on a free port.

    With ``descriptors`` the process may not open more than that many files. Without ``is_measured`` its
    coverage is left out, which would make it ten times as slow.
    """

    def __init__(
        self,
        *options: str,
        descriptors: int | None = None,
        is_measured: bool = True,
        cwd: Path | None = None,
    ) -> None:
        command = [GEARMAND, "-p0", *options]
        if descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
        environment = {
            name: value
            for name, value in os.environ.items()
            if is_measured or not name.startswith("COVERAGE_PROCESS")
        }
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment)
        self.pid = self._process.pid
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for_line(lambda line: _LISTENING.match(line) is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.send_signal(signal.SIGTERM)
        self.wait()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()

    @property
    def listening(self) -> list[str]:
        """The addresses that the server said it listens on, as it wrote them."""
        return [match.group(1) for match in map(_LISTENING.match, self.lines) if match is not None]

    @property
    def port(self) -> int:
        """The port of the first address."""
        return int(self.listening[0].rpartition(":")[2])

    def wait_for_line(self, is_wanted: Callable[[str], bool]) -> str:
        """The first line on stderr of that kind; waits for it if it has not come yet."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(map(is_wanted, self.lines)), TIMEOUT_SECONDS)
            assert found, "\n".join(self.lines)
            return next(filter(is_wanted, self.lines))

    def count_lines(self, text: str) -> int:
        return sum(text in line for line in self.lines)

    def connect(self) -> Wire:
        return Wire(("127.0.0.1", self.port))

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        """Waits for the end of the process; its exit code."""
        try:
            code = self._process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._reader.join()
        return code

    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Processor time that the process has used so far."""
        # The second field, the name, may hold blanks; user and system time are the 14th and 15th.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
