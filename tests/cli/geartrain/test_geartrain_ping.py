"""``geartrain ping`` as a program, against both servers."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import struct
import threading

import pytest

from geartrain.cli.geartrain.ping import summarize
from geartrain.protocol.packets import ECHO_RES, MAGIC_RESPONSE
from tests.cli.tools import (
    FOLDER,
    closed_port,
    environment,
    geartrain,
    geartrain_json,
    run_tool,
    scripted_server,
    table,
)
from tests.interop.processes import Program
from tests.interop.servers import JobServer

HEADER_BYTES = 12


def test_round_trips_are_summed_up(either_server: JobServer) -> None:
    """From the fastest to the slowest, in milliseconds."""
    titles, row = table(geartrain(either_server, "ping", "--count", "20", "--interval", "0"))

    assert titles == ["SERVER", "COUNT", "MIN", "MEAN", "P50", "P90", "P99", "MAX"]
    assert row[:2] == [either_server.address, "20"]
    fastest, mean, *percentiles, slowest = [float(cell) for cell in row[2:]]
    assert 0 < fastest <= mean <= slowest
    assert [fastest, *percentiles, slowest] == sorted([fastest, *percentiles, slowest])


def test_json_has_a_key_for_each_number(either_server: JobServer) -> None:
    """With the unit in its name; much data goes there and back unharmed."""
    told = geartrain_json(either_server, "ping", "-c", "3", "-i", "0", "--size", "1000000")

    assert list(told) == [
        *("server", "count", "size_bytes", "min_ms", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms")
    ]
    assert (told["server"], told["count"], told["size_bytes"]) == (either_server.address, 3, 1000000)


@pytest.mark.parametrize(("count", "status"), [("1000000", 130), ("0", 0)])
def test_ctrl_c_still_sums_up(count: str, status: int) -> None:
    """With --count 0 it is the way to end it, and no failure."""
    third_came = threading.Event()

    def echo(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            for number in itertools.count(1):
                request = stream.read(HEADER_BYTES + 8)
                if not request:
                    return
                if number == 3:
                    third_came.set()
                connection.sendall(MAGIC_RESPONSE + struct.pack(">I", ECHO_RES) + request[8:])

    with scripted_server(echo) as port:
        words = ["ping", "--json", "--size", "8", "-c", count, "-i", "0", "-s", f"127.0.0.1:{port}"]
        program = Program([str(FOLDER / "geartrain"), *words], environment())
        assert third_came.wait(20)
        os.kill(program.pid, signal.SIGINT)
        assert program.wait() == status

    assert json.loads(program.stdout.finish())["count"] > 0


def test_percentiles_are_round_trips_that_happened() -> None:
    """The nearest rank; one sample is everything."""
    assert summarize([n / 1000 for n in range(100, 0, -1)]) == {
        "min": 1.0,
        "mean": 50.5,
        "p50": 50.0,
        "p90": 90.0,
        "p99": 99.0,
        "max": 100.0,
    }
    assert set(summarize([0.002]).values()) == {2.0}


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    """Exit status 3, and one line."""
    done = run_tool("geartrain", "ping", "-s", f"127.0.0.1:{closed_port()}", status=3)

    assert done.stderr.startswith(b"geartrain: cannot connect to 127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1
