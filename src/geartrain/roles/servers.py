"""Which server to try next, and when to try a failed one again.

The caller brings the order (a rotation, a shuffle), the time and the chance; this module keeps the record.
Times are seconds of any one clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 4.0
# A server that does not refuse but stays silent makes its caller wait for a timeout each time. Trying it
# again takes at most a tenth of the time, so that work on the other servers goes on meanwhile.
PAUSE_PER_WAITED_SECOND: Final = 9.0


class Server:
    """The record of one server.

    ``address`` is whatever the caller knows the server by. ``retry_at`` is the time from which on it may be
    tried again, 0.0 if that is now.
    """

    __slots__ = ("address", "failures", "retry_at")

    def __init__(self, address: object) -> None:
        self.address = address
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
        the pause half as long as 1, so that many callers do not come back all at once.
        """
        pause = FIRST_PAUSE_SECONDS
        for _ in range(self.failures):
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self.failures += 1
        pause = max(pause, waited_seconds * PAUSE_PER_WAITED_SECOND)
        self.retry_at = now + pause * (1 + jitter) / 2


def candidates(servers: Iterable[Server], now: float) -> list[Server]:
    """The servers in the order to try: those that are ready as they came, then the others, soonest first."""
    ready: list[Server] = []
    pausing: list[Server] = []
    for server in servers:
        if server.is_ready(now):
            ready.append(server)
        else:
            pausing.append(server)
    pausing.sort(key=_retry_at)
    return ready + pausing


def next_retry(servers: Iterable[Server]) -> float | None:
    """The earliest time at which one of these failed servers may be tried again; None without any."""
    times = [server.retry_at for server in servers if server.failures]
    return min(times) if times else None


def _retry_at(server: Server) -> float:
    return server.retry_at
