"""The library that makes disks slow, for servers that it is preloaded into."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).parents[2] / "benchmarks" / "slow_disk.c"


def slow_disk(folder: Path) -> Path | None:
    """Compiles it into that folder; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "slow_disk.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"], check=True
    )
    return library
