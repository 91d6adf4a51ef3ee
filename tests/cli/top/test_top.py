"""``geartrain top`` as a program: in a terminal, without one, and with a server that comes and goes."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.protocol.codec import encode_request
from geartrain.protocol.packets import CAN_DO, PRE_SLEEP, SUBMIT_JOB_BG
from tests.cli.tmux import Tmux
from tests.interop.peers import run
from tests.interop.processes import Deadline
from tests.interop.servers import JobServer, start_c_server, start_ours

TOP = [str(Path(sys.executable).with_name("geartrain")), "top"]
QUICK = ["--interval", "0.2"]


@pytest.fixture
def server() -> Iterator[JobServer]:
    job_server = start_ours()
    yield job_server
    job_server.stop()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of the usual size."""
    tmux = Tmux(tmp_path, 80, 24)
    yield tmux
    tmux.stop()


def submit(server: JobServer, *functions: str) -> None:
    """Leaves a background job of each function in the queue, where there is no worker."""
    with server.connect() as connection:
        for function in functions:
            connection.sendall(encode_request(SUBMIT_JOB_BG, function.encode(), b"", b"data"))
            server.wait_for_status(f"{function} 1 0 0")


def start_top(terminal: Tmux, server: JobServer, *options: str) -> list[str]:
    """Runs it, and returns the screen with the first rates."""
    terminal.start([*TOP, *QUICK, *options, "--server", server.address])
    deadline = Deadline()
    while not re.search(r"^jobs .* \d+ in/s", "\n".join(lines := terminal.lines()), re.MULTILINE):
        deadline.check("the first rates:\n" + "\n".join(lines))
    return lines


def row(lines: list[str], name: str) -> list[str]:
    return next(line.split() for line in lines if line.startswith(name + " "))


def order(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines[6:22] if line]


# --- in a terminal --------------------------------------------------------------------------------------


def test_the_screen_shows_the_server_as_it_works(terminal: Tmux, server: JobServer) -> None:
    """A worker that comes, and a job that waits for another one, are seen without a key pressed."""
    start_top(terminal, server)
    terminal.wait_for("No functions yet.")

    with server.connect() as worker:
        worker.sendall(encode_request(CAN_DO, b"reverse") + encode_request(PRE_SLEEP))
        terminal.wait_for("workers     0 busy        1 idle")
        submit(server, "other")
        lines = terminal.wait_for("jobs        1 queued")

    assert row(lines, "reverse")[-2:] == ["0", "1"]
    assert row(lines, "other")[4:6] == ["0", "1"]
    assert lines[0].startswith(f"geartrain top  {server.address}  version ")
    assert lines[23].startswith("q quit")


def test_keys_sort_pause_and_explain(terminal: Tmux, server: JobServer) -> None:
    """What the line at the bottom promises."""
    submit(server, "a", "b")
    assert order(start_top(terminal, server, "--sort", "function")) == ["a", "b"]

    terminal.press("r")
    assert order(terminal.wait_for("sort: function ▼")) == ["b", "a"]
    terminal.press("Right")
    terminal.wait_for("sort: in ▲")
    terminal.press("?")
    terminal.wait_for("sort by the column to the left or right")
    terminal.press("?", "p")
    terminal.wait_for("Paused: press p to go on.")


def test_many_functions_are_scrolled(terminal: Tmux, server: JobServer) -> None:
    """By pages, to the end, and back."""
    with server.connect() as worker:
        worker.sendall(b"".join(encode_request(CAN_DO, b"f%03d" % number) for number in range(200)))
        server.wait_for_status("f199 0 0 1")
        assert start_top(terminal, server)[23].endswith("1-17 of 200")

        terminal.press("PageDown", "Down")
        assert terminal.wait_for("19-35 of 200")[6].startswith("f018 ")
        terminal.press("End")
        assert terminal.wait_for("184-200 of 200")[22].startswith("f199 ")
        terminal.press("Home")
        terminal.wait_for("1-17 of 200")


def test_the_screen_follows_the_size_of_the_terminal(terminal: Tmux, server: JobServer) -> None:
    """More columns in a wider one, and the last line at the bottom."""
    submit(server, "reverse")
    assert start_top(terminal, server)[5].endswith(" running  busy  idle")

    terminal.resize(200, 50)
    lines = terminal.wait_for(" running   all  busy  idle")
    assert lines[49].startswith("q quit")
    terminal.resize(80, 24)
    deadline = Deadline()
    while not (lines := terminal.lines())[23].startswith("q quit"):
        deadline.check("the narrow screen")
    assert max(len(line) for line in lines) <= 80


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_quitting_gives_the_terminal_back(
    terminal: Tmux, server: JobServer, key: str, tmp_path: Path
) -> None:
    """With the modes and the text that it had before; and it is a good end."""
    modes = tmp_path / "modes"
    terminal.start(["sh", "-c", 'stty -g >"$0"', str(modes)])
    terminal.wait_for("ended with 0")
    start_top(terminal, server)

    terminal.press(key)

    assert terminal.wait_for("ended with 0")[0].startswith("ended with 0")
    terminal.start(["sh", "-c", 'stty -g | cmp - "$0" && echo same modes', str(modes)])
    terminal.wait_for("same modes")


