"""Numbers for new jobs."""

from __future__ import annotations

from geartrain.store.numbering import first_number


def test_numbers_follow_the_clock() -> None:
    """So that numbers of jobs that are long gone are not used again."""
    assert first_number(1700000000.5) == 1700000000500000


def test_numbers_are_above_those_that_are_kept() -> None:
    """Also when somebody has set the clock back."""
    assert first_number(1700000000.0, 2**60) == 2**60 + 1
