"""Durable queues that something can happen to: a file, or a database of our own.

They are on a small disk if we may make one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.faults.disk import SmallDisk, can_make_disks
from tests.store.databases import Database, start_mariadb, start_postgresql, start_redis

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
MYSQL: Final = "mysql"
REDIS: Final = "redis"

_STARTERS: Final[dict[str, Callable[[Path], Database]]] = {
    POSTGRESQL: start_postgresql,
    MYSQL: start_mariadb,
    REDIS: start_redis,
}
KINDS: Final = (SQLITE, *_STARTERS)

# Room for the jobs of some cycles, and for what the databases keep beside them.
_DISK_MIB: Final = {SQLITE: 256, POSTGRESQL: 1024, MYSQL: 1024, REDIS: 512}


class VictimStore:
    """A queue and what it is in. ``disk`` and ``database`` are None where there is none."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        # Not in a folder that other users may not enter: some databases run as one of them.
        self.folder = Path(tempfile.mkdtemp(prefix=f"geartrain-faults-{kind}-"))
        self.folder.chmod(0o755)
        self.disk: SmallDisk | None = None
        where = self.folder / "disk"
        if can_make_disks(self.folder):
            self.disk = SmallDisk(where, _DISK_MIB[kind])
        else:
            where.mkdir()
        # The queue of SQLite.
        self.file = where / "queue.db"
        self.database = _STARTERS[kind](where) if kind in _STARTERS else None
        self.url = self.database.url if self.database is not None else f"sqlite:///{self.file}"

    def files(self) -> list[Path]:
        """What an SQLite queue consists of."""
        return list(self.file.parent.glob(f"{self.file.name}*"))

    def remove(self, keep_as: Path | None = None) -> None:
        """Ends the database, and removes all files, or keeps them in a folder of that name."""
        if self.database is not None:
            self.database.stop()
        if keep_as is not None:
            shutil.copytree(self.folder, keep_as, symlinks=True)
        if self.disk is not None:
            self.disk.remove()
        shutil.rmtree(self.folder)
