"""A queue in Redis or Valkey.

The promise: what ``apply`` has taken is in the append-only file of the database and on its disk when it
returns, as far as the database has ``appendonly yes`` and ``appendfsync always``, which only its
administrator can set.

Keys behind one prefix: ``jobs`` is a hash of records by sequence, ``owner`` the lease of the server that
holds the queue, ``last-owner`` who held it last, ``schema`` the version of all this; ``arrivals`` and
``staged`` are for jobs that come from other queues. Redis holds all of it in memory, and so does the job
server.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from geartrain.errors import JobsRefused, StoreCorrupt, StoreError, StoreInUse
from geartrain.masking import masked_url
from geartrain.store.base import Batch, QueueCount, Store, StoredJob
from geartrain.store.lease import LEASE_SECONDS, Lease
from geartrain.store.lots import in_lots

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueReader

DEFAULT_PREFIX: Final = "geartrain:"
SCHEMA_VERSION: Final = b"1"
# A database that says nothing for so long is lost.
ANSWER_SECONDS: Final = 30
CONNECT_SECONDS: Final = 10
# How much is read at a time.
_READ_ROWS: Final = 1000
_READ_BYTES: Final = 4 * 1024 * 1024
# A lease that is older is renewed while much is read.
_RENEW_SECONDS: Final = LEASE_SECONDS / 4
# What a value may come to where the database does not say it.
_MAX_VALUE_BYTES: Final = 512 * 1024 * 1024

SEQUENCE: Final = struct.Struct(">Q")
# Priority, attempts, start and submission time, and how long handle, function, unique and reducer are.
_HEAD: Final = struct.Struct(">BIddHHHH")
_ATTEMPTS: Final = struct.Struct(">I")

# Makes all changes of a batch, as long as the queue is ours. Additions come first: a database without room
# refuses the first of them, but would go on once anything is written.
_APPLY: Final = """
local jobs, lease = unpack(KEYS)
local owner, milliseconds = ARGV[1], ARGV[2]
local holder = redis.call('GET', lease)
if holder ~= owner then return holder or 'nobody: what was in it is gone' end
local place = 3
local function each(width, change)
    local count = tonumber(ARGV[place])
    place = place + 1
    for _ = 1, count do
        change(ARGV[place], ARGV[place + 1])
        place = place + width
    end
