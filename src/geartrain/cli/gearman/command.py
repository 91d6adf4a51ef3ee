"""The command ``gearman``: client and worker for the command line, with the options of the C tool.

Modules that take long to load are imported where they are needed: help and wrong usage do without asyncio.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import click

from geartrain.addresses import DEFAULT_PORT, parse_port
from geartrain.cli.entry import run_command, say
from geartrain.cli.gearman.job_input import check_arguments, check_unique, payloads
from geartrain.cli.gearman.lines import Lines
from geartrain.cli.gearman.tool_process import tool_process
from geartrain.cli.servers import DEFAULT_SERVER, DEFAULT_TIMEOUT_SECONDS, Servers, TlsOptions, tls_options
from geartrain.cli.streams import open_stdin
from geartrain.errors import ConfigError
from geartrain.roles.client import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NORMAL

Result = TypeVar("Result")

PROGRAM: Final = "gearman"
# The first replaces -h and -p, the second adds servers behind them.
_SERVER_VARIABLE: Final = "GEARMAN_SERVER"
_MORE_SERVERS_VARIABLE: Final = "GEARMAN_SERVERS"
_MILLISECONDS: Final = 1000
# As many as the C tool can count.
_MOST_MILLISECONDS: Final = 0x7FFFFFFF
_EPILOG: Final = """\b
Examples:
  gearman -f resize < photo.jpg > small.jpg   one job, its data from standard input
  gearman -f sum "1 2" "3 4"                  a job for each argument
  gearman -f mail -b -n < addresses           a background job for each line
  gearman -w -f resize -- convert - -resize 50% -
                                              a worker: runs the command for each job
  gearman -w -f note >> notes                 a worker that prints its jobs

\b
Exit codes:
  0  all jobs succeeded, or the worker is done
  1  a job failed, or a server said no
  2  wrong usage
  3  no connection, no answer in time, or an answer that makes no sense
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What concerns clients and workers alike."""

    functions: tuple[bytes, ...]
    host: str
    port: str
    # None is without limit.
    silence_seconds: float | None
    lines: Lines
    pid_file: str | None
    daemon: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """What concerns clients only."""

    verbose: bool
    background: bool
    priority: int
    prefix: bool
    is_empty: bool
    unique: str | None
    progress: bool


def _common_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Adds the options of _Common; the command gets them as ``common``."""

    @click.option(
        "-f",
        "functions",
        metavar="FUNCTION",
        multiple=True,
        help="Function of the jobs; may be given several times.",
    )
    @click.option(
        "-h", "host", metavar="HOST", default=DEFAULT_SERVER, show_default=True, help="Where the server is."
    )
    @click.option(
        "-p", "port", metavar="PORT", default=str(DEFAULT_PORT), show_default=True, help="Its port."
    )
    @click.option(
        "-t",
        "timeout",
        metavar="MS",
        type=click.IntRange(max=_MOST_MILLISECONDS),
        default=0,
        help="Milliseconds that a server may be silent.",
    )
    @click.option("-n", "split", is_flag=True, help="Client: a job for each line. Worker: send each line.")
    @click.option("-N", "strip", is_flag=True, help="The same, without line ends.")
    @click.option("-i", "pid_file", metavar="FILE", help="Write the process id to this file.")
    @click.option("-d", "daemon", is_flag=True, help="Go to the background.")
    @functools.wraps(function)
    def with_common(
        *,
        functions: tuple[str, ...],
        host: str,
        port: str,
        timeout: int,
        split: bool,
        strip: bool,
        pid_file: str | None,
        daemon: bool,
        **others: object,
    ) -> Result:
        if not functions or "" in functions:
            raise click.UsageError("No function is given; name one with -f.")
        common = _Common(
            functions=tuple(os.fsencode(name) for name in functions),
            host=host,
            port=port,
            silence_seconds=timeout / _MILLISECONDS if timeout > 0 else None,
            lines=Lines.STRIPPED if strip else Lines.SPLIT if split else Lines.WHOLE,
            pid_file=pid_file,
            daemon=daemon,
        )
        return function(common=common, **others)

    return with_common


