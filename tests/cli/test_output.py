"""What the tools print of what servers say."""

from __future__ import annotations

import pytest

from geartrain.cli.output import readable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"reverse", "reverse"),
        (b"a b", "a b"),
        ("größe".encode(), "größe"),
        ("图像处理".encode(), "图像处理"),
        (b"[red]no markup[/red]", "[red]no markup[/red]"),
        (b"line\nend\x7f", r"line\x0aend\x7f"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\u202eevil\u200b".encode(), r"\u202eevil\u200b"),
        ("\x9b31m".encode(), r"\x9b31m"),
    ],
)
def test_names_cannot_harm_a_terminal(name: bytes, shown: str) -> None:
    """No control characters, no marks that turn the writing round, nothing that is no text."""
    assert readable(name) == shown
