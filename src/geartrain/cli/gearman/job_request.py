"""A job as a tool submits it."""

from __future__ import annotations

from dataclasses import dataclass

from geartrain.roles.client import PRIORITY_NORMAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JobRequest:
    """A job to submit.

    With ``epoch``, seconds since 1970 UTC, it is a background job that runs then or later.
    """

    function: bytes
    data: bytes
    unique: bytes
    priority: int = PRIORITY_NORMAL
    background: bool = False
    epoch: int | None = None

    @property
    def name(self) -> str:
        """The function for people to read."""
        return self.function.decode(errors="replace")

    @property
    def ends_when_created(self) -> bool:
        """Whether nothing more is heard of the job once the server has accepted it."""
        return self.background or self.epoch is not None
