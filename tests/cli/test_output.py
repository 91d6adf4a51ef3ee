"""Tables, cells and JSON."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from geartrain.cli.output import (
    Column,
    Table,
    draw_table,
    duration,
    json_value,
    number,
    readable,
    write_table,
)
from geartrain.roles.overview import WorkerInfo

COLUMNS = (Column("Name"), Column("Count", numbers=True), Column("Kind", optional=True), Column("Last"))


def drawn(table: Table, width: int) -> list[str]:
    """The lines of a table on a terminal of so many columns."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(draw_table(table, width))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_plain_tables_are_aligned() -> None:
    """Text to the left, numbers to the right, no blanks at the end."""
    table = Table(COLUMNS, [["a", "7", "x", "y"], ["long name", "1234567", "", ""]], "nothing")

    assert write_table(table).splitlines() == [
        "NAME         COUNT  KIND  LAST",
        "a                7  x     y",
        "long name  1234567",
    ]


def test_wide_characters_count_twice() -> None:
    """As they do on a terminal; marks that go on top of another character take no room."""
    table = Table(COLUMNS[:2], [["图像", "1"], ["nai\u0308ve", "2"]], "nothing")

    assert write_table(table).splitlines() == ["NAME   COUNT", "图像       1", "nai\u0308ve      2"]


def test_an_empty_table_is_said_in_words() -> None:
    """In a pipe and on a terminal."""
    table = Table(COLUMNS, [], "There is nothing.")

    assert write_table(table) == "There is nothing."
    assert drawn(table, 80) == ["There is nothing."]


def test_a_terminal_gets_a_heading() -> None:
    """The titles, a rule and the rows; names are no markup."""
    lines = drawn(Table(COLUMNS, [["[red]a", "7", "x", "y"]], "nothing", ["yellow"]), 80)

    assert lines[0].split() == ["Name", "Count", "Kind", "Last"]
    assert set(lines[1]) == {"─"}
    assert lines[2].split() == ["[red]a", "7", "x", "y"]
    assert len(lines) == 3


def test_a_narrow_terminal_does_without_optional_columns() -> None:
    """Only as far as it has to."""
    table = Table(COLUMNS, [["a" * 20, "7", "x" * 10, "y"]], "nothing")

    assert "Kind" in drawn(table, 45)[0]
    assert "Kind" not in drawn(table, 44)[0]
    assert drawn(table, 44)[2].split() == ["a" * 20, "7", "y"]


def test_a_narrow_terminal_breaks_what_need_not_stay_whole() -> None:
    """A handle can be copied from every terminal."""
    columns = (Column("Handle", whole=True), Column("Function"))

    lines = drawn(Table(columns, [["h" * 20, "f" * 20]], "nothing"), 32)

    assert lines[2:] == [f"{'h' * 20}  {'f' * 10}", f"{'':20}  {'f' * 10}"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (0, "0.0s"),
        (0.26, "0.3s"),
        (9.94, "9.9s"),
        (10.0, "10s"),
        (59.9, "59s"),
        (60, "1m 00s"),
        (185, "3m 05s"),
        (3599, "59m 59s"),
        (26400, "7h 20m"),
        (1047600, "12d 03h"),
    ],
)
def test_durations_have_two_units(seconds: float | None, expected: str) -> None:
    """The two largest that say something."""
    assert duration(seconds) == expected


def test_what_is_unknown_is_a_dash() -> None:
    """Not a zero, and not nothing."""
    assert (number(None), readable(None)) == ("-", "-")
    assert number(0) == "0"


def test_names_cannot_command_a_terminal() -> None:
    """Control characters are written out, and bytes that are no text too."""
    assert readable(b"a\x1b[2J\n\xff \xc2\x9b") == r"a\x1b[2J\x0a\xff \x9b"


def test_what_a_server_told_becomes_json() -> None:
    """Names of fields are keys; what is unknown is null."""
    assert json_value([WorkerInfo(3, b"::1", functions=(b"f", b"g"))]) == [
        {
            "descriptor": 3,
            "address": "::1",
            "client_id": None,
            "state": None,
            "running": None,
            "waiting": None,
            "connected_seconds": None,
            "listener": None,
            "functions": ["f", "g"],
        }
    ]
