"""Spans of time as values of options."""

from __future__ import annotations

import math

import click


class Seconds(click.FloatRange):
    """A number of seconds in a range; not ``nan`` or ``inf``, which are numbers too."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds
