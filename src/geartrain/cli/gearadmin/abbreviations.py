"""Long options that are abbreviated, as the C programs allow: ``--stat`` for ``--status``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import click

_END_OF_OPTIONS: Final = "--"


def expand_abbreviations(
    options: Iterable[click.Parameter], words: Sequence[str], preferred: Sequence[str] = ()
) -> list[str]:
    """The words of a command line with every long option in full.

    An abbreviation that fits exactly one of the ``preferred`` options means that one, even if it fits others
    too. Raises UsageError for one that fits several; one that fits none is left for click to complain about.
    """
    by_name = {
        name: option
        for option in options
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    left = deque(words)
    expanded: list[str] = []
    while left:
        word = left.popleft()
        if word == _END_OF_OPTIONS:
            expanded.append(word)
            break
        if word.startswith("--"):
            word, values = _long(by_name, word, preferred)
        else:
            values = _values_behind(by_name, word)
        expanded.append(word)
        # Values are no options, even when they look like some.
        expanded.extend(left.popleft() for _ in range(min(values, len(left))))
    return [*expanded, *left]


def _long(by_name: dict[str, click.Option], word: str, preferred: Sequence[str]) -> tuple[str, int]:
    """A long option in full, and how many of the next words are its values."""
    name, separator, value = word.partition("=")
    name = _in_full(by_name, name, preferred)
    values = _count_values(by_name.get(name))
    return name + separator + value, max(values - 1, 0) if separator else values


def _in_full(by_name: dict[str, click.Option], name: str, preferred: Sequence[str]) -> str:
    if name in by_name:
        return name
    for names in (preferred, by_name):
        fitting = sorted(candidate for candidate in names if candidate.startswith(name))
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise click.UsageError(f"Option {name} is ambiguous; it may be {' or '.join(fitting)}.")
    return name


def _values_behind(by_name: dict[str, click.Option], word: str) -> int:
    """How many of the next words belong to a word that may hold short options."""
    if not word.startswith("-"):
        return 0
    for place, letter in enumerate(word[1:], start=1):
        values = _count_values(by_name.get("-" + letter))
        if values:
            # What follows in the same word is the first value.
            return values if place == len(word) - 1 else values - 1
    return 0


def _count_values(option: click.Option | None) -> int:
    return 0 if option is None or option.is_flag or option.count else option.nargs
