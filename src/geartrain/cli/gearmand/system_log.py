"""The log of the system: syslog, as the C server writes to it."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from typing import Final

from geartrain.errors import LogFileError

# Where the system takes lines for its log.
SOCKET: Final = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"

# The facility "user", in the bits above the severity.
_USER: Final = 1 << 3
# What the levels are called there, by name; libraries may have others.
_SEVERITIES: Final = {
    "FATAL": 2,
    "ALERT": 1,
    "CRITICAL": 2,
    "ERROR": 3,
    "WARNING": 4,
    "NOTICE": 5,
    "INFO": 6,
    "DEBUG": 7,
}
_WARNING: Final = 4


class SystemLog(logging.Handler):
    """Sends every line to the log of the system, with the facility "user".

    Raises LogFileError when there is none. One that goes away later is looked for again at each line. The
    handler of the standard library would wait for one that does not keep up, and the job server with it.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._socket = _connect(path)
        # The number of the process is put in with each line: a daemon is another process than its parent.
        self.setFormatter(logging.Formatter("gearmand[%(process)d]: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one line, which is lost when the log does not take it."""
        try:
            severity = _SEVERITIES.get(record.levelname, _WARNING)
            self._send(f"<{_USER | severity}>{self.format(record)}".encode(errors="backslashreplace"))
        except Exception:
            self.handleError(record)

    def _send(self, line: bytes) -> None:
        if self._socket.type == socket.SOCK_STREAM:
            # A datagram ends where it ends.
            line += b"\0"
        try:
            self._socket.send(line)
        except BlockingIOError:
            pass
        except OSError:
            # It was started again.
            self._socket.close()
            self._socket = _connect(self._path)
            self._socket.send(line)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _connect(path: str) -> socket.socket:
    try:
        try:
            return _connect_as(socket.SOCK_DGRAM, path)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            return _connect_as(socket.SOCK_STREAM, path)
    except OSError as error:
        raise LogFileError(path, error.strerror) from error


def _connect_as(kind: socket.SocketKind, path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.setblocking(False)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
