"""The effective settings of ``gearmand``, as a config file that says where each value came from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

import click

from geartrain.cli.gearmand.provenance import origin_of
from geartrain.masking import masked_url

# Behind the longest of the usual lines.
_COMMENT_COLUMN: Final = 40


def config_text(
    ctx: click.Context, groups: Mapping[str, list[click.Option]], values: Mapping[str, object]
) -> str:
    """TOML with a line for each option of the groups; ``values`` has them by name. Passwords are masked."""
    return "\n".join(_lines(ctx, groups, values))


def _lines(
    ctx: click.Context, groups: Mapping[str, list[click.Option]], values: Mapping[str, object]
) -> Iterator[str]:
    yield "# The settings in effect, and where each value came from."
    for title, options in groups.items():
        yield f"\n# {title}"
        for option in options:
            assert option.name is not None
            value = values[option.name]
            if option.name == "queue":
                value = masked_url(str(value))
            setting = f"{option.name.replace('_', '-')} = {_toml(value)}"
            yield f"{setting:<{_COMMENT_COLUMN - 1}} # {_as_text(origin_of(ctx, option.name))}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return '"' + "".join(map(_escaped, _as_text(str(value)))) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character < " " or character == "\x7f":
        return f"\\u{ord(character):04x}"
    return character


def _as_text(value: str) -> str:
    """The value without the bytes that are no UTF-8: TOML and comments cannot hold them."""
    return os.fsencode(value).decode("utf-8", "replace")
