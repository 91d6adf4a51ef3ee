"""What the values of options of ``gearmand`` may be.

Each type refuses a value with a ConfigError, so that every refusal has the same form: the key, the value,
what is expected and where it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from geartrain.addresses import parse_port
from geartrain.errors import ConfigError


class PortType(click.ParamType[int]):
    """A TCP port: a number, or the name of a service."""

    name = "port"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        """Raises ConfigError."""
        return parse_port(str(value), _key(param, self))


class WholeType(click.ParamType[int]):
    """A whole number, not below the least one if there is one."""

    name = "number"

    def __init__(self, least: int | None = None) -> None:
        self._least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        """Raises ConfigError."""
        expected = "a whole number" if self._least is None else f"a whole number of at least {self._least}"
        try:
            number = int(str(value))
        except ValueError as error:
            raise ConfigError(_key(param, self), value, expected) from error
        if self._least is not None and number < self._least:
            raise ConfigError(_key(param, self), number, expected)
        return number


class SecondsType(click.ParamType[float]):
    """A time."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ARG002
        """Raises ConfigError."""
        try:
            return float(str(value))
        except ValueError as error:
            raise ConfigError(_key(param, self), value, "a number of seconds") from error


class WordType(click.ParamType[str]):
    """One of some words, in capitals or not."""

    name = "word"

    def __init__(self, words: Sequence[str]) -> None:
        self._words = {word.lower(): word for word in words}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Raises ConfigError."""
        word = self._words.get(str(value).lower())
        if word is None:
            raise ConfigError(_key(param, self), value, f"one of {', '.join(self._words.values())}")
        return word


class SwitchType(click.types.BoolParamType):
    """On or off, for the environment: 1, true, yes, on, or their opposites."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Raises ConfigError."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            raise ConfigError(_key(param, self), value, "1 or 0") from error


def _key(param: click.Parameter | None, kind: click.ParamType[Any]) -> str:
    return param.name if param is not None and param.name else kind.name


PORT: Final = PortType()
WHOLE: Final = WholeType()
SECONDS: Final = SecondsType()
SWITCH: Final = SwitchType()
