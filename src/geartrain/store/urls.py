"""The store that a URL stands for."""

from __future__ import annotations

import importlib
from typing import Final
from urllib.parse import urlsplit

from geartrain.errors import ConfigError
from geartrain.masking import masked_url
from geartrain.store.base import Store

MEMORY_URL: Final = "memory://"
# What --queue may look like, for error messages.
QUEUE_FORMS: Final = "memory://, sqlite:///PATH, postgresql://…, mysql://… or redis://…"

STRICT: Final = "strict"
NORMAL: Final = "normal"
RELAXED: Final = "relaxed"
DURABILITIES: Final = (STRICT, NORMAL, RELAXED)

_SQLITE: Final = "sqlite:///"
# Scheme → module that the driver needs, and the extra of this distribution that brings it.
_DRIVERS: Final = {
    "postgresql": ("psycopg", "postgres"),
    "mysql": ("pymysql", "mysql"),
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
}


def is_durable(url: str) -> bool:
    """Whether jobs in the queue of that URL survive a restart."""
    return url != MEMORY_URL


def check_url(url: str) -> None:
    """Raises ConfigError for a URL that stands for no store, and for one whose driver is not installed."""
    scheme, separator, _ = url.partition("://")
    if url == MEMORY_URL or (url.startswith(_SQLITE) and len(url) > len(_SQLITE)):
        return
    if not separator or scheme not in _DRIVERS:
        raise ConfigError("queue", masked_url(url), QUEUE_FORMS)
    module, extra = _DRIVERS[scheme]
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            "queue", masked_url(url), f"the driver for it: pip install 'geartrain[{extra}]'"
        ) from error
    if not _can_be_read(url):
        raise ConfigError(
            "queue", masked_url(url), f"{scheme}://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE"
        )


def _can_be_read(url: str) -> bool:
    """Whether the parts of a URL are where they belong, and its port is a number."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def make_store(url: str, durability: str = NORMAL, *, new_queue: bool = False) -> Store:
    """The store of a URL that ``check_url`` accepts, not open yet. The memory queue is no store.

    ``new_queue`` has it put a corrupt SQLite file aside and begin a new one.
    """
    relaxed = durability == RELAXED
    scheme = url.partition("://")[0]
    # The drivers are imported only where they are used: not everybody has installed them all.
    if scheme == "sqlite":
        from geartrain.store.sqlite import SqliteStore

        return SqliteStore(url.removeprefix(_SQLITE), relaxed=relaxed, new_queue=new_queue)
    if scheme in ("redis", "rediss"):
        from geartrain.store.redis import RedisStore

        return RedisStore(url)
    import sqlalchemy as sa

    if scheme == "mysql":
        from geartrain.store.mysql import MysqlStore

        return MysqlStore(sa.make_url(url))
    from geartrain.store.postgresql import PostgresqlStore

    return PostgresqlStore(sa.make_url(url), relaxed=relaxed)
