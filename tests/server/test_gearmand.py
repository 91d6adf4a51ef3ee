"""The command ``gearmand`` as its users meet it: options, messages and exit codes."""

from __future__ import annotations

import re
import socket
from importlib.metadata import version
from pathlib import Path

import pytest

from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from tests.server.process import Gearmand, run_gearmand
from tests.server.wire import Wire


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_shows_every_option_on_stdout(option: str) -> None:
    """Exit code 0."""
    done = run_gearmand(option)

    assert done.returncode == 0
    assert done.stderr == ""
    for name in (
        "-p, --port",
        "-L, --listen",
        "-j, --job-retries",
        "-w, --worker-wakeup",
        "--job-handle-prefix",
        "--exceptions",
        "-b, --backlog",
        "--verbose",
        "-l, --log-file",
        "-P, --pid-file",
        "-d, --daemon",
        "-V, --version",
        "--queue",
        "--max-packet-bytes",
        "--allow-shutdown",
    ):
        assert name in done.stdout


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_one_line_on_stdout(option: str) -> None:
    """Exit code 0."""
    done = run_gearmand(option)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"gearmand (Geartrain) {version('geartrain')}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bogus"], "No such option"),
        (["-v"], "No such option"),
        (["stray"], "unexpected extra argument"),
        (["--port"], "requires an argument"),
        (["--port", "x"], "--port: 'x' is not usable"),
        (["--port=70000"], "--port: '70000' is not usable"),
        (["-j", "256"], "--job-retries: 256 is not usable"),
        (["-j", "two"], "'two' is not usable; expected a whole number"),
        (["-b0"], "--backlog: 0 is not usable"),
        (["--listen", "host:x"], "--listen: 'x' is not usable"),
        (["--job-handle-prefix", "a b"], "--job-handle-prefix: 'a b' is not usable"),
        (["--queue", "sqlite:x"], "--queue: 'sqlite:x' is not usable; expected memory://, sqlite:///PATH, "),
        (["--queue", "sqlite:////proc/no/x"], "the queue sqlite:////proc/no/x fails: /proc/no: No such file"),
        (["--max-packet-bytes", "1"], "--max-packet-bytes: 1 is not usable"),
        (["--verbose", "LOUD"], "'LOUD' is not usable; expected one of FATAL"),
        (["-p0", "-L", "no-such-host.invalid"], "cannot listen on no-such-host.invalid:0"),
        (["-p0", "-P", "/nowhere/pid"], "cannot write pid file /nowhere/pid: No such file or directory"),
        (["-L", "unix:/nowhere/socket"], "cannot listen on unix:/nowhere/socket: No such file or directory"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(options: list[str], message: str) -> None:
    """On stderr, behind the program's name, with exit code 1 as from the C server."""
    done = run_gearmand("-lnone", *options)

    lines = [line for line in done.stderr.splitlines() if "listening on" not in line]
    assert done.returncode == 1
    assert len(lines) == 1
    assert lines[0].startswith("gearmand: ")
    assert message in lines[0]


def test_a_port_in_use_is_said_in_one_line() -> None:
    """Exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = run_gearmand("-L127.0.0.1", "-p", str(port))

    assert done.returncode == 1
    assert done.stderr == f"gearmand: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_every_address_is_announced_with_its_real_port(tmp_path: Path) -> None:
    """One line each on stderr; port 0 is the same free port everywhere."""
    path = tmp_path / "socket"

    with Gearmand("-L127.0.0.1", "-L", "::1", "-L", f"unix:{path}") as server:
        server.wait_for_line(lambda line: line.startswith("gearmand: listening on unix:"))

        assert server.listening == [
            f"127.0.0.1:{server.port}",
            f"[::1]:{server.port}",
            f"unix:{path}",
        ]
        for address in (("127.0.0.1", server.port), ("::1", server.port), str(path)):
            with Wire(address) as wire:
                wire.echo()
    assert not path.exists()


def test_both_loopback_addresses_are_the_default() -> None:
    """Programs on this machine can connect over IPv4 and IPv6, and no others."""
    with Gearmand() as server:
        server.wait_for_line(lambda line: "listening on [::1]:" in line)

        assert server.listening == [f"127.0.0.1:{server.port}", f"[::1]:{server.port}"]


def test_workers_shows_where_each_connection_comes_from(tmp_path: Path) -> None:
    """IPv4 and IPv6 addresses whole, and "unix" for Unix sockets."""
    path = str(tmp_path / "socket")
    with Gearmand("-L127.0.0.1", "-L", "::1", "-L", f"unix:{path}") as server:
        server.wait_for_line(lambda line: line.startswith("gearmand: listening on unix:"))
        port = server.port

        with Wire(("127.0.0.1", port)) as v4, Wire(("::1", port)) as v6, Wire(path) as unix:
            for wire in (v4, v6, unix):
                wire.echo()
            unix.send_raw(b"workers\n")
            lines = [unix.read_line() for _ in range(4)]

    shown = [line.split(b" ")[1:] for line in lines[:3]]
    assert sorted(shown) == [[b"127.0.0.1", b"-", b":"], [b"::1", b"-", b":"], [b"unix", b"-", b":"]]
    assert lines[3] == b"."


@pytest.mark.parametrize(
    "options",
    [
        ["--job-handle-prefix", "test", "--exceptions"],
        ["--job-handle-prefix=test", "--exceptions"],
    ],
)
def test_the_handle_prefix_and_exceptions_take_effect(options: list[str]) -> None:
    """Handles begin with the prefix, and clients get exceptions without asking for them."""
    with Gearmand(*options) as server, server.connect() as client, server.connect() as worker:
        handle = client.submit(b"f")
        worker.send(packets.CAN_DO, b"f")
        worker.grab()
        worker.send(packets.WORK_EXCEPTION, handle, b"boom")

        assert re.fullmatch(rb"test:[0-9]+", handle)
        assert client.read() == Packet(packets.WORK_EXCEPTION, (handle, b"boom"))


@pytest.mark.parametrize("option", [["-j", "1"], ["-j1"], ["--job-retries", "1"], ["--job-retries=1"]])
def test_job_retries_limits_the_attempts(option: list[str]) -> None:
    """A job that loses its worker fails when no attempt is left; all four ways to write an option work."""
    with Gearmand(*option) as server, server.connect() as client:
        handle = client.submit(b"f")
        with server.connect() as worker:
            worker.send(packets.CAN_DO, b"f")
            worker.grab()

        assert client.read() == Packet(packets.WORK_FAIL, (handle,))


def test_worker_wakeup_wakes_so_many_workers() -> None:
    """The option -w 2 wakes two of three sleepers for one job."""
    with Gearmand("-w2") as server, server.connect() as client:
        workers = [server.connect() for _ in range(3)]
        for worker in workers:
            worker.send(packets.CAN_DO, b"f")
            worker.send(packets.PRE_SLEEP)
            worker.echo()

        client.submit(b"f")

        for worker in workers:
            worker.send(packets.ECHO_REQ, b"after")
        woken = [worker.read().number == packets.NOOP for worker in workers]
        for worker in workers:
            worker.close()
    assert woken.count(True) == 2


def test_a_packet_over_the_limit_is_refused() -> None:
    """ERROR with a code and a text that names the limit, then the connection closes."""
    with Gearmand("--max-packet-bytes=10000") as server, server.connect() as wire:
        wire.echo(b"x" * 10000)

        wire.send(packets.ECHO_REQ, b"x" * 10001)

        (error,) = wire.read_until_closed()
    assert isinstance(error, Packet)
    assert error.arguments[0] == b"PACKET_TOO_LARGE"
    assert b"10000 bytes" in error.arguments[1]


def test_the_admin_command_verbose_tells_the_level() -> None:
    """In upper case, however the option was written."""
    with Gearmand("--verbose", "debug") as server, server.connect() as wire:
        assert wire.ask(b"verbose") == b"OK DEBUG"


def test_the_admin_command_getpid_tells_the_process() -> None:
    """Also in the background, where the process is another one than the one that was started."""
    with Gearmand() as server, server.connect() as wire:
        assert wire.ask(b"getpid") == b"OK %d" % server.pid


def test_shutdown_is_refused_unless_allowed() -> None:
    """An administrator of the jobs is not always one of the machine."""
    with Gearmand() as server, server.connect() as wire:
        assert wire.ask(b"shutdown").startswith(b"ERR ")
        wire.echo()


def test_shutdown_stops_the_server_when_allowed() -> None:
    """The answer arrives, then the process ends with 0."""
    with Gearmand("--allow-shutdown") as server, server.connect() as wire:
        assert wire.ask(b"shutdown") == b"OK"
        assert wire.read_until_closed() == []

        assert server.wait() == 0


def test_shutdown_graceful_waits_for_the_jobs() -> None:
    """New connections are refused meanwhile."""
    with Gearmand("--allow-shutdown") as server, server.connect() as wire:
        handle = wire.submit(b"f")
        with server.connect() as admin:
            assert admin.ask(b"shutdown graceful") == b"OK"
            with pytest.raises(ConnectionRefusedError):
                server.connect()
        wire.send(packets.CAN_DO, b"f")
        wire.grab()

        wire.send(packets.WORK_COMPLETE, handle, b"done")

        assert wire.read_until_closed() == [Packet(packets.WORK_COMPLETE, (handle, b"done"))]
        assert server.wait() == 0


def test_handles_are_unique_over_restarts() -> None:
    """A handle that a client kept never means another job."""
    with Gearmand("--job-handle-prefix=H") as server, server.connect() as wire:
        first = wire.submit(b"f")
    with Gearmand("--job-handle-prefix=H") as server, server.connect() as wire:
        second = wire.submit(b"f")

        assert int(second.partition(b":")[2]) > int(first.partition(b":")[2])
