"""What tools print: tables for people, JSON for programs.

On a terminal a table has rules and colours, as rich draws them. Elsewhere it is plain text, one line for each
row, its columns aligned with blanks, so that ``grep`` and ``awk`` find their way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from geartrain.protocol.admin import escape

if TYPE_CHECKING:
    # Takes longer to load than all the rest of a tool, and is of no use in a pipe.
    from rich.table import Table

Json = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

UNKNOWN: Final = "-"
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class Column(NamedTuple):
    """A column of a table; numbers are aligned to the right, and ``style`` is one of rich."""

    title: str
    numbers: bool = False
    style: str = ""


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below the titles of their columns."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_table(columns, rows))
    else:
        click.echo(plain_table(columns, rows))


def rich_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    """The table as rich draws it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title.lower(),
            justify="right" if column.numbers else "left",
            style=column.style,
            no_wrap=column.numbers,
            overflow="fold",
        )
    for row in rows:
        # Names are not markup, even with brackets in them.
        table.add_row(*[Text(cell) for cell in row])
    return table


def plain_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """The table as aligned text."""
    lines = [[column.title.upper() for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(_plain_line(columns, widths, line) for line in lines)


def _plain_line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    padded = [
        cell.rjust(width) if column.numbers else cell.ljust(width)
        for column, width, cell in zip(columns, widths, cells, strict=True)
    ]
    return "  ".join(padded).rstrip()


def show_json(value: Json, *, in_one_line: bool = False) -> None:
    """Prints a value as JSON, in one line if others follow."""
    indent = None if in_one_line else 2
    click.echo(json.dumps(value, indent=indent, ensure_ascii=False))


def readable(name: bytes) -> str:
    """A name of a server as text that no terminal takes for commands."""
    return escape(name).decode("utf-8", "backslashreplace")


def json_value(value: object) -> Json:
    """What a server told as JSON: named fields become an object, other tuples an array, bytes text."""
    if isinstance(value, bytes):
        return readable(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: json_value(field) for name, field in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str)
    return value


def number(value: int | None) -> str:
    """A number of a table."""
    return UNKNOWN if value is None else str(value)


def name_or_unknown(value: bytes | None) -> str:
    """A name of a table."""
    return UNKNOWN if value is None else readable(value)


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: ``0.3s``, ``42s``, ``3m 05s``, ``7h 20m``, ``12d 03h``."""
    if seconds is None:
        return UNKNOWN
    whole = int(seconds)
    if whole < 10:
        return f"{seconds:.1f}s"
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}h"
