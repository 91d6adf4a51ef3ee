"""Stores that something can happen to, gone after the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stores import KINDS, SQLITE, VictimStore


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[VictimStore]:
    """Every kind in turn."""
    yield from _store(request.param)


@pytest.fixture(scope="module", params=[kind for kind in KINDS if kind != SQLITE])
def database_store(request: pytest.FixtureRequest) -> Iterator[VictimStore]:
    """Every kind that is a process; the tests of a module share it and leave no jobs there."""
    yield from _store(request.param)


def _store(kind: str) -> Iterator[VictimStore]:
    store = VictimStore(kind)
    yield store
    store.remove()
