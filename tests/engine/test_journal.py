"""The hooks of a durable store: numbered changes, held replies, commits that fail."""

from __future__ import annotations

import pytest

from geartrain.engine import EngineOptions
from geartrain.engine.journal import ADD, ATTEMPT, REMOVE, Change
from geartrain.protocol.packets import (
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
    Packet,
)
from tests.engine.world import NEW_YEAR, World

REFUSED = Packet(ERROR, (b"QUEUE_ERROR", b"disk full"))


class FakeStore:
    """Commits when told to, and remembers what is durable."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows: dict[bytes, bytes] = {}
        self.pending: list[Change] = []

    def take(self) -> list[Change]:
        self.pending = [e for e in self._world.engine.journal.take() if isinstance(e, Change)]
        return self.pending

    def commit(self) -> None:
        """Makes everything journalled so far durable."""
        for change in self.take():
            if change.kind == ADD:
                self.rows[change.job.handle] = change.job.data
            elif change.kind == REMOVE:
                self.rows.pop(change.job.handle, None)
        self._world.engine.committed(self.pending[-1].number, self._world.now)

    def fail(self) -> None:
        """Refuses everything journalled so far."""
        changes = self.take()
        self._world.engine.commit_failed(changes[0].number, changes[-1].number, "disk full", self._world.now)


@pytest.fixture
def world() -> World:
    return World(EngineOptions(handle_prefix=b"H:test", durable=True))


@pytest.fixture
def store(world: World) -> FakeStore:
    return FakeStore(world)


def test_without_a_durable_queue_nothing_is_journalled() -> None:
    """The memory store costs nothing."""
    world = World()

    world.connect().submit_background()

    assert world.engine.journal.take() == []


def test_a_background_job_is_acknowledged_and_offered_only_once_it_is_durable(
    world: World, store: FakeStore
) -> None:
    """JOB_CREATED, the wake-up and the job itself wait for the commit."""
    client, sleeper, worker = world.connect(), world.sleeper(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"data")
    assert client.received() == []
    assert sleeper.received() == []
    assert worker.grab().number == NO_JOB

    store.commit()

    assert client.received() == [Packet(JOB_CREATED, (b"H:test:1",))]
    assert sleeper.received() == [Packet(NOOP)]
    assert worker.grab_handle() == b"H:test:1"
    assert store.rows == {b"H:test:1": b"data"}


def test_a_foreground_job_does_not_wait_for_the_store(world: World) -> None:
    """Only promises need a disk."""
    handle = world.connect().submit()

    assert world.worker().grab_handle() == handle
    assert world.engine.journal.take() == []


def test_replies_of_a_connection_keep_their_order_while_one_is_held(world: World, store: FakeStore) -> None:
    """Everything later on that connection waits behind the held reply, answers of others do not."""
    client, other = world.connect(), world.connect()
    client.send(ECHO_REQ, b"1")
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.send(ECHO_REQ, b"2")
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.send(ECHO_REQ, b"3")

    assert client.received() == [Packet(ECHO_RES, (b"1",))]
    assert other.ask(ECHO_REQ, b"x") == Packet(ECHO_RES, (b"x",))
    store.commit()

    assert client.received() == [
        Packet(JOB_CREATED, (b"H:test:1",)),
        Packet(ECHO_RES, (b"2",)),
        Packet(JOB_CREATED, (b"H:test:2",)),
        Packet(ECHO_RES, (b"3",)),
    ]


def test_output_is_counted_until_it_is_taken(world: World, store: FakeStore) -> None:
    """What is held back counts once it is let out."""
    client = world.connect()
    client.send(ECHO_REQ, b"1")
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.send(ECHO_REQ, b"2")

    counted = [client.peer.output_bytes]
    store.commit()
    counted.append(client.peer.output_bytes)

    assert counted == [13, 13 + len(b"H:test:1") + 12 + 13]
    assert counted[1] == len(b"".join(client.peer.take_output()))
    assert client.peer.output_bytes == 0


def test_a_commit_opens_the_gates_up_to_its_number(world: World, store: FakeStore) -> None:
    """What came while a batch was committing waits for the next one."""
    client = world.connect()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"1")
    [first] = store.take()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"2")

    world.engine.committed(first.number, world.now)
    early = client.received()
    store.commit()

    assert early == [Packet(JOB_CREATED, (b"H:test:1",))]
    assert client.received() == [Packet(JOB_CREATED, (b"H:test:2",))]


def test_numbers_count_up_without_gaps(world: World, store: FakeStore) -> None:
    """Additions and removals share one sequence."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    first, second = store.take()
    world.engine.committed(second.number, world.now)
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"")

    [third] = store.take()

    assert [change.number for change in (first, second, third)] == [1, 2, 3]
    assert [change.kind for change in (first, second, third)] == [ADD, ADD, REMOVE]
    assert repr(third) == "<Change 3 REMOVE b'H:test:1'>"


