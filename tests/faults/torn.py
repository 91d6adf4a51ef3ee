"""Leaves an SQLite file as a machine does that dies while the end of the log is on its way to the disk.

Only what nobody has been promised may be torn: the last transaction if no acknowledged job is in it, and
otherwise one more that never came to its end.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Set
from contextlib import closing
from pathlib import Path
from typing import Final

_HEADER_BYTES: Final = 32
_FRAME_HEADER: Final = struct.Struct(">II8sII")
# In the index of the log: how many frames a checkpoint has begun to write back, in the order of the machine.
_ATTEMPTED: Final = struct.Struct("=I")
_ATTEMPTED_AT: Final = 128


def tear(path: Path, promised: Set[int], rng: random.Random) -> str:
    """Tears the log of that file, and says how.

    ``promised`` are the numbers of jobs that must not get lost.
    """
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size <= _HEADER_BYTES:
        return "there was no log to tear"
    written = log.read_bytes()
    frame_bytes, commits = _frames(written)
    if not commits:
        return "there was no transaction to tear"
    begin = commits[-2] if len(commits) > 1 else _HEADER_BYTES
    is_in_file = _HEADER_BYTES + _written_back(path) * frame_bytes > begin
    if not is_in_file and _numbers(path, written[:begin]).issuperset(promised & _numbers(path, written)):
        log.write_bytes(_spoil(written[: commits[-1]], begin, rng))
        return "the last transaction was torn"
    # The frames of an earlier transaction, as if the same pages had been on their way again.
    again = written[commits[-1] - frame_bytes : commits[-1]] * rng.randint(1, 3)
    log.write_bytes(_spoil(written[: commits[-1]] + again, commits[-1], rng))
    return "one more transaction was torn"


def _frames(log: bytes) -> tuple[int, list[int]]:
    """How long a frame is, and where the transactions of the log end."""
    page_bytes = int.from_bytes(log[8:12], "big")
    salt = log[16:24]
    frame_bytes = _FRAME_HEADER.size + page_bytes
    commits = []
    for start in range(_HEADER_BYTES, len(log) - frame_bytes + 1, frame_bytes):
        _, pages, frame_salt, _, _ = _FRAME_HEADER.unpack_from(log, start)
        if frame_salt != salt:
            # From before the log was begun anew.
            break
        if pages:
            commits.append(start + frame_bytes)
    return frame_bytes, commits


def _written_back(path: Path) -> int:
    """How many frames of the log may be in the file already: all of those were on the disk before."""
    index = path.with_name(path.name + "-shm").read_bytes()
    frames: int = _ATTEMPTED.unpack_from(index, _ATTEMPTED_AT)[0]
    return frames


def _spoil(log: bytes, begin: int, rng: random.Random) -> bytes:
    """Cuts the log somewhere behind ``begin``, or changes some of what is there."""
    where = rng.randrange(begin, len(log))
    if rng.random() < 0.5:
        return log[:where]
    length = min(rng.randint(1, 4096), len(log) - where)
    return log[:where] + rng.randbytes(length) + log[where + length :]


def _numbers(path: Path, log: bytes) -> set[int]:
    """The numbers of the jobs in a copy of the file with that log."""
    with tempfile.TemporaryDirectory(prefix="geartrain-torn-") as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        copy.with_name(path.name + "-wal").write_bytes(log)
        with closing(sqlite3.connect(copy)) as connection:
            return {number for (number,) in connection.execute("SELECT sequence FROM geartrain_jobs")}
