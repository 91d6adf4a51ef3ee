"""A small disk that can be filled up: a file system in memory, which takes root to make."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_FILLER: Final = "filler"
_CHUNK_BYTES: Final = 64 * 1024


class SmallDisk:
    """An empty file system of a given size at a folder that is made for it."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={mib}m,mode=755", "none", str(folder)]
        subprocess.run(["mount", *options], check=True, capture_output=True)

    def fill(self) -> None:
        """Leaves no room on it."""
        chunk = b"\0" * _CHUNK_BYTES
        with open(self.folder / _FILLER, "ab", buffering=0) as filler:
            while len(chunk) > 1:
                try:
                    filler.write(chunk)
                except OSError:
                    # What does not fit as a whole may fit in part.
                    chunk = chunk[: len(chunk) // 2]

    def free(self) -> None:
        """Takes out what ``fill`` has put there."""
        (self.folder / _FILLER).unlink(missing_ok=True)

    def remove(self) -> None:
        """Removes it with all that is on it; nobody may have a file open there."""
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)
        self.folder.rmdir()


def can_make_disks(folder: Path) -> bool:
    """Whether this machine lets us; tries it in that folder."""
    if os.getuid() != 0:
        return False
    try:
        SmallDisk(folder / "trial", 1).remove()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
