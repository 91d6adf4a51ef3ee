"""Callbacks by task, whichever way the task's name is spelt."""

from __future__ import annotations

from typing import Any

import pytest

from gearman.abilities import Abilities
from gearman.text import GearmanStr


def first(_worker: Any, _job: Any) -> None: ...


def second(_worker: Any, _job: Any) -> None: ...


@pytest.mark.parametrize(
    "task", ["h\u00e9", "h\u00e9".encode(), GearmanStr("h\u00e9"), bytearray("h\u00e9".encode())]
)
def test_every_spelling_finds_the_callback(task: Any) -> None:
    """Text and bytes, and the kinds of both that jobs carry."""
    abilities = Abilities()
    abilities["h\u00e9"] = first

    assert abilities[task] is first
    assert task in abilities
    assert abilities.get(task) is first


def test_the_last_spelling_wins_and_keeps_its_place() -> None:
    """Registration order is what servers are told in."""
    abilities = Abilities()
    abilities["a"] = first
    abilities["b"] = first

    abilities[b"a"] = second

    assert list(abilities.items()) == [(b"a", second), ("b", first)]
    assert len(abilities) == 2


def test_a_task_can_be_taken_out() -> None:
    """By any spelling; one that is unknown is a KeyError, or the default."""
    abilities = Abilities()
    abilities["a"] = first

    assert abilities.pop(b"a") is first
    assert abilities.pop("a", None) is None
    with pytest.raises(KeyError):
        del abilities["a"]


def test_what_is_no_name_is_not_there() -> None:
    """And cannot be set."""
    abilities = Abilities()

    assert 5 not in abilities
    assert abilities.get(None) is None
    with pytest.raises(TypeError):
        abilities[5] = first


def test_abilities_show_what_they_hold() -> None:
    """For whoever prints a worker's."""
    abilities = Abilities()
    abilities["a"] = first

    assert repr(abilities).startswith("Abilities({'a': <function first")
