"""Where the log of a program goes, and what its lines look like.

On a terminal they are laid out and coloured for people; elsewhere they are those of the C server, which
other programs read already, or JSON.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

from geartrain.cli.entry import say
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

# What the lines look like; auto is console on a terminal and classic everywhere else.
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
        # Not by setStream(): that stays with the old file when lines of it are left that cannot be written.
        self.acquire()
        old, self.stream = self.stream, stream
        self.release()
        if old is not None:
            with suppress(OSError):
                old.close()

    def _open(self) -> TextIOWrapper:
        path = self.baseFilename
        return open(path, "a", encoding=self.encoding, errors=self.errors, opener=_open_unmisled)


def _open_unmisled(path: str, flags: int) -> int:
    """Opens a file; as root, it follows no link that somebody else may have put there to lead it anywhere."""
    if os.geteuid() == 0:
        folder = os.stat(os.path.dirname(path))
        if folder.st_uid != 0 or folder.st_mode & stat.S_IWOTH:
            flags |= os.O_NOFOLLOW
    return os.open(path, flags, 0o666)


def set_up_logging(
    target: str, level: str, *, log_format: str = AUTO, syslog: bool = False
) -> LogFile | None:
    """Sends the log of the whole program to a file, ``stderr`` or ``none``; returns the file, if it is one.

    ``log_format`` is one of FORMATS; with ``syslog`` the log of the system gets every line too, if there is
    one. Raises LogFileError when the file cannot be opened; the log goes to stderr then.
    """
    for name, number in LEVELS.items():
        logging.addLevelName(number, name)
    # A log that cannot be written is no reason to write about it to stderr.
    logging.raiseExceptions = False
    logging.getLogger().setLevel(LEVELS[level])
    if syslog:
        _add_system_log()
    if target == TO_NOWHERE:
        logging.getLogger().addHandler(logging.NullHandler())
        return None
    if target == TO_STDERR:
        _log_to_stderr(log_format)
        return None
    try:
        file = LogFile(target, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        _log_to_stderr(log_format)
        raise LogFileError(target, error.strerror) from error
    # A file may be a terminal too: /dev/tty, or /dev/stdout in a container.
    is_terminal = file.stream is not None and file.stream.isatty()
    _add(file, _formatter(log_format, is_terminal=is_terminal))
    return file


def _log_to_stderr(log_format: str) -> None:
    _add(logging.StreamHandler(sys.stderr), _formatter(log_format, is_terminal=sys.stderr.isatty()))


def _add(handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _formatter(log_format: str, *, is_terminal: bool) -> logging.Formatter:
    if log_format == CLASSIC or (log_format == AUTO and not is_terminal):
        return _ClassicFormatter()
    # Imported only here: most servers write the classic lines.
    from geartrain.cli.gearmand.log_formats import console_formatter, json_formatter

    if log_format == JSON:
        return json_formatter()
    return console_formatter(colors=is_terminal and _are_colors_wanted())


def _are_colors_wanted() -> bool:
    """Unless the user of the terminal said otherwise, as to other programs too (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _add_system_log() -> None:
    from geartrain.cli.gearmand import system_log

    try:
        logging.getLogger().addHandler(system_log.SystemLog(system_log.SOCKET))
    except LogFileError as error:
        say("gearmand", f"{error}; going on without it")


class _ClassicFormatter(logging.Formatter):
    """One line for each record: level, local date, time to the microsecond, message."""

    default_time_format = "%Y-%m-%d %H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(levelname)8s %(asctime)s [  main ] %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        seconds = super().formatTime(record, datefmt or self.default_time_format)
        # Cut, not rounded: the last half microsecond of a second would make seven digits.
        return f"{seconds}.{int(record.created % 1 * 1_000_000):06d}"
