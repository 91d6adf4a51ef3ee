"""Accepting connections when it does not work as it should; the sockets are stand-ins."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import cast

import pytest

from geartrain.addresses import TLS, Address, TcpAddress
from geartrain.server.acceptor import RETRY_SECONDS, Acceptor
from geartrain.server.binding import Listener

_ADDRESS = TcpAddress("127.0.0.1", 4730, TLS)


class _Socket:
    """Accepts what the test has put into its queue: connections and errors."""

    def __init__(self) -> None:
        self.queue: list[object] = []
        self.is_closed = False

    def fileno(self) -> int:
        return 99

    def accept(self) -> tuple[object, None]:
        item = self.queue.pop(0) if self.queue else BlockingIOError(errno.EAGAIN, "")
        if isinstance(item, OSError):
            raise item
        return item, None

    def close(self) -> None:
        self.is_closed = True


class _Loop:
    def __init__(self) -> None:
        self.reader: Callable[[], None] | None = None
        self.retry: Callable[[], None] | None = None
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def add_reader(self, _: int, function: Callable[..., None], *arguments: object) -> None:
        self.reader = lambda: function(*arguments)

    def remove_reader(self, _: int) -> None:
        self.reader = None

    def call_later(self, seconds: float, function: Callable[[], None]) -> _Loop:
        assert seconds == RETRY_SECONDS
        self.retry = function
        return self

    def cancel(self) -> None:
        self.retry = None

    def become_readable(self) -> None:
        assert self.reader is not None
        self.reader()

    def run_retry(self) -> None:
        assert self.retry is not None
        self.retry()


class _Setup:
    def __init__(self) -> None:
        self.loop = _Loop()
        self.listener = _Socket()
        self.accepted: list[object] = []
        self.addresses: set[Address] = set()
        self.acceptor = Acceptor(
            cast("asyncio.AbstractEventLoop", self.loop),
            [Listener(cast("socket.socket", self.listener), _ADDRESS)],
            self._on_connection,
        )
        self.acceptor.start()

    def _on_connection(self, connection: object, address: Address) -> None:
        self.accepted.append(connection)
        self.addresses.add(address)


@pytest.fixture
def setup() -> _Setup:
    return _Setup()


def test_every_waiting_connection_is_accepted(setup: _Setup) -> None:
    """In one go, each with the address of the listener, its scheme included."""
    setup.listener.queue = ["a", "b"]

    setup.loop.become_readable()

    assert setup.accepted == ["a", "b"]
    assert setup.addresses == {_ADDRESS}


def test_a_rush_of_connections_is_accepted_in_portions(setup: _Setup) -> None:
    """Others are served in between."""
    setup.listener.queue = ["x"] * 100

    setup.loop.become_readable()

    assert 0 < len(setup.accepted) < 100


def test_a_connection_that_is_gone_does_not_stop_the_next(setup: _Setup) -> None:
    """It says nothing about the others."""
    setup.listener.queue = [OSError(errno.ECONNABORTED, ""), "next"]

    setup.loop.become_readable()

    assert setup.accepted == ["next"]


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINVAL])
def test_when_accepting_fails_it_pauses_and_tries_again(setup: _Setup, code: int) -> None:
    """The listening socket is not looked at meanwhile, so nothing spins."""
    setup.listener.queue = [OSError(code, ""), "waiting"]

    setup.loop.become_readable()
    assert setup.loop.reader is None
    setup.loop.run_retry()
    setup.loop.become_readable()

    assert setup.accepted == ["waiting"]


def test_running_out_is_said_once_a_minute_at_most(setup: _Setup, caplog: pytest.LogCaptureFixture) -> None:
    """However often it comes and goes."""
    for now in (0.0, 1.0, 59.0, 61.0):
        setup.loop.now = now
        setup.listener.queue = [OSError(errno.EMFILE, "")]
        setup.loop.become_readable()
        setup.loop.run_retry()

    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_closing_ends_the_pause_too(setup: _Setup) -> None:
    """No closed socket is listened on later; closing twice does no harm."""
    setup.listener.queue = [OSError(errno.EMFILE, "")]
    setup.loop.become_readable()

    setup.acceptor.close()
    setup.acceptor.close()

    assert setup.loop.retry is None
    assert setup.listener.is_closed
