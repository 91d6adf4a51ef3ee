"""Which server to try next, and when to try a failed one again.

The caller brings the order (a rotation, a shuffle), the time and the chance; this module keeps the record.
Times are seconds of any one clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 4.0
# A server that does not refuse but stays silent makes its caller wait for a timeout each time. Trying it
# again takes at most a tenth of the time or so, and work on the other servers goes on meanwhile.
PAUSE_PER_WAITED_SECOND: Final = 10.0


class ServerRecord:
    """What is known of reaching one server.

    ``failures`` counts the failed attempts in a row. ``retry_at`` is the time from which on it may be tried
    again, 0.0 if nothing speaks against it.
    """

    __slots__ = ("failures", "retry_at")

    def __init__(self) -> None:
        self.failures = 0
        self.retry_at = 0.0

    def is_ready(self, now: float) -> bool:
        """Whether nothing speaks against trying the server now."""
        return now >= self.retry_at

    def succeeded(self) -> None:
        """The server was reached: its failures are forgotten."""
        self.failures = 0
        self.retry_at = 0.0

    def failed(self, now: float, waited_seconds: float, jitter: float) -> None:
        """The server could not be reached.

        ``waited_seconds`` is how long the attempt took. ``jitter`` is a random number from 0 to 1: 0 makes
        the pause half as long as 1 does, so that many callers do not come back all at once.
        """
        pause = FIRST_PAUSE_SECONDS
        for _ in range(self.failures):
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self.failures += 1
        pause = max(pause, waited_seconds * PAUSE_PER_WAITED_SECOND)
        self.retry_at = now + pause * (1 + jitter) / 2


def order(records: Sequence[ServerRecord], now: float) -> list[int]:
    """Positions in the order to try: servers that are ready as they stand, then the others, soonest first."""
    ready: list[int] = []
    pausing: list[tuple[float, int]] = []
    for position, record in enumerate(records):
        if record.is_ready(now):
            ready.append(position)
        else:
            pausing.append((record.retry_at, position))
    pausing.sort()
    return ready + [position for _, position in pausing]


def next_retry(records: Sequence[ServerRecord]) -> float | None:
    """The earliest time at which a server that failed may be tried again; None if none failed."""
    times = [record.retry_at for record in records if record.failures]
    return min(times) if times else None
