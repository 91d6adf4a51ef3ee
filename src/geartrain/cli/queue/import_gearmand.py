"""``geartrain queue import-gearmand``: the jobs of the C server, into a queue of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from geartrain.cli.queue.progress import watched
from geartrain.cli.queue.target import handle_prefix, held, now, queue_argument
from geartrain.cli.queue.words import jobs_in_words
from geartrain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from geartrain.store.base import StoredJob
    from geartrain.store.gearmand.base import ForeignQueue

_EXAMPLES: Final = """\b
Sources:
  /var/lib/gearmand/gearmand.db                   the file of --libsqlite3-db
  sqlite:////var/lib/gearmand/gearmand.db?table=gearman_queue
  postgresql://user:password@host/db?table=queue
  mysql://user:password@host/db?table=gearman_queue&charset=utf8mb4
  redis://:password@host/0?prefix=_gear_

\b
Examples:
  geartrain queue import-gearmand /var/lib/gearmand/gearmand.db
  geartrain queue import-gearmand redis://localhost/0 --function send-mail --delete
"""


@click.command("import-gearmand", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("source")
@queue_argument("target", has_default=True)
@click.option(
    "--delete", is_flag=True, help="Delete the jobs from the source when all are safe in the target."
)
@click.option(
    "-f",
    "--function",
    "functions",
    metavar="NAME",
    multiple=True,
    help="Redis: a function with hyphens in its name; may be given more than once.",
)
@click.option(
    "--hyphen",
    type=click.Choice(["first", "last"]),
    help="Redis: which hyphen ends the name of the function where that is not clear.",
)
def import_gearmand_command(
    *, source: str, target: str, delete: bool, functions: tuple[str, ...], hyphen: str | None
) -> None:
    """Adds the jobs in a queue of the C server behind those that are in ours. Stop the C server first.

    All of them are added or, if anything is wrong, none. The source stays as it is without --delete. Jobs
    keep function, unique, priority, data and the time at which they are to run; the C server has not kept
    more.
    """
    from geartrain.store.gearmand.naming import Naming
    from geartrain.store.gearmand.urls import make_foreign_queue
    from geartrain.store.intake import take_in

    naming = Naming([os.fsencode(name) for name in functions], hyphen or "")
    try:
        queue = make_foreign_queue(source, naming)
    except ConfigError as error:
        raise click.UsageError(f"source: {error.value!r} is not usable; expected {error.expected}") from None
    started = now()
    try:
        queue.open(to_delete=delete)
        with held(target) as store:
            jobs = watched(_jobs(queue, started), "Importing", queue.count())
            count = take_in(store, jobs, handle_prefix=handle_prefix(), now=started)
            if delete:
                _delete(queue, store.url)
    finally:
        queue.close()
    deleted = f", and deleted from {queue.url}" if delete else ""
    click.echo(f"{jobs_in_words(count)} imported into {store.url}{deleted}")


def _jobs(queue: ForeignQueue, now: float) -> Iterator[StoredJob]:
    from geartrain.store.gearmand.base import stored_job

    for job in queue.jobs():
        yield stored_job(job, now)


def _delete(queue: ForeignQueue, target: str) -> None:
    try:
        queue.delete()
    except StoreError as error:
        reason = f"{error.reason}; its jobs have been imported into {target} all the same"
        raise StoreError(error.url, reason) from error
