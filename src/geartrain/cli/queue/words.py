"""How these subcommands put things."""

from __future__ import annotations

from typing import Final

from geartrain.engine.job import PRIORITY_NAMES

PROGRAM: Final = "geartrain"
PRIORITIES: Final = tuple(name.decode() for name in PRIORITY_NAMES)

_KIB: Final = 1024
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def priority_name(number: int) -> str:
    """The name of a priority; the number of one that there is not."""
    return PRIORITIES[number] if 0 <= number < len(PRIORITIES) else str(number)


def size(size_bytes: int) -> str:
    """A size in the largest unit that leaves something in front of the point: ``17 B``, ``1.5 MiB``."""
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    number = float(size_bytes)
    unit = 0
    while number >= _KIB and unit < len(_UNITS) - 1:
        number /= _KIB
        unit += 1
    return f"{number:.1f} {_UNITS[unit]}"


def jobs_in_words(count: int) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count} job" if count == 1 else f"{count} jobs"
