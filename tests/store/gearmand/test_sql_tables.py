"""What only the queues of the C server in PostgreSQL and MySQL do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from geartrain.errors import ConfigError, StoreError
from geartrain.store.gearmand.base import ForeignJob
from geartrain.store.gearmand.naming import Naming
from geartrain.store.gearmand.urls import make_foreign_queue
from tests.store.conftest import running_database
from tests.store.databases import Database
from tests.store.gearmand.c_queues import CQueue
from tests.store.gearmand.test_sources import read, source

_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


@pytest.fixture
def postgresql(databases: dict[str, Database], tmp_path: Path) -> CQueue:
    return CQueue("postgresql", running_database("postgresql", databases), tmp_path)


@pytest.fixture
def mysql(databases: dict[str, Database], tmp_path: Path) -> CQueue:
    return CQueue("mysql", running_database("mysql", databases), tmp_path)


def _execute(queue: CQueue, *statements: str) -> None:
    """Runs statements outside of transactions; ``{table}`` is the table of the queue."""
    place, _, query = queue.url.partition("?table=")
    url = sa.make_url(place).set(drivername=_DRIVERS[queue.kind])
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.format(table=query))


def test_postgresql_gives_jobs_in_the_order_of_their_submission(postgresql: CQueue) -> None:
    """Also where the rows of new jobs have taken the place of old ones."""
    jobs = [ForeignJob(b"f", b"u%03d" % number, 1, b"", 0) for number in range(20)]
    postgresql.fill(*jobs[:10])
    _execute(postgresql, "DELETE FROM {table} WHERE unique_key < 'u005'", "VACUUM {table}")
    postgresql.fill(*jobs[10:])

    assert read(source(postgresql.url)) == jobs[5:]


def test_mysql_gives_jobs_in_the_order_of_their_submission(mysql: CQueue) -> None:
    """Not in that of the key, which is unique and function."""
    jobs = [ForeignJob(b"f", b"u%03d" % number, 1, b"", 0) for number in range(20, 0, -1)]
    mysql.fill(*jobs[:10])
    _execute(mysql, "DELETE FROM {table} WHERE unique_key > 'u015'")
    mysql.fill(*jobs[10:])

    assert read(source(mysql.url)) == jobs[5:]


def test_mysql_has_lost_the_sign_of_times_after_2038(mysql: CQueue) -> None:
    """The C server accepts them, and its column has 32 bits."""
    late = ForeignJob(b"f", b"late", 1, b"x", 4000000000)
    mysql.fill(late)

    assert read(source(mysql.url)) == [late]


def test_mysql_may_have_been_spoken_to_in_latin1(mysql: CQueue) -> None:
    """The user can tell, and gets the bytes that the C server had."""
    mysql.fill(ForeignJob(b"f", "ü".encode(), 1, b"", 0))

    (job,) = read(source(mysql.url + "&charset=latin1"))

    assert job.unique == b"\xfc"


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_nobody_adds_jobs_to_a_queue_that_will_be_deleted(kind: str, request: pytest.FixtureRequest) -> None:
    """They would be lost: whoever wants to has to wait."""
    queue: CQueue = request.getfixturevalue(kind)
    queue.fill(ForeignJob(b"f", b"u", 1, b"", 0))
    limit = "lock_wait_timeout = 1" if kind == "mysql" else "lock_timeout = 100"
    insert = "INSERT INTO {table} (unique_key, function_name) VALUES ('a', 'b')"

    with closing(source(queue.url)) as held:
        held.open(to_delete=True)
        with pytest.raises(sa.exc.OperationalError, match=r"(?i)lock"):
            _execute(queue, "SET " + limit, insert)
        assert len(list(held.jobs())) == 1
        held.delete()

    _execute(queue, insert)
    assert len(read(source(queue.url))) == 1


def test_passwords_are_not_shown(mysql: CQueue) -> None:
    """Neither in the name of the queue nor in an error."""
    wrong = mysql.url.replace(":secret@", ":hidden@")
    queue = make_foreign_queue(wrong, Naming())

    with pytest.raises(StoreError) as caught:
        queue.open(to_delete=False)

    assert "hidden" not in f"{queue.url} {caught.value}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://", "a file of SQLite"),
        ("memcached://host", "a file of SQLite"),
        ("sqlite:///", "a file of SQLite"),
        ("redis://h/0?socket_timeout=soon", "a URL that Redis can use"),
        ("mysql://u@h/d?charset=a;b", "the name of a character set"),
    ],
)
def test_a_source_that_stands_for_nothing_is_refused(url: str, expected: str) -> None:
    """With what would do."""
    with pytest.raises(ConfigError, match=expected):
        make_foreign_queue(url, Naming())


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_option_that_nobody_knows_is_an_error(kind: str, request: pytest.FixtureRequest) -> None:
    """Of the queue, not of the program."""
    queue: CQueue = request.getfixturevalue(kind)

    with pytest.raises(StoreError):
        read(source(queue.url + "&no_such_option=1"))
