"""The version of the installed package, as text and as numbers."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Final

__version__: Final = version("geartrain")
__version_info__: Final = tuple(int(number) for number in re.findall(r"\d+", __version__)[:3])
