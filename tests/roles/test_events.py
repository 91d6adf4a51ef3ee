"""What roles report."""

from __future__ import annotations

from geartrain.protocol.packets import NOOP, Packet
from geartrain.roles.events import Completed, Data, Ignored, Lost, Noop


def test_events_are_equal_by_kind_and_fields() -> None:
    """Tests and drivers may compare them."""
    assert Data("a", b"H", b"x") == Data("a", b"H", b"x")
    assert hash(Data("a", b"H", b"x")) == hash(Data("a", b"H", b"x"))
    assert Data("a", b"H", b"x") != Data("a", b"H", b"y")
    assert Data("a", b"H", b"x") != Completed("a", b"H", b"x")
    assert Noop() != object()


def test_events_read_well_in_a_log_line() -> None:
    """Payloads are shortened."""
    assert repr(Lost("a", b"H")) == "Lost('a', b'H')"
    assert repr(Data("a", b"H", b"x" * 100)).endswith("… (100 bytes))")
    assert repr(Ignored(Packet(NOOP))) == "Ignored(<NOOP>)"
