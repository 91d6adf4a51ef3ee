"""Where the value of an option came from, and errors that say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click
from click.core import ParameterSource

from geartrain.errors import ConfigError

DEFAULT: Final = "default"
# Kept with a context: the path of the config file, and origins that click does not know of.
_FILE: Final = "geartrain.config_file"
_ORIGINS: Final = "geartrain.origins"


def set_config_file(ctx: click.Context, path: str) -> None:
    """Remembers the file that the default map of the context comes from."""
    ctx.meta[_FILE] = path


def set_origin(ctx: click.Context, name: str, origin: str) -> None:
    """Says where a value came from that was made from those of other options."""
    ctx.meta.setdefault(_ORIGINS, {})[name] = origin


def origin_of(ctx: click.Context, name: str) -> str:
    """Where the value of an option came from, in words such as ``file /etc/gearmand.conf``."""
    made: dict[str, str] = ctx.meta.get(_ORIGINS, {})
    if name in made:
        return made[name]
    source = ctx.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    if source is ParameterSource.ENVIRONMENT:
        return f"environment variable {_variable(ctx, name)}"
    if source is ParameterSource.DEFAULT_MAP:
        return file_origin(ctx.meta[_FILE])
    return DEFAULT


def file_origin(path: str) -> str:
    return f"file {path}"


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether anybody said what the option should be."""
    return origin_of(ctx, name) != DEFAULT


def option_name(key: str) -> str:
    """How an option is written, from the name of its field."""
    return "--" + key.replace("_", "-")


def refusal(key: str, value: object, expected: str, origin: str) -> str:
    """One sentence: the setting, its value, what would do instead, and where the value came from."""
    if value == "" and origin == DEFAULT:
        return f"{option_name(key)} is missing; expected {expected}"
    return f"{option_name(key)}: {value!r} is not usable; expected {expected}" + _suffix(origin)


@contextmanager
def explained_errors(ctx: click.Context) -> Iterator[None]:
    """Has errors about values say where the value came from."""
    try:
        yield
    except ConfigError as error:
        origin = origin_of(ctx, error.key)
        raise click.UsageError(refusal(error.key, error.value, error.expected, origin)) from error


def _suffix(origin: str) -> str:
    return "" if origin == DEFAULT else f" (from the {origin})"


def variables(ctx: click.Context, option: click.Option) -> list[str]:
    """The environment variables that an option may be read from, those that come first before the others."""
    named = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    automatic = f"{ctx.auto_envvar_prefix}_{(option.name or '').upper()}"
    return [*named, automatic] if option.allow_from_autoenv else named


def _variable(ctx: click.Context, name: str) -> str:
    """The environment variable that an option was read from: the first of its own that is set."""
    option = next(param for param in ctx.command.params if param.name == name)
    assert isinstance(option, click.Option)
    return next(variable for variable in variables(ctx, option) if os.environ.get(variable))
