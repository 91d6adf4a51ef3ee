"""The portable form of a queue: lines of JSON that any program can read and write.

The first line says what follows, and how many jobs there were when it was begun::

    {"format": "geartrain-queue", "version": 1, "jobs": 2}

Then comes a line for each job, in the order in which they were submitted. Only ``function`` has to be there::

    {"function": "resize", "unique": "a", "data": "hello", "priority": "high", "submitted_at": 1893456000.5}
    {"function": "resize", "data_base64": "//4=", "run_at": 1893460000, "attempts": 2, "reducer": "sum"}

The last line says how many they are. Where it is missing, something was cut off::

    {"jobs": 2}

``function``, ``unique``, ``reducer``, ``handle`` and ``data`` are bytes: those that are no UTF-8 have
``_base64`` behind their name, and are in Base64. ``priority`` is ``high``, ``normal`` or ``low``. ``run_at``
and ``submitted_at`` are seconds since 1970-01-01 UTC. ``attempts`` counts how often the job was given back by
a worker. ``handle`` is that of the job where it came from; an import gives it a new one.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from geartrain.engine.job import NORMAL, PRIORITY_NAMES
from geartrain.errors import QueueFileError
from geartrain.store.base import StoredJob

FORMAT: Final = "geartrain-queue"
VERSION: Final = 1

Fields = dict[str, str | int | float]

_BASE64: Final = "_base64"
_PRIORITIES: Final = tuple(name.decode() for name in PRIORITY_NAMES)
_NAMES: Final = ("function", "unique", "reducer", "handle", "data")
_KEYS: Final = frozenset(
    [*_NAMES, *[name + _BASE64 for name in _NAMES], "priority", "run_at", "attempts", "submitted_at"]
)
# What fits into the tables of a store, and into a packet.
_MOST_BYTES: Final = {"function": 8192, "reducer": 8192, "unique": 64, "data": 2**32 - 1}
_MOST_ATTEMPTS: Final = 2**31 - 1

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def bytes_field(name: str, value: bytes) -> dict[str, str]:
    """A field with text, or one with Base64 for bytes that are none."""
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {name + _BASE64: base64.b64encode(value).decode()}


def fields_of(job: StoredJob) -> Fields:
    """A job as the fields of a JSON object; what is as usual is left out."""
    fields: Fields = {}
    fields.update(bytes_field("function", job.function))
    if job.unique:
        fields.update(bytes_field("unique", job.unique))
    fields["priority"] = _PRIORITIES[job.priority]
    if job.run_at:
        fields["run_at"] = job.run_at
    if job.reducer:
        fields.update(bytes_field("reducer", job.reducer))
    if job.attempts:
        fields["attempts"] = job.attempts
    fields["submitted_at"] = job.submitted_at
    fields.update(bytes_field("handle", job.handle))
    fields.update(bytes_field("data", job.data))
    return fields


def write_jobs(jobs: Iterable[StoredJob], expected: int, stream: BinaryIO) -> int:
    """Writes jobs, of which about ``expected`` are coming; returns how many there were."""
    stream.write(_line({"format": FORMAT, "version": VERSION, "jobs": expected}))
    count = 0
    for job in jobs:
        stream.write(_line(fields_of(job)))
        count += 1
    stream.write(_line({"jobs": count}))
    stream.flush()
    return count


def _line(fields: Mapping[str, str | int | float]) -> bytes:
    return _encode(fields).encode() + b"\n"


class PortableReader:
    """Reads jobs that ``write_jobs`` has written, one at a time.

    ``expected`` is how many there are, more or less. All of it raises QueueFileError for what makes no sense.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._line_number = 0
        header = self._next_line()
        if header is None or header.get("format") != FORMAT:
            raise self._error(f"the first line is not that of an export ({FORMAT})")
        if header.get("version") != VERSION:
            raise self._error(f"it has version {header.get('version')!r}, and this program reads {VERSION}")
        expected = header.get("jobs", 0)
        self.expected = expected if isinstance(expected, int) and expected > 0 else 0

    def jobs(self, now: float) -> Iterator[StoredJob]:
        """The jobs, with sequence 0 and the handles they had.

        Those without a time count as submitted ``now``. Goes on to the last line, and raises QueueFileError
        when that is missing or counts other jobs.
        """
        count = 0
        while (fields := self._next_line()) is not None:
            if "function" not in fields and "jobs" in fields:
                self._check_end(fields, count)
                return
            yield self._job(fields, now)
            count += 1
        raise self._error("it is not complete: the last line, with the number of jobs, is missing")

    def _check_end(self, fields: Mapping[str, object], count: int) -> None:
        if fields["jobs"] != count:
            raise self._error(f"it is not complete: {count} of {fields['jobs']} jobs are there")
        if self._next_line() is not None:
            raise self._error("there is something behind the last line")

    # --- lines ------------------------------------------------------------------------------------------

    def _next_line(self) -> Mapping[str, object] | None:
        """The next line that is not empty; None at the end."""
        for line in self._stream:
            self._line_number += 1
            if line.strip():
                return self._object(line)
        return None

    def _object(self, line: bytes) -> Mapping[str, object]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise self._error("it is no JSON, or not complete") from None
        if not isinstance(found, dict):
            raise self._error("it is no JSON object")
        return found

    # --- fields -----------------------------------------------------------------------------------------

    def _job(self, fields: Mapping[str, object], now: float) -> StoredJob:
        unknown = sorted(set(fields) - _KEYS)
        if unknown:
            raise self._error(f"{unknown[0]!r} is not known")
        if "function" not in fields and "function" + _BASE64 not in fields:
            raise self._error("there is no function")
        return StoredJob(
            0,
            self._bytes(fields, "handle"),
            self._bytes(fields, "function"),
            self._bytes(fields, "unique"),
            self._priority(fields.get("priority", _PRIORITIES[NORMAL])),
            self._seconds(fields, "run_at", 0.0),
            self._bytes(fields, "reducer"),
            self._attempts(fields.get("attempts", 0)),
            self._seconds(fields, "submitted_at", now),
            self._bytes(fields, "data"),
        )

    def _bytes(self, fields: Mapping[str, object], name: str) -> bytes:
        key = name + _BASE64 if name + _BASE64 in fields else name
        value = fields.get(key, "")
        if not isinstance(value, str):
            raise self._error(f"{key} is no text")
        try:
            found = value.encode() if key == name else base64.b64decode(value, validate=True)
        except (UnicodeEncodeError, binascii.Error, ValueError):
            raise self._error(f"{key} cannot be decoded") from None
        if len(found) > _MOST_BYTES.get(name, len(found)):
            raise self._error(f"{name} is longer than {_MOST_BYTES[name]} bytes")
        return found

    def _priority(self, value: object) -> int:
        if value not in _PRIORITIES:
            raise self._error(f"{value!r} is no priority; expected {', '.join(_PRIORITIES)}")
        return _PRIORITIES.index(str(value))

    def _seconds(self, fields: Mapping[str, object], name: str, default: float) -> float:
        value = fields.get(name, default)
        # A bool is a number to Python, but nobody means one as a time.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"{name} is no number of seconds")
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if not 0 <= seconds < math.inf:
            raise self._error(f"{name} is no time since 1970")
        return seconds

    def _attempts(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_ATTEMPTS:
            raise self._error("attempts is no whole number from 0 on")
        return value

    def _error(self, reason: str) -> QueueFileError:
        return QueueFileError(self._name, self._line_number, reason)
