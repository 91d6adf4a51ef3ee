from __future__ import annotations

import pytest

from tests.engine.world import World


@pytest.fixture
def world() -> World:
    return World()
