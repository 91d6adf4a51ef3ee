"""Noticing other distributions that install a ``gearman`` package into the same place.

Their files and ours overwrite each other, and whichever is uninstalled takes the files of both along.
"""

from __future__ import annotations

import warnings
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

_OTHERS: Final = ("gearman", "gearman3", "pygearman")


def warn_of_others() -> None:
    """Warns if another distribution of the package is installed, and says how to get rid of it."""
    installed = [name for name in _OTHERS if _is_installed(name)]
    if installed:
        names = " ".join(installed)
        warnings.warn(
            f"'gearman' is installed twice, by geartrain and by {' and '.join(installed)}; "
            f"to keep geartrain's: pip uninstall {names} && pip install --force-reinstall geartrain",
            RuntimeWarning,
            # The line that imports the package: this function and the package itself stand above it.
            stacklevel=3,
        )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
