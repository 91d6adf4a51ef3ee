"""``geartrain queue check``: whether all of a queue can be read."""

from __future__ import annotations

from typing import Final

import click

from geartrain.cli.entry import ExitCode
from geartrain.cli.geartrain.view_options import json_option
from geartrain.cli.output import readable, show_json
from geartrain.cli.queue.target import queue_option, seen
from geartrain.errors import StoreCorrupt

_EXAMPLES: Final = """\b
Examples:
  geartrain queue check
  geartrain queue check --queue sqlite:////var/lib/geartrain/queue.db
"""


@click.command("check", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@json_option
@queue_option
def check_command(*, url: str, as_json: bool) -> int:
    """Reads all of a queue and tells what is damaged, a line for each.

    The exit code is 1 when something is. Damage inside a database server is for that server to find.
    """
    problems: list[str] = []
    try:
        with seen(url) as queue:
            for problem in queue.problems():
                problems.append(problem)
                if not as_json:
                    click.echo(readable(problem.encode()))
    except StoreCorrupt as error:
        problems.append(error.reason)
        if not as_json:
            click.echo(readable(error.reason.encode()))
    if as_json:
        show_json({"problems": problems})
    elif not problems:
        click.echo("The queue is sound.")
    return ExitCode.FAILED if problems else ExitCode.DONE
