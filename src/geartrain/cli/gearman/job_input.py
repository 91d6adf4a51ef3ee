"""What the jobs of ``gearman`` carry: arguments, standard input, or its lines; and their uniques."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import Final

import click

from geartrain.cli.gearman.lines import READ_BYTES, Lines, LineSplitter
from geartrain.cli.gearman.murmur import unique_of

_HASH: Final = "#"
# The C server takes 64 bytes, and damages such a job; libgearman sends 63 of them.
_MAX_UNIQUE_BYTES: Final = 64
_SENT_UNIQUE_BYTES: Final = 63


def payloads(
    arguments: Sequence[str], stdin: BufferedIOBase, *, lines: Lines, is_empty: bool
) -> Iterator[list[bytes]]:
    """The data of each job, as it comes: what is there at the same time in one list.

    Arguments go first: standard input is not read if there are any. Otherwise ``is_empty`` stands for one
    job without data.
    """
    if arguments:
        yield [os.fsencode(argument) for argument in arguments]
    elif is_empty:
        yield [b""]
    elif lines is Lines.WHOLE:
        yield [stdin.read()]
    else:
        splitter = LineSplitter(lines)
        while data := stdin.read1(READ_BYTES):
            yield splitter.feed(data)
        yield splitter.finish()


def check_arguments(arguments: Sequence[str]) -> None:
    """Raises UsageError for an argument without data, which is more likely a mistake than a job."""
    if "" in arguments:
        raise click.UsageError("An argument is empty; use -s for a job without data.")


def check_unique(unique: str | None) -> None:
    """Raises UsageError for a unique that no server takes."""
    if unique is not None and len(os.fsencode(unique)) > _MAX_UNIQUE_BYTES:
        raise click.UsageError(f"The unique {unique!r} is longer than {_MAX_UNIQUE_BYTES} bytes.")


def make_unique(unique: str | None, data: bytes) -> bytes:
    """The unique to send: the given one, the hash of the data for ``#``, or one that nobody else has."""
    if unique == _HASH:
        return unique_of(data)
    elif unique:
        return os.fsencode(unique)[:_SENT_UNIQUE_BYTES]
    return str(uuid.uuid4()).encode()
