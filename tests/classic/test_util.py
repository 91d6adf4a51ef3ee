"""The small modules that classic programs import: util, io, compat, constants, errors, version."""

from __future__ import annotations

import builtins
import select
import socket
import time
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from gearman import compat, constants, errors, io, util, version
from gearman.errors import GearmanError, ServerListError
from gearman.util import Stopwatch, disambiguate_server_parameter


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


# --- time budgets -------------------------------------------------------------------------------------


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_a_budget_runs_down_to_exactly_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never below 0.0, so that it can be handed to a poll."""
    clock = Clock(monkeypatch)
    watch = Stopwatch(2.0)

    clock.now += 0.5
    assert watch.get_time_remaining() == 1.5
    assert watch.has_time_remaining()

    clock.now += 10
    assert watch.get_time_remaining() == 0.0
    assert not watch.has_time_remaining()


def test_a_budget_can_be_asked_about_another_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading of the same clock stands in for now."""
    clock = Clock(monkeypatch)
    watch = Stopwatch(2.0)

    assert watch.has_time_remaining(clock.now + 1.9)
    assert not watch.has_time_remaining(clock.now + 2.0)


def test_a_budget_of_none_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is what polls take for no limit."""
    clock = Clock(monkeypatch)
    watch = Stopwatch(None)

    clock.now += 1e9

    assert watch.get_time_remaining() is None
    assert watch.has_time_remaining()


@pytest.mark.parametrize("seconds", [0, 0.0, -1])
def test_a_budget_of_nothing_is_over_at_once(seconds: float) -> None:
    """Zero and less mean not to wait."""
    watch = Stopwatch(seconds)

    assert watch.get_time_remaining() == 0.0
    assert not watch.has_time_remaining()


def test_a_budget_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the machine's time neither ends a wait nor makes it last for ever."""
    watch = Stopwatch(60)

    monkeypatch.setattr(time, "time", lambda: 0.0)

    remaining = watch.get_time_remaining()
    assert remaining is not None
    assert 0 < remaining <= 60


# --- servers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("example.org", ("example.org", 4730)),
        ("example.org:80", ("example.org", 80)),
        ("127.0.0.1", ("127.0.0.1", 4730)),
        (b"example.org:80", ("example.org", 80)),
        ("::1", ("::1", 4730)),
        ("[::1]", ("::1", 4730)),
        ("[::1]:80", ("::1", 80)),
        ("fe80::1:4730", ("fe80::1:4730", 4730)),
        (("example.org", 80), ("example.org", 80)),
        (("example.org", "80"), ("example.org", 80)),
        ((b"example.org", b"80"), ("example.org", 80)),
        (["example.org", 80], ("example.org", 80)),
        (("::1", None), ("::1", 4730)),
        ({"host": "example.org"}, ("example.org", 4730)),
        ({"host": "example.org", "port": "80", "keyfile": "x"}, ("example.org", 80)),
    ],
)
def test_a_server_can_be_written_in_many_ways(server: object, expected: tuple[str, int]) -> None:
    """Text, pairs and dicts; IPv6 addresses with a port stand in brackets."""
    assert disambiguate_server_parameter(server) == expected


@pytest.mark.parametrize(
    "server", ["host:", "host:x", "host:0", "host:65536", "host:-1", "[::1]:", ("h", "")]
)
def test_an_unusable_port_is_a_value_error(server: object) -> None:
    """As in all classic versions; the message says what would do."""
    with pytest.raises(ValueError, match=r"not a port: .*; expected 1 to 65535"):
        disambiguate_server_parameter(server)


@pytest.mark.parametrize(
    "server",
    ["", ":4730", "[::1", "[::1]x", 5, None, (), ("a",), ("a", 1, 2), {}, {"port": 1}, ("h", 1.5), (5, 1)],
)
def test_what_is_no_server_is_both_kinds_of_error(server: object) -> None:
    """Programs catch GearmanError or ValueError, depending on the version they were written for."""
    with pytest.raises(ServerListError) as caught:
        disambiguate_server_parameter(server)

    assert isinstance(caught.value, GearmanError)
    assert isinstance(caught.value, ValueError)


# --- select, unlist -----------------------------------------------------------------------------------


def test_select_tells_what_is_ready(pair: tuple[socket.socket, socket.socket]) -> None:
    """The arguments and results are those of ``select.select``."""
    left, right = pair

    assert util.select([left], [], [], 0) == ([], [], [])
    right.sendall(b"x")
    assert util.select([left], [right], [], 5) == ([left], [right], [])


