"""What tools print: tables for people, JSON for programs.

On a terminal rich draws a table. Elsewhere it is plain text, one line for each row and the columns aligned
with blanks, so that ``grep`` and ``awk`` find their way.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

import click

if TYPE_CHECKING:
    # Takes longer to load than all the rest of a tool, and is of no use in a pipe.
    from rich.console import RenderableType

Json = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

UNKNOWN: Final = "-"
_GAP: Final = "  "
# One long name must not push all other rows apart; it sticks out of its own.
_WIDEST_CELLS: Final = 64
# What the names of a narrow terminal get, if they are as long, before optional columns go; and at least.
_COMFORTABLE_CELLS: Final = 20
_LEAST_CELLS: Final = 6
# More than anybody reads; to lay out each row of a large table would take many seconds.
_MOST_DRAWN_ROWS: Final = 1000
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 60 * _MINUTE_SECONDS
_DAY_SECONDS: Final = 24 * _HOUR_SECONDS


class Column(NamedTuple):
    """A column. Numbers are aligned to the right.

    A narrow terminal does without optional columns, and breaks what stands in the others into lines, except
    numbers and what has to stay whole because people copy it.
    """

    title: str
    numbers: bool = False
    optional: bool = False
    whole: bool = False

    @property
    def is_unbroken(self) -> bool:
        """Whether each cell stays in one line."""
        return self.numbers or self.whole


class Table(NamedTuple):
    """Rows below the titles of their columns.

    ``empty`` is what to say when there are none, ``note`` what else there is to say. ``styles`` are those of
    the rows on a terminal, in rich's words.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    empty: str
    styles: Sequence[str] = ()
    note: str = ""


def show_table(table: Table) -> None:
    """Prints a table."""
    if 0 < len(table.rows) <= _MOST_DRAWN_ROWS and sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        console.print(draw_table(table, console.width))
    else:
        click.echo(write_table(table))
    if table.note:
        # No row, so programs that read rows must not see it.
        click.echo(table.note, err=True)


def show_json(value: Json, *, in_one_line: bool = False) -> None:
    """Prints a value as JSON, in one line if others follow."""
    indent = None if in_one_line else 2
    click.echo(json.dumps(value, indent=indent, ensure_ascii=False))


def draw_table(table: Table, width: int) -> RenderableType:
    """The table for a terminal of so many columns of text."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if not table.rows:
        return Text(table.empty)
    table = _fit(table, width)
    drawn = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    for column, width in zip(table.columns, _table_widths(table), strict=True):
        drawn.add_column(
            column.title,
            justify="right" if column.numbers else "left",
            no_wrap=column.is_unbroken,
            overflow="fold",
            min_width=width if column.is_unbroken else min(width, _LEAST_CELLS),
        )
    for row, style in zip_longest(table.rows, table.styles, fillvalue=""):
        # Names are not markup, even with brackets in them.
        drawn.add_row(*[Text(cell) for cell in row], style=str(style))
    return drawn


def write_table(table: Table) -> str:
    """The table as plain text."""
    if not table.rows:
        return table.empty
    titles = [column.title.upper() for column in table.columns]
    lines = [titles, *table.rows]
    widths = _widths(lines)
    return "\n".join(_write_line(table.columns, widths, line) for line in lines)


def _write_line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    padded = []
    for column, width, cell in zip(columns, widths, cells, strict=True):
        blanks = " " * (min(width, _WIDEST_CELLS) - _width(cell))
        padded.append(blanks + cell if column.numbers else cell + blanks)
    return _GAP.join(padded).rstrip()


def _fit(table: Table, width: int) -> Table:
    """The table without the last of its optional columns, as far as the others need their room."""
    widths = [
        width if column.is_unbroken or column.optional else min(width, _COMFORTABLE_CELLS)
        for column, width in zip(table.columns, _table_widths(table), strict=True)
    ]
    kept = list(range(len(widths)))
    for index in reversed(range(len(widths))):
        if sum(widths[each] + len(_GAP) for each in kept) - len(_GAP) <= width:
            break
        if table.columns[index].optional:
            kept.remove(index)
    return table._replace(
        columns=[table.columns[index] for index in kept],
        rows=[[row[index] for index in kept] for row in table.rows],
    )


def _table_widths(table: Table) -> list[int]:
    return _widths([[column.title for column in table.columns], *table.rows])


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(_width(cell) for cell in cells) for cells in zip(*lines, strict=True)]


def _width(cell: str) -> int:
    """How many columns of a terminal the text takes: two for each Chinese character."""
    if cell.isascii():
        return len(cell)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in cell)
    return len(cell) + wide - sum(unicodedata.combining(character) > 0 for character in cell)


# --- what stands in a cell ------------------------------------------------------------------------------


def readable(name: bytes | None) -> str:
    r"""A name of a server, as text that no terminal takes for commands.

    ``\xNN`` and ``\uNNNN`` stand for bytes that are no text, controls of all kinds, marks that turn the
    direction of writing, and blanks that are no plain ones.
    """
    if name is None:
        return UNKNOWN
    text = name.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else _escaped(character) for character in text])


def as_shown(word: str) -> str:
    """A name of the command line as ``readable`` shows it, so that one may type what a table shows."""
    return readable(os.fsencode(word))


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def number(value: int | None) -> str:
    """A number that a server told, or did not."""
    return UNKNOWN if value is None else str(value)


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: ``0.3s``, ``42s``, ``3m 05s``, ``7h 20m``, ``12d 03h``."""
    if seconds is None:
        return UNKNOWN
    whole = int(seconds)
    if whole < 10:
        return f"{seconds:.1f}s"
    if whole < _MINUTE_SECONDS:
        return f"{whole}s"
    if whole < _HOUR_SECONDS:
        return f"{whole // _MINUTE_SECONDS}m {whole % _MINUTE_SECONDS:02}s"
    if whole < _DAY_SECONDS:
        return f"{whole // _HOUR_SECONDS}h {whole % _HOUR_SECONDS // _MINUTE_SECONDS:02}m"
    return f"{whole // _DAY_SECONDS}d {whole % _DAY_SECONDS // _HOUR_SECONDS:02}h"


def json_value(value: object) -> Json:
    """What a server told, as JSON: named fields are an object, other tuples an array, bytes are text."""
    if isinstance(value, bytes):
        return readable(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: json_value(field) for name, field in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str)
    return value
