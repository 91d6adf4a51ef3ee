"""The command ``geartrain submit``: one job, and what comes of it."""

from __future__ import annotations

import os
import time
from typing import Final

import click

from geartrain.cli.gearman.job_input import check_unique, make_unique
from geartrain.cli.gearman.job_request import JobRequest
from geartrain.cli.geartrain.completion import complete_function
from geartrain.cli.geartrain.when import TIME_FORMS, parse_time
from geartrain.cli.seconds import Seconds
from geartrain.cli.servers import Servers, server_options
from geartrain.cli.streams import open_stdin
from geartrain.roles.client import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NORMAL

_STDIN: Final = "-"
_NORMAL: Final = "normal"
_PRIORITIES: Final = {"high": PRIORITY_HIGH, _NORMAL: PRIORITY_NORMAL, "low": PRIORITY_LOW}
_EPILOG: Final = """\b
Examples:
  geartrain submit reverse "Hello World"         wait for the result and print it
  geartrain submit resize - < photo.jpg > small.jpg
                                                 data from standard input
  geartrain submit report --background           a job without data; prints its handle
  geartrain submit report 2030 --at 03:00        not before three o'clock
  geartrain submit sum "1 2 3" --json            handle, state and result for programs

\b
Exit codes:
  0  the job succeeded, or the server has taken the background job
  1  the job failed, or the server said no
  2  wrong usage
  3  no connection, no answer in time, or an answer that makes no sense
"""


@click.command("submit", epilog=_EPILOG, short_help="Submit a job, and wait for its result.")
@click.argument("function", shell_complete=complete_function)
@click.argument("data", metavar="[DATA|-]", default="")
@click.option("-b", "--background", is_flag=True, help="Print the handle and leave; nobody gets the result.")
@click.option(
    "--priority",
    type=click.Choice(list(_PRIORITIES)),
    default=_NORMAL,
    show_default=True,
    help="Jobs of higher priority go first.",
)
@click.option(
    "-u",
    "--unique",
    metavar="UNIQUE",
    help="Join a job of this unique if there is one; # makes the unique of the data.",
)
@click.option("--at", "when", metavar="TIME", help=f"Run it in the background, not before: {TIME_FORMS}.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=Seconds(min=0, min_open=True),
    help="How long to wait for the result.  [default: without limit]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@server_options
def command(
    *,
    function: str,
    data: str,
    background: bool,
    priority: str,
    unique: str | None,
    when: str | None,
    wait_seconds: float | None,
    as_json: bool,
    servers: Servers,
) -> int:
    """Submits a job and prints its result as it comes.

    DATA is what the worker gets: text, or - for what standard input holds. Progress is shown live if stderr
    is a terminal.
    """
    if not function:
        raise click.UsageError("The function has no name.")
    check_unique(unique)
    epoch = None if when is None else parse_time(when, time.time(), key="at")
    if epoch is not None and priority != _NORMAL:
        raise click.UsageError("--priority does not go with --at: jobs for later have normal priority.")
    workload = _read(data)
    request = JobRequest(
        function=os.fsencode(function),
        data=workload,
        unique=make_unique(unique, workload),
        priority=_PRIORITIES[priority],
        background=background,
        epoch=epoch,
    )
    from geartrain.cli.gearman.single_job import run_job

    return run_job(servers, request, wait_seconds=wait_seconds, as_json=as_json)


def _read(data: str) -> bytes:
    if data != _STDIN:
        return os.fsencode(data)
    with open_stdin() as stdin:
        return stdin.read()
