"""Points in time as people write them."""

from __future__ import annotations

import math
import re
from datetime import datetime, time, timedelta
from typing import Final

from geartrain.errors import ConfigError

TIME_FORMS: Final = "+90s, +5m, +2h or +1d from now, HH:MM, an ISO 8601 time, or seconds since 1970"
_UNITS: Final = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}
_SPAN: Final = re.compile(r"\+((?:\d+[smhdw])+|\d+)", re.ASCII)
_PART: Final = re.compile(r"(\d+)([smhdw]?)", re.ASCII)
# Shorter numbers are more likely a year or a date than a second of 1970, longer ones not seconds.
_EPOCH: Final = re.compile(r"\d{9,11}", re.ASCII)
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)


def parse_time(text: str, now: float, *, key: str) -> int:
    """Reads a point in time: seconds since 1970 UTC, as ``now`` is, rounded up.

    Times without a zone are those of the system's zone; a time of the day is the next one. Raises ConfigError
    for the given key.
    """
    try:
        return math.ceil(_parse(text.strip(), now))
    except (ValueError, OverflowError) as error:
        raise ConfigError(key, text, TIME_FORMS) from error


def _parse(text: str, now: float) -> float:
    if span := _SPAN.fullmatch(text):
        seconds = sum(int(number) * _UNITS[unit or "s"] for number, unit in _PART.findall(span[1]))
        # Refuses years that a calendar does not have.
        return datetime.fromtimestamp(now + seconds).astimezone().timestamp()
    elif _EPOCH.fullmatch(text):
        return int(text)
    elif _CLOCK.fullmatch(text):
        return _next(time.fromisoformat(text if text[2] == ":" else f"0{text}"), now)
    # A time without a zone is local by itself.
    return datetime.fromisoformat(text).astimezone().timestamp()


def _next(clock: time, now: float) -> float:
    """When a clock on the wall shows this time next."""
    date = datetime.fromtimestamp(now).astimezone().date()
    today = datetime.combine(date, clock).astimezone().timestamp()
    if today > now:
        return today
    # Not just 24 hours later: the clocks may be changed in between.
    return datetime.combine(date + timedelta(days=1), clock).astimezone().timestamp()
