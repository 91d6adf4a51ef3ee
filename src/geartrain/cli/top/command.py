"""The command ``geartrain top``: a job server on the whole screen, as it works."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Final

import click

from geartrain.cli.seconds import Seconds
from geartrain.cli.servers import Servers, server_options
from geartrain.cli.top.model import SORT_NAMES

DEFAULT_SORT: Final = "queued"
_NO_TERMINAL: Final = "The screen needs a terminal; --once prints it to anywhere."
_EPILOG: Final = """\b
Keys:
  left, right, r        sort by another column; reverse
  up, down, PageUp …    scroll
  p, ?, q               pause; help; quit

\b
Examples:
  geartrain top                              the server on this machine
  geartrain top -s jobs.example.com          another one
  geartrain top --interval 5 --sort oldest   slower, functions that lag behind first
  geartrain top --once > server.txt          one look, to keep
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EPILOG)
@click.option(
    "-i",
    "--interval",
    metavar="SECONDS",
    type=Seconds(0.1, 3600),
    default=1.0,
    show_default=True,
    help="Time between two looks at the server; rates are averages over it.",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    type=click.Choice(SORT_NAMES),
    default=DEFAULT_SORT,
    show_default=True,
    help=f"What to sort by at first: {', '.join(SORT_NAMES)}.",
)
@click.option("--once", is_flag=True, help="Print everything once, after one interval, and exit.")
@server_options
def command(*, servers: Servers, interval: float, sort: str, once: bool) -> int:
    """Watches a job server on the whole screen: rates, queues and workers of each function."""
    # Only here, for --help needs none of it.
    import asyncio

    from geartrain.cli.top.display import print_once, show
    from geartrain.cli.top.keys import Controls
    from geartrain.cli.top.terminal import is_terminal
    from geartrain.cli.top.watch import Watcher

    if not once and not is_terminal():
        raise click.UsageError(_NO_TERMINAL)
    if isinstance(sys.stdout, TextIOWrapper):
        # Names and lines may have characters that an old terminal has not.
        sys.stdout.reconfigure(errors="replace")
    watcher = Watcher(servers, interval)
    return asyncio.run((print_once if once else show)(watcher, Controls(sort)))
