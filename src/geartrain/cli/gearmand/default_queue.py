"""Where a job server keeps its jobs when nobody has said where: a file for each port, in the state directory.

That is the folder that systemd made for the service, ``/var/lib/geartrain`` for root and for users without a
home of their own, and ``~/.local/state/geartrain`` for people, as the XDG base directories have it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SYSTEM_FOLDER: Final = Path("/var/lib/geartrain")
_NAME: Final = "geartrain"


def default_queue(port: int) -> str:
    """The URL of the queue of a job server that listens on this port; its folder need not be there."""
    return f"sqlite:///{state_folder(os.environ, os.geteuid()) / f'queue-{port}.db'}"


def state_folder(environment: Mapping[str, str], user: int) -> Path:
    """The folder for what this user's programs have to remember."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    if user == 0:
        return _SYSTEM_FOLDER
    state = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return Path(state) / _NAME
    home = os.path.expanduser("~")
    # Users of services have a home that is not there, or the root of all.
    if not os.path.isabs(home) or home == "/" or not os.path.isdir(home):
        return _SYSTEM_FOLDER
    return Path(home) / ".local" / "state" / _NAME
