"""``geartrain status``: the functions of a job server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.geartrain.completion import complete_function
from geartrain.cli.geartrain.view_options import json_option, watch_option
from geartrain.cli.geartrain.views import View, show_view
from geartrain.cli.output import Column, Table, as_shown, duration, json_value, number, readable
from geartrain.cli.servers import Servers, server_options
from geartrain.roles.overview import FunctionInfo, QueueInfo

_COLUMNS: Final = (
    Column("Function"),
    Column("Queued", numbers=True),
    Column("High", numbers=True, optional=True),
    Column("Normal", numbers=True, optional=True),
    Column("Low", numbers=True, optional=True),
    Column("Later", numbers=True, optional=True),
    Column("Running", numbers=True),
    Column("Workers", numbers=True),
    Column("Oldest", numbers=True),
)
_EXAMPLES: Final = """\b
Examples:
  geartrain status
  geartrain status resize thumbnail --watch 5
  geartrain status --server jobs.example.org --json | jq '.functions[] | select(.workers == 0)'
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1, shell_complete=complete_function)
@watch_option
@json_option
@server_options
def command(*, functions: tuple[str, ...], watch: float | None, as_json: bool, servers: Servers) -> None:
    """Shows functions: their jobs and their workers.

    QUEUED jobs are divided by priority, and those for LATER; OLDEST is how long the first of them has been
    waiting. On a terminal, functions with jobs and without workers stand out. Below stands what is wrong
    with a durable queue, if anything is.
    """

    wanted = [as_shown(name) for name in functions]

    async def look(admin: AsyncAdminClient) -> View:
        rows = [row for row in await admin.functions() if not wanted or readable(row.function) in wanted]
        rows.sort(key=_name)
        queue = await admin.queue()
        values = {"functions": json_value(rows), "queue": json_value(queue)}
        return View(_table(rows, wanted), values, _warnings(queue))

    show_view(servers, look, every_seconds=watch, as_json=as_json)


def _name(row: FunctionInfo) -> bytes:
    return row.function


def _table(rows: Sequence[FunctionInfo], wanted: Sequence[str]) -> Table:
    if wanted:
        empty = f"The server does not know {' or '.join(wanted)}."
    else:
        empty = "The server knows no functions."
    return Table(_COLUMNS, [_cells(row) for row in rows], empty, [_style(row) for row in rows])


def _cells(row: FunctionInfo) -> list[str]:
    return [
        readable(row.function),
        number(row.queued),
        number(row.high),
        number(row.normal),
        number(row.low),
        number(row.later),
        number(row.running),
        number(row.workers),
        duration(row.oldest_seconds),
    ]


def _style(row: FunctionInfo) -> str:
    return "yellow" if row.queued and not row.workers else ""


def _warnings(queue: QueueInfo | None) -> list[str]:
    """What is wrong with the durable queue."""
    if queue is None:
        return []
    name = f"durable queue {readable(queue.url)}"
    warnings = []
    if queue.trouble is not None:
        warnings.append(f"{name} fails: {readable(queue.trouble)}")
    if queue.unsafe is not None:
        warnings.append(f"{name}: {readable(queue.unsafe)}")
    return warnings
