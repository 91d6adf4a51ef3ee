"""Settings of ``gearmand`` from a file: TOML, or the format of the C server.

A key is the long name of an option, with ``-`` or ``_``. The file of the C server holds the words of a
command line instead; a file is taken for one when a line of it begins with ``-`` and its name does not end
in ``.toml``. There, every word that belongs to no option is ignored, comments are no exception.
"""

from __future__ import annotations

import codecs
import difflib
import os
import tomllib
from dataclasses import dataclass, field
from typing import Final

import click

from geartrain.cli.gearmand.options import SECRETS
from geartrain.cli.gearmand.provenance import file_origin, refusal
from geartrain.cli.gearmand.setting_types import PortType, SecondsType, WholeType
from geartrain.masking import MASK, masked_settings

# In the place of a path: no file at all, not even one that is looked for by default.
NO_FILE: Final = "none"
# Where the administrator of a machine puts it; the last one is where the C server looks.
SYSTEM_PATHS: Final = ("/etc/geartrain/gearmand.toml", "/etc/gearmand.conf")
_USER_PATH: Final = os.path.join("geartrain", "gearmand.toml")
_MAX_SHOWN_CHARACTERS: Final = 100
# No name of a file and no other text of the system may have it inside.
_ZERO: Final = "\0"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a config file says: values by the names of options, and the words in it that belong to none."""

    path: str
    values: dict[str, object]
    stray_words: tuple[str, ...] = field(default=())


def read_config_file(ctx: click.Context, path: str) -> ConfigFile | None:
    """Reads the file of that name or, without a name, the first one on the search path that is there.

    The keys are those options of the context's command that may also stand in the environment. Raises
    click.UsageError for what cannot be read or understood.
    """
    # One that is looked for may be in a folder that this user has no business in, such as the home of root.
    found = path or next(filter(os.path.exists, search_path()), NO_FILE)
    if found == NO_FILE:
        return None
    try:
        with open(found, "rb") as file:
            content = file.read()
    except OSError as error:
        raise click.UsageError(f"cannot read config file {found}: {error.strerror}") from error
    return _parse(ctx, found, content)


def search_path() -> list[str]:
    """Where a config file is looked for: an ordinary user's own comes before those of the machine."""
    if os.geteuid() == 0:
        return list(SYSTEM_PATHS)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [os.path.join(home, _USER_PATH), *SYSTEM_PATHS]


def _parse(ctx: click.Context, path: str, content: bytes) -> ConfigFile:
    options = _options(ctx)
    content = content.removeprefix(codecs.BOM_UTF8)
    # What is no UTF-8 stays what it is, as on a command line: it may be part of the name of a file.
    text = content.decode(errors="surrogateescape")
    if not path.endswith(".toml") and any(line.lstrip().startswith("-") for line in text.splitlines()):
        return _parse_words(ctx, path, text, options)
    return ConfigFile(path, _typed_values(path, _load_toml(path, content), options))


def _load_toml(path: str, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise click.UsageError(f"cannot read config file {path}: it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        # Not every error is one of TOML: brackets may be nested too deep, and numbers have too many digits.
        raise click.UsageError(f"cannot understand config file {path}: {error}") from error


def _options(ctx: click.Context) -> dict[str, click.Option]:
    """The options that may be set in a file, by name."""
    options = [param for param in ctx.command.params if isinstance(param, click.Option)]
    return {option.name: option for option in options if option.name and option.allow_from_autoenv}


def _typed_values(path: str, table: dict[str, object], options: dict[str, click.Option]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in options:
            raise click.UsageError(_unknown_key(path, key, options))
        if name in values:
            raise click.UsageError(f"config file {path}: {key!r} is set twice")
        expected = _expected(options[name], value)
        if expected is not None:
            shown = MASK if name in SECRETS else value
            raise click.UsageError(refusal(name, shown, expected, file_origin(path)))
        values[name] = [value] if options[name].multiple and isinstance(value, str) else value
    return values


def _unknown_key(path: str, key: str, options: dict[str, click.Option]) -> str:
    names = [name.replace("_", "-") for name in options]
    near = difflib.get_close_matches(key.replace("_", "-").lower(), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"config file {path}: there is no setting {key!r}{hint}"


def _expected(option: click.Option, value: object) -> str | None:
    """What a value should have been that has the wrong type or cannot be passed on; None for all others."""
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and _ZERO in text for text in texts):
        return "a text without zero bytes"
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if option.is_flag:
        return None if isinstance(value, bool) else "true or false"
    if option.multiple:
        is_list = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        return None if is_list or isinstance(value, str) else "a list of texts"
    if isinstance(option.type, PortType):
        return None if is_whole or isinstance(value, str) else "a number or a text"
    if isinstance(option.type, WholeType):
        return None if is_whole else "a whole number"
    if isinstance(option.type, SecondsType):
        return None if is_whole or isinstance(value, float) else "a number"
    return None if isinstance(value, str) else "a text"


def _parse_words(ctx: click.Context, path: str, text: str, options: dict[str, click.Option]) -> ConfigFile:
    """Reads the file of a C server: blanks and line ends are all that separates its words."""
    if _ZERO in text:
        raise click.UsageError(f"cannot read config file {path}: there are zero bytes in it")
    try:
        values, stray_words, given = ctx.command.make_parser(ctx).parse_args(text.split())
    except click.UsageError as error:
        raise click.UsageError(f"config file {path}: {error.format_message()}") from error
    for param in given:
        if param.name not in options:
            raise click.UsageError(f"config file {path}: {param.opts[-1]} has no place in a file")
    return ConfigFile(path, dict(values), tuple(map(_shown, stray_words)))


def _shown(word: str) -> str:
    return masked_settings(word)[:_MAX_SHOWN_CHARACTERS]
