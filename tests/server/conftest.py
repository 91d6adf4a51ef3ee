"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.process import Gearmand


@pytest.fixture(scope="module")
def gearmand() -> Iterator[Gearmand]:
    """A job server process that the tests of one module share."""
    with Gearmand() as server:
        yield server
