"""What of the journal goes into which piece of work."""

from __future__ import annotations

import pytest

from geartrain.engine.function import Function
from geartrain.engine.job import NORMAL, Job
from geartrain.engine.journal import ADD, ATTEMPT, REMOVE, Change, Entry, Find, Load, Purge
from geartrain.server import pending
from geartrain.server.pending import Pending, record_of
from geartrain.store.base import Batch
from geartrain.store.committer import Work

_FUNCTION = Function(b"f")


def _job(sequence: int, data: bytes = b"") -> Job:
    return Job(b"H:host:%d" % sequence, _FUNCTION, b"u", data, NORMAL, True, 0.0, b"", 0.0)


def _collected(*entries: Entry) -> Pending:
    collected = Pending()
    for number, entry in enumerate(entries, 1):
        entry.number = number
        collected.add(entry)
    return collected


def _take_all(collected: Pending) -> list[Work]:
    works = []
    while collected:
        works.append(collected.take())
    return works


def test_changes_are_collected_into_one_batch() -> None:
    """Its number is that of the last of them."""
    first, second, third = _job(1), _job(2), _job(3)
    second.retries = 4

    works = _take_all(_collected(Change(ADD, first), Change(ATTEMPT, second), Change(REMOVE, third)))

    assert works == [Work(3, Batch([record_of(1, first)], [3], {2: 4}), [])]


def test_a_job_that_ended_before_it_was_written_is_not_written() -> None:
    """There is nothing left to do then, but the numbers are settled."""
    job = _job(1)

    (work,) = _take_all(_collected(Change(ADD, job), Change(REMOVE, job)))

    assert not work
    assert work.number == 2


def test_a_job_that_was_given_back_before_it_was_written_is_written_so() -> None:
    """Its attempts go with it."""
    job = _job(1)
    collected = _collected(Change(ADD, job))
    job.retries = 1
    again = Change(ATTEMPT, job)
    again.number = 2

    collected.add(again)

    (work,) = _take_all(collected)
    assert [added.attempts for added in work.batch.added] == [1]
    assert work.batch.attempts == {}


def test_a_removal_makes_attempts_needless() -> None:
    """Only the end of a job counts."""
    job = _job(1)

    (work,) = _take_all(_collected(Change(ATTEMPT, job), Change(REMOVE, job)))

    assert work.batch == Batch(removed=[1])


def test_a_question_sees_the_changes_before_it_and_no_others() -> None:
    """So the changes after it go into the next batch, also the end of a job that was added before it."""
    job, find, load = _job(1), Find(1, None), Load(b"f", NORMAL, 0, 10)

    works = _take_all(_collected(Change(ADD, job), find, load, Change(REMOVE, job), Purge(b"f", 9)))

    assert works == [
        Work(3, Batch([record_of(1, job)]), [find, load]),
        Work(5, Batch(removed=[1], purged=[(b"f", 9)]), []),
    ]


def test_a_question_may_come_alone() -> None:
    """There is nothing to write then."""
    find = Find(1, None)

    assert _take_all(_collected(find)) == [Work(1, Batch(), [find])]


def test_much_data_is_cut_into_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the number of its last addition; removals go with the first, questions with the last."""
    monkeypatch.setattr(pending, "BATCH_BYTES", 10_000)
    jobs = [_job(number, bytes(5000)) for number in range(1, 6)]
    find = Find(1, None)

    works = _take_all(_collected(*[Change(ADD, job) for job in jobs], Change(REMOVE, _job(9)), find))

    assert [(work.number, [job.sequence for job in work.batch.added]) for work in works] == [
        (2, [1, 2]),
        (4, [3, 4]),
        (7, [5]),
    ]
    assert [work.batch.removed for work in works] == [[9], [], []]
    assert [work.questions for work in works] == [(), (), [find]]


def test_a_withdrawn_addition_is_forgotten() -> None:
    """It was not handed over yet."""
    collected = _collected(Change(ADD, _job(1)), Find(7, None), Change(ADD, _job(2)))

    collected.withdraw(1)

    works = _take_all(collected)
    assert [[job.sequence for job in work.batch.added] for work in works] == [[], [2]]
    assert [work.batch.removed for work in works] == [[], []]


def test_a_withdrawn_addition_that_was_handed_over_is_removed() -> None:
    """Behind everything else that waits."""
    collected = _collected(Change(ADD, _job(1)))
    collected.take()

    collected.withdraw(1)

    assert _take_all(collected) == [Work(1, Batch(removed=[1]), [])]


def test_a_question_that_nobody_waits_for_is_forgotten() -> None:
    """The others are not."""
    load = Load(b"f", NORMAL, 0, 10)
    collected = _collected(Find(1, None), load, Find(2, None))

    collected.drop_questions({1, 3})

    assert [work.questions for work in _take_all(collected)] == [[load]]
