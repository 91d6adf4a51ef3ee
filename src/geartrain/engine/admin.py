"""Answers the text protocol for administration from the engine's state.

Words, line ends and error lines are those of the C server where a program could know them.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.gates import Gates
from geartrain.engine.guard import NOT_ALLOWED, Guard
from geartrain.engine.job import HIGH, LOW, NORMAL, PRIORITIES, Job
from geartrain.engine.jobs import Jobs
from geartrain.engine.journal import Find, StoredJob
from geartrain.engine.numbers import leading_number
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer
from geartrain.engine.questions import Cancellation
from geartrain.engine.queue_report import QueueReport
from geartrain.engine.stored import StoredJobs
from geartrain.engine.tables import list_functions, list_jobs, list_queue, list_workers
from geartrain.protocol.admin import (
    MAX_WORDS,
    OK_LINE,
    FunctionStatus,
    JobStatus,
    PriorityStatus,
    WorkerStatus,
    error_line,
    escape,
    format_function_status,
    format_job_status,
    format_list,
    format_priority_status,
    format_worker_status,
    ok_line,
    split_words,
)

# Every command by its words, without arguments: what access rules allow or do not.
COMMANDS: Final = (
    *(b"status", b"prioritystatus", b"workers", b"show jobs", b"show unique jobs"),
    *(b"list functions", b"list jobs", b"list workers", b"list queue", b"version", b"verbose"),
    *(b"getpid", b"maxqueue", b"create function", b"drop function", b"cancel job", b"shutdown"),
)

KEEP_RUNNING: Final = 0
STOP_GRACEFULLY: Final = 1
STOP_NOW: Final = 2

_MAX_LIMIT_DIGITS: Final = 9
_INCOMPLETE: Final = "An incomplete set of arguments was sent to this command "
_BAD_LIST: Final = error_line(
    "INVALID_ARGUMENTS", "list takes functions, jobs [LIMIT [FUNCTION]], workers or queue"
)
_NO_SHUTDOWN: Final = error_line(NOT_ALLOWED, "shutdown needs a server started with --allow-shutdown")


class Administration:
    """The administrator's view of an engine. ``stop_requested`` is what a ``shutdown`` command asked for."""

    __slots__ = (
        "_gates",
        "_guard",
        "_jobs",
        "_options",
        "_peers",
        "_queue_report",
        "_stored",
        "stop_requested",
    )

    def __init__(
        self,
        options: EngineOptions,
        jobs: Jobs,
        peers: dict[Peer, None],
        guard: Guard,
        gates: Gates,
        stored: StoredJobs,
        queue_report: QueueReport,
    ) -> None:
        self._options = options
        self._jobs = jobs
        self._peers = peers
        self._guard = guard
        self._gates = gates
        self._stored = stored
        self._queue_report = queue_report
        self.stop_requested = KEEP_RUNNING

    def receive(self, peer: Peer, line: bytes, now: float, wall: float) -> None:
        """Answers one command line; ``wall`` is seconds since 1970-01-01 UTC."""
        words = split_words(line)
        if peer.access is not None:
            command = _known_command(words)
            if command and not self._guard.lets_administer(peer, command):
                return
        if words[0].lower() == b"cancel":
            self._cancel(peer, words)
        else:
            peer.send(self._answer(words, now, wall))

    def _answer(self, words: list[bytes], now: float, wall: float) -> bytes:
        if len(words) > MAX_WORDS:
            return error_line("INVALID_ARGUMENTS", f"A command has at most {MAX_WORDS} words")
        command = words[0].lower()
        if command == b"status":
            return self._status()
        if command == b"workers":
            return self._workers()
        if command == b"prioritystatus":
            return self._priority_status()
        if command == b"show":
            return self._show(words)
        if command == b"list":
            return self._list(words, now, wall)
        if command == b"version":
            return ok_line(self._options.version)
        if command == b"verbose":
            return ok_line(self._options.log_level)
        if command == b"getpid":
            return ok_line(b"%d" % self._options.pid)
        if command == b"maxqueue":
            return self._max_queue(words)
        if command == b"create":
            return self._create(words)
        if command == b"drop":
            return self._drop(words)
        if command == b"shutdown":
            return self._shutdown(words)
        return _unknown(words[0])

    # --- lists --------------------------------------------------------------------------------------

    def _status(self) -> bytes:
        return format_list(
            format_function_status(
                FunctionStatus(function.name, function.total, function.running, len(function.able))
            )
            for function in self._jobs.functions.values()
        )

    def _priority_status(self) -> bytes:
        return format_list(
            format_priority_status(
                PriorityStatus(
                    function.name,
                    function.length(HIGH),
                    # Jobs for later always have normal priority.
                    function.length(NORMAL) + function.waiting,
                    function.length(LOW),
                    len(function.able),
                )
            )
            for function in self._jobs.functions.values()
        )

    def _workers(self) -> bytes:
        return format_list(
            format_worker_status(
                WorkerStatus(
                    peer.descriptor,
                    peer.address,
                    peer.client_id,
                    tuple(ability.function.name for ability in reversed(peer.abilities)),
                )
            )
            for peer in self._peers
        )

    def _show(self, words: list[bytes]) -> bytes:
        if len(words) == 1:
            return _unknown(words[0])
        what = [word.lower() for word in words[1:]]
        if what == [b"jobs"]:
            return format_list(
                format_job_status(
                    JobStatus(job.handle, job.retries, not job.wanted, job.background and not job.cancelled)
                )
                for job in self._jobs.by_handle.values()
            )
        if what == [b"unique", b"jobs"]:
            return format_list(escape(job.unique) for job in self._jobs.by_handle.values())
        return error_line("UNKNOWN_SHOW_ARGUMENTS")

    def _list(self, words: list[bytes], now: float, wall: float) -> bytes:
        if len(words) == 1:
            return _unknown(words[0])
        what = words[1].lower()
        if what == b"functions" and len(words) == 2:
            return list_functions(self._jobs, self._peers, wall)
        if what == b"jobs" and len(words) <= 4:
            limit = words[2] if len(words) > 2 else b"0"
            if not limit.isdigit() or len(limit) > _MAX_LIMIT_DIGITS:
                return _BAD_LIST
            return list_jobs(self._jobs, int(limit), words[3] if len(words) > 3 else None, wall)
        if what == b"workers" and len(words) == 2:
            return list_workers(self._peers, now)
        if what == b"queue" and len(words) == 2:
            return list_queue(self._queue_report, self._jobs.paging.jobs)
        return _BAD_LIST

    # --- changes ------------------------------------------------------------------------------------

    def _max_queue(self, words: list[bytes]) -> bytes:
        if len(words) == 1:
            return _incomplete(words[0])
        limits = [_limit(word) for word in words[2:]]
        if len(limits) < 2:
            # No number lifts the limits, a single one is for all priorities.
            limits = (limits or [0]) * PRIORITIES
        # Two numbers leave low without a limit.
        self._jobs.function(words[1]).limits = [*limits, 0][:PRIORITIES]
        return OK_LINE

    def _create(self, words: list[bytes]) -> bytes:
        if len(words) != 3 or words[1].lower() != b"function":
            return _incomplete(words[0])
        self._jobs.function(words[2])
        return OK_LINE

    def _drop(self, words: list[bytes]) -> bytes:
        if len(words) != 3 or words[1].lower() != b"function":
            return _incomplete(words[0])
        function = self._jobs.functions.get(words[2])
        if function is None:
            return b"ERR function not found\r\n"
        if function.able or function.running:
            return b"ERR there are still connected workers or executing clients\r\n"
        self._jobs.drop_function(function)
        return OK_LINE

    def _cancel(self, peer: Peer, words: list[bytes]) -> None:
        if len(words) < 3:
            peer.send(_unknown(words[0]))
        elif len(words) != 3 or words[1].lower() != b"job":
            peer.send(error_line("UNKNOWN_ERROR"))
        else:
            self._cancel_job(peer, words[2])

    def _cancel_job(self, peer: Peer, handle: bytes) -> None:
        job = self._jobs.by_handle.get(handle)
        sequence = self._jobs.paging.sequence_of(handle) if job is None else 0
        if sequence > 0:
            question = Cancellation(peer, handle)
            number = self._jobs.journal.ask(Find(sequence, question))
            question.gate = self._gates.hold(peer, number, is_text=True)
        else:
            peer.send(self._cancelled(job))

    def found(self, question: Cancellation, answer: StoredJob | None) -> None:
        """Cancels a job that is in the store only, if it is."""
        job = self._jobs.by_handle.get(question.handle)
        if job is None and answer is not None and answer.handle == question.handle:
            job = self._stored.bring_in(answer)
        self._gates.answer(question.gate, self._cancelled(job))

    def _cancelled(self, job: Job | None) -> bytes:
        if job is None:
            return error_line("UNKNOWN_JOB")
        self._jobs.cancel(job)
        return OK_LINE

    def _shutdown(self, words: list[bytes]) -> bytes:
        how = [word.lower() for word in words[1:]]
        if how not in ([], [b"graceful"]):
            return error_line("INVALID_ARGUMENTS", "shutdown takes nothing or graceful")
        if not self._options.allow_shutdown:
            return _NO_SHUTDOWN
        self.stop_requested = STOP_GRACEFULLY if how else STOP_NOW
        return OK_LINE


def _limit(word: bytes) -> int:
    """A limit as the C server reads it: what does not begin with a positive number means no limit."""
    return max(leading_number(word), 0)


def _known_command(words: list[bytes]) -> bytes:
    """Which of the COMMANDS a line asks for; empty if none: then the answer is an error in any case."""
    for count in (1, 2, 3):
        command = b" ".join(words[:count]).lower()
        if command in COMMANDS:
            return command
    return b""


def _unknown(word: bytes) -> bytes:
    return b"ERR UNKNOWN_COMMAND Unknown+server+command" + escape(word) + b"\r\n"


def _incomplete(word: bytes) -> bytes:
    return error_line("INVALID_ARGUMENTS", _INCOMPLETE + word.decode("utf-8", "backslashreplace"))
