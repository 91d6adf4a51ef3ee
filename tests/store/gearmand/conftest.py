"""Fixtures with queues of the C server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.conftest import running_database
from tests.store.databases import Database
from tests.store.gearmand.c_queues import KINDS, CQueue


@pytest.fixture(params=KINDS)
def c_queue(request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path) -> CQueue:
    """A queue of the C server in each of the databases in turn, not there yet."""
    kind: str = request.param
    return CQueue(kind, running_database(kind, databases), tmp_path)