end
each(2, function(key, record) redis.call('HSET', jobs, key, record) end)
each(1, function(key) redis.call('HDEL', jobs, key) end)
each(2, function(key, attempts)
    local record = redis.call('HGET', jobs, key)
    if record then
        redis.call('HSET', jobs, key, string.sub(record, 1, 1) .. attempts .. string.sub(record, 6))
    end
end)
redis.call('PEXPIRE', lease, milliseconds)
return false
"""

# The records of some keys; of fewer when they get too big.
_READ: Final = """
local records, size = {}, 0
for place = 2, #ARGV do
    local record = redis.call('HGET', KEYS[1], ARGV[place])
    records[#records + 1] = record
    size = size + (record and #record or 0)
    if size >= tonumber(ARGV[1]) then break end
end
return records
"""

# How many records of some keys belong to which priority and function.
_COUNT: Final = """
local counts = {}
for _, key in ipairs(ARGV) do
    local record = redis.call('HGET', KEYS[1], key)
    if record then
        local handle, name = struct.unpack('>HH', string.sub(record, 22, 25))
        local queue = string.sub(record, 1, 1) .. string.sub(record, 30 + handle, 29 + handle + name)
        counts[queue] = (counts[queue] or 0) + 1
    end
end
local flat = {}
for queue, count in pairs(counts) do
    flat[#flat + 1] = queue
    flat[#flat + 1] = count
end
return flat
"""

# Moves what is staged to the jobs, all at once, as long as the queue is ours.
_MOVE_STAGED: Final = """
local staged, jobs, arrivals, lease = unpack(KEYS)
local owner, origin, last = unpack(ARGV)
if redis.call('GET', lease) ~= owner then return 0 end
if redis.call('EXISTS', jobs) == 0 then
    redis.call('RENAME', staged, jobs)
else
    local cursor = '0'
    repeat
        local found = redis.call('HSCAN', staged, cursor, 'COUNT', 500)
        cursor = found[1]
        if #found[2] > 0 then redis.call('HSET', jobs, unpack(found[2])) end
    until cursor == '0'
    redis.call('UNLINK', staged)
end
if origin ~= '' then redis.call('HSET', arrivals, origin, last) end
return 1
"""


class RedisStore(Store):
    """Keys in the database that the URL names; one job server holds them by a lease that it renews."""

    def __init__(self, url: str, *, prefix: str = "", answer_seconds: float = ANSWER_SECONDS) -> None:
        url, named_prefix = _without_prefix(url)
        prefix = prefix or named_prefix or DEFAULT_PREFIX
        self.client = _client(url, answer_seconds)
        self.url = _shown(url, self.client, prefix)
        self.jobs_key = prefix + "jobs"
        self.lease_key = prefix + "owner"
        self.schema_key = prefix + "schema"
        self._arrivals_key = prefix + "arrivals"
        self._staged_key = prefix + "staged"
        self._lease = Lease(self.client, self.url, self.lease_key, prefix + "last-owner")
        self._max_value_bytes = _MAX_VALUE_BYTES
        self._is_open = False
        self._apply = self.client.register_script(_APPLY)
        self._read = self.client.register_script(_READ)
        self._count = self.client.register_script(_COUNT)
        self._move_staged = self.client.register_script(_MOVE_STAGED)

    # --- opening and closing ----------------------------------------------------------------------------

    def open(self) -> list[str]:
        with self.errors():
            self._lease.take()
            self._is_open = True
            if self.client.set(self.schema_key, SCHEMA_VERSION, nx=True) is None:
                self._check_schema()
            warnings = self.unsafe_settings()
            self._max_value_bytes = self._value_limit()
        return warnings

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            try:
                self._lease.release()
            except RedisError:
                # It was lost already; the lease runs out by itself.
                pass
        self.client.close()

    def keep(self) -> None:
        with self._when_open():
            self._lease.take()

    def _check_schema(self) -> None:
        found = self.client.get(self.schema_key)
        if found != SCHEMA_VERSION:
            known = _text(SCHEMA_VERSION)
            raise StoreError(self.url, f"it has schema {_text(found)}, and this version knows up to {known}")

    def _value_limit(self) -> int:
        try:
            found = cast("dict[str, str]", self.client.config_get("proto-max-bulk-len"))
        except ResponseError:
            return _MAX_VALUE_BYTES
        return int(found.get("proto-max-bulk-len", _MAX_VALUE_BYTES))

    def unsafe_settings(self) -> list[str]:
        try:
            settings = cast("dict[str, str]", self.client.config_get("append*", "maxmemory-policy"))
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
        records = {job.sequence: pack(job) for job in batch.added}
        self._check_sizes(records)
        added = [part for sequence, record in records.items() for part in (SEQUENCE.pack(sequence), record)]
        removed = [SEQUENCE.pack(sequence) for sequence in [*batch.removed, *self._purged(batch)]]
        attempts = [
            part
            for sequence, number in batch.attempts.items()
            for part in (SEQUENCE.pack(sequence), _ATTEMPTS.pack(number))
        ]
        arguments: list[str | bytes | int] = [self._lease.owner, LEASE_SECONDS * 1000]
        arguments += [len(batch.added), *added, len(removed), *removed, len(batch.attempts), *attempts]
        try:
            with self._when_open():
                # Renewed first: it may have run out without anybody else coming.
                self._lease.renew(after_seconds=_RENEW_SECONDS)
                holder = self._apply([self.jobs_key, self.lease_key], arguments)
        except OutOfMemoryError as error:
            raise JobsRefused(self.url, _reason(error), records) from error
        if holder is not None:
            raise StoreInUse(self.url, _text(holder))

    def _check_sizes(self, records: dict[int, bytes]) -> None:
        limit = self._max_value_bytes
        too_big = [sequence for sequence, record in records.items() if len(record) > limit]
        if too_big:
            raise JobsRefused(self.url, f"a job may have {limit} bytes there", too_big)

    def _purged(self, batch: Batch) -> list[int]:
        """The jobs of the functions that a batch purges."""
        purged = dict(batch.purged)
        if not purged:
            return []
        return [job.sequence for job in self.read() if job.sequence < purged.get(job.function, 0)]

    # --- questions --------------------------------------------------------------------------------------

    def counts(self) -> list[QueueCount]:
        counter = Counter[bytes]()
        keys = self._keys()
        for start in range(0, len(keys), _READ_ROWS):
            with self._when_open():
                flat = cast("list[Any]", self._count([self.jobs_key], keys[start : start + _READ_ROWS]))
            counter.update(dict(zip(flat[::2], flat[1::2], strict=True)))
        return [QueueCount(queue[1:], queue[0], count) for queue, count in counter.items()]

    def last_sequence(self) -> int:
        return int.from_bytes(max(self._keys(), default=b""))

    def read(self, after: int = 0) -> Iterator[StoredJob]:
        least = SEQUENCE.pack(after)
        yield from self._jobs(sorted(key for key in self._keys() if key > least))

    def find_all(self, sequences: Collection[int]) -> list[StoredJob]:
        return list(self._jobs([SEQUENCE.pack(sequence) for sequence in sorted(sequences)]))

    def _keys(self) -> list[bytes]:
        with self._when_open():
            return cast("list[bytes]", self.client.hkeys(self.jobs_key))

    def _jobs(self, keys: list[bytes]) -> Iterator[StoredJob]:
        """The jobs of these keys, few enough at a time for memory to have room."""
        start = 0
        while start < len(keys):
            some = keys[start : start + _READ_ROWS]
            with self._when_open():
                self._lease.renew(after_seconds=_RENEW_SECONDS)
                records = cast("list[bytes | None]", self._read([self.jobs_key], [_READ_BYTES, *some]))
            for key, record in zip(some, records, strict=False):
                if record is not None:
                    yield self._unpacked(key, record)
            start += len(records)

    def _unpacked(self, key: bytes, record: bytes) -> StoredJob:
        try:
            return unpack(key, record)
        except struct.error as error:
            raise StoreCorrupt(self.url, f"the record of job {key.hex()} cannot be read") from error

    def reader(self) -> QueueReader:
        from geartrain.store.reading.redis import RedisReader

        return RedisReader(self)

    # --- without a server -------------------------------------------------------------------------------

    def add_all(self, jobs: Iterable[StoredJob], *, origin: str = "") -> None:
        try:
            with self._when_open():
                last = self._stage(jobs)
                keys = [self._staged_key, self.jobs_key, self._arrivals_key, self.lease_key]
                arguments: list[str | int] = [self._lease.owner, origin, last]
                if last and not self._move_staged(keys, arguments):
                    raise StoreInUse(self.url, _text(self.client.get(self.lease_key)))
        except OutOfMemoryError as error:
            raise JobsRefused(self.url, _reason(error)) from error

    def _stage(self, jobs: Iterable[StoredJob]) -> int:
        """Puts jobs where no server sees them; returns the last sequence, 0 when there are none."""
        # An attempt that was ended in the middle has left its jobs there.
        self.client.unlink(self._staged_key)
        last = 0
        for some in in_lots(jobs):
            records = {job.sequence: pack(job) for job in some}
            self._check_sizes(records)
            packed = {SEQUENCE.pack(sequence): record for sequence, record in records.items()}
            self.client.hset(self._staged_key, mapping=cast("Any", packed))
            self._lease.renew(after_seconds=_RENEW_SECONDS)
            last = some[-1].sequence
        return last

    def arrived(self, origin: str) -> int:
        with self.errors():
            return int(cast("bytes | None", self.client.hget(self._arrivals_key, origin)) or 0)

    def forget_arrival(self, origin: str) -> None:
        with self.errors():
            self.client.hdel(self._arrivals_key, origin)

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except OutOfMemoryError:
            raise
        except (RedisError, OSError, TypeError) as error:
            # TypeError: an option of the URL that there is not.
            raise StoreError(self.url, _reason(error)) from error

    @contextmanager
    def _when_open(self) -> Iterator[None]:
        if not self._is_open:
            raise StoreError(self.url, "it is not open")
        with self.errors():
            yield


def pack(job: StoredJob) -> bytes:
    names = (job.handle, job.function, job.unique, job.reducer)
    head = _HEAD.pack(job.priority, job.attempts, job.run_at, job.submitted_at, *map(len, names))
    return b"".join([head, *names, job.data])


def unpack(key: bytes, record: bytes) -> StoredJob:
    priority, attempts, run_at, submitted_at, *lengths = _HEAD.unpack_from(record)
    names = []
    start = _HEAD.size
    for length in lengths:
        names.append(record[start : start + length])
        start += length
    handle, function, unique, reducer = names
    (sequence,) = SEQUENCE.unpack(key)
    return StoredJob(
        sequence, handle, function, unique, priority, run_at, reducer, attempts, submitted_at, record[start:]
    )


def _client(url: str, answer_seconds: float) -> redis.Redis:
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=answer_seconds,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_keepalive=True,
            # Nothing is to be sent twice behind our back.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise StoreError(masked_url(url), str(error)) from error


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "nobody"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _without_prefix(url: str) -> tuple[str, str]:
    """The URL without the option that is for us, and what that says."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    prefix = options.pop("prefix", "")
    return parts._replace(query=urlencode(options)).geturl(), prefix


def _shown(url: str, client: redis.Redis, prefix: str) -> str:
    """The URL for people: where the queue is, and nothing that is secret."""
    where = client.connection_pool.connection_kwargs
    place = f"{where.get('host', 'localhost')}:{where.get('port', 6379)}/{where.get('db', 0)}"
    option = f"?prefix={prefix}" if prefix != DEFAULT_PREFIX else ""
    return f"{urlsplit(url).scheme}://{place}{option}"
