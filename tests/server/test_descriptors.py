"""Running out of file descriptors slows accepting down, and nothing else."""

from __future__ import annotations

import subprocess

from geartrain.protocol import packets
from tests.server.process import GEARMAND, Gearmand, run_gearmand
from tests.server.wire import TIMEOUT_SECONDS, Wire

_LIMIT = 40
# Long enough for a spinning process to show in its processor time, which is counted in hundredths.
_WATCHED_SECONDS = 1.0


def test_without_descriptors_new_connections_wait_and_the_others_are_served() -> None:
    """The process does not spin, says so in one line, and accepts again once descriptors are free."""
    with Gearmand("-L127.0.0.1", descriptors=_LIMIT) as server:
        wires = [server.connect() for _ in range(2 * _LIMIT)]
        for wire in wires:
            wire.send(packets.ECHO_REQ, b"ping")
        server.wait_for_line(lambda line: "cannot accept connections" in line)
        used = server.cpu_seconds()

        assert not _is_answered(wires[-1])

        assert server.cpu_seconds() - used < _WATCHED_SECONDS / 5
        wires[0].read()
        wires[0].echo()
        for wire in wires[: 2 * _LIMIT - 10]:
            wire.close()
        for wire in wires[-10:]:
            wire.read()
            wire.close()
    assert server.count_lines("cannot accept connections") == 1
    assert server.count_lines("Traceback") == 0


def test_a_server_does_not_start_where_the_system_lets_it_have_too_few() -> None:
    """Then too, whoever set the limit."""
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -n 8 && exec "$@"', "sh", GEARMAND, "-p0"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )

    assert ended.returncode == 1
    assert ended.stderr == "gearmand: --file-descriptors: 8 is not usable; expected at least 32\n"


def test_a_server_does_not_start_with_too_few_descriptors() -> None:
    """One line says what is needed, instead of whatever would fail first."""
    ended = run_gearmand("-p0", "-f5")

    (line,) = ended.stderr.splitlines()
    assert line == (
        "gearmand: --file-descriptors: 5 is not usable; expected at least 32 (from the command line)"
    )
    assert ended.returncode == 1


def _is_answered(wire: Wire) -> bool:
    wire.socket.settimeout(_WATCHED_SECONDS)
    try:
        wire.read()
    except TimeoutError:
        return False
    finally:
        wire.socket.settimeout(20)
    return True
