"""Tables, cells and JSON."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from geartrain.cli.output import (
    Column,
    Table,
    as_shown,
    draw_table,
    duration,
    json_value,
    number,
    readable,
    show_table,
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


def test_one_long_name_does_not_push_the_other_rows_apart() -> None:
    """It sticks out of its own."""
    table = Table(COLUMNS[:2], [["x" * 500, "1"], ["a", "2"]], "nothing")

    assert [len(line) for line in write_table(table).splitlines()] == [71, 507, 71]


def test_names_stay_on_terminals_of_any_width() -> None:
    """Numbers are worth nothing without them."""
    columns = (Column("Function"), *[Column(f"n{n}", numbers=True, optional=n > 1) for n in range(5)])

    lines = drawn(Table(columns, [["resize", *["12345678"] * 5]], "nothing"), 30)

    assert lines[0].split() == ["Function", "n0", "n1"]
    assert lines[2].split() == ["resize", "12345678", "12345678"]


def test_a_long_name_costs_no_column() -> None:
    """It can be broken into lines, unlike what stands in the others."""
    table = Table(COLUMNS, [["a" * 500, "7", "kind", "y"]], "nothing")

    assert drawn(table, 45)[0].split() == ["Name", "Count", "Kind", "Last"]


def test_a_large_table_is_not_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To lay it out takes many seconds, and nobody reads it on a screen."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    show_table(Table(COLUMNS[:1], [["row"]] * 1001, "nothing"))

    assert capsys.readouterr().out == "NAME\n" + "row\n" * 1001


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


def test_words_of_the_command_line_are_shown_as_names_are() -> None:
    """Bytes that are no text come as surrogates there."""
    assert as_shown("a\udcff\x1b") == r"a\xff\x1b"


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
