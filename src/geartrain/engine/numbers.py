"""Numbers in what peers send, read as the C server reads them."""

from __future__ import annotations

import re
from typing import Final

_LEADING: Final = re.compile(rb"\s*([+-]?[0-9]{1,20})")


def leading_number(text: bytes) -> int:
    """The number a text begins with, of at most 20 digits; 0 when it begins with none."""
    match = _LEADING.match(text)
    return int(match.group(1)) if match is not None else 0
