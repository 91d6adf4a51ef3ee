"""The ledger of a crash campaign finds what should not have happened, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults import ledger as ledger_module
from tests.faults.jobs import Contents, Submission
from tests.faults.ledger import (
    LOST,
    NOT_SUBMITTED,
    OUT_OF_ORDER,
    RAN_REFUSED,
    RAN_TWICE,
    TOO_EARLY,
    Ledger,
    Run,
    WorkerLog,
)


class Clock:
    """Time that goes on by a second whenever somebody looks."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 1.0
        return self._now

    def time(self) -> float:
        return self._now


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(ledger_module, "time", Clock())
    return Ledger()


def _contents(number: int) -> Contents:
    return (b"f", b"job %d" % number, b"", b"data")


def _submit(ledger: Ledger, number: int, *, priority: int = 1, run_at: int = 0) -> Submission:
    submission = Submission(number, _contents(number), 4, priority, run_at)
    ledger.submitted(submission)
    return submission


def _acknowledge(ledger: Ledger, number: int, *, priority: int = 1, run_at: int = 0) -> None:
    submission = _submit(ledger, number, priority=priority, run_at=run_at)
    ledger.acknowledged(submission, b"H:%d" % number)


def _begin(ledger: Ledger, number: int, worker: WorkerLog | None = None) -> Run:
    return ledger.begun(worker or WorkerLog(ledger.life), b"H:%d" % number, _contents(number))


def _end(ledger: Ledger, number: int) -> None:
    """The job runs, and the server knows that it has ended."""
    run = _begin(ledger, number)
    ledger.ended(run)
    ledger.noted(run)


def _crash(ledger: Ledger) -> None:
    ledger.settle()
    ledger.life_ended(in_order=False)


def _violations(ledger: Ledger) -> list[str]:
    ledger.settle()
    ledger.lose_outstanding()
    return [kind for kind, _ in ledger.violations]


def test_a_job_that_ran_is_not_lost(ledger: Ledger) -> None:
    """Also when the server dies in between."""
    _acknowledge(ledger, 1)
    _crash(ledger)
    _end(ledger, 1)

    assert _violations(ledger) == []


def test_an_acknowledged_job_that_never_runs_is_lost(ledger: Ledger) -> None:
    """It is what all this is about."""
    _acknowledge(ledger, 1)

    assert _violations(ledger) == [LOST]


def test_a_job_that_no_worker_ended_is_lost(ledger: Ledger) -> None:
    """A worker that had it in its hands and left is not enough."""
    _acknowledge(ledger, 1)
    _begin(ledger, 1)

    assert _violations(ledger) == [LOST]


def test_a_job_without_an_answer_may_run_or_not(ledger: Ledger) -> None:
    """The server died before it said anything."""
    _submit(ledger, 1)
    _submit(ledger, 2)
    _crash(ledger)
    _end(ledger, 1)

    assert _violations(ledger) == []


def test_a_job_that_was_not_submitted_is_found(ledger: Ledger) -> None:
    """So is one with other contents than those that were submitted."""
    _acknowledge(ledger, 1)
    _end(ledger, 2)
    ledger.ended(ledger.begun(WorkerLog(0), b"H:1", (b"f", b"job 1", b"", b"dat")))

    assert _violations(ledger) == [NOT_SUBMITTED, NOT_SUBMITTED, LOST]


def test_a_refused_job_must_not_run(ledger: Ledger) -> None:
    """While the server lives, it sees to that."""
    ledger.refused(_submit(ledger, 1), "full")
    _end(ledger, 1)

    assert _violations(ledger) == [RAN_REFUSED]


def test_a_refused_job_may_run_if_the_server_died_at_once(ledger: Ledger) -> None:
    """It could not take it out of the store any more."""
    ledger.refused(_submit(ledger, 1), "lost")
    _crash(ledger)
    _end(ledger, 1)

    assert _violations(ledger) == []
    assert ledger.totals.refused_and_run == 1


def test_a_refused_job_must_not_run_after_a_later_one_was_acknowledged(ledger: Ledger) -> None:
    """What came before is durable then."""
    ledger.refused(_submit(ledger, 1), "lost")
    _acknowledge(ledger, 2)
    _crash(ledger)
    _end(ledger, 1)
    _end(ledger, 2)

    assert _violations(ledger) == [RAN_REFUSED]


def test_a_job_may_run_again_after_a_crash(ledger: Ledger) -> None:
    """Its end was not durable yet."""
    _acknowledge(ledger, 1)
    _end(ledger, 1)
    _crash(ledger)
    _end(ledger, 1)

    assert _violations(ledger) == []
    assert ledger.totals.duplicates == 1


def test_a_job_whose_end_was_durable_must_not_run_again(ledger: Ledger) -> None:
    """A later submission was acknowledged."""
    _acknowledge(ledger, 1)
    _end(ledger, 1)
    _acknowledge(ledger, 2)
    _crash(ledger)
    _end(ledger, 1)
    _end(ledger, 2)

    assert _violations(ledger) == [RAN_TWICE]


def test_a_job_must_not_run_again_after_a_stop_in_order(ledger: Ledger) -> None:
    """A server that stops makes all that it knows durable."""
    _acknowledge(ledger, 1)
    _end(ledger, 1)
    ledger.settle()
    ledger.life_ended(in_order=True)
    _end(ledger, 1)

    assert _violations(ledger) == [RAN_TWICE]


def test_a_job_must_not_run_twice_at_once(ledger: Ledger) -> None:
    """The worker that has it is still there."""
    _acknowledge(ledger, 1)
    _begin(ledger, 1)
    _end(ledger, 1)

    assert _violations(ledger) == ["ran again while it was running"]


def test_a_job_may_run_again_when_its_worker_has_left(ledger: Ledger) -> None:
    """It was given back."""
    _acknowledge(ledger, 1)
    worker = WorkerLog(0)
    _begin(ledger, 1, worker)
    worker.closed_at = 3.0
    _end(ledger, 1)

    assert _violations(ledger) == []
    assert ledger.totals.given_back == 1


def test_jobs_of_a_priority_begin_in_order(ledger: Ledger) -> None:
    """The numbers in their handles say which was submitted first."""
    for number in (1, 2):
        _acknowledge(ledger, number)
    worker = WorkerLog(0)
    for number in (2, 1):
        ledger.ended(_begin(ledger, number, worker))

    assert _violations(ledger) == [OUT_OF_ORDER]


def test_higher_priorities_begin_first_when_nobody_submits(ledger: Ledger) -> None:
    """With one worker and no submissions there is no other explanation."""
    _acknowledge(ledger, 1, priority=2)
    _acknowledge(ledger, 2, priority=0)
    worker = WorkerLog(0, is_alone=True)
    for number in (1, 2):
        ledger.ended(_begin(ledger, number, worker))

    assert _violations(ledger) == [OUT_OF_ORDER]


def test_a_job_must_not_run_before_its_time(ledger: Ledger) -> None:
    """Whatever happened to the server in between."""
    _acknowledge(ledger, 1, run_at=1000)
    _end(ledger, 1)

    assert _violations(ledger) == [TOO_EARLY]


def test_what_is_forgotten_must_not_come_back(ledger: Ledger) -> None:
    """Nothing was queued any more; one round of grace is for ends that were not durable."""
    _acknowledge(ledger, 1)
    _end(ledger, 1)
    ledger.settle()
    ledger.forget()
    ledger.forget()
    _end(ledger, 1)

    assert _violations(ledger) == [NOT_SUBMITTED]
