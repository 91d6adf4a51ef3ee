"""The thread that owns a store: what it repeats, what it gives up, and what it says about it."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from geartrain.engine.journal import Find, Load
from geartrain.errors import StoreError, StoreInUse
from geartrain.store import committer as committer_module
from geartrain.store.base import Batch
from geartrain.store.committer import Committer, Outcome, Work
from tests.store.jobs import stored_job
from tests.store.scripted_store import PATIENCE_SECONDS, ScriptedStore, failure

Event = Outcome | StoreError | None


class Crew:
    """A committer, its store, and what it has said so far; None stands for a store that works again."""

    def __init__(self) -> None:
        self.store = ScriptedStore()
        self._events: queue.Queue[Event] = queue.Queue()
        self.committer = Committer(
            self.store, self._events.put, self._events.put, lambda: self._events.put(None)
        )
        self.committer.start()

    def commit(self, batch: Batch, number: int = 1) -> None:
        self.committer.commit(Work(number, batch))

    def next_event(self) -> Event:
        return self._events.get(timeout=PATIENCE_SECONDS)

    def outcome(self) -> Outcome:
        """The next outcome, whatever is said about trouble before it."""
        while not isinstance(event := self.next_event(), Outcome):
            pass
        return event

    def has_said_all(self) -> bool:
        return self._events.empty()


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setattr(committer_module, "_FIRST_PAUSE_SECONDS", 0.001)
    crew = Crew()
    yield crew
    crew.store.let_go()
    crew.committer.stop(PATIENCE_SECONDS)


def test_a_batch_is_applied_and_reported(crew: Crew) -> None:
    """With the number that it came with."""
    crew.commit(Batch(added=[stored_job(1), stored_job(2)]), 7)

    assert crew.next_event() == Outcome(7)
    assert set(crew.store.rows) == {1, 2}


def test_questions_see_the_changes_before_them(crew: Crew) -> None:
    """Each is answered, in order."""
    find, load = Find(2, None), Load(b"f", 1, 1, 10)
    batch = Batch(added=[stored_job(number) for number in (1, 2, 3)])

    crew.committer.commit(Work(1, batch, [find, load]))

    answers = crew.outcome().answers
    assert answers == [(find, [stored_job(2)]), (load, [stored_job(2), stored_job(3)])]


def test_a_batch_is_repeated_until_it_is_applied(crew: Crew) -> None:
    """Marked as one that may have been applied; the trouble and its end are said once."""
    crew.store.before += [failure("first"), failure("second")]
    crew.store.closed += [failure("still closed")]

    crew.commit(Batch(removed=[5]))

    error = crew.next_event()
    assert isinstance(error, StoreError)
    assert error.reason == "first"
    assert crew.next_event() is None
    assert crew.next_event() == Outcome(1)
    assert [again for _, again in crew.store.tries] == [False, True, True]


def test_a_removal_is_never_given_up(crew: Crew) -> None:
    """However often the store breaks on it."""
    crew.store.rows[5] = stored_job(5)
    crew.store.before += [failure() for _ in range(10)]

    crew.commit(Batch(removed=[5]))

    assert crew.outcome() == Outcome(1)
    assert crew.store.rows == {}


@pytest.mark.parametrize("tells", [True, False])
def test_a_job_that_the_store_refuses_does_not_hold_up_the_others(crew: Crew, tells: bool) -> None:
    """Whether the store says which one it is or not."""
    crew.store.tells = tells
    crew.store.is_poison = lambda job: job.sequence in (3, 8)
    crew.store.rows[100] = stored_job(100)
    batch = Batch(added=[stored_job(number) for number in range(1, 11)], removed=[100])

    crew.commit(batch)

    assert crew.next_event() == Outcome(1, {3: "poison", 8: "poison"})
    assert set(crew.store.rows) == {1, 2, 4, 5, 6, 7, 9, 10}
    assert crew.store.opened == 0


def test_a_job_that_breaks_the_store_each_time_is_refused(crew: Crew) -> None:
    """As one that is too long for a proxy in between may do; the others are taken."""

    def break_down(batch: Batch, *, again: bool = False) -> None:
        if any(job.sequence == 3 for job in batch.added):
            raise failure("connection lost")
        apply(batch, again=again)

    apply = crew.store.apply
    crew.store.apply = break_down  # type: ignore[method-assign]

    crew.commit(Batch(added=[stored_job(number) for number in range(1, 5)]))

    assert crew.outcome() == Outcome(1, {3: "connection lost"})
    assert set(crew.store.rows) == {1, 2, 4}


def test_a_fault_that_is_no_store_error_does_not_end_the_thread(crew: Crew) -> None:
    """A driver may choke on a value in its own way."""
    crew.store.before += [OverflowError("too large") for _ in range(3)]

    crew.commit(Batch(added=[stored_job(1)]))

    assert crew.outcome() == Outcome(1, {1: "OverflowError: too large"})
    crew.commit(Batch(added=[stored_job(2)]))
    assert crew.outcome() == Outcome(1)


def test_an_addition_that_was_withdrawn_is_not_tried_again(crew: Crew) -> None:
    """And is taken out, in case the try before has written it."""
    crew.store.hold()
    crew.store.after.append(failure("lost after the commit"))
    crew.commit(Batch(added=[stored_job(1), stored_job(2)]))
    crew.store.wait_until_held()

    crew.committer.withdraw([1])
    crew.store.let_go()

    assert crew.outcome() == Outcome(1)
    assert set(crew.store.rows) == {2}


def test_a_question_is_asked_again_when_the_store_was_lost(crew: Crew) -> None:
    """Its changes are not repeated."""
    asked: list[object] = []

    def find_all(sequences: object) -> list[object]:
        asked.append(sequences)
        if len(asked) == 1:
            raise failure()
        return []

    crew.store.find_all = find_all  # type: ignore[method-assign,assignment]
    question = Find(1, None)

    crew.committer.commit(Work(1, Batch(added=[stored_job(1)]), [question]))

    assert crew.outcome() == Outcome(1, {}, [(question, [])])
    assert len(crew.store.tries) == 1


def test_an_idle_store_is_looked_after(monkeypatch: pytest.MonkeyPatch, crew: Crew) -> None:
    """It is opened again as soon as that is possible."""
    monkeypatch.setattr(committer_module, "KEEP_SECONDS", 0.001)
    crew.store.closed += [failure("still closed")]
    crew.store.lost.append(failure("gone away"))
    # So that the thread does not wait any more for as long as it used to.
    crew.commit(Batch(removed=[1]))

    events = [crew.next_event() for _ in range(3)]

    assert events[0] == Outcome(1)
    assert isinstance(events[1], StoreError)
    assert events[1].reason == "gone away"
    assert events[2] is None


@pytest.mark.parametrize("moment", ["apply", "open"])
def test_a_queue_that_another_server_has_is_left_alone(crew: Crew, moment: str) -> None:
    """What was to be written is not, and nothing is tried any more."""
    in_use = StoreInUse(crew.store.url, "process 7")
    if moment == "apply":
        crew.store.before.append(in_use)
    else:
        crew.store.before.append(failure())
        crew.store.closed.append(in_use)

    crew.commit(Batch(added=[stored_job(1)]))

    while crew.next_event() is not in_use:
        pass
    assert not crew.committer.stop(PATIENCE_SECONDS)
    assert crew.has_said_all()
    assert not crew.store.is_open


def test_the_last_batch_is_applied_before_the_end(crew: Crew) -> None:
    """And the store is closed."""
    crew.store.hold()
    crew.commit(Batch(added=[stored_job(1)]))
    crew.store.wait_until_held()
    crew.store.let_go()

    assert crew.committer.stop(PATIENCE_SECONDS)

    assert set(crew.store.rows) == {1}
    assert not crew.store.is_open


def test_the_end_does_not_wait_for_a_store_that_hangs(crew: Crew) -> None:
    """It says that not all was done."""
    crew.store.hold()
    crew.commit(Batch(added=[stored_job(1)]))
    crew.store.wait_until_held()

    assert not crew.committer.stop(0.01)


def test_the_end_does_not_wait_for_a_store_that_stays_away(crew: Crew) -> None:
    """The thread gives up what it cannot write."""
    crew.store.closed += [failure() for _ in range(1000)]
    crew.store.before.append(failure())
    crew.commit(Batch(added=[stored_job(1)]))
    crew.next_event()

    assert not crew.committer.stop(PATIENCE_SECONDS)

    assert not crew.store.is_open
