"""Jobs and requests as objects."""

from __future__ import annotations

import weakref
from collections import deque

import gearman
from gearman.job import GearmanJob, GearmanJobRequest


def make_request(background: bool = False) -> GearmanJobRequest:
    return GearmanJobRequest(GearmanJob(None, "H:1", "t", "u", "d"), background=background)


def test_a_job_is_what_it_was_made_of() -> None:
    """Attributes can be written; to_dict names what identifies it."""
    job = GearmanJob(None, "H:1", "t", "u", "d")
    assert job.to_dict() == {"task": "t", "job_handle": "H:1", "unique": "u", "data": "d"}

    job.handle = "H:2"

    assert job.to_dict()["job_handle"] == "H:2"
    assert "'H:2'" in repr(job)


def test_a_new_request_knows_nothing() -> None:
    """Its defaults are those of the first versions."""
    request = make_request()

    assert (request.priority, request.background) == (None, False)
    assert (request.connection_attempts, request.max_connection_attempts) == (0, 1)
    assert (request.result, request.exception, request.status, request.timed_out) == (None, None, {}, False)
    assert request.warning_updates == request.data_updates == deque()
    assert request.state == "UNKNOWN"
    assert request.status_updates == deque()
    assert request.server_status is request.status
    assert (request.error_code, request.error_text) == (None, None)


def test_a_request_reads_through_to_its_job() -> None:
    """Handle and connection write through as well."""
    request = make_request()
    assert (request.task, request.unique, request.data, request.handle) == ("t", "u", "d", "H:1")
    assert request.job is request.gearman_job

    request.handle = "H:2"

    assert request.job.handle == "H:2"
    assert request.connection is None


def test_completeness_depends_on_state_and_background() -> None:
    """A background request has nothing to wait for once it is accepted or refused."""
    states = [
        gearman.JOB_UNKNOWN,
        gearman.JOB_PENDING,
        gearman.JOB_CREATED,
        gearman.JOB_FAILED,
        gearman.JOB_COMPLETE,
    ]
    complete: dict[bool, list[str]] = {}
    for background in (False, True):
        request = make_request(background)
        complete[background] = []
        for state in states:
            request.state = state
            if request.complete:
                complete[background].append(state)

    assert complete == {False: ["FAILED", "COMPLETE"], True: ["CREATED", "FAILED"]}


def test_reset_makes_a_request_as_new() -> None:
    """It may be submitted with all its attempts."""
    request = make_request()
    request.result, request.state, request.connection_attempts = "r", "COMPLETE", 1
    request.error_code, request.timed_out = "X", True
    request.data_updates.append("x")

    request.reset()

    assert (request.result, request.state, request.connection_attempts) == (None, "UNKNOWN", 0)
    assert [request.error_code, request.timed_out, request.handle] == [None, False, None]
    assert not request.data_updates


def test_requests_can_be_keys_and_weakly_referenced() -> None:
    """By identity."""
    request, other = make_request(), make_request()

    assert {request: 1}.get(other) is None
    assert weakref.ref(request)() is request
    assert "state='UNKNOWN'" in repr(request)
