"""Jobs, and a client's requests to run them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from gearman.connection import GearmanConnection

__all__ = [
    "JOB_COMPLETE",
    "JOB_CREATED",
    "JOB_FAILED",
    "JOB_PENDING",
    "JOB_UNKNOWN",
    "PRIORITY_HIGH",
    "PRIORITY_LOW",
    "PRIORITY_NONE",
    "GearmanJob",
    "GearmanJobRequest",
]

_ENDS_OF_FOREGROUND = (JOB_COMPLETE, JOB_FAILED)
_ENDS_OF_BACKGROUND = (JOB_CREATED, JOB_FAILED)


class GearmanJob:
    """One job, as its client or its worker knows it.

    On a client, ``task``, ``unique`` and ``data`` are the very objects that the program gave; ``connection``
    is None until the job was sent, ``handle`` until a server accepted it.
    """

    # A worker has sent the last packet of this job.
    _is_finished = False

    def __init__(
        self, connection: GearmanConnection | None, handle: Any, task: Any, unique: Any, data: Any
    ) -> None:
        self.connection = connection
        self.handle = handle
        self.task = task
        self.unique = unique
        self.data = data

    def to_dict(self) -> dict[str, Any]:
        """What names the job and what it carries."""
        return {"task": self.task, "job_handle": self.handle, "unique": self.unique, "data": self.data}

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} connection/handle=({self.connection!r}, {self.handle!r}), "
            f"task={self.task!r}, unique={self.unique!r}>"
        )


class GearmanJobRequest:
    """A client's wish to have a job done, and what came of it.

    ``state`` is one of the ``JOB_*`` constants. After ``JOB_FAILED``, ``exception`` holds what the worker
    gave as a reason, and ``error_code`` and ``error_text`` what the server answered if it refused the job.
    ``when_to_run`` is set for a job that is not to run before a time.
    """

    # The class holds the defaults of what has been added since the first versions, so that requests whose
    # subclass has a constructor of its own have them too.
    error_code: str | None = None
    error_text: str | None = None
    when_to_run: int | None = None
    # How many servers have been asked for the status and have not answered, and whether one of them knew the
    # job; None if none has answered.
    _status_queries = 0
    _status_found: bool | None = None

    def __init__(
        self,
        gearman_job: GearmanJob,
        initial_priority: str | None = PRIORITY_NONE,
        background: bool = False,
        max_attempts: int = 1,
    ) -> None:
        self.gearman_job = gearman_job
        self.priority = initial_priority
        self.background = background
        # How often the job has been sent, and how often it may be.
        self.connection_attempts = 0
        self.max_connection_attempts = max_attempts
        self.initialize_request()

    def initialize_request(self) -> None:
        """Forgets what came of the request."""
        self.result: Any = None
        self.exception: Any = None
        self.error_code = None
        self.error_text = None
        self.warning_updates: deque[Any] = deque()
        self.data_updates: deque[Any] = deque()
        self.status: dict[str, Any] = {}
        self.state = JOB_UNKNOWN
        self.timed_out = False

    def reset(self) -> None:
        """Makes the request ready to be submitted once more, as if it were new."""
        self.initialize_request()
        self.connection_attempts = 0
        self.connection = None
        self.handle = None

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to wait for: background jobs end with being accepted or refused."""
        return self.state in (_ENDS_OF_BACKGROUND if self.background else _ENDS_OF_FOREGROUND)

    @property
    def job(self) -> GearmanJob:
        """The job; the same as ``gearman_job``."""
        return self.gearman_job

    @property
    def task(self) -> Any:
        return self.gearman_job.task

    @property
    def unique(self) -> Any:
        return self.gearman_job.unique

    @property
    def data(self) -> Any:
        return self.gearman_job.data

    @property
    def handle(self) -> Any:
        """What the server calls the job; None until it accepted it."""
        return self.gearman_job.handle

    @handle.setter
    def handle(self, handle: Any) -> None:
        self.gearman_job.handle = handle

    @property
    def connection(self) -> GearmanConnection | None:
        """The connection over which the job was sent last."""
        return self.gearman_job.connection

    @connection.setter
    def connection(self, connection: GearmanConnection | None) -> None:
        self.gearman_job.connection = connection

    @property
    def server_status(self) -> dict[str, Any]:
        """The same as ``status``; the older name."""
        return self.status

    @property
    def status_updates(self) -> deque[tuple[int, int]]:
        """The last progress as the only item of a deque, which is empty if there is none; the older form."""
        if not self.status:
            return deque()
        return deque([(self.status.get("numerator", 0), self.status.get("denominator", 0))])

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} task={self.task!r}, unique={self.unique!r}, "
            f"priority={self.priority!r}, background={self.background!r}, state={self.state!r}, "
            f"timed_out={self.timed_out!r}>"
        )
