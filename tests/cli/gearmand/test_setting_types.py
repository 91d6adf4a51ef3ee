"""What the values of options may be, and what is said about others."""

from __future__ import annotations

import click
import pytest

from geartrain.cli.gearmand.setting_types import PORT, SECONDS, SWITCH, WHOLE, WholeType, WordType
from geartrain.errors import ConfigError

_OPTION = click.Option(["--some-setting"])
_WORD = WordType(["One", "TWO"])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (PORT, "4730", 4730),
        (WHOLE, "-1", -1),
        (WholeType(3), "3", 3),
        (SECONDS, "2.5", 2.5),
        (_WORD, "one", "One"),
        (_WORD, "Two", "TWO"),
        (SWITCH, "yes", True),
        (SWITCH, "0", False),
    ],
)
def test_a_value_is_read(kind: click.ParamType[object], text: str, value: object) -> None:
    """From the text of a command line, an environment variable or a file."""
    assert kind.convert(text, _OPTION, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (PORT, "x", "a number from 0 to 65535 or the name of a TCP service"),
        (WHOLE, "2.5", "a whole number"),
        (WHOLE, "9" * 5000, "a whole number"),
        (WholeType(3), "x", "a whole number of at least 3"),
        (WholeType(3), "2", "a whole number of at least 3"),
        (SECONDS, "soon", "a number of seconds"),
        (_WORD, "three", "one of One, TWO"),
        (SWITCH, "perhaps", "1 or 0"),
    ],
)
def test_another_one_is_refused_with_what_is_expected(
    kind: click.ParamType[object], text: str, expected: str
) -> None:
    """And with the name of the setting."""
    with pytest.raises(ConfigError) as caught:
        kind.convert(text, _OPTION, None)

    assert (caught.value.key, str(caught.value.value)) == ("some_setting", text)
    assert caught.value.expected == expected