def test_unlist_takes_the_only_item() -> None:
    """Several items are a ValueError with their number."""
    assert util.unlist([]) is None
    assert util.unlist(["x"]) == "x"
    with pytest.raises(ValueError, match="2"):
        util.unlist(["x", "y"])


# --- pollers ------------------------------------------------------------------------------------------


@pytest.fixture(params=["poll", "select"])
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.ConnectionPoller:
    monkeypatch.setattr(io, "force_select", request.param == "select")
    return io.get_connection_poller()


def test_a_poller_tells_what_happened(
    poller: io.ConnectionPoller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Pairs of descriptor and events, only those that were asked for."""
    left, right = pair
    poller.register(left)

    assert poller.poll(0) == []
    right.sendall(b"x")
    assert poller.poll(5) == [(left.fileno(), io.READ)]
    poller.modify(left, io.READ | io.WRITE)
    assert poller.poll(None) == [(left.fileno(), io.READ | io.WRITE)]


def test_a_poller_forgets_what_is_unregistered(
    poller: io.ConnectionPoller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """And knows nothing of what never was registered."""
    left, right = pair
    right.sendall(b"x")
    poller.register(left)
    poller.unregister(left)

    assert poller.poll(0) == []
    with pytest.raises(KeyError):
        poller.unregister(left)
    with pytest.raises(KeyError):
        poller.modify(left, io.READ)


def test_a_poller_reports_a_lost_connection(
    poller: io.ConnectionPoller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """As readable or as an error: the next read tells."""
    left, right = pair
    poller.register(left)
    right.close()

    [(descriptor, events)] = poller.poll(5)

    assert descriptor == left.fileno()
    assert events & (io.READ | io.ERROR)


@pytest.mark.parametrize("seconds", [0, -1, 0.0001])
def test_a_poller_does_not_wait_longer_than_told(poller: io.ConnectionPoller, seconds: float) -> None:
    """Zero and negative times return at once."""
    assert poller.poll(seconds) == []


def test_a_platform_without_poll_gets_select(monkeypatch: pytest.MonkeyPatch) -> None:
    """Green thread libraries remove ``poll``."""
    monkeypatch.delattr(select, "poll")

    assert isinstance(io.get_connection_poller(), io.SelectPoller)


# --- names and numbers --------------------------------------------------------------------------------


def test_compat_has_the_names_of_the_forks() -> None:
    """Their test suites import them."""
    assert (compat.PY2, compat.PY3) == (False, True)
    assert (compat.binary_type, compat.unicode_type) == (bytes, str)
    assert compat.any([0, 1])
    assert not compat.all([0, 1])
    assert compat.defaultdict(list, x=["y"]) == {"x": ["y"]}
    assert compat.array_to_bytes(array("b", b"ab")) == b"ab"
    assert list(compat.itervalues({"a": 1})) == [1]
    assert compat.to_hex(b"\x01\xff") == "01ff"


def test_constants_are_the_literals_programs_compare_with() -> None:
    """``'CREATED'`` and its like stand in user code."""
    assert constants.DEFAULT_GEARMAN_PORT == 4730
    assert (constants.PRIORITY_NONE, constants.PRIORITY_LOW, constants.PRIORITY_HIGH) == (None, "LOW", "HIGH")
    assert constants.JOB_UNKNOWN == "UNKNOWN"
    assert constants.JOB_PENDING == "PENDING"
    assert constants.JOB_CREATED == "CREATED"
    assert constants.JOB_FAILED == "FAILED"
    assert constants.JOB_COMPLETE == "COMPLETE"
    assert constants._DEBUG_MODE_ is False


@pytest.mark.parametrize(
    "name",
    [
        "ConnectionError",
        "ServerUnavailable",
        "ProtocolError",
        "UnknownCommandError",
        "ExceededConnectionAttempts",
        "InvalidClientState",
        "InvalidWorkerState",
        "InvalidAdminClientState",
    ],
)
def test_every_error_is_a_gearman_error_with_its_message(name: str) -> None:
    """They derive directly from GearmanError, and the message is the first argument."""
    error_class: Any = getattr(errors, name)

    assert error_class.__bases__[0] is GearmanError
    assert error_class("message").args[0] == "message"
    assert str(error_class("message")) == "message"


def test_the_classic_connection_error_is_also_the_builtin() -> None:
    """Code that means the builtin of the same name catches it too."""
    assert issubclass(errors.ConnectionError, builtins.ConnectionError)


def test_the_version_is_text_and_numbers() -> None:
    """Programs print it and report it to monitoring."""
    assert version.__version__
    assert version.__version_info__ == tuple(int(part) for part in version.__version__.split(".")[:3])
