"""What the keys of ``geartrain top`` do."""

from __future__ import annotations

import pytest

from geartrain.cli.top.keys import Controls, read_keys


def press(controls: Controls, *keys: str, page_rows: int = 10, all_rows: int = 25) -> bool:
    """Whether the program goes on after these keys; those behind one that ends it are not pressed."""
    return all(controls.press(key, page_rows=page_rows, all_rows=all_rows) for key in keys)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOC\x1bOD", ["right", "left"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b[H\x1b[1~\x1b[F\x1b[4~", ["home", "home", "end", "end"]),
        (b"r\x1b[Cp", ["r", "right", "p"]),
        (b"", []),
    ],
)
def test_keys_are_read_as_terminals_send_them(data: bytes, keys: list[str]) -> None:
    """Several may come at once, and some in two ways."""
    assert read_keys(data) == keys


@pytest.mark.parametrize(
    "data", [b"\x1b", b"\x1b[", b"\x1b[99;5u", b"\xff", b"\x1b[200~", b"\0", "é".encode()]
)
def test_other_keys_do_nothing(data: bytes) -> None:
    """Whatever they are: none is taken for another one."""
    controls = Controls("queued")

    assert press(controls, *read_keys(data))
    assert (controls.sort_by, controls.first_row, controls.is_paused, controls.shows_help) == (
        "queued",
        0,
        False,
        False,
    )


def test_q_quits() -> None:
    """The only key that does; from the help too."""
    assert not press(Controls("queued"), "q")
    assert not press(Controls("queued"), "?", "q")


def test_arrows_choose_the_column_to_sort_by() -> None:
    """In the order of the columns, round the ends; the top of the list is what counts then."""
    controls = Controls("queued")

    press(controls, "down", "right")

    assert (controls.sort_by, controls.first_row) == ("high", 0)
    press(controls, "left", "left")
    assert controls.sort_by == "again"
    last = Controls("function")
    press(last, "left")
    assert last.sort_by == "idle"
    press(last, "right")
    assert last.sort_by == "function"


def test_r_and_p_switch_back_and_forth() -> None:
    """Reversed order, and the pause."""
    controls = Controls("queued")

    press(controls, "r", "p")
    assert (controls.is_reversed, controls.is_paused) == (True, True)
    press(controls, "r", "p")
    assert (controls.is_reversed, controls.is_paused) == (False, False)


def test_any_key_leaves_the_help() -> None:
    """And does nothing else."""
    controls = Controls("queued")

    press(controls, "?", "r")

    assert (controls.shows_help, controls.is_reversed) == (False, False)


@pytest.mark.parametrize(
    ("keys", "first_row"),
    [
        (["down"], 1),
        (["down", "up", "up"], 0),
        (["page down"], 10),
        (["page down", "page down"], 15),
        (["end"], 15),
        (["end", "page up"], 5),
        (["end", "home"], 0),
    ],
)
def test_scrolling_stays_within_the_rows(keys: list[str], first_row: int) -> None:
    """25 rows, 10 at a time: the last page is full."""
    controls = Controls("queued")

    press(controls, *keys)

    assert controls.first_row == first_row


def test_there_is_nothing_to_scroll_when_all_rows_fit() -> None:
    """The keys have no effect."""
    controls = Controls("queued")

    press(controls, "end", "down", "page down", page_rows=30)

    assert controls.first_row == 0
