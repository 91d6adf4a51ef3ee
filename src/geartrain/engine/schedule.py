"""When a job submitted for later is to run."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Final

from cronsim import CronSim, CronSimError

_SECONDS: Final = re.compile(rb"[+-]?[0-9]{1,20}(?:\.[0-9]*)?")

# SUBMIT_JOB_SCHED in the order of its arguments: what a field is called, its least and its greatest value.
_FIELDS: Final = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)


def parse_epoch(text: bytes) -> float:
    """Seconds since 1970-01-01 UTC, 0 if the text is empty.

    Raises ValueError, with a text for people, when it is not a decimal number of at most 20 digits.
    """
    if not text:
        return 0.0
    if _SECONDS.fullmatch(text) is None:
        raise ValueError(f"epoch {text[:64]!r}: expected seconds since 1970-01-01 UTC")
    return float(text)


def next_match(fields: tuple[bytes, ...], wall: float, timezone: tzinfo) -> float:
    """The next time after wall (seconds since 1970-01-01 UTC) that matches all fields, in the same unit.

    ``fields`` are minute, hour, day of month, month and day of week (0 is Monday) as sent with
    SUBMIT_JOB_SCHED; an empty one matches any. Raises ValueError, with a text for people, when a field is
    not a number in its range or no such day comes in the next 50 years.
    """
    minute, hour, day, month, weekday = [_parse_field(index, text) for index, text in enumerate(fields)]
    after = datetime.fromtimestamp(wall, timezone)
    pattern = " ".join("*" if value is None else str(value) for value in (minute, hour, day, month))
    try:
        moment = next(CronSim(f"{pattern} *", after))
        # The day of week is checked here: cron means "either" where both days are given, SCHED "both".
        while weekday is not None and moment.weekday() != weekday:
            moment = next(CronSim(f"{pattern} *", moment.replace(hour=23, minute=59)))
    except (CronSimError, StopIteration):
        schedule = b" ".join(text or b"*" for text in fields)
        raise ValueError(f"schedule {schedule!r} never comes") from None
    return moment.timestamp()


def _parse_field(index: int, text: bytes) -> int | None:
    name, least, greatest = _FIELDS[index]
    if not text:
        return None
    if not text.isdigit() or len(text) > 4 or not least <= int(text) <= greatest:
        raise ValueError(f"{name} {text[:64]!r}: expected {least} to {greatest}, or nothing for any")
    return int(text)
