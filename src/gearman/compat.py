"""Names that older versions offered to bridge Python 2 and 3; kept for programs that import them."""

from __future__ import annotations

import builtins
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

__all__ = [
    "PY2",
    "PY3",
    "all",
    "any",
    "array_to_bytes",
    "binary_type",
    "defaultdict",
    "itervalues",
    "to_hex",
    "unicode_type",
]

_Value = TypeVar("_Value")

PY2: Final = False
PY3: Final = True

binary_type = bytes
unicode_type = str
all = builtins.all  # noqa: A001 - the classic name
any = builtins.any  # noqa: A001 - the classic name


def array_to_bytes(items: array[int]) -> bytes:
    """The memory of an array."""
    return items.tobytes()


def itervalues(mapping: Mapping[object, _Value]) -> Iterator[_Value]:
    """The values of a mapping, one at a time."""
    return iter(mapping.values())


def to_hex(raw: bytes) -> str:
    """The bytes as hexadecimal digits."""
    return raw.hex()
