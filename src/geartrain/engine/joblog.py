"""What becomes of each job, told step by step for the log.

Only made for a server that logs at the level DEBUG: there are many jobs, and each has several steps.
"""

from __future__ import annotations

from geartrain.engine.job import PRIORITY_NAMES, Job
from geartrain.engine.notices import DEBUG, Notice


class JobLog:
    """Adds a notice for each step of a job; none holds a payload, or a unique, which may be one."""

    __slots__ = ("_notices",)

    def __init__(self, notices: list[Notice]) -> None:
        self._notices = notices

    def created(self, job: Job) -> None:
        fields = _fields(job)
        fields["priority"] = PRIORITY_NAMES[job.priority]
        fields["background"] = job.background
        fields["bytes"] = len(job.data)
        if job.run_at:
            fields["run_at"] = job.run_at
        self._add("job created", fields)

    def assigned(self, job: Job) -> None:
        assert job.worker is not None
        fields = _fields(job)
        fields["worker"] = job.worker.descriptor
        fields["attempt"] = job.retries + 1
        self._add("job assigned", fields)

    def completed(self, job: Job, result_bytes: int) -> None:
        fields = _fields(job)
        fields["bytes"] = result_bytes
        self._add("job completed", fields)

    def failed(self, job: Job) -> None:
        self._add("job failed", _fields(job))

    def cancelled(self, job: Job) -> None:
        self._add("job cancelled", _fields(job))

    def given_back(self, job: Job) -> None:
        fields = _fields(job)
        fields["attempts"] = job.retries
        self._add("job given back", fields)

    def dropped(self, job: Job) -> None:
        """Nobody waits for it any more, or the store did not take it."""
        self._add("job dropped", _fields(job))

    def _add(self, event: str, fields: dict[str, object]) -> None:
        self._notices.append(Notice(DEBUG, event, fields))


def _fields(job: Job) -> dict[str, object]:
    return {"handle": job.handle, "function": job.function.name}
