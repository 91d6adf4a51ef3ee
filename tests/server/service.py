"""Runs ``gearmand`` the way systemd does: with sockets passed on, and somebody who hears how it is doing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.server.process import GEARMAND
from tests.server.wire import TIMEOUT_SECONDS, Wire

# Copies the descriptors in front of "--" to where systemd puts them, and becomes the program behind it.
_LAUNCHER = """
import os, sys
end = sys.argv.index("--")
passed = [int(number) for number in sys.argv[1:end]]
for target, source in enumerate(passed, 3):
    os.dup2(source, target)
if passed:
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(passed))
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""
# Where descriptors are out of the way of those that they are copied to.
_OUT_OF_THE_WAY = 200


class Service:
    """A ``gearmand`` of Type=notify; ``sockets`` and their ``names`` are what a socket unit gives it."""

    def __init__(
        self,
        *options: str,
        sockets: Sequence[socket.socket] = (),
        names: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = f"{self._folder.name}/notify"
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.settimeout(TIMEOUT_SECONDS)
        self._manager.bind(path)
        passed = [_OUT_OF_THE_WAY + index for index in range(len(sockets))]
        for number, given in zip(passed, sockets, strict=True):
            os.dup2(given.fileno(), number)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, *map(str, passed), "--", GEARMAND, *options],
            pass_fds=passed,
            env={**os.environ, "NOTIFY_SOCKET": path, "LISTEN_FDNAMES": names, **(environment or {})},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in passed:
            os.close(number)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self.finish()
        self._manager.close()
        self._folder.cleanup()

    def read_message(self) -> dict[str, str]:
        """The next thing that the service says about itself."""
        lines = self._manager.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def wait_ready(self) -> list[str]:
        """Waits for READY=1, which has to come first; the addresses that the service then listens on."""
        message = self.read_message()
        assert message["READY"] == "1", message
        return message["STATUS"].removeprefix("Listening on ").split(", ")

    def connect(self, address: str) -> Wire:
        """A connection to one of the addresses."""
        return Wire(("127.0.0.1", int(address.rpartition(":")[2])))

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def finish(self) -> tuple[int, str]:
        """Waits for the end of the process; its exit code, and what it wrote to stderr."""
        try:
            _, written = self._process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        return self._process.returncode, written
