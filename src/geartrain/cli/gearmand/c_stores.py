"""The store options of the C server, read as the URL of a queue."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode

from geartrain.cli.gearmand.options import BUILTIN_QUEUE
from geartrain.errors import ConfigError
from geartrain.masking import MASK
from geartrain.store.urls import MEMORY_URL

# The values of --queue-type, and what the names of the options begin with that belong to each.
_PREFIXES: Final = {
    BUILTIN_QUEUE: "",
    "libsqlite3": "libsqlite3_",
    "postgres": "libpq_",
    "mysql": "mysql_",
    "redis": "redis_",
}
# What the C server calls its tables and keys; ours have names of their own, beside those.
_NAMES_OF_THEIR_OWN: Final = frozenset({"libsqlite3_table", "libpq_table", "mysql_table", "redis_prefix"})
_WITHOUT_COUNTERPART: Final = ("libmemcached", "libtokyocabinet")
_TYPES: Final = ", ".join(_PREFIXES)

# One setting of a connection string of PostgreSQL: a value with blanks stands in quotes, and a backslash
# takes the meaning from the next character.
_CONNINFO_WORD: Final = re.compile(
    r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)\s*", re.DOTALL
)
_POSTGRES_SCHEMES: Final = ("postgresql://", "postgres://")


def queue_url(queue_type: str, values: dict[str, str]) -> str:
    """The URL that --queue would take; ``values`` are the store options by name, with numbers as text.

    Raises ConfigError for a type that there is not, and for one that lacks something.
    """
    kind = queue_type.lower()
    if kind in _WITHOUT_COUNTERPART:
        expected = f"one of {_TYPES}; jobs of {kind} can go to --queue sqlite:///FILE or redis://HOST instead"
        raise ConfigError("queue_type", queue_type, expected)
    if kind == BUILTIN_QUEUE:
        return MEMORY_URL
    if kind == "libsqlite3":
        return _sqlite(values)
    if kind == "postgres":
        return _postgres(values)
    if kind == "mysql":
        return _mysql(values)
    if kind == "redis":
        return _redis(values)
    raise ConfigError("queue_type", queue_type, f"one of {_TYPES}")


def belongs_to(option: str, queue_type: str) -> bool:
    """Whether an option, by name, has a say in the URL for this type."""
    prefix = _PREFIXES[queue_type.lower()]
    return prefix != "" and option.startswith(prefix) and option not in _NAMES_OF_THEIR_OWN


def _sqlite(values: dict[str, str]) -> str:
    path = values["libsqlite3_db"]
    if not path:
        raise ConfigError("libsqlite3_db", "", "the file of the database, because --queue-type is libsqlite3")
    return f"sqlite:///{path}"


def _mysql(values: dict[str, str]) -> str:
    place = _place(values["mysql_host"], values["mysql_port"])
    user = _user(values["mysql_user"], values["mysql_password"])
    return f"mysql://{user}{place}/{quote(values['mysql_db'], safe='')}"


def _redis(values: dict[str, str]) -> str:
    place = _place(values["redis_server"], values["redis_port"])
    return f"redis://{_user('', values['redis_password'])}{place}/0"


def _postgres(values: dict[str, str]) -> str:
    conninfo = values["libpq_conninfo"].strip()
    if conninfo.startswith(_POSTGRES_SCHEMES):
        return f"postgresql://{conninfo.partition('://')[2]}"
    settings = _conninfo(conninfo)
    host, port = settings.pop("host", ""), settings.pop("port", "")
    if host.startswith("/"):
        # The folder of a Unix socket has no place in front of the path of a URL.
        settings["host"], host = host, ""
    user = _user(settings.pop("user", ""), settings.pop("password", ""))
    database = quote(settings.pop("dbname", ""), safe="")
    return f"postgresql://{user}{_place(host, port)}/{database}" + _query(**settings)


def _conninfo(text: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _CONNINFO_WORD.match(text, position)
        if match is None:
            # It may hold a password.
            raise ConfigError("libpq_conninfo", MASK, "settings such as host=db dbname=jobs, or a URL")
        name, value = match.groups()
        if value.startswith("'"):
            value = value[1:-1]
        settings[name] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        position = match.end()
    return settings


def _user(name: str, password: str) -> str:
    if not name and not password:
        return ""
    return quote(name, safe="") + (":" + quote(password, safe="") if password else "") + "@"


def _place(host: str, port: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def _query(**settings: str) -> str:
    given = {name: value for name, value in settings.items() if value}
    return "?" + urlencode(given, quote_via=quote) if given else ""
