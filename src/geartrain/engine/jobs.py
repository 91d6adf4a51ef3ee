"""Every job the server knows, and each move of a job between its states.

What packets mean is decided above, in ``clients`` and ``workers``; here is what happens to jobs, in one
place per move, so that queues, counters, timers, indexes and the journal cannot disagree.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from geartrain.engine.backlog import NO_BACKLOG
from geartrain.engine.function import Function
from geartrain.engine.job import (
    BEHIND,
    COMMITTING,
    ENDED,
    PRIORITIES,
    QUEUED,
    RUNNING,
    STORED,
    WAITING,
    Job,
    serial_of,
)
from geartrain.engine.joblog import JobLog
from geartrain.engine.journal import ADD, ATTEMPT, REMOVE, Journal, Purge, StoredJob
from geartrain.engine.notices import INFO, WARNING, Notice
from geartrain.engine.options import UNLIMITED, EngineOptions
from geartrain.engine.paging import JOB_BYTES, Paging, unique_key
from geartrain.engine.peer import Peer
from geartrain.engine.questions import Submission
from geartrain.engine.timers import Timers
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import NOOP, WORK_FAIL

# How long a woken worker may take to grab before the next sleeper is woken for the same job. Long for a
# worker on the same network, short for whoever waits for the job.
WAKE_GRACE_SECONDS: Final = 0.05

# In place of the number of a journal entry: the job has been durable since before the start.
BEFORE_START: Final = -1
LAST_SEQUENCE: Final = 2**63

_NOOP: Final = encode_response(NOOP)


class Jobs:
    """The jobs, by handle and by function, with their timers and their journal."""

    __slots__ = (
        "_committing",
        "_log",
        "_notices",
        "_options",
        "_serial",
        "_waiting",
        "by_handle",
        "calendar",
        "functions",
        "journal",
        "keeps_durable",
        "paging",
        "timers",
    )

    def __init__(self, options: EngineOptions, notices: list[Notice]) -> None:
        self.by_handle: dict[bytes, Job] = {}
        self.functions: dict[bytes, Function] = {}
        self.journal = Journal()
        self.paging = Paging(self.journal, options.memory_bytes)
        # Deadlines on the monotonic clock: time limits of running jobs, grace times of woken workers.
        self.timers = Timers()
        # Deadlines on the wall clock: jobs whose time has not come.
        self.calendar = Timers()
        self._options = options
        self._notices = notices
        self._log = JobLog(notices) if options.log_jobs else None
        self._serial = options.first_serial
        self._waiting = 0
        # Durable jobs are set aside instead of queued.
        self.keeps_durable = False
        # Jobs whose addition is not settled, in the order of their journal entries.
        self._committing: deque[Job] = deque()

    @property
    def unfinished(self) -> int:
        """How many jobs are queued or running, without those kept for later."""
        return len(self.by_handle) - self._waiting

    def function(self, name: bytes) -> Function:
        """The function of that name; the first mention of a name makes it."""
        function = self.functions.get(name)
        if function is None:
            function = self.functions[name] = Function(name)
        return function

    # --- into the queue -----------------------------------------------------------------------------

    def create(self, submission: Submission, now: float, wall: float) -> Job:
        """A new job under a new handle. A durable one is offered to workers once its entry is settled."""
        handle = b"%s:%d" % (self._options.handle_prefix, self._serial)
        self._serial += 1
        function = self.function(submission.name)
        background = submission.background
        job = Job(
            handle,
            function,
            submission.unique,
            submission.data,
            submission.priority,
            background,
            submission.run_at,
            submission.reducer,
            wall,
        )
        function.total += 1
        self._remember(job)
        if self._log is not None:
            self._log.created(job)
        if background and self._options.durable:
            job.state = COMMITTING
            self._journal_addition(job)
        else:
            self.admit(job, now, wall)
        return job

    def bring_in(self, stored: StoredJob) -> Job:
        """A job from what the store knows of it; it has no place in any queue yet."""
        job = Job(
            stored.handle,
            self.function(stored.function),
            stored.unique,
            stored.data,
            stored.priority,
            True,
            stored.run_at,
            stored.reducer,
            stored.submitted_at,
        )
        job.state = STORED
        job.retries = stored.attempts
        job.change = BEFORE_START
        self._remember(job)
        return job

    def _remember(self, job: Job) -> None:
        """Lets everybody find a job that is in memory from now on."""
        self.by_handle[job.handle] = job
        job.function.remember(job)
        self.paging.memory_bytes += JOB_BYTES + len(job.data)

    def _forget(self, job: Job) -> None:
        """The opposite."""
        del self.by_handle[job.handle]
        job.function.forget(job)
        self.paging.memory_bytes -= JOB_BYTES + len(job.data)

    def promote(self, job: Job) -> None:
        """Makes a foreground job a background job as well, because somebody submitted it as one."""
        job.background = True
        if self._options.durable:
            self._journal_addition(job)

    def attach(self, job: Job, client: Peer) -> None:
        """Adds a waiting client; one that submitted twice is told everything twice."""
        if job.clients is None:
            job.clients = []
        job.clients.append(client)
        client.waiting_for[job.handle] = job

    def settle(self, number: int, now: float, wall: float) -> None:
        """Offers the jobs to workers whose journal entries, up to that number, are durable."""
        self.journal.settled = max(self.journal.settled, number)
        while self._committing and self._committing[0].change <= number:
            job = self._committing.popleft()
            if job.state == COMMITTING:
                self.admit(job, now, wall)

    def refuse(self, number: int) -> None:
        """Undoes the additions up to that number, which the store did not take."""
        self.journal.settled = number
        while self._committing and self._committing[0].change <= number:
            job = self._committing.popleft()
            job.change = 0
            job.background = False
            if job.state == COMMITTING:
                self._drop(job)
            elif job.state != ENDED:
                self._drop_if_unwanted(job)

    def come_due(self, job: Job, now: float) -> None:
        """Queues a job whose time has come."""
        job.timer = None
        self._leave_waiting(job)
        self._enqueue(job, now)

    def _journal_addition(self, job: Job) -> None:
        job.change = self.journal.write(ADD, job)
        self._committing.append(job)

    def _journal_removal(self, job: Job) -> None:
        self.journal.write(REMOVE, job)
        job.function.backlogs[job.priority].note_end(serial_of(job.handle))

    def admit(self, job: Job, now: float, wall: float) -> None:
        """Lets a job wait for its time or for a worker."""
        job.function.submitted += 1
        if job.run_at > wall:
            self._set_aside(job)
            job.timer = self.calendar.add(job.run_at, job)
        elif self.paging.takes(job) and not self.keeps_durable:
            self._put_away(job)
        else:
            self._enqueue(job, now)

    def keep_durable(self) -> None:
        """Sets durable jobs aside for good, those in the queues and those that are to come there."""
        self.keeps_durable = True
        for job in self.by_handle.values():
            if job.change and job.state in (QUEUED, STORED, BEHIND):
                self._leave_queue(job)
                self._set_aside(job)
        for function in self.functions.values():
            for priority in range(PRIORITIES):
                self.close_ranks(function, priority, LAST_SEQUENCE)
                # What is in the store only holds nobody up any more.
                function.backlogs[priority] = NO_BACKLOG

    def _enqueue(self, job: Job, now: float) -> None:
        if self.keeps_durable and job.change:
            self._set_aside(job)
            return
        backlog = job.function.backlogs[job.priority]
        if backlog and not self.keeps_durable:
            job.state = BEHIND
            backlog.behind[job] = self._serial
            return
        self.line_up(job)
        self.wake(job.function, max(1, self._options.wakeup), now)

    def line_up(self, job: Job) -> None:
        """Puts a job at the end of the part of its queue that is in memory."""
        job.state = QUEUED
        job.function.enqueue(job)

    def close_ranks(self, function: Function, priority: int, sequence: int) -> None:
        """Lines up the jobs behind whose place is before that sequence."""
        backlog = function.backlogs[priority]
        job = backlog.pop_behind(sequence)
        while job is not None:
            self.line_up(job)
            job = backlog.pop_behind(sequence)

    def _leave_queue(self, job: Job) -> None:
        """Takes a queued job out of its queue, in whichever part that is."""
        if job.state == QUEUED:
            job.function.dequeue(job)
            self.paging.load_ahead(job.function, job.priority)
        elif job.state == BEHIND:
            del job.function.backlogs[job.priority].behind[job]
        else:
            self._leave_backlog(job)

    def _leave_backlog(self, job: Job) -> None:
        backlog = job.function.backlogs[job.priority]
        backlog.take(len(job.data))
        if backlog.jobs == 0 and not backlog.loading:
            # Nothing will be loaded that would let them go on.
            self.close_ranks(job.function, job.priority, LAST_SEQUENCE)
            _wake(job.function, job.function.queued)

    def _put_away(self, job: Job) -> None:
        """Leaves a durable job to the store alone."""
        self._forget(job)
        self.paging.put_away(
            job.function, job.priority, serial_of(job.handle), unique_key(job.unique, job.data), len(job.data)
        )
        self.paging.load_ahead(job.function, job.priority)

    def _set_aside(self, job: Job) -> None:
        job.state = WAITING
        job.function.waiting += 1
        self._waiting += 1

    def _leave_waiting(self, job: Job) -> None:
        job.function.waiting -= 1
        self._waiting -= 1

    # --- workers ------------------------------------------------------------------------------------

    def wake(self, function: Function, count: int, now: float) -> None:
        """Wakes that many of the workers asleep, longest asleep first.

        While others stay asleep, a look after the grace time makes sure that a woken worker which does not
        come to grab holds no job up.
        """
        _wake(function, count)
        if function.sleepers and function.wake_timer is None:
            function.wake_timer = self.timers.add(now + WAKE_GRACE_SECONDS, function)

    def wake_again(self, function: Function, now: float) -> None:
        """The grace time is over: wakes more workers for the jobs that nobody took."""
        function.wake_timer = None
        if function.queued > 0:
            self.wake(function, function.queued, now)

    def has_work(self, worker: Peer) -> bool:
        """Whether a grab by this worker would find a job."""
        return any(ability.function.first_job() is not None for ability in worker.abilities)

    def take(self, worker: Peer, now: float) -> Job | None:
        """The next job for a worker: highest priority over all its functions, in turn, then FIFO."""
        best: Job | None = None
        turn = 0
        # One pass that costs little for a function without jobs: some workers have a thousand of them.
        for index in range(len(worker.abilities) - 1, -1, -1):
            job = worker.abilities[index].function.first_job()
            if job is not None and (best is None or job.priority < best.priority):
                best = job
                turn = index
        if best is not None:
            self._assign(best, worker, worker.abilities[turn].limit_seconds, now)
            worker.pass_turn(turn)
        return best

    def _assign(self, job: Job, worker: Peer, limit_seconds: float, now: float) -> None:
        job.function.dequeue(job)
        self.paging.load_ahead(job.function, job.priority)
        job.state = RUNNING
        job.worker = worker
        worker.running[job.handle] = job
        job.function.running += 1
        if limit_seconds > 0.0:
            job.timer = self.timers.add(now + limit_seconds, job)
        if self._log is not None:
            self._log.assigned(job)

    def give_back(self, job: Job, now: float) -> None:
        """Takes a job from its worker and queues it again, behind the others of its priority.

        A job that nobody wants any more ends here; so does one that was given back too often.
        """
        if not job.wanted:
            self._drop(job)
            return
        job.retries += 1
        limit = self._options.attempt_limit
        if limit != UNLIMITED and job.retries >= limit:
            self._notices.append(
                Notice(
                    WARNING,
                    "job given up",
                    {"handle": job.handle, "function": job.function.name, "attempts": job.retries},
                )
            )
            self.fail(job)
            return
        self._take_from_worker(job)
        job.function.requeued += 1
        if job.change:
            self.journal.write(ATTEMPT, job)
        job.numerator = 0
        job.denominator = 0
        if self._log is not None:
            self._log.given_back(job)
        self._enqueue(job, now)

    def run_out(self, job: Job, now: float) -> None:
        """The time limit of a running job is over."""
        job.timer = None
        self._notices.append(
            Notice(INFO, "job ran out of time", {"handle": job.handle, "function": job.function.name})
        )
        self.give_back(job, now)

    def _take_from_worker(self, job: Job) -> None:
        assert job.worker is not None
        del job.worker.running[job.handle]
        job.worker = None
        job.function.running -= 1
        _stop_timer(job, self.timers)

    # --- out of the queue ---------------------------------------------------------------------------

    def end(self, job: Job) -> None:
        """Forgets a job in any state; its clients have been told what there was to tell."""
        if job.state == RUNNING:
            self._take_from_worker(job)
        elif job.state in (QUEUED, STORED, BEHIND):
            self._leave_queue(job)
        elif job.state == WAITING:
            self._leave_waiting(job)
            _stop_timer(job, self.calendar)
        job.state = ENDED
        job.function.total -= 1
        self._forget(job)
        self._detach_all(job)
        if job.change:
            self._journal_removal(job)

    def complete(self, job: Job, result_bytes: int) -> None:
        """Ends a job that was done; its clients have got the result."""
        if not job.cancelled:
            job.function.completed += 1
            if self._log is not None:
                self._log.completed(job, result_bytes)
        self.end(job)

    def fail(self, job: Job) -> None:
        """Tells the clients that the job failed, and ends it."""
        self._tell_failure(job)
        self.fail_told(job)

    def fail_told(self, job: Job) -> None:
        """Ends a job that failed; its clients have been told why."""
        if not job.cancelled:
            _count_failure(job)
            if self._log is not None:
                self._log.failed(job)
        self.end(job)

    def cancel(self, job: Job) -> None:
        """Ends a job at once; a running one may finish, but nobody hears of it."""
        if job.cancelled:
            return
        _count_failure(job)
        if self._log is not None:
            self._log.cancelled(job)
        self._tell_failure(job)
        if job.state != RUNNING:
            self.end(job)
            return
        job.cancelled = True
        self._detach_all(job)
        job.function.forget(job)
        if job.change:
            self._journal_removal(job)
            job.change = 0

    def leave(self, client: Peer) -> None:
        """Takes a client from its jobs; those that then nobody wants are dropped if they have not begun."""
        for job in list(client.waiting_for.values()):
            assert job.clients is not None
            job.clients = [other for other in job.clients if other is not client]
            self._drop_if_unwanted(job)
        client.waiting_for.clear()

    def drop_function(self, function: Function) -> None:
        """Forgets a function that has no worker and no running job, with the jobs it has queued."""
        for job in [job for job in self.by_handle.values() if job.function is function]:
            self.fail(job)
        stored = sum([backlog.jobs for backlog in function.backlogs])
        if stored > 0:
            self.paging.drop(stored)
            self.journal.ask(Purge(function.name, self._serial))
        if function.wake_timer is not None:
            self.timers.cancel(function.wake_timer)
        del self.functions[function.name]

    def _drop_if_unwanted(self, job: Job) -> None:
        # A running job ends with its worker's answer, and a new client may join it until then.
        if not job.wanted and job.state != RUNNING:
            self._drop(job)

    def _drop(self, job: Job) -> None:
        if self._log is not None:
            self._log.dropped(job)
        self.end(job)

    def _tell_failure(self, job: Job) -> None:
        if job.clients:
            packet = encode_response(WORK_FAIL, job.handle)
            for client in job.clients:
                client.send(packet)

    def _detach_all(self, job: Job) -> None:
        if job.clients:
            for client in job.clients:
                client.waiting_for.pop(job.handle, None)
        job.clients = None


def _count_failure(job: Job) -> None:
    # Before it is durable, a job has not been counted as submitted.
    if job.state != COMMITTING:
        job.function.failed += 1


def _wake(function: Function, count: int) -> None:
    while count > 0 and function.sleepers:
        worker, _ = function.sleepers.popitem(last=False)
        worker.wake_up()
        worker.send(_NOOP)
        count -= 1


def _stop_timer(job: Job, timers: Timers) -> None:
    if job.timer is not None:
        timers.cancel(job.timer)
        job.timer = None
