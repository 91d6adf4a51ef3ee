"""``geartrain queue export``: a queue as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import click

from geartrain.cli.entry import ExitCode, say
from geartrain.cli.queue.damage import SoundJobs
from geartrain.cli.queue.progress import watched
from geartrain.cli.queue.target import queue_option, seen
from geartrain.cli.queue.words import PROGRAM, jobs_in_words

_STDOUT: Final = "-"
_PART_SUFFIX: Final = ".part"
_EXAMPLES: Final = """\b
Examples:
  geartrain queue export jobs.jsonl
  geartrain queue export | zstd > jobs.jsonl.zst
  geartrain queue export - | jq -r 'select(.function == "resize") | .data'
"""


@click.command("export", context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("file", metavar="[FILE]", default=_STDOUT)
@queue_option
def export_command(*, file: str, url: str) -> ExitCode:
    """Writes the jobs of a queue to a file, or to stdout (-), as lines of JSON.

    The queue stays as it is. A job that ends while this goes on may be in the file or not. The file appears
    when it is complete. Damaged jobs are left out and named; the exit code is 1 then.
    """
    from geartrain.store.portable import write_jobs

    with seen(url) as queue:
        expected = sum(summary.jobs for summary in queue.summaries())
        jobs = SoundJobs(queue.scan())
        with _output(file) as stream:
            count = write_jobs(watched(jobs, "Exporting", expected), expected, stream)
    say(PROGRAM, f"{jobs_in_words(count)} exported")
    return jobs.exit_code


@contextmanager
def _output(file: str) -> Iterator[BinaryIO]:
    if file == _STDOUT:
        yield sys.stdout.buffer
        return
    part = file + _PART_SUFFIX
    # Data of jobs is nobody else's business.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
