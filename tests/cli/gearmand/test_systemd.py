"""What systemd and a service tell each other, over real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.cli.gearmand import systemd
from geartrain.cli.gearmand.systemd import Notifier, is_journal

_PATIENCE_SECONDS = 10.0
_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
)


@pytest.fixture(autouse=True)
def _no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what the tests themselves may have been started with."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket that systemd listens on, in the file system or not."""
    path = str(tmp_path / "notify")
    is_abstract = request.param == "abstract"
    if is_abstract and sys.platform != "linux":
        pytest.skip("only Linux has names that are not in the file system")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(_PATIENCE_SECONDS)
        receiver.bind("\0" + path if is_abstract else path)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path if is_abstract else path)
        yield receiver


def _read(manager: socket.socket) -> dict[str, str]:
    lines = manager.recv(4096).decode().split("\n")
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_ready_comes_with_a_status(manager: socket.socket) -> None:
    """Both in one message."""
    Notifier().ready("Listening on 127.0.0.1:4730")

    assert _read(manager) == {"READY": "1", "STATUS": "Listening on 127.0.0.1:4730"}


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    """On the monotonic clock, as Type=notify-reload wants it."""
    Notifier().reloading()

    message = _read(manager)
    assert message["RELOADING"] == "1"
    assert int(message["MONOTONIC_USEC"]) > 0


def test_stopping_and_other_states_are_told(manager: socket.socket) -> None:
    """In the order in which they come."""
    notifier = Notifier()

    notifier.status("3 jobs left")
    notifier.stopping()

    assert _read(manager) == {"STATUS": "3 jobs left"}
    assert _read(manager)["STOPPING"] == "1"


@pytest.mark.usefixtures("manager")
def test_the_variables_are_not_left_to_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that this one starts is another service, or none."""
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    Notifier()

    assert not set(_VARIABLES) & set(os.environ)


def test_without_systemd_nobody_is_told() -> None:
    """And nothing fails."""
    notifier = Notifier()

    notifier.ready("Listening")

    assert notifier.socket_path == ""


def test_a_manager_that_is_gone_is_a_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server serves all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))

    Notifier().ready("Listening")

    assert [record.message.partition(" socket=")[0] for record in caplog.records] == ["cannot tell systemd"]


async def test_the_watchdog_is_fed(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, for as long as the loop runs, and twice as often as asked for."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    notifier = Notifier()

    feeding = asyncio.create_task(notifier.keep_alive())
    messages = [await asyncio.to_thread(_read, manager) for _ in range(3)]
    feeding.cancel()

    assert notifier.watchdog_seconds == 0.02
    assert messages == [{"WATCHDOG": "1"}] * 3


@pytest.mark.parametrize(
    ("usec", "pid"), [("", ""), ("soon", ""), ("²", ""), ("9" * 5000, ""), ("1000000", "1")]
)
async def test_a_watchdog_that_is_not_meant_is_not_fed(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str
) -> None:
    """Systemd wants none, or wants it of another process."""
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    notifier = Notifier()

    await notifier.keep_alive()

    assert notifier.watchdog_seconds == 0.0


def test_stderr_is_the_journal_when_device_and_file_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable alone says nothing: stderr may have been led elsewhere since."""
    with open(tmp_path / "stream", "w") as stream, open(tmp_path / "other", "w") as other:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")

        assert is_journal(stream.fileno())
        assert not is_journal(other.fileno())
    assert not is_journal(stream_number := 10**6), stream_number


# Takes the descriptors to pass on, the names and the scheme to expect; prints what became of them.
_PROGRAM = """
import os, sys
from geartrain.cli.gearmand.systemd import take_listeners
from geartrain.errors import BindError
passed, names, pid, count = sys.argv[1:]
for target, source in enumerate(passed.split(","), 3):
    os.dup2(int(source), target)
os.environ["LISTEN_PID"] = pid or str(os.getpid())
os.environ["LISTEN_FDS"] = count or str(len(passed.split(",")))
os.environ["LISTEN_FDNAMES"] = names
try:
    for listener in take_listeners("tcp"):
        print(listener.address, listener.is_adopted, listener.socket.get_inheritable())
except BindError as error:
    print(error)
print("LISTEN" in " ".join(os.environ))
"""


