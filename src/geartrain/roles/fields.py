"""Handles and numbers on the wire, read and written with tolerance.

Numbers are decimal text. A progress is a pair of whole numbers, but the C server relays whatever a worker
sends, and ``0.5`` is seen.
"""

from __future__ import annotations

from typing import Final

# Fractions are kept to this precision when a progress is made whole.
_SCALE: Final = 1000


def strip_handle(handle: bytes) -> bytes:
    """The handle without trailing zero bytes, which the C server sends with a converted exception."""
    return handle.rstrip(b"\0")


def parse_number(raw: bytes) -> int:
    """The number, rounded if it has a fraction, 0 if it is none."""
    return round(_parse(raw))


def parse_progress(numerator: bytes, denominator: bytes) -> tuple[int, int]:
    """Both numbers of a progress as whole ones of the same ratio."""
    return whole_progress(_parse(numerator), _parse(denominator))


def whole_progress(numerator: float, denominator: float) -> tuple[int, int]:
    """Two whole numbers of the same ratio: whole ones as they are, others in thousandths.

    Raises ValueError or OverflowError for a number that is not finite.
    """
    if numerator == int(numerator) and denominator == int(denominator):
        return int(numerator), int(denominator)
    return round(numerator * _SCALE), round(denominator * _SCALE)


def _parse(raw: bytes) -> float:
    try:
        return int(raw)
    except ValueError:
        pass
    try:
        number = float(raw)
    except ValueError:
        return 0
    # Neither an infinity nor "not a number" has a whole part.
    return number if number - number == 0 else 0
