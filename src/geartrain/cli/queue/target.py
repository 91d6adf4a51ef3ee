"""Which queue a subcommand is about, and how it gets hold of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import click

from geartrain.addresses import DEFAULT_PORT
from geartrain.cli.gearmand.default_queue import default_queue
from geartrain.errors import ConfigError
from geartrain.masking import masked_url
from geartrain.store.urls import check_url, is_durable, make_store

if TYPE_CHECKING:
    from geartrain.store.base import Store
    from geartrain.store.reading.base import QueueReader

Function = TypeVar("Function", bound=Callable[..., object])

# The same as for a job server.
_VARIABLE: Final = "GEARMAND_QUEUE"
_FORMS: Final = "sqlite:///PATH, postgresql://…, mysql://… or redis://…"


def default_url() -> str:
    """The queue of a job server that was not told where to keep its jobs."""
    return default_queue(DEFAULT_PORT)


def queue_option(function: Function) -> Function:
    """Adds ``--queue``; the command gets the URL as ``url``."""
    return click.option(
        "-q",
        "--queue",
        "url",
        metavar="URL",
        envvar=_VARIABLE,
        default=default_url,
        callback=_checked,
        help="The queue.  [default: that of a gearmand without options]",
    )(function)


def queue_argument(name: str, *, has_default: bool = False) -> Callable[[Function], Function]:
    """Adds an argument with the URL of a queue; one with a default may be left out."""
    return click.argument(
        name,
        metavar=f"[{name.upper()}]" if has_default else name.upper(),
        required=not has_default,
        envvar=_VARIABLE if has_default else None,
        default=default_url if has_default else None,
        callback=_checked,
    )


def _checked(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A URL that stands for a durable queue."""
    del ctx
    try:
        check_url(value)
    except ConfigError as error:
        expected = _FORMS if error.expected.startswith("memory") else error.expected
        raise click.UsageError(f"{param.name}: {error.value!r} is not usable; expected {expected}") from None
    if not is_durable(value):
        raise click.UsageError(f"{masked_url(value)} keeps jobs in the memory of its server only.")
    return value


@contextmanager
def held(url: str, *, must_exist: bool = False) -> Iterator[Store]:
    """The queue, open and held for as long as the block lasts. Raises StoreInUse while a server has it.

    One that is not there is made, or raises StoreError.
    """
    store = make_store(url)
    if must_exist:
        with store.reader():
            pass
    store.open()
    try:
        yield store
    finally:
        store.close()


@contextmanager
def seen(url: str) -> Iterator[QueueReader]:
    """The queue to be looked at, whoever holds it."""
    with make_store(url).reader() as reader:
        yield reader


def handle_prefix() -> bytes:
    """What the handles of new jobs start with: the same as in a job server without options."""
    from geartrain.server import ServerConfig

    return ServerConfig().handle_prefix()


def now() -> float:
    """Seconds since 1970-01-01 UTC."""
    return time.time()
