"""The queue of one function and priority."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geartrain.engine.function import Function
from geartrain.engine.job import NORMAL, Job, JobQueue

FUNCTION = Function(b"f")


def make_job(index: int) -> Job:
    return Job(b"H:%d" % index, FUNCTION, b"", b"", NORMAL, False, 0.0, b"", 0.0)


@given(st.lists(st.one_of(st.none(), st.integers(0, 30))))
def test_a_queue_behaves_like_a_list_from_which_anything_may_be_taken(plan: list[int | None]) -> None:
    """None adds a job, a number removes the job at that place."""
    queue, model = JobQueue(), list[Job]()

    for index, step in enumerate(plan):
        if step is None:
            job = make_job(index)
            queue.append(job)
            model.append(job)
        elif model:
            job = model.pop(step % len(model))
            queue.remove(job)
            assert job.next is None
            assert job.previous is None

        assert len(queue) == len(model)
        assert queue.first is (model[0] if model else None)

    for job in model:
        assert queue.first is job
        queue.remove(job)
    assert queue.first is None
