"""Variables of the environment that are meant for an option, and have its name wrong.

They cannot stop a start: others put variables there as well, such as the version of an image, or where
Kubernetes has a service called gearmand.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

import click

from geartrain.cli.gearmand.provenance import variables

# From 0 for nothing in common to 1: above what names have by chance that are not meant.
_LIKENESS: Final = 0.75


def stray_variables(ctx: click.Context, environment: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names in the environment that no option has, each with the nearest that one of the command has."""
    prefix = f"{ctx.auto_envvar_prefix}_"
    known = {
        variable.removeprefix(prefix)
        for param in ctx.command.params
        if isinstance(param, click.Option)
        for variable in variables(ctx, param)
    }
    for variable in environment:
        name = variable.removeprefix(prefix)
        if variable.startswith(prefix) and name not in known:
            for nearest in difflib.get_close_matches(name, known, n=1, cutoff=_LIKENESS):
                yield variable, prefix + nearest
