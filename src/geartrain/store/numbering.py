"""Numbers for new jobs: higher than all before, also those that are gone and those of before a restart.

They begin at the microsecond of the start of a server, or of an import. No server hands out jobs faster than
one a microsecond.
"""

from __future__ import annotations

from typing import Final

_PER_SECOND: Final = 1_000_000


def first_number(now: float, last: int = 0) -> int:
    """The first number to use from now on, in seconds since 1970-01-01 UTC.

    ``last`` is the highest one that a queue holds: somebody may have set the clock back.
    """
    return max(int(now * _PER_SECOND), last + 1)
