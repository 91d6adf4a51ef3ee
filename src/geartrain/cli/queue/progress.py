"""Progress bars, for people who wait at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")

# Drawing takes longer than most of what it shows.
_STEP: Final = 100


def watched(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Passes items on and shows on stderr how many have passed; only if that is a terminal.

    ``total`` is how many are expected, 0 if that is not known.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total or None)
        count = 0
        for item in items:
            yield item
            count += 1
            if count % _STEP == 0:
                progress.update(task, completed=count)
        progress.update(task, completed=count)
