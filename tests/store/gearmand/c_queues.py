"""Queues that the C server itself has written."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from geartrain.protocol.packets import (
    JOB_CREATED,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
)
from geartrain.store.gearmand.base import ForeignJob
from tests.interop.servers import HOST, JobServer, start_c_server
from tests.server.wire import Wire
from tests.store.databases import Database

KINDS = ("sqlite", "postgresql", "mysql", "redis")

_SUBMISSIONS = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)


class CQueue:
    """A queue of the C server; ``url`` is what an import takes. Names of tables and keys are of its own."""

    def __init__(self, kind: str, database: Database | None, folder: Path) -> None:
        self.kind = kind
        name = "q_" + folder.name.replace("-", "_").lower()[-40:]
        if database is None:
            path = folder / "gearmand.db"
            self.url = f"sqlite:///{path}"
            self._options = ["libsqlite3", "--libsqlite3-db", str(path)]
            return
        place = urlsplit(database.url)
        port, user = str(place.port), str(place.username)
        if kind == "postgresql":
            conninfo = f"host={HOST} port={port} user={user} dbname={place.path[1:]}"
            self.url = f"{database.url}?table={name}"
            self._options = ["postgres", "--libpq-conninfo", conninfo, "--libpq-table", name]
        elif kind == "mysql":
            self.url = f"{database.url}?table={name}"
            self._options = ["mysql", "--mysql-host", HOST, "--mysql-port", port, "--mysql-user", user]
            self._options += ["--mysql-password", str(place.password), "--mysql-db", place.path[1:]]
            self._options += ["--mysql-table", name]
        else:
            self.url = f"{database.url}?prefix={name}"
            self._options = ["redis", "--redis-server", HOST, "--redis-port", port, "--redis-prefix", name]

    def start(self) -> JobServer:
        """A C server with this queue."""
        return start_c_server("--queue-type", *self._options)

    def fill(self, *jobs: ForeignJob) -> None:
        """Has a C server take the jobs in, and stops it."""
        server = self.start()
        try:
            with Wire((HOST, server.port)) as client:
                for job in jobs:
                    submit(client, job)
        finally:
            server.stop()


def submit(client: Wire, job: ForeignJob) -> None:
    """Submits a job that the server has to take."""
    if job.run_at:
        when = b"%d" % job.run_at
        client.send(SUBMIT_JOB_EPOCH, job.function, job.unique, when, job.data)
    else:
        client.send(_SUBMISSIONS[job.priority], job.function, job.unique, job.data)
    answer = client.read()
    assert answer.number == JOB_CREATED, (job, answer)
