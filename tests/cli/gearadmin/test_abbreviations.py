"""Abbreviated long options."""

from __future__ import annotations

import click
import pytest

from geartrain.cli.gearadmin.abbreviations import expand_abbreviations

OPTIONS = [
    click.Option(["--status"], is_flag=True),
    click.Option(["--show-jobs"], is_flag=True),
    click.Option(["--show-unique-jobs"], is_flag=True),
    click.Option(["-S", "--ssl"], is_flag=True),
    click.Option(["--ssl-key"]),
    click.Option(["-h", "--host"]),
    click.Option(["--maxqueue"], nargs=2),
    click.Option(["-v", "--verbose"], count=True),
    click.Argument(["more"], nargs=-1),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--stat", "--status"),
        ("--status --show-u", "--status --show-unique-jobs"),
        ("--ho=x", "--host=x"),
        ("--ho x --stat", "--host x --status"),
        # An option that is there in full is that one, whatever else begins with it.
        ("--ssl", "--ssl"),
        ("--ssl-", "--ssl-key"),
        ("--verb --verb", "--verbose --verbose"),
        ("", ""),
    ],
)
def test_abbreviations_are_written_out(words: str, expected: str) -> None:
    """Those that fit one option only."""
    assert expand_abbreviations(OPTIONS, words.split()) == expected.split()


@pytest.mark.parametrize(
    "words",
    [
        "--host --stat",
        "-h --stat",
        "-Sh --stat",
        "--maxqueue --stat --stat",
        "--maxqueue=--stat --stat",
        "-- --stat",
        "more - -h",
        "--host",
    ],
)
def test_values_are_left_alone(words: str) -> None:
    """Also those that look like options, as with the C tool; nothing behind a double dash is an option."""
    assert expand_abbreviations(OPTIONS, words.split()) == words.split()


def test_what_follows_the_value_is_an_option_again() -> None:
    """An option takes as many values as it has, one of them perhaps in the same word."""
    words = ["-Shx", "--stat", "--max=f", "1", "--stat"]

    assert expand_abbreviations(OPTIONS, words) == ["-Shx", "--status", "--maxqueue=f", "1", "--status"]


def test_one_that_fits_several_is_refused() -> None:
    """It names them."""
    with pytest.raises(
        click.UsageError, match="--show is ambiguous; it may be --show-jobs or --show-unique-jobs"
    ):
        expand_abbreviations(OPTIONS, ["--show"])


def test_preferred_options_win() -> None:
    """An abbreviation that was clear before other options came stays clear."""
    with pytest.raises(click.UsageError):
        expand_abbreviations(OPTIONS, ["--ss"])
    assert expand_abbreviations(OPTIONS, ["--ss"], ["--ssl", "--status"]) == ["--ssl"]


def test_one_that_fits_none_is_left_for_click() -> None:
    """Which knows what may have been meant."""
    assert expand_abbreviations(OPTIONS, ["--stauts"]) == ["--stauts"]
