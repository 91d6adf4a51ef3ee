"""The server's log: events with a constant message, and fields that say what each is about.

Every record carries both as ``event`` and ``fields``, for programs; the text is for people. Nothing here
configures logging.
"""

from __future__ import annotations

import logging

from geartrain.protocol.packets import shorten

logger = logging.getLogger("geartrain.server")


def log_event(level: int, event: str, fields: dict[str, object]) -> None:
    """Logs one event, on one line, whatever a peer has put into the fields."""
    if logger.isEnabledFor(level):
        logger.log(level, event + "%s", _Fields(fields), extra={"event": event, "fields": fields})


class _Fields:
    """Fields as the text behind a message, made only when the line is really written."""

    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return "".join(f" {name}={_shown(value)}" for name, value in self._fields.items())


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        # As text in quotes, without the b in front of them.
        return shorten(value)[1:]
    return repr(value)
