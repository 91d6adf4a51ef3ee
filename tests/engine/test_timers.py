"""The heap of deadlines."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from geartrain.engine.function import Function
from geartrain.engine.timers import Timers


def test_timers_come_due_in_order_and_not_before_their_time() -> None:
    """Equal deadlines come in the order they were added."""
    timers = Timers()
    a, b, c = Function(b"a"), Function(b"b"), Function(b"c")
    timers.add(2.0, a)
    timers.add(1.0, b)
    timers.add(2.0, c)

    assert timers.next_deadline() == 1.0
    assert timers.pop_due(0.9) is None
    assert [timers.pop_due(5.0) for _ in range(4)] == [b, a, c, None]
    assert timers.next_deadline() == math.inf


def test_a_cancelled_timer_neither_runs_nor_keeps_its_target() -> None:
    """Cancelling twice, or after it ran, is harmless."""
    timers = Timers()
    ran = timers.add(1.0, Function(b"ran"))
    cancelled = timers.add(1.0, Function(b"cancelled"))
    timers.cancel(cancelled)
    timers.cancel(cancelled)

    assert cancelled.target is None
    assert timers.pop_due(1.0) is not None
    timers.cancel(ran)
    assert timers.pop_due(1.0) is None
    assert len(timers) == 0


def test_cancelled_timers_do_not_pile_up() -> None:
    """A million time limits that never run out leave a heap of the size of the living."""
    timers = Timers()
    function = Function(b"f")
    timers.add(1.0, function)

    for _ in range(10_000):
        timers.cancel(timers.add(1000.0, function))

    assert len(timers) == 1
    assert len(timers._heap) < 200
    assert timers.next_deadline() == 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())))
def test_whatever_is_cancelled_the_rest_comes_in_order(plan: list[tuple[int, bool]]) -> None:
    """The heap stays a heap through any mix of adding and cancelling."""
    timers = Timers()
    expected = []
    for index, (deadline, keep) in enumerate(plan):
        target = Function(b"%d" % index)
        timer = timers.add(float(deadline), target)
        if keep:
            expected.append((deadline, index, target))
        else:
            timers.cancel(timer)

    popped = [timers.pop_due(100.0) for _ in expected]

    assert popped == [target for _, _, target in sorted(expected, key=lambda entry: entry[:2])]
    assert timers.pop_due(100.0) is None
