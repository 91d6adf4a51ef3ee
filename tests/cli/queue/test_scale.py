"""Queues of any size are carried about in little memory."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from geartrain.store.intake import take_in
from geartrain.store.sqlite import SqliteStore
from tests.interop.peers import run
from tests.store.jobs import stored_job

_JOBS = 75_000
_DATA_BYTES = 2000
_MOST_BYTES = 100 * 1024 * 1024


# Runs a subcommand and prints how much memory its process had at most. What wait4 tells begins with the
# memory of the process that started it.
_MEASURED = """
import sys
from geartrain.cli.geartrain.command import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
with open("/proc/self/status") as file:
    print(*[line.split()[1] for line in file if line.startswith("VmHWM")])
"""


def _peak_bytes(*words: str) -> int:
    """Runs ``geartrain queue``; how much memory it had at most."""
    done = run(sys.executable, "-c", _MEASURED, "queue", *words)
    return 1024 * int(done.stdout.splitlines()[-1])


def _fill(path: Path) -> None:
    store = SqliteStore(str(path))
    store.open()
    job = stored_job(0, data=b"x" * _DATA_BYTES)
    take_in(store, (job for _ in range(_JOBS)), handle_prefix=b"H:host", now=time.time())
    store.close()


def _count(path: Path) -> int:
    with SqliteStore(str(path)).reader() as reader:
        return sum(summary.jobs for summary in reader.summaries())


@pytest.mark.scale
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells in /proc what a process had at most")
@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_queue(tmp_path: Path) -> None:
    """More data than a subcommand may have memory goes out, in, over and away."""
    source, target, other = (tmp_path / name for name in ("source.db", "target.db", "other.db"))
    source_url, target_url, other_url = (f"sqlite:///{path}" for path in (source, target, other))
    file = tmp_path / "jobs.jsonl"
    _fill(source)

    peaks = {
        "export": _peak_bytes("export", str(file), "--queue", source_url),
        "import": _peak_bytes("import", str(file), "--queue", target_url),
        "check": _peak_bytes("check", "--queue", target_url),
        "move": _peak_bytes("move", target_url, other_url),
        "purge": _peak_bytes("purge", "f", "--yes", "--queue", source_url),
    }

    assert file.stat().st_size > 1.5 * _MOST_BYTES
    assert [_count(path) for path in (source, target, other)] == [0, 0, _JOBS]
    assert max(peaks.values()) < _MOST_BYTES, peaks