def _take(*sockets: int, names: str = "", pid: str = "", count: str = "") -> list[str]:
    """What a new process makes of these descriptors as its third, fourth and so on."""
    # Numbers that are out of the way of those that the new process copies them to.
    passed = [os.dup(source) for source in sockets]
    high = [_move_up(number) for number in passed]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, ",".join(map(str, high)), names, pid, count],
            pass_fds=high,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
    finally:
        for number in high:
            os.close(number)
    return done.stdout.splitlines()


def _move_up(number: int) -> int:
    target = 200 + number
    os.dup2(number, target)
    os.close(number)
    return target


def test_sockets_are_taken_in_their_order_and_under_their_names(tmp_path: Path) -> None:
    """The names tcp, tls and http say what is spoken there, any other one is just a name."""
    path = str(tmp_path / "socket")
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as second,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as third,
    ):
        third.bind(path)
        third.listen()
        ports = [listener.getsockname()[1] for listener in (first, second)]

        lines = _take(first.fileno(), second.fileno(), third.fileno(), names="tls:gearmand.socket")

    assert lines == [
        f"tls://127.0.0.1:{ports[0]} True False",
        f"[::1]:{ports[1]} True False",
        f"unix:{path} True False",
        "False",
    ]
    assert Path(path).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not in the file system")
def test_a_socket_outside_the_file_system_is_taken(tmp_path: Path) -> None:
    """Its name is shown with an @, as systemd writes it."""
    name = f"{tmp_path}/socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("\0" + name)
        listener.listen()

        lines = _take(listener.fileno())

    assert lines[0] == f"unix:@{name} True False"


def test_sockets_for_another_process_are_left_alone() -> None:
    """They may be meant for the program that started this one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert _take(listener.fileno(), pid="1") == ["False"]


@pytest.mark.parametrize("count", ["none", "-1", "0", "²", "9" * 5000])
def test_a_number_of_sockets_that_is_none_takes_nothing(count: str) -> None:
    """Whatever it is, systemd did not write it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert _take(listener.fileno(), count=count) == ["False"]


@pytest.mark.parametrize("count", ["2", "99999999999"])
def test_sockets_that_are_not_there_are_missed(count: str) -> None:
    """One line says so, however many are promised."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines = _take(listener.fileno(), count=count)

    assert lines[0].startswith("cannot listen on descriptor ")


def test_a_socket_that_does_not_listen_is_refused() -> None:
    """A unit with Accept=yes passes on connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())

        lines = _take(client.fileno())

    assert lines[0] == "cannot listen on descriptor 3: it is no listening stream socket"


def test_a_datagram_socket_is_refused() -> None:
    """The unit says ListenDatagram= where it should say ListenStream=."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        lines = _take(datagrams.fileno())

    assert lines[0] == "cannot listen on descriptor 3: it is no listening stream socket"


def test_a_file_is_refused(tmp_path: Path) -> None:
    """The system says why."""
    with open(tmp_path / "file", "w") as file:
        lines = _take(file.fileno())

    assert lines[0] == "cannot listen on descriptor 3: Socket operation on non-socket"


def test_a_unix_socket_cannot_be_named_after_what_it_does_not_speak(tmp_path: Path) -> None:
    """Plain Gearman where somebody expects TLS would be worse than no start."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()

        lines = _take(listener.fileno(), names="tls")

    assert lines[0] == (
        f"cannot listen on unix:{path}: its name is tls, but a Unix socket speaks plain Gearman only"
    )


def test_a_process_that_was_given_nothing_takes_nothing() -> None:
    """No variables, no sockets."""
    assert systemd.take_listeners("tcp") == []
