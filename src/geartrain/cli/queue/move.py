"""``geartrain queue move``: a whole queue, from one store to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from geartrain.cli.queue.progress import watched
from geartrain.cli.queue.target import held, queue_argument
from geartrain.cli.queue.words import jobs_in_words

if TYPE_CHECKING:
    from geartrain.store.base import StoredJob

_EXAMPLES: Final = """\b
Examples:
  geartrain queue move sqlite:////var/lib/geartrain/queue.db postgresql://jobs@db/jobs
"""


@click.command("move", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@queue_argument("source")
@queue_argument("target")
def move_command(*, source: str, target: str) -> None:
    """Moves all jobs from one queue to another, with their handles.

    The source is emptied when all of them are safe in the target. If the command is stopped, call it again:
    no job is lost, and none is there twice.
    """
    from geartrain.store.moving import move

    if source == target:
        raise click.UsageError("source and target are the same queue.")
    with held(source, must_exist=True) as giver, held(target) as taker:
        expected = sum(count.jobs for count in giver.counts())

        def watch(jobs: Iterator[StoredJob]) -> Iterator[StoredJob]:
            return watched(jobs, "Moving", expected)

        count = move(giver, taker, watch)
    click.echo(f"{jobs_in_words(count)} moved to {taker.url}")
