"""A queue in Redis or Valkey.

The promise: what ``apply`` has taken is in the append-only file of the database and on its disk when it returns, as
far as the database has ``appendonly yes`` and ``appendfsync always``, which only its administrator can set.

Three keys behind one prefix: ``jobs`` is a hash of records by sequence, ``owner`` the lease of the server that holds
the queue, ``schema`` the version of all this. Redis holds all of it in memory, and so does the job server.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import redis
from redis.exceptions import RedisError, ResponseError, WatchError

from geartrain.errors import StoreError, StoreInUse
from geartrain.store.base import Batch, QueueCount, Store, StoredJob

DEFAULT_PREFIX: Final = "geartrain:"
SCHEMA_VERSION: Final = b"1"
# How long a server may be silent before another one may take its queue.
LEASE_SECONDS: Final = 30
_TIMEOUT_SECONDS: Final = 10
_READ_ROWS: Final = 1000
_SEQUENCE: Final = struct.Struct(">Q")
# Priority, attempts, start and submission time, and how long handle, function, unique and reducer are.
_HEAD: Final = struct.Struct(">BIddHHHH")


class RedisStore(Store):
    """Keys in the database that the URL names; one job server holds them by a lease that it renews."""

    def __init__(self, url: str, *, prefix: str = DEFAULT_PREFIX) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        where = self._client.connection_pool.connection_kwargs
        self.url = f"redis://{where.get('host', 'localhost')}:{where.get('port', 6379)}/{where.get('db', 0)}"
        self._owner = f"process {os.getpid()} on {socket.gethostname()}, {os.urandom(4).hex()}".encode()
        self._jobs = prefix + "jobs"
        self._lease = prefix + "owner"
        self._schema = prefix + "schema"

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self) -> list[str]:
        with self._errors():
            self._client.ping()
            self._take_lease()
            if self._client.set(self._schema, SCHEMA_VERSION, nx=True) is None:
                self._check_schema()
            return self._unsafe_settings()

    def close(self) -> None:
        try:
            if self._client.get(self._lease) == self._owner:
                self._client.delete(self._lease)
        except RedisError:
            # It was lost already; the lease runs out by itself.
            pass
        self._client.close()

    def keep(self) -> None:
        with self._errors():
            self._take_lease()

    def _take_lease(self) -> None:
        """Takes the lease, or renews it if it is ours."""
        if self._client.set(self._lease, self._owner, nx=True, ex=LEASE_SECONDS):
            return
        owner = self._client.get(self._lease)
        if owner != self._owner:
            raise StoreInUse(self.url, _text(owner))
        self._client.expire(self._lease, LEASE_SECONDS)

    def _check_schema(self) -> None:
        found = self._client.get(self._schema)
        if found != SCHEMA_VERSION:
            raise StoreError(
                self.url, f"it has schema {_text(found)}, and this version knows {_text(SCHEMA_VERSION)}"
            )

    def _unsafe_settings(self) -> list[str]:
        try:
            settings = cast("dict[str, str]", self._client.config_get("append*", "maxmemory-policy"))
        except ResponseError:
            return ["its settings cannot be read; appendonly yes and appendfsync always are needed"]
        warnings = []
        if settings.get("appendonly") != "yes":
            warnings.append("appendonly is off: a stop of the database loses jobs")
        elif settings.get("appendfsync") != "always":
            warnings.append(
                f"appendfsync is {settings.get('appendfsync')}: a crash of the machine loses jobs"
            )
        if settings.get("maxmemory-policy", "noeviction") != "noeviction":
            warnings.append(f"maxmemory-policy is {settings['maxmemory-policy']}: jobs may be evicted")
        return warnings

    # --- changes ----------------------------------------------------------------------------------------

    def apply(self, batch: Batch, *, again: bool = False) -> None:
        # Writing the same keys once more changes nothing.
        del again
        with self._errors():
            records = self._with_attempts(batch)
            with self._client.pipeline(transaction=True) as transaction:
                # Nothing is written once another server has taken the queue.
                cast("Any", transaction).watch(self._lease)
                if transaction.get(self._lease) != self._owner:
                    raise StoreInUse(self.url, _text(self._client.get(self._lease)))
                transaction.multi()
                if records:
                    transaction.hset(self._jobs, mapping=cast("Any", records))
                if batch.removed:
                    transaction.hdel(self._jobs, *[_SEQUENCE.pack(sequence) for sequence in batch.removed])
                transaction.execute()

    def _with_attempts(self, batch: Batch) -> dict[bytes, bytes]:
        """What to write: new records, and known ones with their new number of attempts."""
        records = {_SEQUENCE.pack(job.sequence): _pack(job) for job in batch.added}
        for sequence, attempts in batch.attempts.items():
            job = self._find(sequence)
            if job is not None:
                records[_SEQUENCE.pack(sequence)] = _pack(job._replace(attempts=attempts))
        return records

    # --- questions --------------------------------------------------------------------------------------

    def counts(self) -> list[QueueCount]:
        counter = Counter((job.function, job.priority) for job in self.read())
        return [QueueCount(function, priority, count) for (function, priority), count in counter.items()]

    def last_sequence(self) -> int:
        with self._errors():
            keys = cast("list[bytes]", self._client.hkeys(self._jobs))
        return max((_SEQUENCE.unpack(key)[0] for key in keys), default=0)

    def read(self, after: int = 0) -> Iterator[StoredJob]:
        with self._errors():
            keys = cast("list[bytes]", self._client.hkeys(self._jobs))
        wanted = sorted(key for key in keys if _SEQUENCE.unpack(key)[0] > after)
        for start in range(0, len(wanted), _READ_ROWS):
            some = wanted[start : start + _READ_ROWS]
            with self._errors():
                records = cast("list[bytes | None]", self._client.hmget(self._jobs, some))
            yield from (
                _unpack(key, record) for key, record in zip(some, records, strict=True) if record is not None
            )

    def find(self, sequence: int) -> StoredJob | None:
        with self._errors():
            return self._find(sequence)

    def _find(self, sequence: int) -> StoredJob | None:
        key = _SEQUENCE.pack(sequence)
        record = cast("bytes | None", self._client.hget(self._jobs, cast("str", key)))
        return None if record is None else _unpack(key, record)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except WatchError as error:
            raise StoreInUse(self.url, "another server that has just taken it") from error
        except RedisError as error:
            raise StoreError(self.url, " ".join(str(error).split()) or type(error).__name__) from error


def _pack(job: StoredJob) -> bytes:
    names = (job.handle, job.function, job.unique, job.reducer)
    head = _HEAD.pack(job.priority, job.attempts, job.run_at, job.submitted_at, *map(len, names))
    return b"".join([head, *names, job.data])


def _unpack(key: bytes, record: bytes) -> StoredJob:
    priority, attempts, run_at, submitted_at, *lengths = _HEAD.unpack_from(record)
    names = []
    start = _HEAD.size
    for length in lengths:
        names.append(record[start : start + length])
        start += length
    handle, function, unique, reducer = names
    (sequence,) = _SEQUENCE.unpack(key)
    return StoredJob(
        sequence, handle, function, unique, priority, run_at, reducer, attempts, submitted_at, record[start:]
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "nobody"
