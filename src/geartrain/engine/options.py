"""What an engine is told once, at its start."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final

UNLIMITED: Final = -1


class EngineOptions:
    """Settings of one engine; see the ``gearmand`` options of the same names for their meaning.

    ``handle_prefix`` and ``first_serial`` make job handles: ``PREFIX:SERIAL``, one serial higher for each
    job. Handles are never used twice if ``first_serial`` is higher at each start than any serial before.
    ``attempt_limit`` is how often a job may be given back to its queue (0 and 1 alike: never), -1 for
    without limit. ``wakeup`` is how many sleeping workers a new job wakes; 0 lets the engine decide.
    ``log_jobs`` has each step of each job noticed, at the level DEBUG.
    ``timezone`` is the one that SUBMIT_JOB_SCHED means. ``durable`` has background jobs journalled, and
    acknowledged once ``Engine.committed`` says so. ``memory_bytes`` is what jobs may take of the memory
    before further durable ones are kept in the store only, 0 for no limit.
    """

    __slots__ = (
        "allow_shutdown",
        "attempt_limit",
        "durable",
        "exceptions",
        "first_serial",
        "handle_prefix",
        "log_jobs",
        "log_level",
        "memory_bytes",
        "pid",
        "timezone",
        "version",
        "wakeup",
    )

    def __init__(
        self,
        *,
        handle_prefix: bytes = b"H:localhost",
        first_serial: int = 1,
        attempt_limit: int = UNLIMITED,
        wakeup: int = 0,
        exceptions: bool = False,
        allow_shutdown: bool = False,
        version: bytes = b"0",
        pid: int = 0,
        log_level: bytes = b"INFO",
        log_jobs: bool = False,
        timezone: tzinfo = UTC,
        durable: bool = False,
        memory_bytes: int = 0,
    ) -> None:
        self.handle_prefix = handle_prefix
        self.first_serial = first_serial
        self.attempt_limit = attempt_limit
        self.wakeup = wakeup
        self.exceptions = exceptions
        self.allow_shutdown = allow_shutdown
        self.version = version
        self.pid = pid
        self.log_level = log_level
        self.log_jobs = log_jobs
        self.timezone = timezone
        self.durable = durable
        self.memory_bytes = memory_bytes