@pytest.mark.parametrize("number", [WORK_COMPLETE, WORK_FAIL])
def test_the_end_of_a_background_job_is_journalled(world: World, store: FakeStore, number: int) -> None:
    """Its row leaves with the next batch."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    store.commit()
    handle = worker.grab_handle()

    worker.send(number, *([handle, b""] if number == WORK_COMPLETE else [handle]))
    store.commit()

    assert store.rows == {}


def test_a_job_given_back_stays_durable(world: World, store: FakeStore) -> None:
    """A lost worker is no end; but it counts as an attempt, over restarts too."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"d")
    store.commit()
    worker.grab_handle()

    worker.leave()

    [change] = store.take()
    assert (change.kind, change.job.handle, change.job.retries) == (ATTEMPT, b"H:test:1", 1)
    assert store.rows == {b"H:test:1": b"d"}


def test_a_commit_that_fails_turns_the_held_reply_into_an_error_in_its_place(
    world: World, store: FakeStore
) -> None:
    """Nothing refused ever runs, and its unique is free again."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    client.send(ECHO_REQ, b"x")

    store.fail()

    assert client.received() == [REFUSED, Packet(ECHO_RES, (b"x",))]
    assert worker.grab().number == NO_JOB
    assert store.take() == []
    client.send(SUBMIT_JOB_BG, b"f", b"u", b"again")
    store.commit()
    assert client.received() == [Packet(JOB_CREATED, (b"H:test:2",))]
    assert worker.grab_data() == b"again"


def test_a_failed_commit_leaves_earlier_and_later_ones_alone(world: World, store: FakeStore) -> None:
    """Each batch has its own outcome."""
    client = world.connect()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"1")
    store.commit()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"2")
    store.take()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"3")
    world.engine.commit_failed(2, 2, "disk full", world.now)
    store.commit()

    assert client.received() == [
        Packet(JOB_CREATED, (b"H:test:1",)),
        REFUSED,
        Packet(JOB_CREATED, (b"H:test:3",)),
    ]


def test_a_submission_that_joins_a_held_job_waits_with_it(world: World, store: FakeStore) -> None:
    """Foreground or background: the job does not exist before its commit."""
    first, second, third = world.connect(), world.connect(), world.connect()
    first.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    second.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    third.send(SUBMIT_JOB, b"f", b"u", b"")
    assert [client.received() for client in (first, second, third)] == [[], [], []]

    store.commit()

    created = [Packet(JOB_CREATED, (b"H:test:1",))]
    assert [client.received() for client in (first, second, third)] == [created, created, created]


def test_a_refusal_reaches_everybody_who_joined(world: World, store: FakeStore) -> None:
    """Nobody is left waiting for a job that will never be."""
    first, second = world.connect(), world.connect()
    first.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    second.send(SUBMIT_JOB, b"f", b"u", b"")

    store.fail()

    assert first.received() == [REFUSED]
    assert second.received() == [REFUSED]
    assert second.peer.waiting_for == {}


def test_a_background_submission_of_a_foreground_job_makes_it_durable(world: World, store: FakeStore) -> None:
    """It is journalled then, and acknowledged after the commit, while the job is on offer all along."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    handle = client.submit(unique=b"u", data=b"d")
    other.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    assert other.received() == []
    assert client.submit(unique=b"u") == handle
    assert worker.grab_handle() == handle

    store.commit()

    assert other.received() == [Packet(JOB_CREATED, (handle,))]
    assert store.rows == {handle: b"d"}


