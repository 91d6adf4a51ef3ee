"""``geartrain queue list``: the jobs in a queue."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

import click

from geartrain.cli.entry import ExitCode
from geartrain.cli.geartrain.view_options import json_option
from geartrain.cli.output import UNKNOWN, Column, Json, Table, duration, readable, show_table
from geartrain.cli.queue.damage import SoundJobs
from geartrain.cli.queue.target import now, queue_option, seen
from geartrain.cli.queue.words import PRIORITIES, priority_name

if TYPE_CHECKING:
    from geartrain.store.base import StoredJob

_COLUMNS: Final = (
    Column("Handle"),
    Column("Function"),
    Column("Priority"),
    Column("Attempts", numbers=True),
    Column("Age", numbers=True),
    Column("Due", numbers=True),
    Column("Bytes", numbers=True),
    Column("Unique", optional=True),
    Column("Data", optional=True),
)
_TABLE_LIMIT: Final = 100
_SHOWN_BYTES: Final = 40
_SHOWN_BYTES_JSON: Final = 200
# The longest letter of UTF-8.
_LETTER_BYTES: Final = 4
_EXAMPLES: Final = """\b
Examples:
  geartrain queue list --function resize --limit 20
  geartrain queue list --handle H:worker1:42 --data
  geartrain queue list --json | jq -r '.jobs[] | select(.attempts > 3) | .handle'
"""


@click.command("list", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.option("-f", "--function", metavar="NAME", help="Only jobs of this function.")
@click.option("-p", "--priority", type=click.Choice(PRIORITIES), help="Only jobs of this priority.")
@click.option("-u", "--unique", metavar="TEXT", help="Only jobs with this unique.")
@click.option("--handle", metavar="HANDLE", help="Only the job with this handle.")
@click.option(
    "-n",
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"Show at most so many; 0 shows all.  [default: {_TABLE_LIMIT}; all with --json]",
)
@click.option("--data", "whole_data", is_flag=True, help="Tell all data of the jobs; implies --json.")
@json_option
@queue_option
def list_command(
    *,
    function: str | None,
    priority: str | None,
    unique: str | None,
    handle: str | None,
    limit: int | None,
    whole_data: bool,
    as_json: bool,
    url: str,
) -> ExitCode:
    """Shows the jobs in a queue, in the order in which they were submitted.

    AGE is the time since that, DUE when the job may run if that is later than now. Of the data there are the
    first bytes. In JSON, data that is no text is in Base64, as data_base64.
    """
    from geartrain.store.reading.base import Filter

    wanted = Filter(
        function=None if function is None else os.fsencode(function),
        priority=None if priority is None else PRIORITIES.index(priority),
        unique=None if unique is None else os.fsencode(unique),
        handle=None if handle is None else os.fsencode(handle),
    )
    with seen(url) as queue:
        jobs = SoundJobs(queue.scan(wanted))
        if as_json or whole_data:
            _show_json(islice(jobs, limit or None), whole_data=whole_data)
        else:
            _show_table(jobs, _TABLE_LIMIT if limit is None else limit)
    return jobs.exit_code


def _show_table(jobs: Iterable[StoredJob], limit: int) -> None:
    # One more than wanted tells whether there are more.
    found = list(islice(jobs, limit + 1 if limit else None))
    shown = found[:limit] if limit else found
    note = f"There are more than these {len(shown)}; --limit 0 shows all." if len(shown) < len(found) else ""
    show_table(Table(_COLUMNS, [_cells(job) for job in shown], "There are no such jobs.", note=note))


def _cells(job: StoredJob) -> list[str]:
    wait = job.run_at - now()
    return [
        readable(job.handle),
        readable(job.function),
        priority_name(job.priority),
        str(job.attempts),
        duration(max(now() - job.submitted_at, 0.0)),
        "in " + duration(wait) if wait > 0 else UNKNOWN,
        str(len(job.data)),
        readable(job.unique) or UNKNOWN,
        readable(job.data[:_SHOWN_BYTES]) + ("…" if len(job.data) > _SHOWN_BYTES else ""),
    ]


def _show_json(jobs: Iterable[StoredJob], *, whole_data: bool) -> None:
    """One JSON object, written as the jobs come: there may be more of them than memory holds."""
    separator = '{"jobs": [\n  '
    for job in jobs:
        click.echo(separator + json.dumps(_object(job, whole_data=whole_data), ensure_ascii=False), nl=False)
        separator = ",\n  "
    click.echo("\n]}" if separator.startswith(",") else '{"jobs": []}')


def _object(job: StoredJob, *, whole_data: bool) -> Json:
    from geartrain.store.portable import bytes_field

    data = job.data if whole_data else _shortened(job.data)
    return {
        "handle": readable(job.handle),
        **bytes_field("function", job.function),
        **bytes_field("unique", job.unique),
        "priority": priority_name(job.priority),
        "attempts": job.attempts,
        "submitted_at": job.submitted_at,
        "run_at": job.run_at,
        **bytes_field("reducer", job.reducer),
        "data_bytes": len(job.data),
        **bytes_field("data", data),
    }


def _shortened(data: bytes) -> bytes:
    """The first bytes, without a part of a letter at their end if they are text."""
    cut = data[:_SHOWN_BYTES_JSON]
    for length in range(len(cut), max(len(cut) - _LETTER_BYTES, 0), -1):
        try:
            cut[:length].decode()
        except UnicodeDecodeError:
            continue
        return cut[:length]
    return cut
