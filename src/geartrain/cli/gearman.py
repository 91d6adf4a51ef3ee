"""The command ``gearman``."""

from __future__ import annotations


def main() -> None:
    """Runs the command."""
