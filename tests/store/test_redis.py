"""What is particular about a queue in Redis."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from geartrain.errors import JobsRefused, StoreError, StoreInUse
from geartrain.store import lease
from geartrain.store.base import Batch
from geartrain.store.redis import RedisStore
from tests.store.conftest import running_database
from tests.store.databases import Database
from tests.store.jobs import stored_job

_MIB = 1024 * 1024


@pytest.fixture
def url(databases: dict[str, Database]) -> str:
    database = running_database("redis", databases)
    assert database is not None
    return database.url


@pytest.fixture
def administrator(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[RedisStore]:
    store = RedisStore(url, prefix=f"{tmp_path.name}:")
    yield store
    store.close()


def _second(store: RedisStore, url: str) -> RedisStore:
    """A store of another server for the same queue."""
    return RedisStore(url, prefix=store.jobs_key.removesuffix("jobs"))


@pytest.mark.parametrize(
    ("setting", "unsafe", "complaint"),
    [
        ("appendonly", "no", "appendonly is off"),
        ("appendfsync", "everysec", "appendfsync is everysec"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
    ],
)
def test_an_unsafe_database_is_reported(
    store: RedisStore, administrator: redis.Redis, setting: str, unsafe: str, complaint: str
) -> None:
    """By the name of its setting."""
    before = str(administrator.config_get(setting)[setting])
    administrator.config_set(setting, unsafe)
    try:
        (warning,) = store.open()
    finally:
        administrator.config_set(setting, before)

    assert warning.startswith(complaint)


def test_a_job_that_is_too_big_is_refused(store: RedisStore, administrator: redis.Redis) -> None:
    """The database would end the connection; the others of the batch are named as good by that."""
    administrator.config_set("proto-max-bulk-len", _MIB)
    try:
        store.open()

        with pytest.raises(JobsRefused, match="1048576") as caught:
            store.apply(Batch(added=[stored_job(1), stored_job(2, data=bytes(_MIB))]))

        assert caught.value.sequences == {2}
        store.apply(Batch(added=[stored_job(1, data=bytes(_MIB - 1000))]))
    finally:
        administrator.config_set("proto-max-bulk-len", 512 * _MIB)


def test_a_full_database_refuses_additions_and_lets_jobs_go(
    store: RedisStore, administrator: redis.Redis
) -> None:
    """Nothing of the batch is written; so it gets room again when workers go on."""
    store.open()
    store.apply(Batch(added=[stored_job(1), stored_job(2)]))
    administrator.config_set("maxmemory", 1)
    try:
        with pytest.raises(JobsRefused, match="maxmemory") as caught:
            store.apply(Batch(added=[stored_job(3), stored_job(4)], removed=[1]))
        store.apply(Batch(removed=[2]))
    finally:
        administrator.config_set("maxmemory", 0)

    assert caught.value.sequences == {3, 4}
    assert list(store.read()) == [stored_job(1)]


def test_the_prefix_of_keys_may_be_in_the_url(url: str, administrator: redis.Redis) -> None:
    """So that one database has several queues."""
    store = RedisStore(f"{url}?prefix=mine:")
    store.open()

    store.apply(Batch(added=[stored_job(1)]))

    assert administrator.hlen("mine:jobs") == 1
    assert store.url.endswith("/0?prefix=mine:")
    store.apply(Batch(removed=[1]))
    store.close()


def test_a_url_that_makes_no_sense_is_an_error(url: str) -> None:
    """Without a traceback for whoever mistyped it."""
    with pytest.raises(StoreError, match="socket_timeout"):
        RedisStore(f"{url}?socket_timeout=soon")


# --- the lease ------------------------------------------------------------------------------------------


def test_a_queue_of_a_killed_server_is_free_at_once(store: RedisStore, url: str) -> None:
    """On the same machine it is known that the process is gone: nobody waits for its lease to run out."""
    prefix = store.jobs_key.removesuffix("jobs")
    program = (
        "import os, sys; from geartrain.store.redis import RedisStore;"
        "RedisStore(sys.argv[1], prefix=sys.argv[2]).open(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, url, prefix], check=True)
    began = time.monotonic()

    store.open()

    assert time.monotonic() - began < lease.LEASE_SECONDS / 2


def test_a_server_that_went_without_a_word_is_waited_for(
    store: RedisStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another machine, until its lease has run out."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1)
    monkeypatch.setattr(lease, "_machine", lambda: "another one")
    store.open()
    monkeypatch.setattr(lease, "_machine", lambda: "this one")
    second = _second(store, url)

    second.open()

    with pytest.raises(StoreInUse):
        store.keep()
    second.close()


def test_a_server_that_is_alive_elsewhere_keeps_its_queue(
    store: RedisStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is seen by its lease, which it renews."""
    monkeypatch.setattr(lease, "_machine", lambda: "another one")
    store.open()
    monkeypatch.setattr(lease, "_machine", lambda: "this one")
    second = _second(store, url)
    monkeypatch.setattr(time, "sleep", lambda _: store.client.pexpire(store.lease_key, 30_000))

    with pytest.raises(StoreInUse, match=rf"held by process {os.getpid()}"):
        second.open()


def test_a_lease_is_renewed_by_use(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every batch, and when much is read."""
    store.open()
    for use in (lambda: store.apply(Batch(added=[stored_job(1)])), store.keep, lambda: list(store.read())):
        store.client.pexpire(store.lease_key, 5000)
        monkeypatch.setattr(store._lease, "_renewed_at", -100.0)

        use()

        assert store.client.pttl(store.lease_key) > 15_000


def test_a_lease_that_ran_out_is_taken_again(store: RedisStore) -> None:
    """If nobody else has come meanwhile."""
    store.open()
    store.client.delete(store.lease_key)

    store.keep()
    store.apply(Batch(added=[stored_job(1)]))

    assert list(store.read()) == [stored_job(1)]


def test_a_batch_is_not_written_without_the_lease(store: RedisStore) -> None:
    """It is looked at in the same step."""
    store.open()
    store.client.set(store.lease_key, "process 7 on other")

    with pytest.raises(StoreInUse, match="process 7 on other"):
        store.apply(Batch(added=[stored_job(1)]))

    assert store.client.hlen(store.jobs_key) == 0
