"""The tables that ``list`` commands answer with: what the engine knows of functions, jobs and connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from geartrain.engine.function import Function
from geartrain.engine.job import HIGH, LOW, NORMAL, PRIORITY_NAMES, RUNNING, STATE_NAMES, Job
from geartrain.engine.jobs import Jobs
from geartrain.engine.peer import NO_CLIENT_ID, Peer
from geartrain.engine.queue_report import QueueReport
from geartrain.protocol.admin import (
    FunctionRow,
    JobRow,
    QueueRow,
    WorkerRow,
    format_function_table,
    format_job_table,
    format_queue_table,
    format_worker_table,
)


def list_functions(jobs: Jobs, peers: Iterable[Peer], wall: float) -> bytes:
    """The answer to ``list functions``."""
    busy = _count_busy(peers)
    return format_function_table(
        [_function_row(function, busy.get(function, 0), wall) for function in jobs.functions.values()]
    )


def list_jobs(jobs: Jobs, limit: int, name: bytes | None, wall: float) -> bytes:
    """The answer to ``list jobs``: at most limit of them (0 for all), of one function or of any."""
    chosen: Iterator[Job] = iter(jobs.by_handle.values())
    if name is not None:
        chosen = iter([job for job in chosen if job.function.name == name])
    return format_job_table([_job_row(job, wall) for job in islice(chosen, limit or None)])


def list_workers(peers: Iterable[Peer], now: float) -> bytes:
    """The answer to ``list workers``: all connections, whether they work or not."""
    return format_worker_table([_worker_row(peer, now) for peer in peers])


def list_queue(report: QueueReport, stored_jobs: int) -> bytes:
    """The answer to ``list queue``; ``stored_jobs`` are in the store only."""
    return format_queue_table(
        QueueRow(
            url=_encode(report.url),
            state=b"failing" if report.trouble else b"ok",
            waiting_bytes=report.waiting_bytes,
            stored_jobs=stored_jobs,
            trouble=_encode(report.trouble) or None,
            unsafe=_encode("; ".join(report.unsafe)) or None,
        )
    )


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _count_busy(peers: Iterable[Peer]) -> dict[Function, int]:
    """How many workers run at least one job of each function."""
    busy: dict[Function, int] = {}
    for peer in peers:
        for function in {job.function for job in peer.running.values()}:
            busy[function] = busy.get(function, 0) + 1
    return busy


def _function_row(function: Function, busy: int, wall: float) -> FunctionRow:
    return FunctionRow(
        function=function.name,
        high=function.length(HIGH),
        normal=function.length(NORMAL),
        low=function.length(LOW),
        later=function.waiting,
        running=function.running,
        workers=len(function.able),
        busy=busy,
        asleep=len(function.sleepers),
        oldest_seconds=_longest_wait(function, wall),
        submitted=function.submitted,
        completed=function.completed,
        failed=function.failed,
        requeued=function.requeued,
    )


def _longest_wait(function: Function, wall: float) -> float | None:
    """How long the first in line has been waiting, of the queue where that is longest."""
    heads = [queue.first for queue in function.queues if queue.first is not None]
    if not heads:
        return None
    return max([_seconds_since(max(job.submitted_at, job.run_at), wall) for job in heads])


def _job_row(job: Job, wall: float) -> JobRow:
    return JobRow(
        handle=job.handle,
        function=job.function.name,
        unique=job.unique or None,
        priority=PRIORITY_NAMES[job.priority],
        state=STATE_NAMES[job.state],
        background=job.background and not job.cancelled,
        attempts=job.retries + (job.state == RUNNING),
        age_seconds=_seconds_since(job.submitted_at, wall),
        run_at=job.run_at or None,
        numerator=job.numerator,
        denominator=job.denominator,
        clients=len(job.clients) if job.clients else 0,
        worker=job.worker.descriptor if job.worker is not None else None,
        data_bytes=len(job.data),
    )


def _worker_row(peer: Peer, now: float) -> WorkerRow:
    return WorkerRow(
        descriptor=peer.descriptor,
        address=peer.address,
        client_id=peer.client_id if peer.client_id != NO_CLIENT_ID else None,
        state=b"busy" if peer.running else b"asleep" if peer.asleep else b"awake",
        running=len(peer.running),
        waiting=len(peer.waiting_for),
        connected_seconds=_seconds_since(peer.connected_at, now),
        listener=peer.listener or None,
        # In the order of their registration; the order of their turns changes all the time.
        functions=tuple(peer.ability_by_name),
    )


def _seconds_since(moment: float, now: float) -> float:
    # Clocks may have been set back.
    return max(now - moment, 0.0)
