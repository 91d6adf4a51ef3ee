"""What administrators are told of the durable queue, and the engine cannot know by itself."""

from __future__ import annotations

from typing import Final

MEMORY_URL: Final = "memory://"


class QueueReport:
    """The state of the durable queue, kept up to date by the caller.

    ``url`` holds no password. ``trouble`` is why the queue does not work now, empty while it does; ``unsafe``
    are the warnings about settings of the database; ``waiting_bytes`` is the memory of what waits for it.
    """

    __slots__ = ("trouble", "unsafe", "url", "waiting_bytes")

    def __init__(self) -> None:
        self.url = MEMORY_URL
        self.trouble = ""
        self.unsafe: list[str] = []
        self.waiting_bytes = 0
