"""Signals that come while a worker waits."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import gearman
from gearman.signals import SignalWatch
from tests.classic.conftest import StartProgram
from tests.classic.helpers import SOON_SECONDS, Stopwatch, make_worker
from tests.interop.servers import JobServer

NUMBER = signal.SIGUSR1


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """The signals that a handler has seen."""
    seen: list[int] = []
    before = signal.signal(NUMBER, lambda number, _frame: seen.append(number))
    yield seen
    signal.signal(NUMBER, before)


@pytest.fixture
def watch() -> Iterator[SignalWatch]:
    made = SignalWatch()
    yield made
    made.close()


def wakeup_descriptor() -> int:
    """Where signals are written to at the moment."""
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


def descriptor_in_a_thread(watch: SignalWatch) -> list[int | None]:
    found: list[int | None] = []
    thread = threading.Thread(target=lambda: found.append(watch.descriptor()))
    thread.start()
    thread.join()
    return found


# --- the watch ----------------------------------------------------------------------------------------


def test_a_signal_makes_the_descriptor_readable_and_rings_once(
    watch: SignalWatch, handled: list[int]
) -> None:
    """However many of them have come."""
    descriptor = watch.descriptor()
    assert descriptor is not None
    assert not watch.has_rung()

    os.kill(os.getpid(), NUMBER)
    os.kill(os.getpid(), NUMBER)

    assert select.select([descriptor], [], [], 10)[0] == [descriptor]
    assert watch.has_rung()
    assert not watch.has_rung()
    assert handled[0] == NUMBER


def test_other_threads_cannot_notice_signals(watch: SignalWatch) -> None:
    """Handlers run in the main thread alone."""
    assert descriptor_in_a_thread(watch) == [None]
    assert not watch.has_rung()


def test_who_watches_already_is_left_alone(watch: SignalWatch) -> None:
    """An event loop that the worker runs in needs its signals itself."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())

        assert watch.descriptor() is None
        watch.close()

        assert wakeup_descriptor() == writer.fileno()
        signal.set_wakeup_fd(-1)


def test_a_place_that_was_taken_meanwhile_is_taken_back(watch: SignalWatch) -> None:
    """A job may run an event loop, which leaves the place empty."""
    descriptor = watch.descriptor()
    signal.set_wakeup_fd(-1)

    assert watch.descriptor() == descriptor

    assert wakeup_descriptor() != -1


def test_closing_gives_everything_back(watch: SignalWatch) -> None:
    """And may be done twice."""
    descriptor = watch.descriptor()
    assert descriptor is not None

    watch.close()
    watch.close()

    assert wakeup_descriptor() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_lack_of_descriptors_is_no_error(watch: SignalWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker then looks at its flags more often instead."""

    def refuse() -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr(socket, "socketpair", refuse)

    assert watch.descriptor() is None


# --- the worker ---------------------------------------------------------------------------------------


class Worker(gearman.GearmanWorker):
    """Ends when a signal has come."""

    def __init__(self, host_list: Any, handled: list[int]) -> None:
        self.handled = handled
        self.calls: list[bool] = []
        super().__init__(host_list)

    def after_poll(self, any_activity: bool) -> bool:
        self.calls.append(any_activity)
        if len(self.calls) == 1:
            threading.Timer(0.1, os.kill, (os.getpid(), NUMBER)).start()
        return not self.handled


def test_a_signal_has_after_poll_called_at_once(server: JobServer, handled: list[int]) -> None:
    """With False, for nothing has come in; and nothing is left behind."""
    worker = Worker([server.address], handled)
    worker._longest_wait = 60.0
    watch = Stopwatch()

    worker.work()

    assert watch.seconds < 10.0
    assert worker.calls[-1] is False
    assert wakeup_descriptor() == -1


def test_a_worker_in_an_event_loop_s_thread_ends_soon(server: JobServer, handled: list[int]) -> None:
    """Where signals cannot be noticed, after_poll is called twice a second."""
    worker = Worker([server.address], handled)
    watch = Stopwatch()
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())

        worker.work()

        assert signal.set_wakeup_fd(-1) == writer.fileno()
    assert watch.seconds < SOON_SECONDS


def test_after_poll_is_not_called_while_nothing_happens(server: JobServer, task: str) -> None:
    """Programs count idle polls, and roll their databases back in each; so one lasts its whole time."""
    calls: list[bool] = []

    class Idle(gearman.GearmanWorker):
        def after_poll(self, any_activity: bool) -> bool:
            calls.append(any_activity)
            return not calls.count(False) > 1

    watch = Stopwatch()
    make_worker({task: lambda _worker, job: job.data}, server.address, worker_class=Idle).work(
        poll_timeout=0.8
    )

    assert watch.seconds > 0.7
    assert calls[0] is calls[-1] is False
    # What is between them is the introduction, which is written in one go.
    assert len(calls) <= 3


FORKING = """
import os, signal, sys
import gearman

class Worker(gearman.GearmanWorker):
    def after_poll(self, any_activity):
        return not served

served = []

def fork(worker, job):
    child = os.fork()
    if child == 0:
        inherited = signal.set_wakeup_fd(-1)
        os._exit(0 if inherited == -1 else 1)
    served.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return str(served[0])

worker = Worker([sys.argv[1]])
worker.register_task(sys.argv[2], fork)
worker.work()
"""


def test_a_forked_child_does_not_wake_its_parent(
    server: JobServer, client: gearman.GearmanClient, start_program: StartProgram, task: str
) -> None:
    """Its signals are its own."""
    program = start_program(sys.executable, "-c", FORKING, server.address, task)

    assert client.submit_job(task, "x").result == "0"
    assert program.wait() == 0
