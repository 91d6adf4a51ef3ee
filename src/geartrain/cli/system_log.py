"""The log of the system: syslog, as the C server writes to it."""

from __future__ import annotations

import errno
import logging.handlers
import socket
import sys
from typing import ClassVar, Final

from geartrain.errors import LogFileError

# Where the system takes lines for its log.
SOCKET: Final = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"


class SystemLog(logging.handlers.SysLogHandler):
    """Sends every line to the log of the system, with the facility "user".

    Raises LogFileError when there is none. One that goes away later is looked for again at each line.
    """

    # What the levels are called there.
    priority_map: ClassVar[dict[str, str]] = {
        "FATAL": "critical",
        "ALERT": "alert",
        "CRITICAL": "critical",
        "ERROR": "error",
        "WARNING": "warning",
        "NOTICE": "notice",
        "INFO": "info",
        "DEBUG": "debug",
    }

    def __init__(self, path: str) -> None:
        _check(path)
        super().__init__(path)
        # A datagram ends where it ends.
        self.append_nul = False
        # The number of the process is put in with each line: a daemon is another process than its parent.
        self.setFormatter(logging.Formatter("gearmand[%(process)d]: %(message)s"))


def _check(path: str) -> None:
    """The handler itself says nothing about a socket that is not there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            # One that wants a stream is there all the same.
            if error.errno != errno.EPROTOTYPE:
                raise LogFileError(path, error.strerror) from error
