"""Reads a queue in Redis or Valkey."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, cast

from geartrain.errors import StoreError
from geartrain.store.base import StoredJob
from geartrain.store.lots import LOT_BYTES, LOT_JOBS
from geartrain.store.reading.base import ALL, Filter, QueueFacts, QueueReader, QueueSummary
from geartrain.store.reading.soundness import sound
from geartrain.store.redis import SCHEMA_VERSION, SEQUENCE, RedisStore, pack, unpack


class RedisReader(QueueReader):
    """Shares the client of a store, which keeps a connection only while it uses one."""

    def __init__(self, store: RedisStore) -> None:
        self.url = store.url
        self._store = store
        self._client = store.client

    def open(self) -> None:
        with self._store.errors():
            schema = cast("bytes | None", self._client.get(self._store.schema_key))
        if schema is None:
            raise StoreError(self.url, "there is no queue in it")
        if schema != SCHEMA_VERSION:
            found, known = schema.decode(errors="replace"), SCHEMA_VERSION.decode()
            raise StoreError(self.url, f"it has schema {found}, and this version reads schema {known}")

    def close(self) -> None:
        self._client.close()

    def facts(self) -> QueueFacts:
        with self._store.errors():
            schema = cast("bytes | None", self._client.get(self._store.schema_key)) or b""
            owner = cast("bytes | None", self._client.get(self._store.lease_key)) or b""
            size = self._client.memory_usage(self._store.jobs_key)
            warnings = self._store.unsafe_settings()
        return QueueFacts(
            schema.decode(errors="replace"), owner.decode(errors="replace"), size or 0, warnings
        )

    def summaries(self) -> list[QueueSummary]:
        found: dict[tuple[bytes, int], QueueSummary] = {}
        for job in self.scan():
            if isinstance(job, str):
                continue
            key = (job.function, job.priority)
            before = found.get(key, QueueSummary(*key, 0, 0, job.submitted_at))
            found[key] = QueueSummary(
                *key,
                before.jobs + 1,
                before.data_bytes + len(job.data),
                min(before.oldest, job.submitted_at),
            )
        return sorted(found.values())

    def scan(self, wanted: Filter = ALL) -> Iterator[StoredJob | str]:
        for key, record in self._records():
            job = _decoded(key, record)
            if job is None:
                yield _problem(key)
            elif wanted.matches(job):
                yield sound(job)

    def _records(self) -> Iterator[tuple[bytes, bytes]]:
        """All records by their keys, in order, in lots that memory has room for."""
        with self._store.errors():
            keys = sorted(cast("list[bytes]", self._client.hkeys(self._store.jobs_key)))
        start = 0
        while start < len(keys):
            with self._store.errors():
                some = self._lot(keys[start : start + LOT_JOBS])
                records = cast("list[bytes | None]", self._client.hmget(self._store.jobs_key, some))
            for key, record in zip(some, records, strict=True):
                if record is not None:
                    yield key, record
            start += len(some)

    def _lot(self, keys: list[bytes]) -> list[bytes]:
        """The first of the keys, as far as their records do not need too much memory; at least one."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hstrlen(self._store.jobs_key, cast("Any", key))
        lot_bytes = 0
        for index, size in enumerate(cast("list[int]", pipeline.execute())):
            lot_bytes += size
            if lot_bytes >= LOT_BYTES:
                return keys[: index + 1]
        return keys


def _decoded(key: bytes, record: bytes) -> StoredJob | None:
    """The job of a record; None for a record that is damaged."""
    try:
        job = unpack(key, record)
    except (struct.error, ValueError):
        return None
    # Of a record that was cut off, the names are shorter than they say.
    return job if pack(job) == record else None


def _problem(key: bytes) -> str:
    number = SEQUENCE.unpack(key)[0] if len(key) == SEQUENCE.size else repr(key)
    return f"job {number}: its record cannot be read"
