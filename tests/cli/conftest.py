"""Fixtures of the tests of the programs."""

from __future__ import annotations

import os

import pytest

from tests.cli.gearmand import GearmandCommand


@pytest.fixture
def gearmand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> GearmandCommand:
    """The command ``gearmand``, with nothing about it in the environment."""
    for name in list(os.environ):
        if name.startswith("GEARMAND_"):
            monkeypatch.delenv(name)
    return GearmandCommand(monkeypatch, capsys)
