"""The constants of the classic API."""

from __future__ import annotations

from typing import Final

# True writes a debug log line for each packet.
_DEBUG_MODE_ = False

DEFAULT_GEARMAN_PORT: Final = 4730

# Priorities of a submission; None is normal.
PRIORITY_NONE: Final = None
PRIORITY_LOW: Final = "LOW"
PRIORITY_HIGH: Final = "HIGH"

# States of a request, as programs compare and print them.
JOB_UNKNOWN: Final = "UNKNOWN"  # no server is known to have the job: not sent yet, or its server was lost
JOB_PENDING: Final = "PENDING"  # sent, and not accepted yet
JOB_CREATED: Final = "CREATED"  # accepted by a server
JOB_FAILED: Final = "FAILED"  # ended without a result
JOB_COMPLETE: Final = "COMPLETE"  # ended with a result
