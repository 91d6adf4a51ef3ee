"""``geartrain jobs``: the jobs of a job server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import click

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.geartrain.completion import complete_function
from geartrain.cli.geartrain.view_options import json_option, watch_option
from geartrain.cli.geartrain.views import View, show_view
from geartrain.cli.output import UNKNOWN, Column, Table, as_shown, duration, json_value, number, readable
from geartrain.cli.servers import Servers, server_options
from geartrain.roles.overview import JobInfo

_COLUMNS: Final = (
    Column("Handle", whole=True),
    Column("Function"),
    Column("Priority", optional=True),
    Column("State"),
    Column("Attempts", numbers=True, optional=True),
    Column("Age", numbers=True, optional=True),
    Column("Done", numbers=True, optional=True),
    Column("Kind", optional=True),
    Column("Unique", optional=True),
)
# What the C server tells.
_FEW_COLUMNS: Final = (_COLUMNS[0], Column("State"), Column("Attempts", numbers=True), Column("Kind"))
_TABLE_LIMIT: Final = 100
_EXAMPLES: Final = """\b
Examples:
  geartrain jobs
  geartrain jobs resize --limit 20
  geartrain jobs --json | jq -r '.jobs[] | select(.age_seconds > 3600) | .handle'
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("function", metavar="[FUNCTION]", required=False, shell_complete=complete_function)
@click.option(
    "-n",
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"Show at most so many; 0 shows all.  [default: {_TABLE_LIMIT}; all with --json]",
)
@watch_option
@json_option
@server_options
def command(
    *, function: str | None, limit: int | None, watch: float | None, as_json: bool, servers: Servers
) -> None:
    """Shows jobs, the oldest first: those queued, those running, and those whose time has not come.

    AGE is the time since a job was submitted, and DONE what its worker reports of its progress. A background
    job goes on without a client. The C server tells little about jobs, and not which function they are of.
    """
    if limit is None:
        limit = 0 if as_json else _TABLE_LIMIT
    name = None if function is None else os.fsencode(function)

    async def look(admin: AsyncAdminClient) -> View:
        # One more than wanted tells whether there are more.
        rows = await admin.jobs(limit=limit + 1 if limit else 0, function=name)
        shown = rows[:limit] if limit else rows
        table = _table(shown, function, tells_all=admin.has_tables, has_more=len(shown) < len(rows))
        return View(table, {"jobs": json_value(shown)})

    show_view(servers, look, every_seconds=watch, as_json=as_json)


def _table(rows: Sequence[JobInfo], function: str | None, *, tells_all: bool, has_more: bool) -> Table:
    empty = "There are no jobs." if function is None else f"There are no jobs of {as_shown(function)}."
    note = f"There are more than these {len(rows)}; --limit 0 shows all." if has_more else ""
    if tells_all:
        return Table(_COLUMNS, [_cells(row) for row in rows], empty, note=note)
    return Table(_FEW_COLUMNS, [_few_cells(row) for row in rows], empty, note=note)


def _cells(row: JobInfo) -> list[str]:
    return [
        readable(row.handle),
        readable(row.function),
        readable(row.priority),
        readable(row.state),
        number(row.attempts),
        duration(row.age_seconds),
        _progress(row),
        _kind(row),
        readable(row.unique),
    ]


def _few_cells(row: JobInfo) -> list[str]:
    return [readable(row.handle), readable(row.state), number(row.attempts), _kind(row)]


def _kind(row: JobInfo) -> str:
    if row.background is None:
        return UNKNOWN
    return "background" if row.background else "foreground"


def _progress(row: JobInfo) -> str:
    if row.numerator is None or not row.denominator:
        return UNKNOWN
    return f"{100 * row.numerator // row.denominator}%"
