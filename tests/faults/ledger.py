"""Remembers what was submitted, answered and run, and finds what should not have happened.

Times are those of one monotonic clock; a *life* is one process of the job server, from its start to its end.

What may happen, and what not:

* A job that was acknowledged runs until a worker says that it has ended, however often the server dies.
* A job that ran was submitted like that, and not refused.
* A job whose end the server has taken note of runs again only if it died before that was durable. Changes
  become durable in order: with a submission that was acknowledged, everything is that the server knew when it
  was sent.
* The same goes for refused jobs: the store may have them if it was lost in the middle of a commit, and the
  server takes them out again, unless it dies before.
* Jobs of one function and priority begin in the order of their submission, except those that were given back.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from geartrain.engine.job import serial_of
from tests.faults.jobs import ACKNOWLEDGED, REFUSED, UNKNOWN, Contents, Submission

# What went wrong; the first one is what all this is about.
LOST: Final = "lost"
NOT_SUBMITTED: Final = "ran, but was not submitted like that"
RAN_REFUSED: Final = "ran, but was refused"
RAN_TWICE: Final = "ran again"
OUT_OF_ORDER: Final = "out of order"
TOO_EARLY: Final = "too early"
NO_ANSWER: Final = "no answer"
# Something came that is no answer to what was sent.
FAULT: Final = "fault"


@dataclass(slots=True)
class Totals:
    """What happened, for the summary."""

    submitted: int = 0
    acknowledged: int = 0
    coalesced: int = 0
    refused: int = 0
    unanswered: int = 0
    ended: int = 0
    given_back: int = 0
    # Ran again, because the server died before their end was durable.
    duplicates: int = 0
    # Ran although refused, because both the store and the server died.
    refused_and_run: int = 0


@dataclass(slots=True)
class WorkerLog:
    """One connection of a worker. With ``is_alone`` it is the only one, and nobody submits meanwhile."""

    life: int
    is_alone: bool = False
    closed_at: float | None = None
    # The last job that it was given, for the order: by function and priority.
    last_serials: dict[tuple[bytes, int], int] = field(default_factory=dict)
    last_priority: int = 0


@dataclass(slots=True, eq=False)
class Run:
    """A job given to a worker. ``ended_at`` is when the worker said so, ``noted_at`` when the server knew."""

    worker: WorkerLog
    handle: bytes
    contents: Contents
    begun_at: float
    wall_time: float
    ended_at: float | None = None
    noted_at: float | None = None

    def __repr__(self) -> str:
        return (
            f"<Run {self.handle!r} life={self.worker.life} begun_at={self.begun_at:.6f}"
            f" ended_at={self.ended_at} noted_at={self.noted_at} closed_at={self.worker.closed_at}>"
        )


class JobRecord:
    """All that is known of a job with a handle."""

    __slots__ = ("runs", "submissions")

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.runs: list[Run] = []

    @property
    def has_ended(self) -> bool:
        return any(run.ended_at is not None for run in self.runs)

    @property
    def is_acknowledged(self) -> bool:
        return any(submission.outcome == ACKNOWLEDGED for submission in self.submissions)

    def tell(self) -> list[str]:
        return [*map(repr, self.submissions), *map(repr, self.runs)]


class Ledger:
    """All jobs of a campaign, as far as they still matter."""

    def __init__(self) -> None:
        self.totals = Totals()
        # What went wrong: the kind, and everything that is known about it.
        self.violations: list[tuple[str, list[str]]] = []
        self.life = 0
        self._jobs: dict[bytes, JobRecord] = {}
        # Acknowledged, and not ended yet.
        self._outstanding: dict[bytes, JobRecord] = {}
        self._unknown: dict[Contents, list[Submission]] = defaultdict(list)
        self._refused: dict[Contents, list[Submission]] = defaultdict(list)
        # By life: all that the server knew before this moment is durable.
        self._durable_until: dict[int, float] = {}
        # What has not been looked at yet.
        self._new_runs: list[Run] = []
        self._new_submissions: list[Submission] = []
        # What ``forget`` forgets when it is called next: these jobs, and submissions of earlier lives.
        self._old_jobs: list[bytes] = []
        self._old_life = 0

    # --- what happens -----------------------------------------------------------------------------------

    def submitted(self, submission: Submission) -> None:
        submission.sent_at = time.monotonic()
        submission.life = self.life
        self.totals.submitted += 1
        self._new_submissions.append(submission)

    def acknowledged(self, submission: Submission, handle: bytes) -> None:
        submission.answered_at = time.monotonic()
        submission.outcome = ACKNOWLEDGED
        submission.handle = handle
        job = self._jobs.get(handle)
        if job is None:
            job = self._jobs[handle] = JobRecord()
        else:
            self.totals.coalesced += 1
        job.submissions.append(submission)
        self._outstanding[handle] = job
        self.totals.acknowledged += 1
        if not submission.may_coalesce:
            known = self._durable_until.get(submission.life, 0.0)
            self._durable_until[submission.life] = max(known, submission.sent_at)

    def refused(self, submission: Submission, reason: str) -> None:
        submission.answered_at = time.monotonic()
        submission.outcome = REFUSED
        submission.reason = reason
        self.totals.refused += 1

    def begun(self, worker: WorkerLog, handle: bytes, contents: Contents) -> Run:
        run = Run(worker, handle, contents, time.monotonic(), time.time())
        self._new_runs.append(run)
        return run

    def ended(self, run: Run) -> None:
        run.ended_at = time.monotonic()
        self.totals.ended += 1

    def noted(self, run: Run) -> None:
        """The server has answered something that was sent after the end of the job."""
        run.noted_at = time.monotonic()

    def life_ended(self, *, in_order: bool) -> None:
        """The server has ended; if ``in_order``, with everything durable that it knew."""
        if in_order:
            self._durable_until[self.life] = time.monotonic()
        self.life += 1

    def complain(self, kind: str, *facts: str) -> None:
        self.violations.append((kind, list(facts)))

    # --- what it means ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Looks at everything that happened since the last call; nobody may be waiting for an answer."""
        for submission in self._new_submissions:
            if submission.outcome == UNKNOWN:
                self._unknown[submission.contents].append(submission)
                self.totals.unanswered += 1
            elif submission.outcome == REFUSED:
                self._refused[submission.contents].append(submission)
        self._new_submissions.clear()
        for run in self._new_runs:
            self._check(run)
        self._new_runs.clear()
        ended = [handle for handle, job in self._outstanding.items() if job.has_ended]
        for handle in ended:
            del self._outstanding[handle]

    def outstanding(self) -> list[JobRecord]:
        """The jobs that were acknowledged and have not ended."""
        return list(self._outstanding.values())

    def promised(self) -> set[int]:
        """The numbers of those jobs."""
        return {serial_of(handle) for handle in self._outstanding}

    def lose_outstanding(self) -> None:
        """Nothing is queued any more: whatever is outstanding is lost."""
        for job in self._outstanding.values():
            self.complain(LOST, *job.tell())
        self._outstanding.clear()

    def forget(self) -> None:
        """Forgets what had come to its end before the last call: a run of that is one of a job unheard of.

        To be called when nothing is queued any more.
        """
        for handle in self._old_jobs:
            del self._jobs[handle]
        self._old_jobs = [handle for handle in self._jobs if handle not in self._outstanding]
        for known in (self._unknown, self._refused):
            for contents, submissions in list(known.items()):
                known[contents] = [one for one in submissions if one.life >= self._old_life]
                if not known[contents]:
                    del known[contents]
        self._old_life = self.life

    def _check(self, run: Run) -> None:
        job = self._jobs.get(run.handle)
        submission = self._submission_of(run, job)
        if submission is None:
            self.complain(NOT_SUBMITTED, repr(run), repr(run.contents), *(job.tell() if job else ()))
            return
        if job is None:
            job = self._jobs[run.handle] = JobRecord()
        if submission not in job.submissions:
            job.submissions.append(submission)
        if job.runs:
            self._check_again(run, job)
        elif submission.is_unmistakable:
            self._check_time(run, submission)
        job.runs.append(run)

    def _submission_of(self, run: Run, job: JobRecord | None) -> Submission | None:
        """The submission that made the job, taken out of those of unknown outcome if it was there."""
        for submission in job.submissions if job else ():
            if submission.contents == run.contents:
                return submission
        # With a record, another submission of the same unique was answered with the handle of this one.
        unknown = self._unknown.get(run.contents)
        if unknown:
            return unknown.pop(0)
        refused = self._refused.get(run.contents)
        if not refused:
            return None
        submission = refused.pop(0)
        if self._is_durable(submission.life, submission.answered_at, run):
            self.complain(RAN_REFUSED, repr(run), repr(submission))
        else:
            self.totals.refused_and_run += 1
        return submission

    def _is_durable(self, life: int, moment: float, run: Run) -> bool:
        """Whether what the server knew then must still have been known when the run began."""
        return life == run.worker.life or moment < self._durable_until.get(life, 0.0)

    def _check_again(self, run: Run, job: JobRecord) -> None:
        """Whether a job that ran before was allowed to run again."""
        for before in job.runs:
            life = before.worker.life
            if before.noted_at is not None and self._is_durable(life, before.noted_at, run):
                self.complain(RAN_TWICE, repr(run), *job.tell())
            elif before.worker.closed_at is None and life == run.worker.life and before.ended_at is None:
                self.complain(RAN_TWICE + " while it was running", repr(run), *job.tell())
        if job.has_ended:
            self.totals.duplicates += 1
        else:
            self.totals.given_back += 1

    def _check_time(self, run: Run, submission: Submission) -> None:
        if run.wall_time < submission.run_at:
            self.complain(TOO_EARLY, f"at {run.wall_time}", repr(run), repr(submission))
        if submission.run_at == 0:
            self._check_order(run, submission)

    def _check_order(self, run: Run, submission: Submission) -> None:
        worker = run.worker
        key = (submission.contents[0], submission.priority)
        serial = serial_of(run.handle)
        if serial < worker.last_serials.get(key, 0):
            self.complain(OUT_OF_ORDER, f"after {worker.last_serials[key]}", repr(run), repr(submission))
        worker.last_serials[key] = serial
        if worker.is_alone and submission.priority < worker.last_priority:
            self.complain(OUT_OF_ORDER, f"after priority {worker.last_priority}", repr(run), repr(submission))
        worker.last_priority = submission.priority
