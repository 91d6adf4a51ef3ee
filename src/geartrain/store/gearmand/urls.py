"""The queue of the C server that a URL or the path of a file stands for.

What the C server has options for is in the query of the URL: ``table`` in SQL databases, ``prefix`` in Redis,
and ``charset``, what the C server spoke with MySQL.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from geartrain.errors import ConfigError
from geartrain.masking import masked_url
from geartrain.store.gearmand.base import ForeignQueue
from geartrain.store.gearmand.naming import Naming
from geartrain.store.urls import check_url

SOURCE_FORMS: Final = "a file of SQLite, sqlite:///PATH, postgresql://…, mysql://… or redis://…"

_SQLITE: Final = "sqlite:///"
_REDIS_SCHEMES: Final = ("redis", "rediss")
_SCHEMES: Final = ("postgresql", "mysql", *_REDIS_SCHEMES)
_TABLE: Final = "table"
_PREFIX: Final = "prefix"
_CHARSET: Final = "charset"
_DEFAULT_TABLES: Final = {"sqlite": "gearman_queue", "mysql": "gearman_queue", "postgresql": "queue"}
_DEFAULT_CHARSET: Final = "utf8mb4"
# It becomes part of a statement.
_CHARSET_NAME: Final = re.compile(r"\w+", re.ASCII)


def make_foreign_queue(source: str, naming: Naming) -> ForeignQueue:
    """The queue, not open yet. Raises ConfigError for what stands for none, and for a missing driver."""
    if "://" not in source:
        return _sqlite(source, {})
    place, _, query = source.partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    if source.startswith(_SQLITE) and place != _SQLITE:
        return _sqlite(unquote(place.removeprefix(_SQLITE)), settings)
    scheme = place.partition("://")[0]
    if scheme not in _SCHEMES:
        raise ConfigError("source", masked_url(source), SOURCE_FORMS)
    check_url(source)
    if scheme in _REDIS_SCHEMES:
        return _redis(place, settings, naming)
    return _table(scheme, place, settings)


def _sqlite(path: str, settings: dict[str, str]) -> ForeignQueue:
    from geartrain.store.gearmand.tables import SqliteTable

    return SqliteTable(path, settings.get(_TABLE) or _DEFAULT_TABLES["sqlite"])


def _redis(place: str, settings: dict[str, str], naming: Naming) -> ForeignQueue:
    from geartrain.store.gearmand.keys import DEFAULT_PREFIX, GearmandKeys

    prefix = settings.pop(_PREFIX, "") or DEFAULT_PREFIX
    try:
        return GearmandKeys(_with_query(place, settings), prefix, naming)
    except (TypeError, ValueError) as error:
        raise ConfigError("source", masked_url(place), f"a URL that Redis can use: {error}") from error


def _table(scheme: str, place: str, settings: dict[str, str]) -> ForeignQueue:
    import sqlalchemy as sa

    from geartrain.store.gearmand.tables import MysqlTable, PostgresqlTable

    table = settings.pop(_TABLE, "") or _DEFAULT_TABLES[scheme]
    charset = settings.pop(_CHARSET, "") or _DEFAULT_CHARSET
    url = sa.make_url(_with_query(place, settings))
    if scheme == "postgresql":
        return PostgresqlTable(url.set(drivername="postgresql+psycopg"), table)
    if not _CHARSET_NAME.fullmatch(charset):
        raise ConfigError("charset", charset, "the name of a character set, such as utf8mb4")
    return MysqlTable(url.set(drivername="mysql+pymysql"), table, charset)


def _with_query(place: str, settings: dict[str, str]) -> str:
    """The URL with what is left for the driver."""
    return f"{place}?{urlencode(settings)}" if settings else place
