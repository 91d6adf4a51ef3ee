"""How many files and connections a server may have open."""

from __future__ import annotations

import resource
from typing import Final

from geartrain.errors import ConfigError

# The server has about twenty open before the first connection comes.
LEAST_DESCRIPTORS: Final = 32


def set_descriptor_limit(wanted: int | None) -> None:
    """Allows this process as many as are wanted or, for None, as the system lets it have.

    Raises ConfigError for more than that, and for too few to serve.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    given = hard if wanted is None else wanted
    # No limit at all is a negative number.
    is_endless = wanted is None and hard == resource.RLIM_INFINITY
    if given < LEAST_DESCRIPTORS and not is_endless:
        raise ConfigError("file_descriptors", given, f"at least {LEAST_DESCRIPTORS}")
    try:
        # A higher hard limit takes root.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted or hard, max(wanted or hard, hard)))
    except (OSError, ValueError, OverflowError) as error:
        if wanted is not None:
            raise ConfigError("file_descriptors", wanted, f"at most {hard}") from error
        # macOS has a lower limit of its own than the one it names.


def check_descriptor_limit(wanted: int | None) -> None:
    """Raises the ConfigError that setting the limit would raise."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    set_descriptor_limit(wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
