"""Our server and the C server, asked the same: their replies are equal byte for byte.

What differs between two runs of one server is made equal first: handles are numbered in the order of their
appearance, and file descriptors are left out. Where we differ on purpose, the tables of differences say how
and why.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.interop.peers import absent, require, run
from tests.interop.script import Reply, Run, Step
from tests.interop.scripts import (
    admin,
    admin_differences,
    job_differences,
    packet_differences,
    packets,
    submission,
    work,
)
from tests.interop.scripts.difference import Difference
from tests.interop.servers import JobServer, start_c_server, start_ours

C_SERVER_VERSION = "1.1.20"

SCRIPTS = {**submission.SCRIPTS, **work.SCRIPTS, **admin.SCRIPTS, **packets.SCRIPTS}
DIFFERENCES = {
    **packet_differences.DIFFERENCES,
    **job_differences.DIFFERENCES,
    **admin_differences.DIFFERENCES,
}


@pytest.fixture(autouse=True, scope="module")
def _the_c_server_is_the_one_compared_with() -> None:
    """Other versions of the C server differ from this one, and from us, in other ways."""
    printed = run(require("gearmand", "gearman-job-server"), "--version").stdout.decode()
    if C_SERVER_VERSION not in printed:
        absent(f"this gearmand is not version {C_SERVER_VERSION}: {printed.splitlines()[:1]}")


def play(server: JobServer, steps: Sequence[Step]) -> list[Reply]:
    try:
        return Run(server).play(steps)
    finally:
        server.stop()


def play_on_c_server(steps: Sequence[Step]) -> list[Reply]:
    # One thread, so that its replies to different connections have an order, too.
    return play(start_c_server("--threads", "1"), steps)


def play_on_ours(steps: Sequence[Step]) -> list[Reply]:
    return play(start_ours("--verbose", "INFO"), steps)


@pytest.mark.parametrize("name", SCRIPTS)
def test_both_servers_reply_alike(name: str) -> None:
    """A script gives the same transcript on both servers."""
    theirs = play_on_c_server(SCRIPTS[name])

    ours = play_on_ours(SCRIPTS[name])

    assert theirs, "a script without any reply shows nothing"
    assert ours == theirs


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_servers_differ_as_intended(name: str) -> None:
    """Where we do better than the C server, both replies are known."""
    difference: Difference = DIFFERENCES[name]

    theirs = play_on_c_server(difference.steps)
    ours = play_on_ours(difference.steps)

    assert theirs == [*difference.both, *difference.theirs]
    assert ours == [*difference.both, *difference.ours]
    assert ours != theirs
