"""What the signals of the system make of a running job server."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Final

from geartrain.cli.gearmand.logs import LogFile
from geartrain.cli.gearmand.systemd import Notifier
from geartrain.errors import LogFileError
from geartrain.server import Server
from geartrain.server.log import log_event

_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


class Signals:
    """Stops, drains or reloads a server when its process is told to; systemd hears of it."""

    def __init__(self, server: Server, log_file: LogFile | None, systemd: Notifier, status: str) -> None:
        self._server = server
        self._log_file = log_file
        self._systemd = systemd
        # What the server is said to do while nothing else is up.
        self._status = status
        self._is_stopping = False

    def handle(self) -> None:
        """Begins to listen to signals, on the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGUSR1, self._drain)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # Whoever started this process may have held them back, and a process inherits that.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def ignore(self) -> None:
        """Has nothing disturb a process that ends: without its event loop, the next signal would kill it."""
        loop = asyncio.get_running_loop()
        for number in _HANDLED:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: signal.Signals) -> None:
        if self._is_stopping:
            # Somebody has no patience with peers that do not take their last answers.
            log_event(logging.INFO, "stopping at once", {"signal": number.name})
            self._server.abort()
            return
        self._is_stopping = True
        log_event(logging.INFO, "stopping", {"signal": number.name})
        self._server.stop()

    def _drain(self) -> None:
        self._server.drain()
        jobs = self._server.unfinished_jobs
        log_event(logging.INFO, "stopping when no job is left", {"signal": "SIGUSR1", "jobs": jobs})
        self._status = f"Stopping gracefully, jobs to wait for: {jobs}"
        self._systemd.status(self._status)

    def _reload(self) -> None:
        self._systemd.reloading()
        # First, so that what is wrong with the other files is in the new log.
        self._reopen_log()
        self._server.reload()
        self._systemd.ready(self._status)

    def _reopen_log(self) -> None:
        if self._log_file is None:
            return
        try:
            self._log_file.reopen()
        except LogFileError as error:
            log_event(logging.ERROR, "cannot change to the new log file", {"reason": str(error)})
