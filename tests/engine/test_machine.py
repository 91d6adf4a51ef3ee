"""The engine against a simple model of itself, through any order of events.

The model keeps, for each function and priority, the handles in the order they must be handed out; for each
worker the handles it holds; for each client the answers still due to it. The engine works with a durable
queue whose commits come late or fail.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from geartrain.engine import EngineOptions
from geartrain.engine.job import HIGH, LOW, NORMAL
from geartrain.engine.journal import ADD, Change
from geartrain.protocol.admin import FUNCTION_COLUMNS
from geartrain.protocol.packets import (
    CANT_DO,
    ERROR,
    GRAB_JOB,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_FAIL,
    Packet,
)
from tests.engine.world import Connection, World

FUNCTIONS = [b"f", b"g"]
FOREGROUND = {HIGH: SUBMIT_JOB_HIGH, NORMAL: SUBMIT_JOB, LOW: SUBMIT_JOB_LOW}
BACKGROUND = {HIGH: SUBMIT_JOB_HIGH_BG, NORMAL: SUBMIT_JOB_BG, LOW: SUBMIT_JOB_LOW_BG}
PEERS = st.integers(0, 2)


class Reply:
    """The answer due to one submission."""

    def __init__(self, handle: bytes, waits: bool) -> None:
        self.handle = handle
        self.waits = waits
        self.refused = False


class ModelJob:
    def __init__(self, function: bytes, priority: int, unique: bytes) -> None:
        self.function = function
        self.priority = priority
        self.unique = unique
        self.background = False
        # Journalled and not settled; on offer to workers, or with one.
        self.pending = False
        self.offered = False
        self.running = False
        # One entry for each foreground submission that waits.
        self.clients: list[Connection] = []


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(EngineOptions(handle_prefix=b"H", durable=True))
        self.clients = [self.world.connect() for _ in range(3)]
        self.workers = [self.world.worker(*FUNCTIONS) for _ in range(3)]
        # What each worker holds, in the order it took it.
        self.held: dict[Connection, list[bytes]] = {worker: [] for worker in self.workers}
        self.admin = self.world.connect()
        self.serial = 1
        self.jobs: dict[bytes, ModelJob] = {}
        self.queues: dict[tuple[bytes, int], list[bytes]] = {
            (function, priority): [] for function in FUNCTIONS for priority in (HIGH, NORMAL, LOW)
        }
        # By function and column of ``list functions``.
        self.counts = Counter[tuple[bytes, bytes]]()
        self.replies_due: dict[Connection, list[Reply]] = {client: [] for client in self.clients}
        self.terminals_due: dict[Connection, list[bytes]] = {client: [] for client in self.clients}

    # --- what happens -------------------------------------------------------------------------------

    @rule(
        who=PEERS,
        function=st.sampled_from(FUNCTIONS),
        priority=st.sampled_from([HIGH, NORMAL, LOW]),
        unique=st.sampled_from([b"", b"u"]),
        background=st.booleans(),
    )
    def submit(self, who: int, function: bytes, priority: int, unique: bytes, background: bool) -> None:
        client = self.clients[who]
        numbers = BACKGROUND if background else FOREGROUND
        client.send(numbers[priority], function, unique, b"")
        handle = self._same_job(function, unique)
        if handle is None:
            handle = b"H:%d" % self.serial
            self.serial += 1
            self.jobs[handle] = ModelJob(function, priority, unique)
            if not background:
                self._offer(handle)
        job = self.jobs[handle]
        if background:
            job.pending = job.pending or not job.background
            job.background = True
        else:
            job.clients.append(client)
        self.replies_due[client].append(Reply(handle, job.pending if background else not job.offered))

    @rule(who=PEERS, times=st.integers(1, 4))
    def grab_some(self, who: int, times: int) -> None:
        for _ in range(times):
            self.grab(self.workers[who])

    def grab(self, worker: Connection) -> None:
        answers = self._ask_worker(worker, GRAB_JOB)
        expected = self._next_handles()
        if not expected:
            assert answers == [Packet(NO_JOB)]
            return
        handle = answers[0].arguments[0]
        assert handle in expected
        job = self.jobs[handle]
        assert not job.running
        job.running = True
        self.held[worker].append(handle)
        self.queues[job.function, job.priority].remove(handle)

    @rule(who=PEERS, fail=st.booleans(), which=st.integers(0, 5))
    def finish(self, who: int, fail: bool, which: int) -> None:
        worker = self.workers[who]
        held = self.held[worker]
        if not held:
            return
        handle = held.pop(which % len(held))
        worker.send(WORK_FAIL, handle) if fail else worker.send(WORK_COMPLETE, handle, b"r")
        self.counts[self.jobs[handle].function, b"failed" if fail else b"completed"] += 1
        self._end(handle)

    @rule(who=PEERS)
    def lose_worker(self, who: int) -> None:
        worker = self.workers[who]
        worker.leave()
        for handle in self.held.pop(worker):
            self._give_back(handle)
        self.workers[who] = self.world.worker(*FUNCTIONS)
        self.held[self.workers[who]] = []

    @rule(who=PEERS, function=st.sampled_from(FUNCTIONS))
    def cannot_do_for_a_moment(self, who: int, function: bytes) -> None:
        worker = self.workers[who]
        worker.send(CANT_DO, function)
        worker.can_do(function)
        for handle in [handle for handle in self.held[worker] if self.jobs[handle].function == function]:
            self.held[worker].remove(handle)
            self._give_back(handle)

    @rule(who=PEERS)
    def lose_client(self, who: int) -> None:
        client = self.clients[who]
        self._check_answers(client)
        client.leave()
        del self.replies_due[client], self.terminals_due[client]
        for handle, job in list(self.jobs.items()):
            job.clients = [other for other in job.clients if other is not client]
            if not job.clients and not job.background and not job.running:
                self._end(handle)
        self.clients[who] = self.world.connect()
        self.replies_due[self.clients[who]] = []
        self.terminals_due[self.clients[who]] = []

    @rule(who=PEERS)
    def fall_asleep(self, who: int) -> None:
        self.workers[who].sleep()

    @rule(seconds=st.sampled_from([0.01, 0.05, 1.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(which=st.integers(0, 20))
    @precondition(lambda self: self.jobs)
    def cancel(self, which: int) -> None:
        handles = [handle for handle, job in self.jobs.items() if not job.running]
        if not handles:
            return
        handle = handles[which % len(handles)]
        assert self.admin.admin(b"cancel job " + handle) == [b"OK"]
        # One that is not durable yet was not submitted either.
        self.counts[self.jobs[handle].function, b"failed"] += self.jobs[handle].offered
        self._end(handle)

    @rule(succeeds=st.booleans())
    def commit(self, succeeds: bool) -> None:
        changes = [e for e in self.world.engine.journal.take() if isinstance(e, Change)]
        if not changes:
            return
        added = [change.job.handle for change in changes if change.kind == ADD]
        if succeeds:
            self._settle(added)
            self.world.engine.committed(changes[-1].number, self.world.now)
        else:
            self._refuse(added)
            self.world.engine.commit_failed(changes[0].number, changes[-1].number, "no", self.world.now)

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def the_engine_knows_exactly_the_jobs_that_live(self) -> None:
        assert set(self.world.engine._jobs.by_handle) == set(self.jobs)

    @invariant()
    def status_tells_the_truth(self) -> None:
        for line in self.admin.admin(b"status")[:-1]:
            function, total, running, workers = line.split(b"\t")
            mine = [job for job in self.jobs.values() if job.function == function]
            assert int(total) == len(mine)
            assert int(running) == len([job for job in mine if job.running])
            assert int(workers) == len(self.workers)

    @invariant()
    def list_functions_tells_the_truth(self) -> None:
        for line in self.admin.admin(b"list functions")[1:-1]:
            function, high, normal, low, later, running, workers, busy = line.split(b"\t")[:8]
            mine = [job for job in self.jobs.values() if job.function == function]
            queued = [len(self.queues[function, priority]) for priority in (HIGH, NORMAL, LOW)]
            assert [int(high), int(normal), int(low)] == queued
            assert (int(later), int(running)) == (0, len([job for job in mine if job.running]))
            held = [{self.jobs[handle].function for handle in handles} for handles in self.held.values()]
            assert (int(workers), int(busy)) == (len(self.workers), len([h for h in held if function in h]))

    @invariant()
    def list_functions_counts_what_became_of_the_jobs(self) -> None:
        for line in self.admin.admin(b"list functions")[1:-1]:
            fields = line.split(b"\t")
            counts = [self.counts[fields[0], column] for column in FUNCTION_COLUMNS[-4:]]
            assert [int(field) for field in fields[-4:]] == counts

    @invariant()
    def timers_belong_to_something_alive(self) -> None:
        jobs = self.world.engine._jobs
        assert len(jobs.timers) <= len([f for f in jobs.functions.values() if f.wake_timer is not None])
        assert len(jobs.calendar) == 0

    @invariant()
    def no_sleeper_is_left_beside_a_job_for_longer_than_the_grace_time(self) -> None:
        for (name, _), queue in self.queues.items():
            function = self.world.engine._jobs.functions[name]
            if queue and function.sleepers:
                assert function.wake_timer is not None

    def teardown(self) -> None:
        """In the end everything is committed and run, and every client has got all its answers."""
        self.commit(True)
        for worker in self.workers:
            for handle in self.held[worker]:
                worker.send(WORK_COMPLETE, handle, b"r")
                self._end(handle)
            self.held[worker] = []
        for who in range(len(self.workers)):
            while self._next_handles():
                self.grab(self.workers[who])
                self.finish(who, False, 0)
        assert self.jobs == {}
        for client in self.clients:
            self._check_answers(client)
            assert client.peer.waiting_for == {}
        assert self.world.engine.unfinished_jobs == 0

    # --- the model ----------------------------------------------------------------------------------

    def _same_job(self, function: bytes, unique: bytes) -> bytes | None:
        for handle, job in self.jobs.items():
            if unique and job.function == function and job.unique == unique:
                return handle
        return None

    def _offer(self, handle: bytes) -> None:
        job = self.jobs[handle]
        if not job.offered:
            job.offered = True
            self.counts[job.function, b"submitted"] += 1
            self.queues[job.function, job.priority].append(handle)

    def _next_handles(self) -> list[bytes]:
        """The handles of which a grab by a worker able to do everything must return one."""
        for priority in (HIGH, NORMAL, LOW):
            heads = [self.queues[function, priority][:1] for function in FUNCTIONS]
            if any(heads):
                return [handle for head in heads for handle in head]
        return []

    def _ask_worker(self, worker: Connection, number: int) -> list[Packet]:
        worker.received()
        worker.send(number)
        answers = worker.received()
        return [answer for answer in answers if isinstance(answer, Packet) and answer.number != NOOP]

    def _give_back(self, handle: bytes) -> None:
        job = self.jobs[handle]
        job.running = False
        if job.clients or job.background:
            self.counts[job.function, b"requeued"] += 1
            self.queues[job.function, job.priority].append(handle)
        else:
            self._end(handle)

    def _end(self, handle: bytes) -> None:
        job = self.jobs.pop(handle)
        for client in job.clients:
            self.terminals_due[client].append(handle)
        queue = self.queues[job.function, job.priority]
        if handle in queue:
            queue.remove(handle)

    def _settle(self, added: list[bytes]) -> None:
        for reply in self._replies_waiting_for(added):
            reply.waits = False
        for handle in added:
            if handle in self.jobs:
                self.jobs[handle].pending = False
                self._offer(handle)

    def _refuse(self, added: list[bytes]) -> None:
        for reply in self._replies_waiting_for(added):
            reply.waits = False
            reply.refused = True
        for handle in [handle for handle in added if handle in self.jobs]:
            job = self.jobs[handle]
            job.background = False
            job.pending = False
            if not job.offered:
                # Its foreground clients are answered by the refusal; no terminal packet follows.
                job.clients = []
                self._end(handle)
            elif not job.clients and not job.running:
                self._end(handle)

    def _replies_waiting_for(self, added: list[bytes]) -> list[Reply]:
        replies = [reply for due in self.replies_due.values() for reply in due]
        return [reply for reply in replies if reply.waits and reply.handle in added]

    def _check_answers(self, client: Connection) -> None:
        """All answers due so far have come, replies in order and each once, and nothing else has."""
        received = [answer for answer in client.received() if isinstance(answer, Packet)]
        replies = [packet for packet in received if packet.number in (JOB_CREATED, ERROR)]
        ended = [packet.arguments[0] for packet in received if packet.number in (WORK_COMPLETE, WORK_FAIL)]
        due = self.replies_due[client]
        first_held = next((index for index, reply in enumerate(due) if reply.waits), len(due))
        assert [(packet.number == ERROR) or packet.arguments[0] for packet in replies] == [
            reply.refused or reply.handle for reply in due[:first_held]
        ]
        if first_held == len(due):
            assert sorted(ended) == sorted(self.terminals_due[client])


EngineMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestEngineMachine = EngineMachine.TestCase
