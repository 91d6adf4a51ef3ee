"""``geartrain queue purge``: takes all jobs of a function out of a queue."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from geartrain.cli.output import readable
from geartrain.cli.queue.progress import watched
from geartrain.cli.queue.target import held, queue_option
from geartrain.cli.queue.words import jobs_in_words

_EXAMPLES: Final = """\b
Examples:
  geartrain queue purge resize
  geartrain queue purge resize --yes
"""


@click.command("purge", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("function")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@queue_option
def purge_command(*, function: str, yes: bool, url: str) -> None:
    """Removes all jobs of a function; they are gone for good."""
    from geartrain.store.clearing import clear

    name = os.fsencode(function)
    with held(url, must_exist=True) as store:
        jobs = sum(count.jobs for count in store.counts() if count.function == name)
        if not yes:
            _ask(f"Remove {jobs_in_words(jobs)} of {readable(name)} from {store.url}?")
        removed = sum(1 for _ in watched(clear(store, function=name), "Removing", jobs))
    click.echo(f"{jobs_in_words(removed)} of {readable(name)} removed")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} --yes is needed where nobody can be asked.")
    click.confirm(question, abort=True, err=True)
