"""The columns of ``geartrain top``: what each shows, how wide it is, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from geartrain.cli.output import UNKNOWN, readable
from geartrain.cli.top.model import BY_NAME, SORT_KEYS, Row

# Styles of what may need a look, and of what goes well. Nothing, as zero is, is always quiet.
QUIET: Final = "dim"
_WORK: Final = "green"
_WAIT: Final = "yellow"
_TROUBLE: Final = "bold red"

_LONGEST_NAME: Final = 64
# A column is given up where names would get fewer cells than this; then names are cut, to the shortest.
_COMFORTABLE_NAME: Final = 20
_SHORTEST_NAME: Final = 8


# --- numbers in few cells -----------------------------------------------------------------------------


def count(number: float | None) -> str:
    """A whole number in at most five characters."""
    if number is None:
        return UNKNOWN
    if number < 99_999.5:
        return f"{number:.0f}"
    units = iter("kMGTPE")
    unit = ""
    while number >= 999.5:
        number, unit = number / 1000, next(units)
    return f"{number:.0f}{unit}" if number >= 99.95 else f"{number:.1f}{unit}"


def rate(number: float | None) -> str:
    """A number per second in at most five characters."""
    if number is not None and 0 < number < 0.1:
        return "<0.1"
    if number is not None and 0 < number < 9.95:
        return f"{number:.1f}"
    return count(number)


def age(seconds: float | None) -> str:
    """A time in at most six characters."""
    if seconds is None:
        return UNKNOWN
    minutes, left_seconds = divmod(int(seconds), 60)
    hours, left_minutes = divmod(minutes, 60)
    days, left_hours = divmod(hours, 24)
    if days >= 100:
        return f"{days}d"
    if days:
        return f"{days}d{left_hours:02}h"
    if hours:
        return f"{hours}h{left_minutes:02}m"
    if minutes:
        return f"{minutes}m{left_seconds:02}s"
    return f"{left_seconds}s"


# --- the columns --------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column beside the names.

    ``key`` is what it shows and is sorted by, one of SORT_KEYS. Columns of one ``group`` share a heading.
    Where there is no room for all, those of the highest ``rank`` are left out first; 0 always stays.
    """

    key: str
    group: str
    title: str
    width: int
    text: Callable[[float | None], str]
    style: str
    rank: int

    def cell(self, row: Row) -> tuple[str, str]:
        """What the row shows in this column, and its style."""
        number = SORT_KEYS[self.key](row)
        return self.text(number), self.style if number else QUIET


_RATES: Final = "jobs per second"
_QUEUE: Final = "jobs queued"
_WORKERS: Final = "workers"

COLUMNS: Final = (
    Column("in", _RATES, "in", 5, rate, "", 0),
    Column("done", _RATES, "done", 6, rate, _WORK, 0),
    Column("failed", _RATES, "failed", 6, rate, _TROUBLE, 0),
    Column("again", _RATES, "again", 5, rate, _TROUBLE, 4),
    Column("queued", _QUEUE, "all", 5, count, _WAIT, 3),
    Column("high", _QUEUE, "high", 5, count, _WAIT, 0),
    Column("normal", _QUEUE, "normal", 6, count, _WAIT, 0),
    Column("low", _QUEUE, "low", 5, count, _WAIT, 0),
    Column("later", _QUEUE, "later", 5, count, "", 1),
    Column("oldest", _QUEUE, "oldest", 6, age, _WAIT, 0),
    Column("running", "", "running", 7, count, _WORK, 2),
    Column("workers", _WORKERS, "all", 5, count, "", 3),
    Column("busy", _WORKERS, "busy", 5, count, _WORK, 0),
    Column("idle", _WORKERS, "idle", 5, count, "", 0),
)

COLUMN_HELP: Final = (
    ("function", "red when jobs wait and no worker is there for them"),
    ("in, done, failed", "jobs per second, between the last two looks"),
    ("again", "jobs that went back to the queue, per second"),
    ("high, normal, low", "jobs that a worker could take now, by priority"),
    ("later", "jobs that wait for their time"),
    ("oldest", "how long the first of the queued jobs has waited"),
    ("busy, idle", "workers at a job of the function, and asleep"),
)


def columns_for(width: int | None, rows: Sequence[Row]) -> tuple[int, list[Column]]:
    """The width of the names, and the columns beside them that fit; without a width all of them do."""
    shown = list(COLUMNS)
    longest = max([len(BY_NAME), *[cell_len(readable(row.now.function)) for row in rows]])
    if width is None:
        return longest, shown
    wanted = min(longest, _LONGEST_NAME)
    for column in sorted(COLUMNS, key=lambda column: column.rank, reverse=True):
        if column.rank == 0 or width - cells(shown) >= min(wanted, _COMFORTABLE_NAME):
            break
        # Jobs for later would be seen nowhere else.
        if column.key != "later" or not any(row.now.later for row in rows):
            shown.remove(column)
    return max(_SHORTEST_NAME, min(wanted, width - cells(shown))), shown


def cells(columns: Sequence[Column]) -> int:
    """The width of columns, each with a gap before it."""
    return sum(column.width + 1 for column in columns)
