"""Points in time as people write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from geartrain.cli.geartrain.when import parse_time
from geartrain.errors import ConfigError


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system one hour east of UTC, two in summer."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# In Berlin it is one o'clock in the afternoon.
NOON = utc(2030, 1, 15, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+90s", NOON + 90),
        ("+90", NOON + 90),
        ("+5m", NOON + 300),
        ("+2h", NOON + 7200),
        ("+1h30m", NOON + 5400),
        ("+1d", NOON + 86400),
        ("+2w", NOON + 14 * 86400),
        ("1900000000", 1900000000),
        ("13:30", utc(2030, 1, 15, 12, 30)),
        ("13:00:01", utc(2030, 1, 15, 12, 0, 1)),
        ("9:15", utc(2030, 1, 16, 8, 15)),
        ("2030-07-01T12:00", utc(2030, 7, 1, 10)),
        ("2030-07-01 12:00", utc(2030, 7, 1, 10)),
        ("2030-07-01T12:00Z", utc(2030, 7, 1, 12)),
        ("2030-07-01T12:00:00.5+02:00", utc(2030, 7, 1, 10, 0, 1)),
        ("2030-02-01", utc(2030, 1, 31, 23)),
        ("20300201", utc(2030, 1, 31, 23)),
    ],
)
def test_every_form_is_understood(text: str, expected: int) -> None:
    """Spans, times of the day, ISO 8601 and seconds; without a zone it is the one of the system."""
    assert parse_time(text, NOON, key="at") == expected


def test_a_time_of_the_day_that_is_now_is_tomorrow() -> None:
    """Who says 13:00 at one o'clock means the next one."""
    assert parse_time("13:00", NOON, key="at") == NOON + 86400


def test_a_span_ends_at_a_whole_second_and_not_before() -> None:
    """The protocol knows whole seconds only."""
    assert parse_time("+1s", NOON + 0.25, key="at") == NOON + 2


def test_tomorrow_may_be_23_hours_away() -> None:
    """In the night in which summer time begins."""
    evening = utc(2030, 3, 30, 19)

    assert parse_time("20:00", evening, key="at") == evening + 23 * 3600


@pytest.mark.parametrize(
    "text",
    ["", "soon", "+", "+5x", "-5m", "25:00", "12:60", "2030", "2030-13-01", "123456789012", "+9999999999w"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error names the setting and what would do."""
    with pytest.raises(ConfigError) as caught:
        parse_time(text, NOON, key="at")

    assert (caught.value.key, caught.value.value) == ("at", text)
    assert "+90s" in caught.value.expected
