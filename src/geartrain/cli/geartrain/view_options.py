"""The options of the tools that look at a server: ``--watch`` and ``--json``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., object])

_WATCH_SECONDS: Final = 2.0
_LEAST_SECONDS: Final = 0.1


def watch_option(function: Function) -> Function:
    """Adds ``--watch``; the command gets the seconds as ``watch``, or None."""
    return click.option(
        "-w",
        "--watch",
        metavar="[SECONDS]",
        type=_Seconds(),
        is_flag=False,
        flag_value=_WATCH_SECONDS,
        help=f"Look again and again, every {_WATCH_SECONDS:g} seconds or as told, until Ctrl-C.",
    )(function)


def json_option(function: Function) -> Function:
    """Adds ``--json``; the command gets it as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)


class _Seconds(click.ParamType[float]):
    """How often to look."""

    name = "seconds"

    def convert(
        self,
        value: str | float,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            # Most likely the name of a function, which took the place of the optional value.
            raise click.UsageError(
                f"--watch: {value!r} is no number of seconds; names go in front of --watch."
            ) from None
        if not _LEAST_SECONDS <= seconds < math.inf:
            raise click.UsageError(
                f"--watch: {value} is not usable; expected {_LEAST_SECONDS:g} seconds or more."
            )
        return seconds
