"""The server as a process: signals, the background, pid file and log file."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from tests.server.process import GEARMAND, Gearmand, run_gearmand
from tests.server.wire import TIMEOUT_SECONDS, Wire

_LOG_LINE = re.compile(r" *[A-Z]+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \[ +main +\] \S.*")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    """Connections are closed, jobs are not waited for, and the exit code is 0."""
    with Gearmand() as server, server.connect() as wire:
        wire.submit(b"f")

        server.send_signal(number)

        assert wire.read_until_closed() == []
        assert server.wait() == 0


def test_sigusr1_without_jobs_ends_the_process() -> None:
    """Nothing has to be waited for."""
    with Gearmand() as server:
        server.send_signal(signal.SIGUSR1)

        assert server.wait() == 0


def test_sigusr1_waits_until_the_last_job_is_done() -> None:
    """New connections are refused, those there go on, and the last result arrives."""
    with Gearmand() as server, server.connect() as client, server.connect() as worker:
        first = client.submit(b"f")
        worker.send(packets.CAN_DO, b"f")
        server.send_signal(signal.SIGUSR1)
        server.wait_for_line(lambda line: "no job is left" in line)

        with pytest.raises(ConnectionRefusedError):
            server.connect()
        second = client.submit(b"f")
        for handle in (first, second):
            worker.grab()
            worker.send(packets.WORK_COMPLETE, handle, b"x" * 1_000_000)

        results = client.read_until_closed()
        assert [packet.arguments[0] for packet in results if isinstance(packet, Packet)] == [first, second]
        assert server.wait() == 0


def test_sigusr1_does_not_wait_for_jobs_of_a_later_time() -> None:
    """They would hold the stop up for ever."""
    with Gearmand() as server, server.connect() as client:
        client.send(packets.SUBMIT_JOB_EPOCH, b"f", b"", b"99999999999", b"")
        assert client.read().number == packets.JOB_CREATED

        server.send_signal(signal.SIGUSR1)

        assert server.wait() == 0


def test_sigterm_ends_a_graceful_stop_at_once() -> None:
    """Somebody lost patience."""
    with Gearmand() as server, server.connect() as client:
        client.submit(b"f")
        server.send_signal(signal.SIGUSR1)
        server.wait_for_line(lambda line: "no job is left" in line)

        server.send_signal(signal.SIGTERM)

        assert server.wait() == 0


def test_a_graceful_stop_ends_when_its_time_is_over() -> None:
    """The log says how many jobs are left."""
    with Gearmand("--drain-timeout=0.1") as server, server.connect() as client:
        client.submit(b"f")
        client.submit(b"f")

        server.send_signal(signal.SIGUSR1)

        server.wait_for_line(lambda line: "stopping although jobs are left jobs=2" in line)
        assert server.wait() == 0


def test_a_second_stop_signal_waits_for_nobody() -> None:
    """Not even for the short time that last answers get."""
    with Gearmand() as server, server.connect() as client:
        client.send(packets.ECHO_REQ, b"x" * 30_000_000)
        server.send_signal(signal.SIGTERM)
        server.wait_for_line(lambda line: "stopping signal='SIGTERM'" in line)

        server.send_signal(signal.SIGINT)

        server.wait_for_line(lambda line: "stopping at once signal='SIGINT'" in line)
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_signals_on_the_way_out_change_nothing(number: signal.Signals) -> None:
    """Once the event loop is gone the default action would be to die, and the exit code would say so."""
    with Gearmand() as server:
        server.send_signal(signal.SIGTERM)

        while not server.has_ended():
            server.send_signal(number)

        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_that_were_held_back_at_the_start_are_obeyed(number: signal.Signals) -> None:
    """A process inherits that from whoever starts it, and could only be killed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        server = Gearmand()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with server:
        server.send_signal(number)

        assert server.wait() == 0


def test_a_client_that_does_not_read_cannot_hold_the_stop_up() -> None:
    """Its last output is given up after a short time."""
    with Gearmand() as server, server.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(packets.ECHO_REQ, b"x" * 30_000_000)

        server.send_signal(signal.SIGTERM)

        assert server.wait() == 0


def test_sighup_opens_the_log_file_again(tmp_path: Path) -> None:
    """After a log rotation the lines go to the new file."""
    log, old = tmp_path / "log", tmp_path / "log.1"
    with Gearmand("-l", str(log)) as server, server.connect() as wire:
        log.rename(old)
        server.send_signal(signal.SIGHUP)
        wire.echo()

        server.send_signal(signal.SIGTERM)
        server.wait()

    assert "listening addresses=" in old.read_text()
    assert "stopping signal='SIGTERM'" not in old.read_text()
    assert "stopping signal='SIGTERM'" in log.read_text()


