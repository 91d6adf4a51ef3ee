"""Which server to try next, and when to try a failed one again."""

from __future__ import annotations

import pytest

from geartrain.roles.servers import LONGEST_PAUSE_SECONDS, ServerRecord, next_retry, order


def failed(times: int, now: float = 100.0, waited_seconds: float = 0.0, jitter: float = 1.0) -> ServerRecord:
    record = ServerRecord()
    for _ in range(times):
        record.failed(now, waited_seconds, jitter)
    return record


def test_a_server_is_ready_until_it_fails() -> None:
    """Nothing speaks against a server that was never tried."""
    assert ServerRecord().is_ready(0.0)


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 4.0), (50, LONGEST_PAUSE_SECONDS)]
)
def test_the_pause_doubles_with_each_failure_up_to_a_limit(failures: int, pause: float) -> None:
    """A server that comes back is found within seconds; one that stays away is not pestered."""
    record = failed(failures)

    assert record.retry_at == 100.0 + pause
    assert not record.is_ready(100.0 + pause - 0.001)
    assert record.is_ready(100.0 + pause)


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 0.25), (0.5, 0.375), (1.0, 0.5)])
def test_jitter_shortens_the_pause_to_half_at_most(jitter: float, pause: float) -> None:
    """Many workers of one server do not come back all at once."""
    assert failed(1, jitter=jitter).retry_at == 100.0 + pause


def test_a_silent_server_costs_a_small_part_of_the_time() -> None:
    """Whoever waited five seconds in vain waits ten times as long before the next attempt."""
    assert failed(1, waited_seconds=5.0).retry_at == 150.0


def test_success_forgets_failures() -> None:
    """The next failure starts with the first pause again."""
    record = failed(4)

    record.succeeded()
    assert record.is_ready(100.0)

    record.failed(200.0, 0.0, 1.0)
    assert record.retry_at == 200.5


def test_servers_that_pause_come_last_and_the_soonest_first() -> None:
    """They are still tried when there is nothing else."""
    records = [failed(4), ServerRecord(), failed(1), ServerRecord()]

    assert order(records, now=100.1) == [1, 3, 2, 0]
    assert order(records, now=200.0) == [0, 1, 2, 3]


def test_the_next_retry_is_that_of_the_server_that_is_due_first() -> None:
    """Servers that did not fail need no retry."""
    assert next_retry([failed(4), ServerRecord(), failed(1)]) == 100.5
    assert next_retry([ServerRecord()]) is None
    assert next_retry([]) is None
