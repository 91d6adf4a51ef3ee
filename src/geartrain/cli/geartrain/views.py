"""Looks at a server, once or again and again, and shows what is there."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import click

from geartrain.cli.entry import say
from geartrain.cli.geartrain.asking import ask, connected
from geartrain.cli.output import Json, Table, draw_table, show_json, show_table, write_table
from geartrain.cli.servers import Servers
from geartrain.errors import ServerUnavailable

if TYPE_CHECKING:
    from geartrain.aio.admin import AsyncAdminClient

PROGRAM: Final = "geartrain"


class View(NamedTuple):
    """What was seen: as a table with warnings beside it, and as keys of a JSON object."""

    table: Table
    values: Mapping[str, Json]
    warnings: Sequence[str] = ()


Look = Callable[["AsyncAdminClient"], Awaitable[View]]


def show_view(servers: Servers, look: Look, *, every_seconds: float | None, as_json: bool) -> None:
    """Shows what is there; with ``every_seconds`` until Ctrl-C. Raises ServerUnavailable and ProtocolError.

    While it goes on, a server that is lost is looked for again.
    """
    if every_seconds is None:
        ask(servers, lambda admin: _show_once(admin, look, as_json=as_json))
    elif as_json or not sys.stdout.isatty():
        asyncio.run(_watch(servers, look, every_seconds, _Lines(as_json=as_json)))
    else:
        with _Screen() as screen:
            asyncio.run(_watch(servers, look, every_seconds, screen))


async def _show_once(admin: AsyncAdminClient, look: Look, *, as_json: bool) -> None:
    view = await look(admin)
    if as_json:
        show_json(_object(admin, view))
    else:
        show_table(view.table)
        _warn(view)


async def _watch(servers: Servers, look: Look, every_seconds: float, place: _Place) -> None:
    has_shown = False
    while True:
        try:
            async with connected(servers) as admin:
                while True:
                    place.show(admin, await look(admin))
                    has_shown = True
                    await asyncio.sleep(every_seconds)
        except ServerUnavailable as error:
            if not has_shown:
                raise
            place.complain(error)
            await asyncio.sleep(every_seconds)


class _Place(Protocol):
    """Where one view after the other is shown."""

    def show(self, admin: AsyncAdminClient, view: View) -> None: ...

    def complain(self, error: ServerUnavailable) -> None: ...


class _Lines:
    """Views below each other: JSON objects, or tables with blank lines between them."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def show(self, admin: AsyncAdminClient, view: View) -> None:
        if self._as_json:
            show_json(_object(admin, view), in_one_line=True)
        else:
            click.echo(f"{admin.address} at {_now()}\n{write_table(view.table)}\n")
            _warn(view)

    def complain(self, error: ServerUnavailable) -> None:
        say(PROGRAM, str(error))


class _Screen:
    """Views in the same place of a terminal; the last one stays when it is over."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False)

    def __enter__(self) -> _Screen:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, admin: AsyncAdminClient, view: View) -> None:
        from rich.console import Group
        from rich.text import Text

        heading = Text(f"{admin.address} at {time.strftime('%H:%M:%S')}, Ctrl-C ends this", style="dim")
        width, height = self._live.console.size
        # What stands below the last line takes its time too, and is not seen.
        seen = view.table._replace(rows=view.table.rows[:height], styles=view.table.styles[:height])
        # Above the table, whose end may not be seen.
        warnings = [Text(warning, style="yellow") for warning in view.warnings]
        self._live.update(Group(heading, *warnings, draw_table(seen, width)), refresh=True)

    def complain(self, error: ServerUnavailable) -> None:
        from rich.text import Text

        self._live.update(Text(str(error), style="red"), refresh=True)


def _object(admin: AsyncAdminClient, view: View) -> Json:
    return {"server": str(admin.address), "time": _now(), **view.values}


def _warn(view: View) -> None:
    # No rows, so programs that read rows must not see them.
    for warning in view.warnings:
        click.secho(warning, fg="yellow", err=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
