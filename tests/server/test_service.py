"""The server as a service of systemd: what it says of itself, and the sockets that it is given."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geartrain.protocol import packets
from tests.interop import peers
from tests.server.process import GEARMAND
from tests.server.service import Service
from tests.server.wire import Wire


@contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


def test_a_service_says_when_it_serves_and_when_it_stops() -> None:
    """READY once the port is bound, STOPPING before connections are closed."""
    with Service("-p0", "-L127.0.0.1") as service:
        (address,) = service.wait_ready()
        with service.connect(address) as wire:
            wire.echo()
        service.send_signal(signal.SIGTERM)

        assert service.read_message()["STOPPING"] == "1"
        code, _ = service.finish()
        assert code == 0


def test_a_service_says_in_the_log_where_it_listens_and_not_on_its_own() -> None:
    """In the journal, one line is enough, and it has a level like the others."""
    with Service("-p0", "-L127.0.0.1") as service:
        (address,) = service.wait_ready()
        service.send_signal(signal.SIGTERM)
        _, written = service.finish()

    assert written.count(address) == 1
    assert f"listening addresses='{address}'" in written
    assert "gearmand: listening on" not in written


def test_a_reload_is_announced_and_ends_with_ready() -> None:
    """As Type=notify-reload wants it; the status is what it was."""
    with Service("-p0", "-L127.0.0.1") as service:
        (address,) = service.wait_ready()

        service.send_signal(signal.SIGHUP)

        begin, end = service.read_message(), service.read_message()
    assert begin["RELOADING"] == "1"
    assert int(begin["MONOTONIC_USEC"]) > 0
    assert end == {"READY": "1", "STATUS": f"Listening on {address}"}


def test_a_graceful_stop_shows_in_the_status() -> None:
    """STOPPING comes when the jobs are done; from then on systemd counts the time."""
    with Service("-p0", "-L127.0.0.1") as service:
        (address,) = service.wait_ready()
        with service.connect(address) as wire:
            wire.send(packets.CAN_DO, b"f")
            handle = wire.submit(b"f")
            wire.grab()
            service.send_signal(signal.SIGUSR1)
            draining = service.read_message()

            wire.send(packets.WORK_COMPLETE, handle, b"")

            assert service.read_message()["STOPPING"] == "1"
    assert draining == {"STATUS": "Stopping gracefully, jobs to wait for: 1"}


def test_the_watchdog_is_fed_while_the_server_runs() -> None:
    """From the start on."""
    with Service("-p0", "-L127.0.0.1", environment={"WATCHDOG_USEC": "100000"}) as service:
        messages = [service.read_message() for _ in range(4)]

    assert sorted(message.get("WATCHDOG", "ready") for message in messages) == ["1", "1", "1", "ready"]


def test_sockets_that_are_passed_on_are_served_and_no_others(tmp_path: Path) -> None:
    """The default addresses are not bound; the port that they would have does not matter."""
    path = tmp_path / "socket"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        _unix_socket(path) as unix,
        Service("-p1", sockets=[tcp, unix]) as service,
    ):
        port = tcp.getsockname()[1]

        assert service.wait_ready() == [f"127.0.0.1:{port}", f"unix:{path}"]
        for address in (("127.0.0.1", port), str(path)):
            with Wire(address) as wire:
                wire.echo()


def test_listen_options_go_with_sockets_that_are_passed_on() -> None:
    """Who names an address wants it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as passed,
        Service("-p0", "-L127.0.0.1", sockets=[passed]) as service,
    ):
        addresses = service.wait_ready()
        for address in addresses:
            with service.connect(address) as wire:
                wire.echo()

    assert len(set(addresses)) == 2


def test_the_name_of_a_socket_says_what_is_spoken_there() -> None:
    """HTTP on one that is named so."""
    with (
        socket.create_server(("127.0.0.1", 0)) as passed,
        Service(sockets=[passed], names="http") as service,
    ):
        assert service.wait_ready() == [f"http://127.0.0.1:{passed.getsockname()[1]}"]


def test_connections_wait_in_a_passed_socket_for_the_next_start(tmp_path: Path) -> None:
    """A restart refuses nobody, and leaves the socket of the other one where it is."""
    path = tmp_path / "socket"
    with _unix_socket(path) as passed:
        with Service(sockets=[passed]) as service:
            service.wait_ready()
            service.send_signal(signal.SIGTERM)
            service.finish()

        with Wire(str(path)) as wire:
            with Service(sockets=[passed]) as service:
                service.wait_ready()
                wire.echo()
            # While it was away, nobody saw the name go.
            assert path.is_socket()


def test_a_socket_that_does_not_listen_stops_the_start() -> None:
    """One line on stderr, exit code 1, and systemd hears nothing of being ready."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as connection,
        Service(sockets=[connection]) as service,
    ):
        code, written = service.finish()

    assert code == 1
    assert written == "gearmand: cannot listen on descriptor 3: it is no listening stream socket\n"


def test_sockets_are_passed_on_to_the_background(tmp_path: Path) -> None:
    """They are for the process that was started, and go on in the one behind it."""
    pid_file = tmp_path / "pid"
    with socket.create_server(("127.0.0.1", 0)) as passed:
        port = passed.getsockname()[1]
        with Service("-d", "-P", str(pid_file), "-lnone", sockets=[passed]) as service:
            code, _ = service.finish()
            with Wire(("127.0.0.1", port)) as wire:
                answer = wire.ask(b"getpid")
                _stop(int(pid_file.read_text()), wire)

    assert code == 0
    assert answer.startswith(b"OK ")


def _stop(pid: int, wire: Wire) -> None:
    """Ends a process that is no child of this one, and waits for it to close its connections."""
    os.kill(pid, signal.SIGTERM)
    wire.read_until_closed()


def test_systemd_s_own_tool_for_sockets_can_start_the_server(tmp_path: Path) -> None:
    """It starts the server for the first connection, which the server then accepts."""
    tool = peers.require("systemd-socket-activate", "systemd")
    path = tmp_path / "socket"
    with subprocess.Popen(
        [tool, "-l", str(path), "--fdname=gearmand.socket", GEARMAND], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "Listening on" in process.stderr.readline()
        with Wire(str(path)) as wire:
            wire.echo()
            process.terminate()
            wire.read_until_closed()
        written = process.stderr.read()

    assert process.returncode == 0
    assert f"gearmand: listening on unix:{path}" in written
