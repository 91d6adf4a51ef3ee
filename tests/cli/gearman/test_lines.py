"""Lines taken out of data that comes in pieces."""

from __future__ import annotations

import pytest

from geartrain.cli.gearman.lines import Lines, LineSplitter

_DATA = b"one\n\ntwo\r\n\0three\nlast"


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (Lines.SPLIT, [b"one\n", b"\n", b"two\r\n", b"\0three\n", b"last"]),
        (Lines.STRIPPED, [b"one", b"", b"two\r", b"\0three", b"last"]),
    ],
)
def test_lines_are_whole_however_the_data_comes(size: int, lines: Lines, expected: list[bytes]) -> None:
    """Only line feeds end lines; the last one needs none."""
    splitter = LineSplitter(lines)
    found: list[bytes] = []
    for start in range(0, len(_DATA), size):
        found += splitter.feed(_DATA[start : start + size])

    assert [*found, *splitter.finish()] == expected


def test_a_line_is_there_as_soon_as_it_is_complete() -> None:
    """And there is nothing behind the last line end."""
    splitter = LineSplitter(Lines.SPLIT)

    assert splitter.feed(b"on") == []
    assert splitter.feed(b"e\ntwo\n") == [b"one\n", b"two\n"]
    assert splitter.finish() == []
