"""The portable form of a queue, written and read."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.errors import QueueFileError
from geartrain.store.base import StoredJob
from geartrain.store.portable import FORMAT, PortableReader, write_jobs
from tests.store.jobs import ALL_KINDS, stored_job

_NOW = 1800000000.0
_HEADER = '{"format": "geartrain-queue", "version": 1, "jobs": 1}\n'
_END = '{"jobs": 1}\n'


def _written(jobs: list[StoredJob]) -> bytes:
    stream = io.BytesIO()
    write_jobs(jobs, len(jobs), stream)
    return stream.getvalue()


def _read(text: bytes | str) -> list[StoredJob]:
    data = text.encode() if isinstance(text, str) else text
    return list(PortableReader(io.BytesIO(data), "jobs.jsonl").jobs(_NOW))


def _refusal(text: str) -> str:
    with pytest.raises(QueueFileError) as caught:
        _read(text)
    return str(caught.value)


def test_jobs_come_back_as_they_were() -> None:
    """All but the sequence, which is for the next queue to give."""
    found = _read(_written(ALL_KINDS))

    assert found == [job._replace(sequence=0) for job in ALL_KINDS]


_NAMES = st.binary(max_size=64)
_SECONDS = st.floats(min_value=0, max_value=1e12)


@given(
    st.builds(
        StoredJob,
        sequence=st.just(0),
        handle=_NAMES,
        function=_NAMES,
        unique=_NAMES,
        priority=st.integers(0, 2),
        run_at=_SECONDS,
        reducer=_NAMES,
        attempts=st.integers(0, 2**31 - 1),
        submitted_at=_SECONDS,
        data=st.one_of(st.binary(), st.text().map(str.encode)),
    )
)
def test_any_job_comes_back_as_it_was(job: StoredJob) -> None:
    """Whatever its bytes are, text or not."""
    assert _read(_written([job])) == [job]


def test_the_file_is_lines_of_json() -> None:
    """A header, a line for each job, and how many they were; text is text, other bytes are Base64."""
    written = _written([stored_job(1, priority=0), stored_job(2, data=b"\xff\xfe", attempts=2, run_at=5.0)])

    header, first, second, end = (json.loads(line) for line in written.splitlines())
    assert header == {"format": FORMAT, "version": 1, "jobs": 2}
    assert first == {
        "function": "f",
        "priority": "high",
        "submitted_at": 1700000000.25,
        "handle": "H:host:1",
        "data": "data",
    }
    assert (second["data_base64"], second["attempts"], second["run_at"]) == ("//4=", 2, 5.0)
    assert end == {"jobs": 2}


def test_a_queue_without_jobs_can_be_written() -> None:
    """So that a nightly export does not fail on a quiet day."""
    assert _read(_written([])) == []


def test_only_the_function_is_needed() -> None:
    """For files that somebody has written by hand."""
    found = _read(_HEADER + '{"function": "resize"}\n' + _END)

    assert found == [StoredJob(0, b"", b"resize", b"", 1, 0.0, b"", 0, _NOW, b"")]


def test_the_reader_knows_how_many_jobs_to_expect() -> None:
    """For progress bars; the last line counts."""
    assert PortableReader(io.BytesIO(_written(ALL_KINDS)), "").expected == len(ALL_KINDS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 0: the first line is not that of an export"),
        ('{"function": "f"}\n', "line 1: the first line is not that of an export"),
        ('{"format": "geartrain-queue", "version": 2}\n', "has version 2, and this program reads 1"),
        (_HEADER, "line 1: it is not complete: the last line"),
        (_HEADER + '{"function": "f"}\n', "line 2: it is not complete: the last line"),
        (_HEADER + '{"function": "f"}\n{"function": "f"}\n' + _END, "it is not complete: 2 of 1 jobs"),
        (_HEADER + _END, "it is not complete: 0 of 1 jobs"),
        (_HEADER + '{"function": "f"}\n' + _END + "{}", "line 4: there is something behind the last line"),
        (_HEADER + '{"function": "f", "da', "line 2: it is no JSON, or not complete"),
        (_HEADER + "[" * 100_000, "line 2: it is no JSON, or not complete"),
        (_HEADER + "[]\n", "line 2: it is no JSON object"),
        (_HEADER + '{"unique": "u"}\n', "line 2: there is no function"),
        (_HEADER + '{"function": "f", "due": 3}\n', "line 2: 'due' is not known"),
        (_HEADER + '{"function": 3}\n', "line 2: function is no text"),
        (_HEADER + '{"function": "\\ud800"}\n', "line 2: function cannot be decoded"),
        (_HEADER + '{"function": "f", "data_base64": "a"}\n', "line 2: data_base64 cannot be decoded"),
        (_HEADER + '{"function": "f", "data_base64": "é==="}\n', "line 2: data_base64 cannot be decoded"),
        (_HEADER + '{"function": "f", "unique": "' + 65 * "u" + '"}\n', "unique is longer than 64 bytes"),
        (_HEADER + '{"function": "f", "priority": "urgent"}\n', "'urgent' is no priority; expected high"),
        (_HEADER + '{"function": "f", "priority": []}\n', "[] is no priority"),
        (_HEADER + '{"function": "f", "run_at": -1}\n', "run_at is no time since 1970"),
        (_HEADER + '{"function": "f", "run_at": NaN}\n', "run_at is no time since 1970"),
        (_HEADER + '{"function": "f", "run_at": 1' + 400 * "0" + "}\n", "run_at is no time since 1970"),
        (_HEADER + '{"function": "f", "submitted_at": "now"}\n', "submitted_at is no number of seconds"),
        (_HEADER + '{"function": "f", "attempts": true}\n', "attempts is no whole number"),
        (_HEADER + '{"function": "f", "attempts": -1}\n', "attempts is no whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, reason: str) -> None:
    """With the line where it was noticed: a file that was cut off must not pass for a whole one."""
    message = _refusal(text)

    assert reason in message
    assert message.startswith("jobs.jsonl, line ")
