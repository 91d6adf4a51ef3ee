"""Events worth a log line, collected for the caller because the engine itself writes no log."""

from __future__ import annotations

from typing import Final, NamedTuple

# The levels of the standard library's logging, which the core does not import.
DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30


class Notice(NamedTuple):
    """One event: its level, a constant message, and what it is about. Fields never hold a payload."""

    level: int
    event: str
    fields: dict[str, object]
