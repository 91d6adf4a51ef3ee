"""Where the log of a program goes, and what its lines look like: those of the C server."""

from __future__ import annotations

import logging
import sys
from typing import Final

from geartrain.errors import LogFileError

# The levels of the C server, from the fewest lines to the most, as levels of the logging module.
LEVELS: Final = {
    "FATAL": 60,
    "ALERT": 55,
    "CRITICAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "NOTICE": 25,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
}
TO_STDERR: Final = "stderr"
TO_NOWHERE: Final = "none"

# What the lines look like.
AUTO: Final = "auto"
CONSOLE: Final = "console"
CLASSIC: Final = "classic"
JSON: Final = "json"
FORMATS: Final = (AUTO, CONSOLE, CLASSIC, JSON)


class LogFile(logging.FileHandler):
    """A log file that can be opened again after its name was moved away."""

    def reopen(self) -> None:
        """Goes on in the file that now has the name. Raises LogFileError, and then goes on in the old one."""
        try:
            stream = self._open()
        except OSError as error:
            raise LogFileError(self.baseFilename, error.strerror) from error
        old = self.setStream(stream)
        if old is not None:
            old.close()


def set_up_logging(
    target: str, level: str, *, log_format: str = AUTO, syslog: bool = False
) -> LogFile | None:
    """Sends the log of the whole program to a file, ``stderr`` or ``none``; returns the file, if it is one.

    Raises LogFileError when the file cannot be opened; the log goes to stderr then.
    """
    for name, number in LEVELS.items():
        logging.addLevelName(number, name)
    # A log that cannot be written is no reason to write about it to stderr.
    logging.raiseExceptions = False
    logging.getLogger().setLevel(LEVELS[level])
    if target == TO_NOWHERE:
        _add(logging.NullHandler())
        return None
    if target == TO_STDERR:
        _add(logging.StreamHandler(sys.stderr))
        return None
    try:
        file = LogFile(target, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        _add(logging.StreamHandler(sys.stderr))
        raise LogFileError(target, error.strerror) from error
    _add(file)
    return file


def _add(handler: logging.Handler) -> None:
    handler.setFormatter(_LineFormatter())
    logging.getLogger().addHandler(handler)


class _LineFormatter(logging.Formatter):
    """One line for each record: level, local date, time to the microsecond, message."""

    default_time_format = "%Y-%m-%d %H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(levelname)8s %(asctime)s [  main ] %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        seconds = super().formatTime(record, datefmt or self.default_time_format)
        # Cut, not rounded: the last half microsecond of a second would make seven digits.
        return f"{seconds}.{int(record.created % 1 * 1_000_000):06d}"
