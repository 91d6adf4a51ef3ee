"""``geartrain workers``: the connections of a job server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.geartrain.completion import complete_function
from geartrain.cli.geartrain.view_options import json_option, watch_option
from geartrain.cli.geartrain.views import View, show_view
from geartrain.cli.output import UNKNOWN, Column, Table, as_shown, duration, json_value, number, readable
from geartrain.cli.servers import Servers, server_options
from geartrain.roles.overview import WorkerInfo

_COLUMNS: Final = (
    Column("Id", numbers=True),
    Column("Address"),
    Column("Name"),
    Column("State"),
    Column("Running", numbers=True, optional=True),
    Column("Connected", numbers=True, optional=True),
    Column("Waiting", numbers=True, optional=True),
    Column("Functions"),
)
# What the C server tells.
_FEW_COLUMNS: Final = (Column("Id", numbers=True), Column("Address"), Column("Name"), Column("Functions"))
_EXAMPLES: Final = """\b
Examples:
  geartrain workers
  geartrain workers resize --watch
  geartrain workers --all
  geartrain workers --json | jq '.workers | group_by(.state) | map({(.[0].state): length}) | add'
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1, shell_complete=complete_function)
@click.option("-a", "--all", "everybody", is_flag=True, help="Show clients too, and this connection.")
@watch_option
@json_option
@server_options
def command(
    *, functions: tuple[str, ...], everybody: bool, watch: float | None, as_json: bool, servers: Servers
) -> None:
    """Shows workers: where they are, what they do, and what they can do.

    A worker is busy, asleep until there is a job for it, or awake. RUNNING are the jobs it runs, WAITING
    those that the connection waits for as a client. NAME is what the worker calls itself.
    """

    wanted = [as_shown(name) for name in functions]

    async def look(admin: AsyncAdminClient) -> View:
        rows = [row for row in await admin.workers() if _is_wanted(row, wanted, everybody=everybody)]
        return View(_table(rows, wanted, tells_all=admin.has_tables), {"workers": json_value(rows)})

    show_view(servers, look, every_seconds=watch, as_json=as_json)


def _is_wanted(row: WorkerInfo, functions: Sequence[str], *, everybody: bool) -> bool:
    if functions:
        return any(readable(name) in functions for name in row.functions)
    return everybody or bool(row.functions)


def _table(rows: Sequence[WorkerInfo], functions: Sequence[str], *, tells_all: bool) -> Table:
    empty = f"No worker can do {' or '.join(functions)}." if functions else "No workers are connected."
    if tells_all:
        return Table(_COLUMNS, [_cells(row) for row in rows], empty)
    return Table(_FEW_COLUMNS, [_few_cells(row) for row in rows], empty)


def _cells(row: WorkerInfo) -> list[str]:
    what, where, who, functions = _few_cells(row)
    state = [readable(row.state), number(row.running), duration(row.connected_seconds), number(row.waiting)]
    return [what, where, who, *state, functions]


def _few_cells(row: WorkerInfo) -> list[str]:
    functions = ", ".join(readable(name) for name in row.functions) or UNKNOWN
    return [number(row.descriptor), readable(row.address), readable(row.client_id), functions]
