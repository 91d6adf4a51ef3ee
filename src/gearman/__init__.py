"""The classic Python API of Gearman: client, worker and admin client.

A drop-in for programs written for python-gearman 2.0 and its successors.
"""

# Programs reach the modules through the package: ``gearman.errors.ServerUnavailable``.
# ruff: noqa: F401

from __future__ import annotations

import logging
from logging import NullHandler

from gearman import (
    admin_client,
    admin_client_handler,
    client,
    client_handler,
    command_handler,
    compat,
    connection,
    connection_manager,
    constants,
    errors,
    io,
    job,
    protocol,
    util,
    version,
    worker,
    worker_handler,
)
from gearman.admin_client import GearmanAdminClient
from gearman.client import GearmanClient
from gearman.conflicts import warn_of_others
from gearman.constants import (
    JOB_COMPLETE,
    JOB_CREATED,
    JOB_FAILED,
    JOB_PENDING,
    JOB_UNKNOWN,
    PRIORITY_HIGH,
    PRIORITY_LOW,
    PRIORITY_NONE,
)
from gearman.encoders import BytesEncoder, DataEncoder, NoopEncoder, TextEncoder
from gearman.job import GearmanJob, GearmanJobRequest
from gearman.text import GearmanBytes, GearmanStr
from gearman.version import __version__
from gearman.worker import GearmanWorker

__all__ = [
    "JOB_COMPLETE",
    "JOB_CREATED",
    "JOB_FAILED",
    "JOB_PENDING",
    "JOB_UNKNOWN",
    "PRIORITY_HIGH",
    "PRIORITY_LOW",
    "PRIORITY_NONE",
    "BytesEncoder",
    "DataEncoder",
    "GearmanAdminClient",
    "GearmanBytes",
    "GearmanClient",
    "GearmanJob",
    "GearmanJobRequest",
    "GearmanStr",
    "GearmanWorker",
    "NoopEncoder",
    "TextEncoder",
    "__version__",
]

warn_of_others()

gearman_root_logger = logging.getLogger("gearman")
gearman_root_logger.addHandler(NullHandler())
