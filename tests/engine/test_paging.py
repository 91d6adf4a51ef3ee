"""Jobs that are in the store only: nobody can tell, but for the memory.

Two engines are told the same. One has room for everything, the other for next to nothing; what they answer
has to be equal, byte by byte.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geartrain.engine import EngineOptions, paging
from geartrain.protocol.packets import (
    CANT_DO,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB_ALL,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.engine.instant_store import InstantStore
from tests.engine.world import Connection, World

FUNCTIONS = (b"f", b"g")
SUBMISSIONS = (SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_HIGH, SUBMIT_JOB_HIGH_BG)
PEERS = st.integers(0, 2)


@pytest.fixture(autouse=True)
def _few_is_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a handful of jobs does not fit into memory, and takes several turns to load."""
    monkeypatch.setattr(paging, "FEW_JOBS", 2)
    monkeypatch.setattr(paging, "_LOADED_JOBS", 3)


class Side:
    """One engine, its store, and who is connected."""

    def __init__(self, memory_bytes: int) -> None:
        self.world = World(EngineOptions(handle_prefix=b"H", durable=True, memory_bytes=memory_bytes))
        self.store = InstantStore(self.world)
        self.clients = [self.world.connect() for _ in range(3)]
        self.workers = [self.world.worker(*FUNCTIONS) for _ in range(3)]
        self.admin = self.world.connect()

    def send(self, who: Connection, number: int, *arguments: bytes) -> list[object]:
        who.send(number, *arguments)
        self.store.settle()
        return list(who.received())

    def ask(self, line: bytes) -> list[object]:
        self.admin.raw(line + b"\n")
        self.store.settle()
        return list(self.admin.received())

    def pushed(self) -> list[list[object]]:
        """What has come to each connection without being asked for."""
        return [list(connection.received()) for connection in [*self.clients, *self.workers]]


class TwoEngines(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.roomy, self.tight = self.sides = (Side(0), Side(1))
        self.handles: list[bytes] = [b"H:999", b"nonsense"]
        self.held: list[list[bytes]] = [[], [], []]

    def _both(self, kind: str, who: int, number: int, *arguments: bytes) -> list[object]:
        roomy, tight = (
            side.send(side.clients[who] if kind == "client" else side.workers[who], number, *arguments)
            for side in self.sides
        )
        assert tight == roomy
        return roomy

    @rule(
        who=PEERS,
        number=st.sampled_from(SUBMISSIONS),
        function=st.sampled_from(FUNCTIONS),
        unique=st.sampled_from([b"", b"", b"", b"u", b"v", b"-"]),
        data=st.sampled_from([b"", b"d"]),
        times=st.integers(1, 4),
    )
    def submit(self, who: int, number: int, function: bytes, unique: bytes, data: bytes, times: int) -> None:
        for _ in range(times):
            for answer in self._both("client", who, number, function, unique, data):
                self.handles.append(answer.arguments[0])  # type: ignore[attr-defined]

    @rule(who=PEERS, delay=st.integers(-1, 3))
    def submit_for_later(self, who: int, delay: int) -> None:
        when = b"%d" % int(self.roomy.world.wall + delay)
        self._both("client", who, SUBMIT_JOB_EPOCH, b"f", b"", when, b"later")

    @rule(who=PEERS, times=st.integers(1, 4))
    def grab(self, who: int, times: int) -> None:
        for _ in range(times):
            answers = self._both("worker", who, GRAB_JOB_ALL)
            self.held[who] += [a.arguments[0] for a in answers if a.arguments]  # type: ignore[attr-defined]

    @rule(who=PEERS, fails=st.booleans())
    def finish(self, who: int, fails: bool) -> None:
        if self.held[who]:
            handle = self.held[who].pop(0)
            self._both("worker", who, *((WORK_FAIL, handle) if fails else (WORK_COMPLETE, handle, b"r")))

    @rule(who=PEERS)
    def give_back(self, who: int) -> None:
        for function in FUNCTIONS:
            self._both("worker", who, CANT_DO, function)
        for side in self.sides:
            side.workers[who].can_do(*FUNCTIONS)
        self.held[who] = []

    @rule(who=PEERS)
    def sleep(self, who: int) -> None:
        self._both("worker", who, PRE_SLEEP)

    @rule(who=PEERS)
    def lose_client(self, who: int) -> None:
        for side in self.sides:
            side.clients[who].leave()
            side.store.settle()
            side.clients[who] = side.world.connect()

    @rule(who=PEERS, which=st.integers(0, 1000))
    def ask_for_a_status(self, who: int, which: int) -> None:
        self._both("client", who, GET_STATUS, self.handles[which % len(self.handles)])

    @rule(who=PEERS, unique=st.sampled_from([b"u", b"v", b"w"]))
    def ask_by_unique(self, who: int, unique: bytes) -> None:
        self._both("client", who, GET_STATUS_UNIQUE, unique)

    @rule(which=st.integers(0, 1000))
    def cancel(self, which: int) -> None:
        line = b"cancel job " + self.handles[which % len(self.handles)]
        assert self.tight.ask(line) == self.roomy.ask(line)

    @rule(seconds=st.sampled_from([0.06, 1.0, 4.0]))
    def wait(self, seconds: float) -> None:
        for side in self.sides:
            side.world.advance(seconds)
            side.store.settle()

    @invariant()
    def both_tell_everybody_the_same(self) -> None:
        assert self.tight.pushed() == self.roomy.pushed()

    @invariant()
    def both_count_the_same(self) -> None:
        for command in (b"status", b"prioritystatus"):
            assert self.tight.ask(command) == self.roomy.ask(command)

    @invariant()
    def both_stores_hold_the_same(self) -> None:
        assert self.tight.store.rows == self.roomy.store.rows

    def teardown(self) -> None:
        """All jobs are run in the end, in the same order."""
        for side in self.sides:
            side.world.advance(10)
            side.store.settle()
        orders = []
        for side in self.sides:
            worker = side.world.worker(*FUNCTIONS)
            order = []
            while (answer := side.send(worker, GRAB_JOB_ALL)[-1]).arguments:  # type: ignore[attr-defined]
                order.append(answer)
                side.send(worker, WORK_COMPLETE, answer.arguments[0], b"")  # type: ignore[attr-defined]
            orders.append(order)
        assert orders[0] == orders[1]
        assert self.tight.world.engine._jobs.paging.jobs == 0


TestTwoEngines = TwoEngines.TestCase
TestTwoEngines.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
