"""What ``geartrain top`` looks like: a frame and a size make lines of text. Draws nothing by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from geartrain.cli.output import readable
from geartrain.cli.top.columns import (
    COLUMN_HELP,
    COLUMNS,
    QUIET,
    Column,
    columns_for,
    count,
    rate,
)
from geartrain.cli.top.keys import HELP, Controls
from geartrain.cli.top.model import BY_NAME, Frame, Row, sort_rows

# Lines around the rows: server, jobs, workers, message, two of headings; keys.
_HEAD_LINES: Final = 6
_FOOT_LINES: Final = 1
_GAP: Final = 2
_BAR_CELLS: Final = 20
_LABEL_CELLS: Final = 8
_TITLE: Final = "bold"
_HEADING: Final = "cyan"
_SORTED: Final = "bold cyan underline"
_KEY: Final = "bold"
_PROBLEM: Final = "bold red"
_PAUSED: Final = "bold yellow"
_NO_COUNTS: Final = "This server counts no jobs and tells no ages: what is not known is shown as -."


def page_rows(height: int) -> int:
    """How many rows of functions a screen of this height has room for."""
    return max(1, height - _HEAD_LINES - _FOOT_LINES)


def screen(
    frame: Frame, controls: Controls, width: int, height: int, *, interval_seconds: float, problem: str = ""
) -> Text:
    """A whole screen: as many lines as it is high, none of them wider than it is.

    ``problem`` is why the frame is not kept up any more, empty if it is.
    """
    room = page_rows(height)
    controls.limit(page_rows=room, all_rows=len(frame.rows))
    lines = [*_head(frame, controls, interval_seconds, width), _message(frame, controls, problem)]
    if controls.shows_help:
        lines += _help()
    else:
        rows = _sorted(frame, controls)[controls.first_row :]
        lines += _table(frame, rows[:room], controls.sort_by, width)
    above = height - _FOOT_LINES
    lines = lines[:above] + [Text()] * (above - len(lines))
    return _join([*lines, _foot(controls, len(frame.rows), room, width)], width)


def page(frame: Frame, controls: Controls, width: int | None, *, interval_seconds: float) -> Text:
    """Everything at once, to be printed; without a width the lines are as long as need be."""
    lines = [*_head(frame, controls, interval_seconds, width), _message(frame, controls, "")]
    lines += _table(frame, _sorted(frame, controls), controls.sort_by, width)
    for line in lines:
        line.rstrip()
    return _join(lines, width)


def _sorted(frame: Frame, controls: Controls) -> list[Row]:
    return sort_rows(frame.rows, controls.sort_by, is_reversed=controls.is_reversed)


def _join(lines: Sequence[Text], width: int | None) -> Text:
    if width is not None:
        for line in lines:
            line.truncate(width, overflow="ellipsis")
    joined = Text("\n", no_wrap=True, end="").join(lines)
    joined.no_wrap = True
    return joined


# --- head and foot ------------------------------------------------------------------------------------


def _head(frame: Frame, controls: Controls, interval_seconds: float, width: int | None) -> list[Text]:
    sample, total = frame.sample, frame.total
    server = Text.assemble(
        ("geartrain top", _TITLE),
        f"  {sample.server}  ",
        (f"version {sample.version}  {_plural(sample.connections, 'connection')}", QUIET),
    )
    jobs = [
        _figure(count(total.queued), "queued"),
        _figure(count(total.now.later), "later"),
        _figure(rate(total.submitted), "in/s"),
        _figure(rate(total.completed), "done/s"),
        _figure(rate(total.failed), "failed/s"),
    ]
    # The words are as wide as those above them.
    workers = [
        _figure(count(sample.busy), "busy  "),
        _figure(count(sample.idle), "idle "),
        _bar(sample.busy, sample.workers),
        _figure(count(total.now.running), "running"),
    ]
    pace = ("paused", _PAUSED) if controls.is_paused else (f"every {interval_seconds:g} s", QUIET)
    return [_ends(server, Text(*pace), width), _labelled("jobs", jobs), _labelled("workers", workers)]


def _labelled(label: str, parts: Sequence[Text]) -> Text:
    return Text.assemble((label.ljust(_LABEL_CELLS), _HEADING), Text(" " * _GAP).join(parts))


def _figure(number: str, word: str) -> Text:
    return Text.assemble((number.rjust(5), "" if number == "0" else "bold"), (f" {word}", QUIET))


def _bar(part: int, whole: int) -> Text:
    share = part / whole if whole else 0.0
    full = min(_BAR_CELLS, round(share * _BAR_CELLS))
    percent = f" {share:4.0%}" if whole else "    -"
    return Text.assemble(("█" * full, "green"), ("░" * (_BAR_CELLS - full), QUIET), percent)


def _message(frame: Frame, controls: Controls, problem: str) -> Text:
    if problem:
        return Text(problem, _PROBLEM)
    if controls.is_paused:
        return Text("Paused: press p to go on.", _PAUSED)
    return Text("" if frame.sample.counts_jobs else _NO_COUNTS, QUIET)


def _foot(controls: Controls, all_rows: int, room: int, width: int) -> Text:
    # Names go up from A, numbers down from the greatest.
    is_downward = (controls.sort_by != BY_NAME) != controls.is_reversed
    order = f"sort: {controls.sort_by} {'▼' if is_downward else '▲'}"
    keys = [("q", "quit"), ("?", "help"), ("←→", order), ("r", "reverse"), ("p", "pause"), ("↑↓", "scroll")]
    shown = [Text.assemble((key, _KEY), " ", text) for key, text in keys]
    place = _plural(all_rows, "function")
    if all_rows > room:
        place = f"{controls.first_row + 1}-{controls.first_row + room} of {all_rows}"
    return _ends(Text(" " * _GAP).join(shown), Text(place), width)


def _ends(left: Text, right: Text, width: int | None) -> Text:
    """One line with text at both ends; the left one gives way."""
    if width is None:
        return Text.assemble(left, "  ", right)
    left.truncate(max(0, width - right.cell_len - _GAP), overflow="ellipsis", pad=True)
    return Text.assemble(left, " " * _GAP, right)


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- the table ----------------------------------------------------------------------------------------


def _table(frame: Frame, rows: Sequence[Row], sort_by: str, width: int | None) -> list[Text]:
    """Two lines of headings, and a line for each of the rows."""
    # Measured with all rows, so that the columns stay where they are while one scrolls.
    name_width, columns = columns_for(width, frame.rows)
    lines = [_groups(name_width, columns, sort_by), _titles(name_width, columns, sort_by)]
    if not frame.rows:
        return [*lines, Text("No functions yet.", QUIET)]
    return lines + [_line(row, name_width, columns) for row in rows]


def _groups(name_width: int, columns: Sequence[Column], sort_by: str) -> Text:
    # The group stands for those of its columns that have no room.
    hidden = {column.group for column in COLUMNS if column.key == sort_by and column not in columns}
    line = Text(" " * name_width)
    position = 0
    while position < len(columns):
        group = columns[position].group
        inside = [column for column in columns if column.group == group]
        cells = sum(column.width + 1 for column in inside) - 1
        line.append(" ")
        line.append(_heading(group, cells, _SORTED if group in hidden else QUIET))
        position += len(inside)
    return line


def _heading(group: str, cells: int, style: str) -> Text:
    if not group:
        return Text(" " * cells)
    left = (cells - len(group) - 2) // 2
    right = cells - len(group) - 2 - left
    return Text.assemble(("─" * left, QUIET), " ", (group, style), " ", ("─" * right, QUIET))


def _titles(name_width: int, columns: Sequence[Column], sort_by: str) -> Text:
    line = Text()
    line.append(BY_NAME, _SORTED if sort_by == BY_NAME else _HEADING)
    line.append(" " * (name_width - len(BY_NAME)))
    for column in columns:
        line.append(" " * (column.width + 1 - len(column.title)))
        line.append(column.title, _SORTED if sort_by == column.key else _HEADING)
    return line


def _line(row: Row, name_width: int, columns: Sequence[Column]) -> Text:
    # Jobs for which nobody is there.
    line = Text.assemble((readable(row.now.function), _PROBLEM if row.queued and not row.now.workers else ""))
    line.truncate(name_width, overflow="ellipsis", pad=True)
    for column in columns:
        text, style = column.cell(row)
        line.append(text.rjust(column.width + 1), style)
    return line


def _help() -> list[Text]:
    lines = [Text(), Text("Keys", _HEADING)]
    lines += [Text.assemble("  ", (key.ljust(6), _KEY), text) for key, text in HELP]
    lines += [Text(), Text("Columns", _HEADING)]
    return lines + [Text.assemble("  ", (names.ljust(24), _KEY), text) for names, text in COLUMN_HELP]
