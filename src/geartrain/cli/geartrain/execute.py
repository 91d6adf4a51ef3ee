"""The command ``geartrain exec``: a worker that runs a command for each job."""

from __future__ import annotations

import functools
import os
from typing import Final

import click

from geartrain.cli.entry import say
from geartrain.cli.gearman.lines import Lines
from geartrain.cli.geartrain.completion import complete_function
from geartrain.cli.seconds import Seconds
from geartrain.cli.servers import Servers, server_options

_PROGRAM: Final = "geartrain"
# Servers are told in milliseconds, and the C server counts them in 32 bits.
_LONGEST_SECONDS: Final = 24 * 24 * 60 * 60
_EPILOG: Final = """\b
Examples:
  geartrain exec reverse -- rev
  geartrain exec resize --concurrency 4 --time-limit 60 -- convert - -resize 50% -
  geartrain exec deploy --lines -- ./deploy.sh   the client sees each line when it is printed

\b
Exit codes:
  0  so many jobs as --count says are done, or SIGTERM has ended the worker
  1  a server does not let it work
  2  wrong usage
A signal lets running jobs finish; the second one does not, and the server gives them to other workers.
"""


@click.command("exec", epilog=_EPILOG, short_help="Work on jobs by running a command for each.")
@click.argument("function", shell_complete=complete_function)
@click.argument("words", metavar="-- COMMAND…", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--lines", is_flag=True, help="Send each line that the command prints at once.")
@click.option(
    "-n",
    "--count",
    metavar="N",
    type=click.IntRange(min=1),
    help="End after so many jobs.  [default: without limit]",
)
@click.option(
    "-c",
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many jobs may run at a time.",
)
@click.option(
    "--time-limit",
    "time_limit_seconds",
    metavar="SECONDS",
    type=Seconds(min=0, min_open=True, max=_LONGEST_SECONDS),
    help="End a command that takes longer, which makes its job fail.  [default: without limit]",
)
@server_options
def command(
    *,
    function: str,
    words: tuple[str, ...],
    lines: bool,
    count: int | None,
    concurrency: int,
    time_limit_seconds: float | None,
    servers: Servers,
) -> int:
    """Works on jobs of a function by running a command for each.

    The command gets the data of the job on standard input, and what it prints is the result. The job fails
    if it does not end with exit code 0. It works for all servers that are named, and tries again those that
    cannot be reached.
    """
    if not function:
        raise click.UsageError("The function has no name.")
    from geartrain.cli.gearman.shell_job import ShellCommand
    from geartrain.cli.gearman.worker_mode import WorkerOptions, run_worker

    notify = functools.partial(say, _PROGRAM)
    shell = ShellCommand(
        words,
        lines=Lines.SPLIT if lines else Lines.WHOLE,
        notify=notify,
        time_limit_seconds=time_limit_seconds,
    )
    options = WorkerOptions(
        program=_PROGRAM,
        functions=(os.fsencode(function),),
        job_limit=count,
        time_limit_seconds=time_limit_seconds,
        concurrency=concurrency,
    )
    notify(f"working on {function} for {', '.join(map(str, servers.addresses))}")
    return run_worker(servers, options, shell.perform)
