"""``geartrain demo``: what it shows, and that it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.test_demo import descendants, wait_until_gone
from tests.interop.peers import run
from tests.interop.processes import Program

DEMO = [str(Path(sys.executable).with_name("geartrain")), "demo"]


@pytest.fixture
def demo() -> Iterator[Program]:
    program = Program(DEMO)
    yield program
    program.stop()


def test_the_demo_shows_everything_and_ends_well() -> None:
    """Results, a queue, the most urgent job first, connections, answer times, and the live view."""
    result = run(*DEMO)

    printed = result.stdout.decode()
    assert result.stderr == b""
    assert "\nHELLO WORLD\n" in printed
    assert re.search(r"^sign +3 +1 +1 +1 +0 +0 +0 ", printed, re.MULTILINE)
    assert re.findall(r"^signed: (.*)$", printed, re.MULTILINE) == [
        "a telegram",
        "a letter",
        "an advertisement",
    ]
    assert re.search(r"^\d+ +127\.0\.0\.1 .* shout$", printed, re.MULTILINE)
    assert re.search(r"^127\.0\.0\.1:\d+ +100 ", printed, re.MULTILINE)
    assert "─ jobs per second ─" in printed


def test_every_step_is_shown_as_a_command() -> None:
    """Each subcommand that people use, as they would type it."""
    printed = run(*DEMO).stdout.decode()

    shown = re.findall(r"^\$ (?:echo .* \| )?geartrain (\w+)", printed, re.MULTILINE)
    assert {"server", "exec", "submit", "status", "jobs", "workers", "ping", "top"} == set(shown)
    address = re.search(r"^\$ export GEARMAN_SERVER=127\.0\.0\.1:\d+$", printed, re.MULTILINE)
    assert address is not None


def test_the_settings_of_the_user_play_no_part(tmp_path: Path) -> None:
    """Neither those of the tools nor those of the server: the demo is the same everywhere."""
    config = tmp_path / "gearmand.toml"
    config.write_text('listen = ["192.0.2.1"]\n')
    settings = {"GEARMAN_SERVER": "192.0.2.1", "GEARMAND_CONFIG_FILE": str(config), "GEARMAND_SSL": "true"}

    run(*DEMO, environment={**os.environ, **settings})


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_leaves_nothing_running(
    demo: Program, number: signal.Signals, status: int
) -> None:
    """Server and worker end before it does, quietly."""
    demo.stdout.search("^HELLO WORLD$")
    started = descendants(demo.pid)

    os.kill(demo.pid, number)

    assert demo.wait() == status
    assert len(started) >= 2
    wait_until_gone(started)
    assert "Traceback" not in demo.stderr.finish()


def test_a_demo_whose_reader_left_ends_quietly() -> None:
    """As in ``geartrain demo | head -1``: nothing but silence."""
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert process.returncode == 128 + signal.SIGPIPE
    assert said == b""


def test_a_demo_that_fails_says_why(tmp_path: Path) -> None:
    """Here because there is no command tr that the worker could run."""
    result = run(*DEMO, status=1, environment={**os.environ, "PATH": str(tmp_path)})

    assert b"the demo failed" in result.stderr
    assert b"Traceback" not in result.stderr