def test_a_signal_gives_the_terminal_back(terminal: Tmux, server: JobServer, tmp_path: Path) -> None:
    """SIGTERM ends it as it ends any program, but leaves no screen behind."""
    pid = tmp_path / "pid"
    terminal.start(["sh", "-c", 'echo $$ >"$0"; exec "$@"', str(pid), *TOP, "-s", server.address])
    terminal.wait_for("q quit")

    os.kill(int(pid.read_text()), signal.SIGTERM)

    assert "q quit" not in terminal.wait_for("ended with 143")


def test_ctrl_z_gives_the_terminal_to_the_shell(terminal: Tmux, server: JobServer) -> None:
    """And fg brings the screen back, with the changes of the meantime."""
    start_top(terminal, server)

    terminal.press("C-z")
    terminal.wait_for("Stopped")
    submit(server, "meanwhile")
    terminal.type("fg")
    terminal.press("Enter")

    assert terminal.wait_for("meanwhile ")[23].startswith("q quit")


def test_a_server_that_comes_back_is_watched_again(terminal: Tmux, server: JobServer) -> None:
    """While it is gone the screen stays, and says what is wrong; the new one has no rates at first."""
    submit(server, "before")
    start_top(terminal, server)

    server.stop()
    lines = terminal.wait_for("next try in")
    assert re.match(r"(lost the connection|cannot connect) to 127\.0\.0\.1:\d+: .*; next try in", lines[3])
    assert row(lines, "before")
    again = start_ours("--port", str(server.port))
    try:
        terminal.wait_for("No functions yet.")
        assert "next try" not in "".join(terminal.lines())
    finally:
        again.stop()


# --- without a terminal ---------------------------------------------------------------------------------


@pytest.fixture(params=["ours", "c"])
def any_server(request: pytest.FixtureRequest) -> Iterator[JobServer]:
    """Our server, and the C server."""
    job_server = start_ours() if request.param == "ours" else start_c_server()
    yield job_server
    job_server.stop()


def test_once_prints_a_frame(any_server: JobServer) -> None:
    """Without colours or any other control where there is no terminal."""
    submit(any_server, "reverse")

    result = run(*TOP, *QUICK, "--once", "-s", any_server.address)

    lines = result.stdout.decode().splitlines()
    assert result.stderr == b""
    assert b"\x1b" not in result.stdout
    assert lines[1].startswith("jobs        1 queued")
    assert row(lines, "reverse")[5:9] == ["1", "0", "1", "0"]


def test_the_right_to_look_is_enough(tmp_path: Path) -> None:
    """Access rules may keep the version back, and everything that is not needed."""
    rules = tmp_path / "access.toml"
    rules.write_text('[[rule]]\nadmin = ["list *"]\n')
    server = start_ours("--acl", str(rules))
    try:
        printed = run(*TOP, *QUICK, "--once", "-s", server.address).stdout.decode()
    finally:
        server.stop()

    assert "  version -  1 connection" in printed


def test_a_server_that_refuses_to_tell_is_no_view(tmp_path: Path) -> None:
    """The server said no: exit code 1, and what it said."""
    rules = tmp_path / "access.toml"
    rules.write_text("")
    server = start_ours("--acl", str(rules))
    try:
        result = run(*TOP, "--once", "-s", server.address, status=1)
    finally:
        server.stop()

    assert b"NOT_ALLOWED" in result.stderr


def test_a_screen_needs_a_terminal(server: JobServer) -> None:
    """Wrong usage, with a word on what does without."""
    result = run(*TOP, "-s", server.address, status=2)

    assert result.stdout == b""
    assert result.stderr == b"geartrain: The screen needs a terminal; --once prints it to anywhere.\n"


@pytest.mark.parametrize("options", [["--interval", "0"], ["--sort", "colour"], ["--once", "more"]])
def test_wrong_options_are_wrong_usage(options: list[str]) -> None:
    """One line, and exit code 2."""
    result = run(*TOP, *options, status=2)

    assert result.stderr.count(b"\n") == 1


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    """Nothing is watched that was never reached."""
    result = run(*TOP, "--once", "-s", "127.0.0.1:1", status=3)

    assert result.stderr == b"geartrain: cannot connect to 127.0.0.1:1: Connection refused\n"
