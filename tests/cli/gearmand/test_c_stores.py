"""The store options of the C server become the URL of a queue."""

from __future__ import annotations

import click
import pytest

from geartrain.cli.gearmand.c_stores import queue_url
from geartrain.cli.gearmand.options import STORES
from geartrain.errors import ConfigError
from tests.cli.gearmand.run import GearmandCommand


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ("-q builtin", "memory://"),
        ("-q libsqlite3 --libsqlite3-db jobs.db", "sqlite:///jobs.db"),
        ("-q libsqlite3 --libsqlite3-db /var/a?b --libsqlite3-table t", "sqlite:////var/a?b"),
        ("-q mysql", "mysql://localhost:3306/"),
        (
            "-q MySQL --mysql-host h --mysql-port 1 --mysql-user u --mysql-password p@/ --mysql-db d"
            " --mysql-table t",
            "mysql://u:p%40%2F@h:1/d",
        ),
        ("-q redis", "redis://127.0.0.1:6379/0"),
        (
            "-q redis --redis-server ::1 --redis-port 1 --redis-password p --redis-prefix _x_",
            "redis://:p@[::1]:1/0",
        ),
        ("-q Postgres", "postgresql:///"),
        ("-q postgres --libpq-conninfo postgres://u@h/d --libpq-table t", "postgresql://u@h/d"),
        ("-q postgres --libpq-conninfo postgresql://h/d?x=1 --libpq-table t", "postgresql://h/d?x=1"),
    ],
)
def test_store_options_are_read_as_the_url_of_a_queue(arguments: str, url: str) -> None:
    """Each with the defaults of the C server; our tables and keys have names of their own."""
    assert _url(*arguments.split()) == url


@pytest.mark.parametrize(
    ("conninfo", "url"),
    [
        ("host=db port=1 dbname=jobs user=me password=s3", "postgresql://me:s3@db:1/jobs"),
        (r"user = 'a b' password='it\'s' dbname=j", "postgresql://a%20b:it%27s@/j"),
        (
            "host=/run/postgresql dbname=j sslmode=require",
            "postgresql:///j?sslmode=require&host=%2Frun%2Fpostgresql",
        ),
        ("  ", "postgresql:///"),
    ],
)
def test_a_connection_string_of_postgres_is_read_as_a_url(conninfo: str, url: str) -> None:
    """With quotes and backslashes as libpq has them."""
    assert _url("-q", "postgres", "--libpq-conninfo", conninfo) == url


@pytest.mark.parametrize("conninfo", ["host", "host=a b", "=x", "password='secret"])
def test_a_broken_connection_string_is_refused_unseen(conninfo: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigError) as caught:
        _url("-q", "postgres", "--libpq-conninfo", conninfo)

    assert (caught.value.key, caught.value.value) == ("libpq_conninfo", "***")


@pytest.mark.parametrize("queue_type", ["libmemcached", "libtokyocabinet"])
def test_a_store_without_counterpart_is_refused_with_what_to_use_instead(queue_type: str) -> None:
    """Rather than keeping jobs in memory only."""
    with pytest.raises(ConfigError) as caught:
        _url("-q", queue_type)

    assert "--queue sqlite:///FILE" in caught.value.expected


def test_the_server_gets_the_queue_that_the_store_options_name(gearmand: GearmandCommand) -> None:
    """In place of the default one."""
    config = gearmand.config("-qredis", "--redis-password", "secret")

    assert config.queue == "redis://:secret@127.0.0.1:6379/0"


@pytest.mark.parametrize("option", ["--libsqlite3-table", "--libpq-table", "--mysql-table", "--redis-prefix"])
def test_names_of_tables_are_noted_only(gearmand: GearmandCommand, option: str) -> None:
    """Ours have names of their own, beside those of the C server."""
    notes = gearmand.run("-qlibsqlite3", "--libsqlite3-db", "x", option, "t").options

    assert notes is not None
    assert [(event, fields["option"]) for event, fields in notes.notes] == [
        ("option has no effect on this queue", option)
    ]


def _url(*arguments: str) -> str:
    """What the store options alone make of a command line."""
    ctx = click.Command("gearmand", params=list(STORES)).make_context("gearmand", list(arguments))
    values = {name: str(value) for name, value in ctx.params.items()}
    return queue_url(values["queue_type"], values)
