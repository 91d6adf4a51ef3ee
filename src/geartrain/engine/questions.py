"""What may have to wait until the store says whether it has a job: a submission, or a question about it."""

from __future__ import annotations

from geartrain.engine.journal import StoredJob
from geartrain.engine.peer import Gate, Peer


class Submission:
    """One submission: who wants what done. ``gate`` is set while the store is asked for a job it may join."""

    __slots__ = ("background", "data", "gate", "name", "peer", "priority", "reducer", "run_at", "unique")

    def __init__(
        self,
        peer: Peer,
        name: bytes,
        unique: bytes,
        data: bytes,
        priority: int,
        background: bool,
        run_at: float,
        reducer: bytes,
    ) -> None:
        self.peer = peer
        self.name = name
        self.unique = unique
        self.data = data
        self.priority = priority
        self.background = background
        self.run_at = run_at
        self.reducer = reducer
        self.gate: Gate | None = None

    def joins(self, stored: StoredJob) -> bool:
        """Whether this is the same job, by function and unique, or by data where the unique is ``-``."""
        is_same = stored.function == self.name and stored.unique == self.unique
        return is_same and (self.unique != b"-" or stored.data == self.data)


class StatusByHandle:
    """GET_STATUS, while the store is asked."""

    __slots__ = ("gate", "handle", "peer")

    def __init__(self, peer: Peer, handle: bytes) -> None:
        self.peer = peer
        self.handle = handle
        self.gate: Gate | None = None


class StatusByUnique:
    """GET_STATUS_UNIQUE, while the store is asked."""

    __slots__ = ("gate", "peer", "unique")

    def __init__(self, peer: Peer, unique: bytes) -> None:
        self.peer = peer
        self.unique = unique
        self.gate: Gate | None = None


class Cancellation:
    """``cancel job``, while the store is asked."""

    __slots__ = ("gate", "handle", "peer")

    def __init__(self, peer: Peer, handle: bytes) -> None:
        self.peer = peer
        self.handle = handle
        self.gate: Gate | None = None
