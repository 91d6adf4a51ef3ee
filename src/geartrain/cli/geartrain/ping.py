"""``geartrain ping``: how fast a job server answers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Final

import click

from geartrain.cli.entry import ExitCode
from geartrain.cli.geartrain.asking import connected
from geartrain.cli.geartrain.view_options import json_option
from geartrain.cli.output import Column, Json, Table, show_json, show_table
from geartrain.cli.seconds import Seconds
from geartrain.cli.servers import Servers, server_options

_PERCENTILES: Final = (50, 90, 99)
_MAX_BYTES: Final = 64 * 1024 * 1024
_EXAMPLES: Final = """\b
Examples:
  geartrain ping
  geartrain ping --server tls://jobs.example.org --count 1000 --interval 0
  geartrain ping --size 1000000 --json | jq .p99_ms
"""


class _Samples:
    """The round trips so far; Ctrl-C does not lose them."""

    def __init__(self) -> None:
        self.server = ""
        self.seconds: list[float] = []


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.option(
    "-c",
    "--count",
    metavar="N",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="How many times; 0 goes on until Ctrl-C.",
)
@click.option(
    "-i",
    "--interval",
    metavar="SECONDS",
    type=Seconds(min=0),
    default=0.01,
    show_default=True,
    help="How long to wait after each answer.",
)
@click.option(
    "--size",
    metavar="BYTES",
    type=click.IntRange(min=0, max=_MAX_BYTES),
    default=64,
    show_default=True,
    help="How much to send, and to get back.",
)
@json_option
@server_options
def command(*, count: int, interval: float, size: int, as_json: bool, servers: Servers) -> int:
    """Measures how fast a job server answers.

    Data goes to the server and back over one connection, one after the other; the first round trip is not
    counted. Shown is how long the round trips took, in milliseconds: nine of ten are not slower than P90.
    """
    samples = _Samples()
    code = ExitCode.DONE
    try:
        asyncio.run(_measure(servers, samples, count, interval, os.urandom(size)))
    except KeyboardInterrupt:
        if not samples.seconds:
            raise
        # With --count 0 it is the way to end it.
        code = ExitCode.INTERRUPTED if count else ExitCode.DONE
    summary = summarize(samples.seconds)
    if as_json:
        result: dict[str, Json] = {
            "server": samples.server,
            "count": len(samples.seconds),
            "size_bytes": size,
        }
        show_json({**result, **{f"{name}_ms": round(value, 4) for name, value in summary.items()}})
    else:
        show_table(_table(samples, summary))
    return code


async def _measure(servers: Servers, samples: _Samples, count: int, interval: float, data: bytes) -> None:
    async with connected(servers) as admin:
        samples.server = str(admin.address)
        # The first one pays for what happens once, at both ends.
        await admin.echo(data)
        while not count or len(samples.seconds) < count:
            start = time.perf_counter()
            await admin.echo(data)
            samples.seconds.append(time.perf_counter() - start)
            await asyncio.sleep(interval)


def summarize(seconds: Sequence[float]) -> dict[str, float]:
    """The distribution of one or more round trips in milliseconds; percentiles are some that happened."""
    ordered = sorted(1000 * value for value in seconds)
    percentiles = {f"p{rank}": ordered[-(-len(ordered) * rank // 100) - 1] for rank in _PERCENTILES}
    return {"min": ordered[0], "mean": sum(ordered) / len(ordered), **percentiles, "max": ordered[-1]}


def _table(samples: _Samples, summary: dict[str, float]) -> Table:
    columns = [Column("Server"), Column("Count", numbers=True)]
    columns += [Column(name.capitalize(), numbers=True) for name in summary]
    row = [samples.server, str(len(samples.seconds)), *[f"{value:.3f}" for value in summary.values()]]
    return Table(columns, [row], empty="")
