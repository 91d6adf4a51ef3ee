"""What a worker can do: callbacks by task, whichever way the task's name is spelt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from gearman.text import to_bytes

# Called with the worker and the job; what it returns is the result.
JobCallback = Callable[[Any, Any], Any]


class Abilities(MutableMapping[Any, JobCallback]):
    """A mapping of callbacks in which ``'reverse'`` and ``b'reverse'`` are one key.

    The keys come in the order of registration and are spelt as they were set last. Setting a name that is
    neither text nor bytes is a TypeError.
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[Any, JobCallback]] = {}

    def __setitem__(self, task: Any, callback: JobCallback) -> None:
        self._entries[to_bytes(task)] = (task, callback)

    def __getitem__(self, task: Any) -> JobCallback:
        return self._entries[_key(task)][1]

    def __delitem__(self, task: Any) -> None:
        del self._entries[_key(task)]

    def __iter__(self) -> Iterator[Any]:
        return iter([task for task, _ in self._entries.values()])

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._entries.values())!r})"


def _key(task: object) -> bytes:
    try:
        return to_bytes(task)
    except TypeError:
        raise KeyError(task) from None
