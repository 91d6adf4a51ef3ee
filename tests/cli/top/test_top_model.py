"""What ``geartrain top`` makes of what a server says."""

from __future__ import annotations

import pytest

from geartrain.cli.top.model import SORT_NAMES, Row, compare, sort_rows
from geartrain.roles.overview import FunctionInfo
from tests.cli.top.top_samples import frame, function, sample, worker

# --- rates ----------------------------------------------------------------------------------------------


def test_rates_are_differences_of_counts_by_time() -> None:
    """Jobs per second between two samples, each count by itself."""
    before = function(b"f")._replace(submitted=100, completed=90, failed=5, requeued=1)
    now = function(b"f")._replace(submitted=120, completed=100, failed=6, requeued=1)

    [row] = compare(sample(before), sample(now, at_seconds=2.0)).rows

    assert (row.submitted, row.completed, row.failed, row.requeued) == (10.0, 5.0, 0.5, 0.0)


def test_there_are_no_rates_with_one_sample() -> None:
    """They are not known, which is not the same as none."""
    [row] = compare(None, sample(function(b"f"))).rows

    assert (row.submitted, row.completed, row.failed, row.requeued) == (None, None, None, None)


def test_a_new_function_has_counted_from_zero() -> None:
    """It was not there at the sample before, so all of its jobs came since."""
    now = function(b"new")._replace(submitted=3)

    [row] = compare(sample(), sample(now, at_seconds=1.0)).rows

    assert row.submitted == 3.0


def test_a_count_that_fell_makes_no_rate() -> None:
    """The function was dropped and is there again; rates are never negative."""
    before = function(b"f")._replace(submitted=100, completed=7)
    now = function(b"f")._replace(submitted=99, completed=8)

    [row] = compare(sample(before), sample(now, at_seconds=1.0)).rows

    assert (row.submitted, row.completed) == (None, 1.0)


def test_two_samples_of_the_same_moment_make_no_rate() -> None:
    """Nothing is divided by zero."""
    now = function(b"f")._replace(submitted=1)

    assert compare(sample(function(b"f")), sample(now)).rows[0].submitted is None


def test_a_server_without_counts_has_no_rates() -> None:
    """The C server: the numbers of ``status`` do not tell what came and what went."""
    old_lists = sample(FunctionInfo(b"f", 3, running=1, workers=2))

    result = compare(old_lists, sample(*old_lists.functions, at_seconds=1.0))

    assert not old_lists.counts_jobs
    assert result.rows[0].submitted is None
    assert result.total.submitted is None
    assert result.total.queued == 3


def test_a_server_without_functions_counts_nothing() -> None:
    """Nothing happened is known there: rates of zero."""
    empty = sample()

    assert empty.counts_jobs
    assert compare(empty, sample(at_seconds=1.0)).total.submitted == 0


# --- totals ---------------------------------------------------------------------------------------------


def test_totals_are_sums_of_the_functions() -> None:
    """Rates, queued jobs and running ones."""
    before = sample(function(b"a"), function(b"b"))
    a = function(b"a", high=1, later=5)._replace(running=2, submitted=4)
    b = function(b"b", normal=10)._replace(running=1, submitted=6)

    total = compare(before, sample(a, b, at_seconds=1.0)).total

    assert (total.queued, total.now.later, total.now.running, total.submitted) == (11, 5, 3, 10.0)


def test_jobs_for_later_are_not_queued() -> None:
    """No worker could take them now."""
    [row] = frame(function(b"f", normal=1, later=7)).rows

    assert row.queued == 1


def test_workers_are_connections_with_functions() -> None:
    """One that runs a job is busy, however many functions it has; a plain client is no worker."""
    connections = (worker(1, b"f", b"g"), worker(0), worker(None)._replace(functions=(), running=0))

    now = sample(function(b"f"), workers=connections)

    assert (now.connections, now.workers, now.busy, now.idle) == (3, 2, 1, 1)


def test_by_older_lists_as_many_workers_are_busy_as_jobs_run() -> None:
    """A worker runs one job at a time, nearly always; there are never more busy ones than workers."""
    running = FunctionInfo(b"f", 0, running=3, workers=2)

    now = sample(running, workers=(worker(None), worker(None)))

    assert (now.busy, now.idle) == (2, 0)
    assert compare(None, now).rows[0].busy == 2


# --- order ----------------------------------------------------------------------------------------------


def names(rows: list[Row]) -> bytes:
    return b"".join(row.now.function for row in rows)


def test_names_are_sorted_from_a() -> None:
    """And from the last one when reversed."""
    rows = frame(function(b"b"), function(b"a"), function(b"c")).rows

    assert names(sort_rows(rows, "function")) == b"abc"
    assert names(sort_rows(rows, "function", is_reversed=True)) == b"cba"


def test_numbers_are_sorted_from_the_greatest() -> None:
    """And from the smallest when reversed; equal ones follow by name either way."""
    rows = frame(function(b"c", high=1), function(b"a", high=1), function(b"b", high=9)).rows

    assert names(sort_rows(rows, "high")) == b"bac"
    assert names(sort_rows(rows, "high", is_reversed=True)) == b"acb"


def test_what_is_not_known_comes_last() -> None:
    """In both directions."""
    aged = function(b"z", normal=1)._replace(oldest_seconds=4.0)
    rows = frame(function(b"a"), aged).rows

    assert names(sort_rows(rows, "oldest")) == b"za"
    assert names(sort_rows(rows, "oldest", is_reversed=True)) == b"za"


@pytest.mark.parametrize("by", SORT_NAMES)
def test_every_column_sorts_what_no_server_tells(by: str) -> None:
    """None of the numbers known, all of the columns sortable."""
    rows = compare(None, sample(FunctionInfo(b"b", 0), FunctionInfo(b"a", 0))).rows

    assert names(sort_rows(rows, by)) == b"ab"
