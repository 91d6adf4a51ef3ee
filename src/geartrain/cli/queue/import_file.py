"""``geartrain queue import``: the jobs of a file, into a queue."""

from __future__ import annotations

from typing import BinaryIO, Final

import click

from geartrain.cli.queue.progress import watched
from geartrain.cli.queue.target import handle_prefix, held, now, queue_option
from geartrain.cli.queue.words import jobs_in_words

_STDIN: Final = "<stdin>"
_EXAMPLES: Final = """\b
Examples:
  geartrain queue import jobs.jsonl
  zstd -d < jobs.jsonl.zst | geartrain queue import
"""


@click.command("import", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("file", metavar="[FILE]", default="-", type=click.File("rb"))
@queue_option
def import_command(*, file: BinaryIO, url: str) -> None:
    """Adds the jobs of an exported file, or of stdin (-), behind those that are in the queue.

    They get new handles, and keep all else and their order. If anything is wrong, the queue stays as it is.
    """
    from geartrain.store.intake import take_in
    from geartrain.store.portable import PortableReader

    reader = PortableReader(file, _name_of(file))
    started = now()
    with held(url) as store:
        jobs = watched(reader.jobs(started), "Importing", reader.expected)
        count = take_in(store, jobs, handle_prefix=handle_prefix(), now=started)
    click.echo(f"{jobs_in_words(count)} imported into {store.url}")


def _name_of(file: BinaryIO) -> str:
    """What to call the file in messages."""
    name = getattr(file, "name", _STDIN)
    return "stdin" if name == _STDIN else str(name)
