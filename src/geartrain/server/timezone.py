"""The time zone of this machine, with its daylight saving rules."""

from __future__ import annotations

import os
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_ZONE_FILE = "/etc/localtime"


def machine_timezone() -> tzinfo:
    """The zone that ``TZ`` names, else the one in ``/etc/localtime``.

    When neither can be read it is the present offset from UTC, which then stays as it is through the year.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        with open(_ZONE_FILE, "rb") as zone:
            return ZoneInfo.from_file(zone, key="localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return datetime.now(UTC).astimezone().tzinfo or UTC