def test_sighup_goes_on_in_the_old_file_when_there_can_be_no_new_one(tmp_path: Path) -> None:
    """A line there says so."""
    folder = tmp_path / "logs"
    folder.mkdir()
    with Gearmand("-l", str(folder / "log")) as server, server.connect() as wire:
        folder.rename(tmp_path / "moved")
        server.send_signal(signal.SIGHUP)
        wire.echo()

    assert "cannot open log file" in (tmp_path / "moved" / "log").read_text()


def test_sighup_reads_the_access_rules_again(tmp_path: Path) -> None:
    """A connection that is there may do what the new ones allow."""
    rules = tmp_path / "acl.toml"
    rules.write_text("")
    with Gearmand("--acl", str(rules)) as server, server.connect() as wire:
        before = wire.ask(b"version")
        rules.write_text('[[rule]]\nadmin = ["version"]\n')

        server.send_signal(signal.SIGHUP)

        server.wait_for_line(lambda line: "read the access rules" in line)
        assert before.startswith(b"ERR NOT_ALLOWED")
        assert wire.ask(b"version").startswith(b"OK ")


def test_sighup_without_a_log_file_does_nothing(tmp_path: Path) -> None:
    """No file named "stderr" appears, as it does with the C server."""
    with Gearmand("-l", "stderr", cwd=tmp_path) as server, server.connect() as wire:
        server.send_signal(signal.SIGHUP)
        wire.echo()

    assert list(tmp_path.iterdir()) == []


def test_log_lines_look_like_those_of_the_c_server(tmp_path: Path) -> None:
    """Level, date, time with microseconds, thread, text."""
    log = tmp_path / "log"
    with Gearmand("-l", str(log)):
        pass

    lines = log.read_text().splitlines()
    assert lines
    assert all(_LOG_LINE.fullmatch(line) for line in lines), lines


def test_a_log_file_that_cannot_be_opened_is_no_reason_not_to_serve() -> None:
    """A message says so, and the log goes to stderr, as with the C server."""
    with Gearmand("-l", "/nowhere/log") as server, server.connect() as wire:
        wire.echo()

        assert server.lines[0].startswith("gearmand: cannot open log file /nowhere/log: No such file")


def test_no_log_is_written_on_request() -> None:
    """Only the announcement of the addresses remains."""
    with Gearmand("-l", "none") as server:
        server.send_signal(signal.SIGTERM)
        server.wait()

    assert server.lines == [f"gearmand: listening on {name}" for name in server.listening]


def test_the_log_level_leaves_lines_out(tmp_path: Path) -> None:
    """With ERROR, what is only informative is not written."""
    log = tmp_path / "log"
    with Gearmand("-l", str(log), "--verbose", "ERROR"):
        pass

    assert log.read_text() == ""


def test_the_pid_file_is_there_while_the_server_runs(tmp_path: Path) -> None:
    """It holds the process id and a line end, over whatever it held before."""
    pid_file = tmp_path / "pid"
    pid_file.write_text("12345678\n")

    with Gearmand("-P", str(pid_file)) as server:
        assert pid_file.read_text() == f"{server.pid}\n"

    assert not pid_file.exists()


# A gearmand that is sent a signal as soon as its pid file says where to.
_IMPATIENT = """
import os, signal
from geartrain.cli.gearmand import command as gearmand
from geartrain.cli.pid_file import PidFile
write = PidFile.write
def write_and_stop(file):
    write(file)
    os.kill(os.getpid(), signal.SIGTERM)
PidFile.write = write_and_stop
gearmand.main()
"""


