"""What only the Redis queue of the C server does, in all the forms it has had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from geartrain.errors import ForeignQueueError, StoreError
from geartrain.store.gearmand.base import ForeignJob
from geartrain.store.gearmand.naming import FIRST, Naming
from tests.cli.tools import closed_port
from tests.store.conftest import running_database
from tests.store.databases import Database
from tests.store.gearmand.test_sources import read, source

_PREFIX = "a*[b]-c?"


class Keys:
    """Keys of a C server with a prefix of its own; ``client`` makes them."""

    def __init__(self, url: str) -> None:
        self.client: Any = redis.Redis.from_url(url)
        self.url = f"{url}?prefix=a%2A%5Bb%5D-c%3F"

    def read(self, naming: Naming | None = None) -> list[ForeignJob]:
        return sorted(read(source(self.url, naming)))


@pytest.fixture
def keys(databases: dict[str, Database]) -> Iterator[Keys]:
    database = running_database("redis", databases)
    assert database is not None
    found = Keys(database.url.replace("/0", "/7"))
    yield found
    found.client.flushdb()
    found.client.close()


def test_new_keys_say_what_function_and_unique_are(keys: Keys) -> None:
    """Whatever hyphens are in them."""
    fields = {"data": b"a\0b", "priority": "0", "function": "my-func", "unique": "l-o-w"}
    keys.client.hset(f"{_PREFIX}-my-func-l-o-w", mapping=fields)

    assert keys.read() == [ForeignJob(b"my-func", b"l-o-w", 0, b"a\0b", 0)]


def test_old_keys_are_plain_strings(keys: Keys) -> None:
    """All of it is data; the priority was not kept."""
    keys.client.set(f"{_PREFIX}-f-u", b"a\0b")

    assert keys.read() == [ForeignJob(b"f", b"u", 1, b"a\0b", 0)]


def test_keys_of_others_are_left_alone(keys: Keys) -> None:
    """Those that the prefix matches as a pattern, and those of other types; also when deleting."""
    keys.client.hset(f"{_PREFIX}-f-u", mapping={"data": "d", "priority": "2"})
    keys.client.set("ab-cx-f-u", b"other")
    keys.client.lpush(f"{_PREFIX}-f-list", b"other")

    with closing(source(keys.url)) as queue:
        queue.open(to_delete=True)
        assert list(queue.jobs()) == [ForeignJob(b"f", b"u", 2, b"d", 0)]
        queue.delete()

    assert sorted(keys.client.keys()) == [f"{_PREFIX}-f-list".encode(), b"ab-cx-f-u"]


def test_fields_that_are_missing_or_unknown_do_no_harm(keys: Keys) -> None:
    """The C server would not start with them."""
    keys.client.hset(f"{_PREFIX}-f-1", mapping={"priority": "x", "color": "red"})

    assert keys.read() == [ForeignJob(b"f", b"1", 1, b"", 0)]


def test_a_key_that_is_not_clear_is_refused(keys: Keys) -> None:
    """The user says which functions there are, or which hyphen counts."""
    keys.client.hset(f"{_PREFIX}-my-func-u1", mapping={"data": "", "priority": "1"})

    with pytest.raises(ForeignQueueError, match=r"not clear where in the key .*-my-func-u1 the name"):
        keys.read()

    assert keys.read(Naming([b"my-func"])) == [ForeignJob(b"my-func", b"u1", 1, b"", 0)]
    assert keys.read(Naming(hyphen=FIRST)) == [ForeignJob(b"my", b"func-u1", 1, b"", 0)]


def test_many_keys_are_each_read_once(keys: Keys) -> None:
    """However often a scan tells them."""
    pipeline = keys.client.pipeline()
    for number in range(3000):
        pipeline.hset(f"{_PREFIX}-f-{number}", mapping={"data": str(number), "priority": "1"})
    pipeline.execute()

    assert sorted(int(job.data) for job in keys.read()) == list(range(3000))


def test_a_database_that_is_not_there_is_an_error() -> None:
    """Not an empty queue; and the password stays out of it."""
    url = f"redis://:hidden@127.0.0.1:{closed_port()}/0"

    with pytest.raises(StoreError) as caught:
        read(source(url))

    assert "hidden" not in str(caught.value)
