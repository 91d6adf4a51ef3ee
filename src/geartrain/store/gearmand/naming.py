"""Finds function and unique in ``FUNCTION-UNIQUE``, where both may have hyphens of their own.

The rules, the first that fits counts:

1. a function that the user has named, the longest if several do
2. a UUID at the end: libgearman gives one to each job without a unique
3. ``-`` as the unique, or an empty one: there are two hyphens at the end, or one
4. a single hyphen
5. the first or the last hyphen, as the user likes

What is left is not clear. The C server itself takes the first hyphen, and runs such jobs under other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

FIRST: Final = "first"
LAST: Final = "last"

_HYPHEN: Final = b"-"
_SAME_DATA: Final = b"--"
_UUID: Final = re.compile(
    rb"(.*)-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.DOTALL | re.I
)


class Naming:
    """What the user says about names: functions that there are, and which hyphen to cut at."""

    def __init__(self, functions: Iterable[bytes] = (), hyphen: str = "") -> None:
        self._starts = sorted((name + _HYPHEN for name in functions), key=len, reverse=True)
        self._hyphen = hyphen

    def split(self, name: bytes) -> tuple[bytes, bytes] | None:
        """Function and unique; None when they are not clear."""
        for start in self._starts:
            if name.startswith(start):
                return start[:-1], name[len(start) :]
        match = _UUID.fullmatch(name)
        if match is not None:
            return match[1], match[2]
        for end in (_SAME_DATA, _HYPHEN):
            if name.endswith(end):
                return name.removesuffix(end), end[1:]
        if name.count(_HYPHEN) <= 1 or self._hyphen == FIRST:
            function, _, unique = name.partition(_HYPHEN)
            return function, unique
        if self._hyphen == LAST:
            function, _, unique = name.rpartition(_HYPHEN)
            return function, unique
        return None
