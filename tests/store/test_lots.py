"""Many jobs, some at a time."""

from __future__ import annotations

from geartrain.store.lots import LOT_BYTES, LOT_JOBS, in_lots
from tests.store.jobs import stored_job


def test_all_jobs_come_in_order() -> None:
    """None is lost where one lot ends and the next begins, and no lot is empty."""
    jobs = [stored_job(number) for number in range(1, 2 * LOT_JOBS + 1)]

    lots = list(in_lots(jobs))

    assert [len(lot) for lot in lots] == [LOT_JOBS, LOT_JOBS]
    assert [job for lot in lots for job in lot] == jobs
    assert list(in_lots([])) == []


def test_lots_of_big_jobs_are_small() -> None:
    """Memory has to hold each of them."""
    big = stored_job(1, data=b"x" * (LOT_BYTES // 2))

    assert [len(lot) for lot in in_lots([big] * 5)] == [2, 2, 1]
