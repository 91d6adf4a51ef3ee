"""``geartrain queue info``: what is in a queue, and how safe it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from geartrain.cli.entry import say
from geartrain.cli.geartrain.view_options import json_option
from geartrain.cli.output import Column, Json, Table, duration, readable, show_json, show_table
from geartrain.cli.queue.target import now, queue_option, seen
from geartrain.cli.queue.words import PROGRAM, priority_name, size

if TYPE_CHECKING:
    from geartrain.store.reading.base import QueueFacts, QueueSummary

_COLUMNS: Final = (
    Column("Function"),
    Column("Priority"),
    Column("Jobs", numbers=True),
    Column("Data", numbers=True),
    Column("Oldest", numbers=True),
)
_EXAMPLES: Final = """\b
Examples:
  geartrain queue info
  geartrain queue info --queue postgresql://jobs@db/jobs --json
"""


@click.command("info", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@json_option
@queue_option
def info_command(*, url: str, as_json: bool) -> None:
    """Shows how many jobs of which functions a queue has, who holds it, and what is unsafe about it."""
    with seen(url) as queue:
        facts, summaries = queue.facts(), queue.summaries()
    if as_json:
        show_json(_object(queue.url, facts, summaries))
        return
    jobs = sum(summary.jobs for summary in summaries)
    click.echo(f"queue   {queue.url}")
    click.echo(f"schema  {facts.schema}")
    click.echo(f"holder  {readable(facts.owner.encode()) or 'nobody'}")
    click.echo(f"size    {size(facts.size_bytes)}")
    click.echo(f"jobs    {jobs}")
    if summaries:
        click.echo()
        show_table(Table(_COLUMNS, [_cells(summary) for summary in summaries], ""))
    for warning in facts.warnings:
        say(PROGRAM, f"not safe: {warning}")


def _cells(summary: QueueSummary) -> list[str]:
    return [
        readable(summary.function),
        priority_name(summary.priority),
        str(summary.jobs),
        size(summary.data_bytes),
        duration(max(now() - summary.oldest, 0.0)),
    ]


def _object(url: str, facts: QueueFacts, summaries: list[QueueSummary]) -> Json:
    return {
        "queue": url,
        "schema": facts.schema,
        "holder": facts.owner or None,
        "size_bytes": facts.size_bytes,
        "warnings": facts.warnings,
        "jobs": sum(summary.jobs for summary in summaries),
        "functions": [
            {
                "function": readable(summary.function),
                "priority": priority_name(summary.priority),
                "jobs": summary.jobs,
                "data_bytes": summary.data_bytes,
                "oldest": summary.oldest,
            }
            for summary in summaries
        ],
    }
