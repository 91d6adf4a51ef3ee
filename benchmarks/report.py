"""Figures as tables in a Markdown page, and the facts of the machine that they are from."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_FSYNCS: Final = 200


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median of some values, with the least and the greatest of them."""
    middle, low, high = (
        f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column is text, the others are numbers."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, marks, *rows))


def machine() -> str:
    """What the figures depend on, as a list."""
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "one fsync after a write of 4 KiB": f"{_fsync_milliseconds():.2f} ms",
        "load of the machine before": f"{os.getloadavg()[0]:.1f}",
    }
    return "\n".join(f"* {name}: {fact}" for name, fact in facts.items())


def version_of(command: Sequence[str]) -> str:
    """The first line of what a program says of its version."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).strip().partition("\n")[0]


def write_between(page: Path, name: str, text: str) -> None:
    """Puts text in the place of what is between the marks of that name in a page."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, _, rest = page.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no place for {name}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _fsync_milliseconds() -> float:
    with tempfile.TemporaryFile() as file:
        begin = time.perf_counter()
        for _ in range(_FSYNCS):
            os.write(file.fileno(), b"x" * 4096)
            os.fsync(file.fileno())
        return (time.perf_counter() - begin) / _FSYNCS * 1000
