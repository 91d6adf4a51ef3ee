"""The machine's time zone, which SUBMIT_JOB_SCHED means."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from geartrain.server import timezone
from geartrain.server.timezone import machine_timezone

_SUMMER = datetime(2026, 7, 1)  # noqa: DTZ001
_WINTER = datetime(2026, 1, 1)  # noqa: DTZ001


def test_the_zone_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its daylight saving time; a colon in front is allowed, as to the C library."""
    monkeypatch.setenv("TZ", ":Europe/Berlin")

    zone = machine_timezone()

    assert zone.utcoffset(_SUMMER) == timedelta(hours=2)
    assert zone.utcoffset(_WINTER) == timedelta(hours=1)


def test_else_the_file_of_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on machines that set no TZ, which is most."""
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(timezone, "_ZONE_FILE", "/usr/share/zoneinfo/America/New_York")

    zone = machine_timezone()

    assert zone.utcoffset(_SUMMER) == timedelta(hours=-4)


@pytest.mark.parametrize("name", ["No/Such/Zone", "/etc/passwd", "../x"])
def test_a_zone_that_cannot_be_read_leaves_the_present_offset(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server is not kept from starting by it."""
    monkeypatch.setattr(timezone, "_ZONE_FILE", str(tmp_path / "missing"))
    for value in (name, ""):
        monkeypatch.setenv("TZ", value)

        assert machine_timezone().utcoffset(_SUMMER) is not None
