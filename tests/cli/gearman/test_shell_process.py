"""Commands as processes."""

from __future__ import annotations

import asyncio
import os
import select
from pathlib import Path

import pytest

from geartrain.cli.gearman.shell_process import ShellProcess


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    """The command may be at work before its pipes are connected."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as alive:
        command = ["sh", "-c", f"trap '' TERM; exec 3> {fifo}; sleep 1000 & echo ready >&3"]
        starting = asyncio.create_task(ShellProcess.start(command))
        # Long enough to start the command. The loop stands still until that has started something.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert select.select([alive], [], [], 10)[0]
        assert alive.read(100) == b"ready\n"
        assert not starting.done()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

        assert select.select([alive], [], [], 10)[0], "a process is left behind"
        assert alive.read(100) == b""