def test_signals_work_as_soon_as_the_pid_file_is_there(tmp_path: Path) -> None:
    """Whoever waits for the file may use it at once."""
    pid_file = tmp_path / "pid"

    done = subprocess.run(
        [sys.executable, "-c", _IMPATIENT, "-p0", "-P", str(pid_file)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )

    assert done.returncode == 0, done.stderr
    assert "stopped" in done.stderr
    assert not pid_file.exists()


def test_the_pid_file_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    """A server started meanwhile with the same file keeps it."""
    pid_file = tmp_path / "pid"

    with Gearmand("-P", str(pid_file)):
        pid_file.write_text("1\n")

    assert pid_file.read_text() == "1\n"


def test_a_second_server_with_the_same_pid_file_is_refused(tmp_path: Path) -> None:
    """On whatever port; it names the first one, which goes on."""
    pid_file = tmp_path / "pid"
    with Gearmand("-P", str(pid_file)) as server, server.connect() as wire:
        done = run_gearmand("-p0", "-P", str(pid_file))

        assert done.returncode == 1
        assert done.stderr == (
            f"gearmand: cannot write pid file {pid_file}: "
            f"a server runs with it already, process id {server.pid}\n"
        )
        wire.echo()
        assert pid_file.read_text() == f"{server.pid}\n"


def test_the_pid_file_of_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """Its lock went with it."""
    pid_file = tmp_path / "pid"
    with Gearmand("-P", str(pid_file)) as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()

    with Gearmand("-P", str(pid_file)) as server:
        assert pid_file.read_text() == f"{server.pid}\n"


def test_the_pid_file_of_a_running_server_survives_a_failed_start(tmp_path: Path) -> None:
    """A second server that finds the port taken must not make the first one unfindable."""
    pid_file = tmp_path / "pid"
    with Gearmand("-P", str(pid_file)) as server:
        done = run_gearmand("-L", "127.0.0.1", "-p", str(server.port), "-P", str(pid_file))

        assert done.returncode == 1
        assert pid_file.read_text() == f"{server.pid}\n"


class _Background:
    """A gearmand that has gone to the background, and what it said before."""

    def __init__(self, folder: Path) -> None:
        pid_file = folder / "pid"
        options = ["-d", "-p0", "-L127.0.0.1", "-P", str(pid_file), "-l", str(folder / "log")]
        self.started = subprocess.run(
            [GEARMAND, *options], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=folder
        )
        self.pid = int(pid_file.read_text())
        self.descriptor = os.pidfd_open(self.pid)
        self.port = int(self.started.stderr.rpartition(":")[2])


@pytest.fixture
def background(tmp_path: Path) -> Iterator[_Background]:
    server = _Background(tmp_path)
    yield server
    try:
        signal.pidfd_send_signal(server.descriptor, signal.SIGTERM)
    except ProcessLookupError:
        pass
    os.close(server.descriptor)


def test_a_daemon_serves_as_soon_as_the_command_returns(background: _Background, tmp_path: Path) -> None:
    """Exit code 0, the address on stderr, another process behind it that has no terminal."""
    assert background.started.returncode == 0
    assert background.started.stderr == f"gearmand: listening on 127.0.0.1:{background.port}\n"
    with Wire(("127.0.0.1", background.port)) as wire:
        assert wire.ask(b"getpid") == b"OK %d" % background.pid
    assert os.getsid(background.pid) == background.pid
    for descriptor in (0, 1, 2):
        assert os.readlink(f"/proc/{background.pid}/fd/{descriptor}") == os.devnull
    assert "listening addresses=" in (tmp_path / "log").read_text()


def test_a_daemon_stops_on_a_signal_and_cleans_up(background: _Background, tmp_path: Path) -> None:
    """The pid file goes, the log says why."""
    with Wire(("127.0.0.1", background.port)) as wire:
        signal.pidfd_send_signal(background.descriptor, signal.SIGTERM)
        assert wire.read_until_closed() == []
    _wait_for_exit(background.descriptor)

    assert not (tmp_path / "pid").exists()
    assert "stopped" in (tmp_path / "log").read_text()


def test_a_daemon_stays_in_its_folder(tmp_path: Path) -> None:
    """Paths of files that are read again later mean what they meant at the start."""
    done = subprocess.run(
        [GEARMAND, "-d", "-p0", "-L127.0.0.1", "-P", "pid", "-l", "log"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        cwd=tmp_path,
    )
    pid = int((tmp_path / "pid").read_text())
    folder = os.readlink(f"/proc/{pid}/cwd")
    with Wire(("127.0.0.1", int(done.stderr.rpartition(":")[2]))) as wire:
        (tmp_path / "log").rename(tmp_path / "log.1")
        os.kill(pid, signal.SIGHUP)
        wire.echo()
        os.kill(pid, signal.SIGTERM)
        wire.read_until_closed()

    assert folder == str(tmp_path)
    assert "stopping" in (tmp_path / "log").read_text()


def test_a_daemon_without_its_log_file_says_that_there_is_none(tmp_path: Path) -> None:
    """It has no stderr to log to instead."""
    pid_file = tmp_path / "pid"

    done = run_gearmand("-d", "-p0", "-L127.0.0.1", "-P", str(pid_file), "-l", "/nowhere/log")
    descriptor = os.pidfd_open(int(pid_file.read_text()))
    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    _wait_for_exit(descriptor)
    os.close(descriptor)

    assert done.returncode == 0
    message, *_ = done.stderr.splitlines()
    assert message.endswith("/nowhere/log: No such file or directory; going on without a log")


def test_a_second_daemon_with_the_same_pid_file_fails(background: _Background, tmp_path: Path) -> None:
    """The command that was started says so, and not only the process behind it."""
    done = run_gearmand("-d", "-p0", "-P", str(tmp_path / "pid"), "-lnone")

    assert done.returncode == 1
    assert f"process id {background.pid}\n" in done.stderr


def test_a_daemon_that_cannot_bind_fails_at_once() -> None:
    """The C server says success first and fails later; here the exit code is 1 and the reason is shown."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = run_gearmand("-d", "-L127.0.0.1", "-p", str(port))

    assert done.returncode == 1
    assert done.stderr == f"gearmand: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def _wait_for_exit(descriptor: int) -> None:
    """Waits for the end of a process that is not a child of this one."""
    readable, _, _ = select.select([descriptor], [], [], TIMEOUT_SECONDS)
    assert readable
