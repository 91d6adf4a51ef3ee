"""A script that our server and the C server answer differently, on purpose.

The C server is the 1.1.20 of Debian.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.interop.script import Reply, Step


class Difference(NamedTuple):
    """What is sent, and why we differ. Transcripts are ``both`` and then ``ours``, or then ``theirs``."""

    reason: str
    steps: Sequence[Step]
    both: Sequence[Reply] = ()
    ours: Sequence[Reply] = ()
    theirs: Sequence[Reply] = ()
