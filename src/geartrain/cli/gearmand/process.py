"""The job server as a process: signals, files, and the terminal."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import uvloop

from geartrain.addresses import TCP, TLS, UnixAddress
from geartrain.cli.daemon import Daemon
from geartrain.cli.entry import say
from geartrain.cli.gearmand.descriptors import set_descriptor_limit
from geartrain.cli.gearmand.logs import AUTO, JSON, LEVELS, TO_NOWHERE, TO_STDERR, LogFile, set_up_logging
from geartrain.cli.gearmand.privileges import Account
from geartrain.cli.gearmand.signals import Signals
from geartrain.cli.gearmand.systemd import Notifier, is_journal, take_listeners
from geartrain.cli.pid_file import PidFile
from geartrain.errors import LogFileError
from geartrain.server import Server, ServerConfig
from geartrain.server.log import log_event

_PROGRAM: Final = "gearmand"

# An event of the log, and the fields that say what it is about.
Note = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """What concerns the process and not the job server in it."""

    daemon: bool = False
    pid_file: str | None = None
    # Who to go on as once the addresses are bound: the name or number of a user; empty changes nothing.
    user: str = ""
    # How many files and connections may be open; None means as many as the system allows.
    file_descriptors: int | None = None
    # A path, stderr or none; how its lines look; and whether the system's log gets them too.
    log_file: str = TO_STDERR
    log_format: str = AUTO
    syslog: bool = False
    # What to log at the start about the options that were given.
    notes: tuple[Note, ...] = ()


def run(config: ServerConfig, options: ProcessOptions) -> None:
    """Runs a job server until a signal or an administrator ends it.

    Raises AclError, BindError, ConfigError, PidFileError, PrivilegeError, StoreError, TlsError or OSError
    when it cannot.
    """
    process = _Process(config, options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process.serve())


class _Process:
    """One ``gearmand`` from its start to its end. Making it may go on in a background process."""

    def __init__(self, config: ServerConfig, options: ProcessOptions) -> None:
        self._config = config
        self._options = options
        # First of all: what systemd gives is for the process that it started.
        self._systemd = Notifier()
        self._adopted = take_listeners(TLS if config.ssl else TCP)
        self._account = Account(options.user) if options.user else None
        self._log_file = _open_log(options, config.log_level)
        for event, fields in options.notes:
            log_event(LEVELS["NOTICE"], event, fields)
        set_descriptor_limit(options.file_descriptors)
        # From here on in the background, if so wanted: an event loop must not be there before.
        self._daemon = Daemon() if options.daemon else None

    async def serve(self) -> None:
        """Binds, gives up what rights are not needed any more, and serves until the server stops."""
        with ExitStack() as cleanup:
            pid_file = PidFile(self._options.pid_file) if self._options.pid_file else None
            if pid_file is not None:
                cleanup.callback(pid_file.remove)
            async with Server(self._config, adopted=self._adopted) as server:
                names = [str(address) for address in server.addresses]
                status = f"Listening on {', '.join(names)}"
                signals = Signals(server, self._log_file, self._systemd, status)
                # Before the pid file: whoever finds a number in it may send a signal there.
                signals.handle()
                if pid_file is not None:
                    pid_file.write()
                if self._account is not None:
                    self._change_user(self._account, server, pid_file)
                await self._run(server, names, status)
            log_event(logging.INFO, "stopped", {})
        signals.ignore()

    def _change_user(self, account: Account, server: Server, pid_file: PidFile | None) -> None:
        """Goes on as that user, who from now on opens the log again and removes what is left in the end."""
        given = [listener.address for listener in self._adopted]
        bound = [address for address in server.addresses if address not in given]
        paths = [address.path for address in bound if isinstance(address, UnixAddress)]
        if self._log_file is not None:
            paths.append(self._log_file.baseFilename)
        if pid_file is not None:
            paths.append(pid_file.path)
        account.take_over([*paths, *server.queue_files()])
        account.become()

    async def _run(self, server: Server, names: list[str], status: str) -> None:
        """Says that the server serves, and where, and keeps systemd informed until it stops."""
        watchdog = asyncio.create_task(self._systemd.keep_alive())
        self._announce(names)
        self._systemd.ready(status)
        if self._daemon is not None:
            self._daemon.ready()
        await server.wait_stopped()
        self._systemd.stopping()
        watchdog.cancel()

    def _announce(self, names: list[str]) -> None:
        """Says where the server listens, to people on stderr and in the log, but nowhere twice."""
        logs_to_stderr = self._log_file is None and self._options.log_file != TO_NOWHERE
        # Under systemd stderr is a log as well, and with JSON it is read by a program.
        is_for_people = not (self._systemd.socket_path or is_journal(2) or self._options.log_format == JSON)
        if not (logs_to_stderr and is_for_people):
            log_event(logging.INFO, "listening", {"addresses": ", ".join(names)})
        if is_for_people or not logs_to_stderr:
            for name in names:
                say(_PROGRAM, f"listening on {name}")


def _open_log(options: ProcessOptions, level: str) -> LogFile | None:
    try:
        return set_up_logging(options.log_file, level, log_format=options.log_format, syslog=options.syslog)
    except LogFileError as error:
        # As the C server does: a log in the wrong place is better than no job server. A daemon has no stderr.
        say(_PROGRAM, f"{error}; {'going on without a log' if options.daemon else 'logging to stderr'}")
        return None