def _client_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Adds the options of _Client; the command gets them as ``client``."""

    @click.option("-b", "background", is_flag=True, help="Client: submit background jobs.")
    @click.option("-I", "high", is_flag=True, help="Client: submit with high priority.")
    @click.option("-L", "low", is_flag=True, help="Client: submit with low priority.")
    @click.option("-s", "is_empty", is_flag=True, help="Client: submit a job without data.")
    @click.option(
        "-u", "unique", metavar="UNIQUE", help="Client: unique of the jobs; # makes one of the data."
    )
    @click.option("-v", "verbose", is_flag=True, help="Client: print the handles of jobs.")
    @click.option("-P", "prefix", is_flag=True, help="Client: begin all output with the function.")
    @click.option(
        "--progress",
        is_flag=True,
        help="Client: show progress live if stderr is a terminal, and never on stdout.",
    )
    @functools.wraps(function)
    def with_client(
        *,
        background: bool,
        high: bool,
        low: bool,
        is_empty: bool,
        unique: str | None,
        verbose: bool,
        prefix: bool,
        progress: bool,
        **others: object,
    ) -> Result:
        client = _Client(
            verbose=verbose,
            background=background,
            priority=PRIORITY_HIGH if high else PRIORITY_LOW if low else PRIORITY_NORMAL,
            prefix=prefix,
            is_empty=is_empty,
            unique=unique,
            progress=progress,
        )
        return function(client=client, **others)

    return with_client


@click.command(
    epilog=_EPILOG,
    short_help="Submit jobs, or work on them.",
    context_settings={"help_option_names": ["-H", "--help"], "max_content_width": 100},
)
@click.argument("words", metavar="[DATA…|COMMAND…]", nargs=-1)
@_common_options
@_client_options
@click.option("-w", "is_worker", is_flag=True, help="Work on jobs, with the command if there is one.")
@click.option(
    "-c",
    "count",
    metavar="N",
    type=int,
    default=0,
    help="Worker: end after N jobs; waits longer than -t count as jobs.",
)
@tls_options
@click.version_option(
    None, "--version", package_name="geartrain", prog_name=PROGRAM, message="%(prog)s (Geartrain) %(version)s"
)
def command(
    *,
    words: tuple[str, ...],
    common: _Common,
    client: _Client,
    is_worker: bool,
    count: int,
    tls: TlsOptions,
) -> int:
    """Submits jobs to a Gearman job server and prints their results; with -w, works on them.

    Options may follow the data; -- ends them. GEARMAN_SERVER, a list with commas, replaces -h and -p;
    GEARMAN_SERVERS adds servers to fall back to.
    """
    servers = _servers(tls, common)
    if is_worker:
        return _work(servers, common, words, count)
    check_arguments(words)
    check_unique(client.unique)
    return _submit(servers, common, client, words)


def _submit(servers: Servers, common: _Common, client: _Client, words: tuple[str, ...]) -> int:
    from geartrain.cli.gearman.client_mode import ClientOptions, run_client

    options = ClientOptions(
        program=PROGRAM,
        functions=common.functions,
        unique=client.unique,
        priority=client.priority,
        background=client.background,
        silence_seconds=common.silence_seconds,
        prefix=client.prefix,
        verbose=client.verbose,
        progress=client.progress,
    )
    with (
        io.BytesIO() if words or client.is_empty else open_stdin() as stdin,
        tool_process(daemon=common.daemon, pid_file=common.pid_file),
    ):
        data = payloads(words, stdin, lines=common.lines, is_empty=client.is_empty)
        return run_client(servers, options, data)


def _work(servers: Servers, common: _Common, words: tuple[str, ...], count: int) -> int:
    from geartrain.cli.gearman.shell_job import ShellCommand
    from geartrain.cli.gearman.worker_mode import WorkerOptions, print_job, run_worker

    options = WorkerOptions(
        program=PROGRAM,
        functions=common.functions,
        job_limit=count if count > 0 else None,
        idle_seconds=common.silence_seconds,
    )
    perform = print_job
    if words:
        perform = ShellCommand(words, lines=common.lines, notify=functools.partial(say, PROGRAM)).perform
    with tool_process(daemon=common.daemon, pid_file=common.pid_file):
        return run_worker(servers, options, perform)


def _servers(tls: TlsOptions, common: _Common) -> Servers:
    """Where to go: GEARMAN_SERVER or else -h and -p, and behind them GEARMAN_SERVERS. Raises UsageError."""
    try:
        port = parse_port(common.port, "-p") if common.port else DEFAULT_PORT
        # What is empty is as good as not given: scripts pass on variables that may not be set.
        addresses = (
            tls.addresses(os.environ.get(_SERVER_VARIABLE, ""), key=_SERVER_VARIABLE)
            or tls.addresses(common.host, port, key="-h")
            or tls.addresses(DEFAULT_SERVER, port, key="-h")
        )
        addresses += tls.addresses(os.environ.get(_MORE_SERVERS_VARIABLE, ""), key=_MORE_SERVERS_VARIABLE)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    # Connecting has a limit in any case, so that the next server gets its turn.
    timeout_seconds = common.silence_seconds or DEFAULT_TIMEOUT_SECONDS
    return tls.servers_at(addresses, timeout_seconds=timeout_seconds)


def main() -> None:
    """Runs the command; see ExitCode for how it ends."""
    run_command(command, PROGRAM)
