"""Samples of a job server, made up for the tests of ``geartrain top``."""

from __future__ import annotations

from geartrain.cli.top.model import Frame, Sample, compare, sample_server
from geartrain.roles.overview import FunctionInfo, WorkerInfo


def function(name: bytes, *, high: int = 0, normal: int = 0, low: int = 0, later: int = 0) -> FunctionInfo:
    """A function as our server tells of it: with these jobs queued, and nothing else ever done."""
    return FunctionInfo(
        name,
        high + normal + low + later,
        high,
        normal,
        low,
        later,
        busy=0,
        asleep=0,
        submitted=0,
        completed=0,
        failed=0,
        requeued=0,
    )


def worker(running: int | None, *functions: bytes) -> WorkerInfo:
    """A connection that runs so many jobs of these functions."""
    return WorkerInfo(8, b"127.0.0.1", running=running, functions=functions or (b"f",))


def sample(*functions: FunctionInfo, at_seconds: float = 0.0, workers: tuple[WorkerInfo, ...] = ()) -> Sample:
    """A sample of a server with these functions."""
    return sample_server(
        functions, workers, at_seconds=at_seconds, server="jobs.example.com:4730", version="1.2.3"
    )


def frame(*functions: FunctionInfo, workers: tuple[WorkerInfo, ...] = ()) -> Frame:
    """The frame of a server where nothing has happened in the last second."""
    return compare(sample(*functions), sample(*functions, at_seconds=1.0, workers=workers))
