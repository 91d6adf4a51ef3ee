"""The job server as a process: signals, files, and the terminal."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass

import uvloop

from geartrain.cli.daemon import Daemon, PidFile
from geartrain.cli.logs import AUTO, LEVELS, TO_STDERR, LogFile, set_up_logging
from geartrain.errors import ConfigError, LogFileError
from geartrain.server import Server, ServerConfig
from geartrain.server.log import log_event

# An event of the log, and the fields that say what it is about.
Note = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """What concerns the process and not the job server in it."""

    daemon: bool = False
    pid_file: str | None = None
    # Whose rights to go on with once the addresses are bound: a name or a number; empty keeps those there are.
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

    Raises BindError, ConfigError, PidFileError or OSError when it cannot start.
    """
    log_file = _open_log(options, config.log_level)
    for event, fields in options.notes:
        log_event(LEVELS["NOTICE"], event, fields)
    _set_descriptor_limit(options.file_descriptors)
    # From here on in the background, if so wanted: an event loop must not be there before.
    daemon = Daemon() if options.daemon else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, options, daemon, log_file))


def say(text: str) -> None:
    """Writes one line for the person at the terminal, if there still is one."""
    try:
        print(f"gearmand: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass


async def _serve(
    config: ServerConfig, options: ProcessOptions, daemon: Daemon | None, log_file: LogFile | None
) -> None:
    with ExitStack() as cleanup:
        async with Server(config) as server:
            if options.pid_file is not None:
                cleanup.callback(PidFile(options.pid_file).remove)
            _handle_signals(server, log_file)
            names = [str(address) for address in server.addresses]
            if log_file is not None:
                # On a terminal, the lines below say it already.
                log_event(logging.INFO, "listening", {"addresses": ", ".join(names)})
            for name in names:
                say(f"listening on {name}")
            if daemon is not None:
                daemon.ready()
            await server.wait_stopped()
        log_event(logging.INFO, "stopped", {})


def _open_log(options: ProcessOptions, level: str) -> LogFile | None:
    try:
        return set_up_logging(options.log_file, level, log_format=options.log_format, syslog=options.syslog)
    except LogFileError as error:
        # As the C server does: a log in the wrong place is better than no job server.
        say(f"{error}; logging to stderr")
        return None


def _set_descriptor_limit(wanted: int | None) -> None:
    """Allows as many files and connections as are wanted, or as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        # A higher hard limit takes root.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted or hard, max(wanted or hard, hard)))
    except (OSError, ValueError) as error:
        if wanted is not None:
            raise ConfigError("file_descriptors", wanted, f"at most {hard}") from error
        # macOS has a lower limit of its own than the one it names.


def _handle_signals(server: Server, log_file: LogFile | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, number)
    loop.add_signal_handler(signal.SIGUSR1, _drain, server)
    loop.add_signal_handler(signal.SIGHUP, _reopen, log_file)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _stop(server: Server, number: signal.Signals) -> None:
    log_event(logging.INFO, "stopping", {"signal": number.name})
    server.stop()


def _drain(server: Server) -> None:
    server.drain()
    log_event(logging.INFO, "stopping when no job is left", {"signal": "SIGUSR1"})


def _reopen(log_file: LogFile | None) -> None:
    if log_file is None:
        return
    try:
        log_file.reopen()
    except LogFileError as error:
        log_event(logging.ERROR, "cannot change to the new log file", {"reason": str(error)})