@pytest.mark.parametrize("client_stays", [True, False])
def test_a_foreground_job_whose_promotion_is_refused_stays_what_it_was(
    world: World, store: FakeStore, client_stays: bool
) -> None:
    """It lives for its foreground clients, as before."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    handle = client.submit(unique=b"u")
    other.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    if not client_stays:
        client.leave()

    store.fail()

    assert other.received() == [REFUSED]
    assert worker.grab().number == (31 if client_stays else NO_JOB)
    assert (handle in world.engine._jobs.by_handle) == client_stays


def test_a_promoted_job_that_ended_before_its_commit_leaves_no_row(world: World, store: FakeStore) -> None:
    """Addition and removal are journalled in order."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    handle = client.submit(unique=b"u")
    other.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")
    assert client.received() == [Packet(WORK_COMPLETE, (handle, b"r"))]

    store.commit()

    assert store.rows == {}
    assert other.received() == [Packet(JOB_CREATED, (handle,))]


def test_a_promoted_job_that_ended_before_its_refusal_is_no_trouble(world: World, store: FakeStore) -> None:
    """The store's answer comes too late to matter."""
    client, other, worker = world.connect(), world.connect(), world.worker()
    client.submit(unique=b"u")
    other.send(SUBMIT_JOB_BG, b"f", b"u", b"")
    worker.send(WORK_COMPLETE, worker.grab_handle(), b"r")

    store.fail()

    assert other.received() == [REFUSED]
    assert world.engine.unfinished_jobs == 0


def test_a_job_cancelled_before_its_commit_never_runs(world: World, store: FakeStore) -> None:
    """It was created, and cancelled; its row comes and goes."""
    client, admin, worker = world.connect(), world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    assert admin.admin(b"cancel job H:test:1") == [b"OK"]

    store.commit()

    assert client.received() == [Packet(JOB_CREATED, (b"H:test:1",))]
    assert worker.grab().number == NO_JOB
    assert store.rows == {}


def test_a_running_job_that_is_cancelled_loses_its_row_at_once(world: World, store: FakeStore) -> None:
    """A restart must not run it again; its end writes nothing more."""
    client, admin, worker = world.connect(), world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    store.commit()
    handle = worker.grab_handle()

    admin.admin(b"cancel job " + handle)
    store.commit()
    worker.send(WORK_COMPLETE, handle, b"")

    assert store.rows == {}
    assert store.take() == []


def test_the_submitter_may_leave_before_the_commit(world: World, store: FakeStore) -> None:
    """The job is kept; the reply has nobody to go to."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.leave()

    store.commit()

    assert worker.grab_handle() == b"H:test:1"


def test_a_connection_closes_only_after_its_held_replies(world: World, store: FakeStore) -> None:
    """A fatal fault behind a background submission does not take its JOB_CREATED away."""
    client = world.connect()
    client.send(SUBMIT_JOB_BG, b"f", b"", b"")
    client.raw(b"\0BAD" + bytes(8))
    world.deliver()
    assert not client.closed

    store.commit()

    created, error = client.received()
    assert created == Packet(JOB_CREATED, (b"H:test:1",))
    assert isinstance(error, Packet)
    assert error.number == ERROR
    assert client.closed


def test_a_durable_job_for_later_waits_for_its_commit_and_then_for_its_time(
    world: World, store: FakeStore
) -> None:
    """Both must have come; if the time came first, the commit is enough."""
    client, worker = world.connect(), world.worker()
    client.send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (NEW_YEAR + 5), b"later")
    client.send(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (NEW_YEAR + 1), b"sooner")
    world.advance(2.0)
    assert worker.grab().number == NO_JOB

    store.commit()

    assert worker.grab_data() == b"sooner"
    assert worker.grab().number == NO_JOB
    world.advance(3.0)
    assert worker.grab_data() == b"later"
