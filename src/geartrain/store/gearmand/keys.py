"""Queues of the C server in Redis: a key for each job, ``PREFIX-FUNCTION-UNIQUE``.

Its value is a hash with data and priority, in newer versions with function and unique as well. In versions up
to 1.1.15 it is a string, the data. The order of submission is not to be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import redis
from redis.exceptions import RedisError

from geartrain.errors import ForeignQueueError, StoreError
from geartrain.store.gearmand.base import ForeignJob, ForeignQueue, clean_priority, clean_unique
from geartrain.store.gearmand.naming import Naming

DEFAULT_PREFIX: Final = "_gear_"
_TIMEOUT_SECONDS: Final = 30
_SCAN_COUNT: Final = 1000
# How many keys are read at once, which may hold much data, and how many are asked about or deleted.
_READ_LOT: Final = 20
_DELETE_LOT: Final = 500
_PADDED_BYTES: Final = 64
_DATA: Final = b"data"
_PRIORITY: Final = b"priority"
_FUNCTION: Final = b"function"
_UNIQUE: Final = b"unique"
# What has a meaning of its own in a pattern.
_SPECIAL: Final = re.compile(rb"([\[\]*?\\^-])")


class GearmandKeys(ForeignQueue):
    """The keys with one prefix in the database that the URL names."""

    def __init__(self, url: str, prefix: str, naming: Naming) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        where = self._client.connection_pool.connection_kwargs
        self.url = f"redis://{where.get('host', 'localhost')}:{where.get('port', 6379)}/{where.get('db', 0)}"
        self._prefix = prefix.encode() + b"-"
        self._naming = naming
        self._hashes: list[bytes] = []
        self._strings: list[bytes] = []

    def open(self, *, to_delete: bool) -> None:
        # There is nothing that would keep a running server from its keys.
        del to_delete
        pattern = _SPECIAL.sub(rb"\\\1", self._prefix) + b"*"
        with self._errors():
            # A scan may tell a key twice.
            found = set(
                cast("Iterator[bytes]", self._client.scan_iter(cast("Any", pattern), count=_SCAN_COUNT))
            )
            self._sort_out(sorted(found))

    def count(self) -> int:
        return len(self._hashes) + len(self._strings)

    def jobs(self) -> Iterator[ForeignJob]:
        for some in _lots(self._hashes, _READ_LOT):
            pipeline = self._client.pipeline(transaction=False)
            for key in some:
                pipeline.hgetall(cast("str", key))
            for key, fields in zip(some, self._answers(pipeline), strict=True):
                # Nothing is left of a job that has ended in the meantime.
                if fields:
                    yield self._job(key, cast("dict[bytes, bytes]", fields))
        for some in _lots(self._strings, _READ_LOT):
            with self._errors():
                values = cast("list[bytes | None]", self._client.mget(some))
            for key, value in zip(some, values, strict=True):
                if value is not None:
                    yield self._job(key, {_DATA: value})

    def delete(self) -> None:
        with self._errors():
            for some in _lots(self._hashes + self._strings, _DELETE_LOT):
                self._client.delete(*some)

    def close(self) -> None:
        self._client.close()

    def _sort_out(self, keys: list[bytes]) -> None:
        """Finds the keys that may be jobs; others of the same prefix are left alone."""
        for some in _lots(keys, _DELETE_LOT):
            pipeline = self._client.pipeline(transaction=False)
            for key in some:
                pipeline.type(cast("str", key))
            for key, kind in zip(some, pipeline.execute(), strict=True):
                if kind == b"hash":
                    self._hashes.append(key)
                elif kind == b"string":
                    self._strings.append(key)

    def _answers(self, pipeline: Any) -> list[object]:
        with self._errors():
            return cast("list[object]", pipeline.execute())

    def _job(self, key: bytes, fields: dict[bytes, bytes]) -> ForeignJob:
        function, unique = self._names(key, fields)
        priority = fields.get(_PRIORITY, b"")
        return ForeignJob(
            function,
            clean_unique(unique),
            clean_priority(int(priority) if priority.isdigit() else None),
            fields.get(_DATA, b""),
            0.0,
        )

    def _names(self, key: bytes, fields: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        """Function and unique of a job."""
        if _FUNCTION in fields and _UNIQUE in fields:
            return fields[_FUNCTION], fields[_UNIQUE]
        names = self._naming.split(key[len(self._prefix) :])
        if names is None:
            shown = key.decode(errors="backslashreplace")
            raise ForeignQueueError(
                self.url,
                f"it is not clear where in the key {shown} the name of the function ends;"
                " say it with --function or --hyphen",
            )
        function, unique = names
        # A unique of 63 bytes is written with a blank in front, because it has 64 with the zero at its end.
        return function, unique[1:] if len(unique) == _PADDED_BYTES and unique[:1] == b" " else unique

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise StoreError(self.url, " ".join(str(error).split()) or type(error).__name__) from error


def _lots(keys: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
