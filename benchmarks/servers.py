"""Our job server and the C server as processes, with an empty queue of the same kind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from benchmarks.load import HOST
from tests.store.databases import Database, start_mariadb, start_postgresql, start_redis

OURS: Final = "ours"
C_SERVER: Final = "C"

MEMORY: Final = "memory"
SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
MARIADB: Final = "MariaDB"
REDIS: Final = "Redis"

_STARTERS: Final = {POSTGRESQL: start_postgresql, MARIADB: start_mariadb, REDIS: start_redis}
STORES: Final = (SQLITE, *_STARTERS)

_PATIENCE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
# Where Debian has it; a virtual environment may have one of ours of that name.
_C_FOLDERS: Final = "/usr/sbin:/usr/local/sbin"


class Queue:
    """Where jobs are kept: a new file for each server, or a database that is emptied.

    ``environment`` is for whoever writes to the disk: the server itself with SQLite, the database otherwise.
    """

    def __init__(self, store: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.store = store
        self._folder = folder
        self._environment = environment
        self._database: Database | None = None
        if store in _STARTERS:
            folder.chmod(0o755)
            with _environment(environment):
                self._database = _STARTERS[store](folder)

    @contextmanager
    def server(self, kind: str) -> Iterator[int]:
        """Runs a server on the empty queue; its port."""
        self._empty()
        port = _free_port()
        command = self._ours(port) if kind == OURS else self._c_server(port)
        environment = {**os.environ, **(self._environment if self._database is None else {})}
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            _wait_for(port, process)
            yield port
        finally:
            _stop(process)

    def stop(self) -> None:
        if self._database is not None:
            self._database.stop()

    # --- commands ---------------------------------------------------------------------------------------

    def _ours(self, port: int) -> list[str]:
        gearmand = str(Path(sys.executable).with_name("gearmand"))
        return [gearmand, "--config-file", "none", "-L", HOST, "-p", str(port), "--queue", self._our_url()]

    def _our_url(self) -> str:
        if self.store == MEMORY:
            return "memory://"
        return f"sqlite:///{self._folder / 'ours.db'}" if self._database is None else self._database.url

    def _c_server(self, port: int) -> list[str]:
        return [c_server(), "-L", HOST, "-p", str(port), "-l", "none", *self._c_options()]

    def _c_options(self) -> list[str]:
        if self.store == MEMORY:
            return []
        if self._database is None:
            return ["-q", "libsqlite3", "--libsqlite3-db", str(self._folder / "c.db")]
        url = sa.make_url(self._database.url)
        if self.store == POSTGRESQL:
            conninfo = f"host={url.host} port={url.port} user={url.username} dbname={url.database}"
            return ["-q", "postgres", "--libpq-conninfo", conninfo]
        if self.store == REDIS:
            return ["-q", "redis", "--redis-server", HOST, "--redis-port", str(url.port)]
        login = ["--mysql-host", HOST, "--mysql-port", str(url.port), "--mysql-user", str(url.username)]
        return ["-q", "mysql", *login, "--mysql-password", str(url.password), "--mysql-db", str(url.database)]

    # --- between two servers ----------------------------------------------------------------------------

    def _empty(self) -> None:
        if self._database is None:
            for path in self._folder.glob("*.db*"):
                path.unlink()
        elif self.store == REDIS:
            import redis

            redis.Redis.from_url(self._database.url).flushall()
        else:
            self._drop_tables(sa.make_url(self._database.url))

    def _drop_tables(self, url: sa.URL) -> None:
        driver = "postgresql+psycopg" if self.store == POSTGRESQL else "mysql+pymysql"
        engine = sa.create_engine(url.set(drivername=driver), poolclass=sa.NullPool)
        tables = sa.MetaData()
        tables.reflect(engine)
        tables.drop_all(engine)


def c_server() -> str:
    """The path of the C server; empty if it is not installed."""
    return shutil.which("gearmand", path=_C_FOLDERS) or ""


def c_stores() -> list[str]:
    """The stores that the C server here was built with."""
    said = subprocess.run([c_server(), "--help"], capture_output=True, text=True, check=False).stdout
    options = {
        SQLITE: "--libsqlite3-db",
        POSTGRESQL: "--libpq-",
        MARIADB: "--mysql-host",
        REDIS: "--redis-server",
    }
    return [store for store, option in options.items() if option in said]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {process.args!r}") from None
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The C server does not always come to its end.
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Has what is started meanwhile inherit these variables."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
