"""Handles and numbers on the wire."""

from __future__ import annotations

import pytest

from geartrain.roles.fields import parse_number, parse_progress, strip_handle, whole_progress


@pytest.mark.parametrize(
    ("raw", "handle"), [(b"H:vm:1", b"H:vm:1"), (b"H:vm:1\0", b"H:vm:1"), (b"H\0x\0\0", b"H\0x"), (b"", b"")]
)
def test_trailing_zero_bytes_are_no_part_of_a_handle(raw: bytes, handle: bytes) -> None:
    """The C server sends one when it turns an exception into a failure."""
    assert strip_handle(raw) == handle


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b"0", 0),
        (b"42", 42),
        (b"-5", -5),
        (b"4294967295", 4294967295),
        (b"0.5", 0),
        (b"2.75", 3),
        (b"1e3", 1000),
        (b"", 0),
        (b"abc", 0),
        (b"nan", 0),
        (b"inf", 0),
        (b"-inf", 0),
        (b"\xff", 0),
        (b"1" * 5000, 0),
    ],
)
def test_any_bytes_read_as_a_number(raw: bytes, number: int) -> None:
    """What a peer sends never raises."""
    assert parse_number(raw) == number


@pytest.mark.parametrize(
    ("numerator", "denominator", "progress"),
    [
        (b"3", b"7", (3, 7)),
        (b"3.0", b"7", (3, 7)),
        (b"0.5", b"1", (500, 1000)),
        (b"1", b"2.5", (1000, 2500)),
        (b"x", b"y", (0, 0)),
    ],
)
def test_a_progress_keeps_its_ratio(numerator: bytes, denominator: bytes, progress: tuple[int, int]) -> None:
    """Fractions become thousandths on both sides."""
    assert parse_progress(numerator, denominator) == progress


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_cannot_be_sent(number: float) -> None:
    """There is no whole number for it."""
    with pytest.raises((ValueError, OverflowError)):
        whole_progress(number, 1)
