"""What one connection may do, where a server does not let everybody do everything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

NOT_ALLOWED: Final = "NOT_ALLOWED"


class Access:
    """The functions that a connection may submit to and work on, and the admin commands it may use.

    Each is a list of patterns in which ``*`` stands for any bytes and ``?`` for one byte; nothing is allowed
    that no pattern fits. A command is given by its words, such as ``show jobs``.
    """

    __slots__ = ("_admin", "_submit", "_work")

    def __init__(
        self, submit: Sequence[bytes] = (), work: Sequence[bytes] = (), admin: Sequence[bytes] = ()
    ) -> None:
        self._submit = _compile(submit)
        self._work = _compile(work)
        self._admin = _compile(admin)

    def may_submit(self, function: bytes) -> bool:
        return self._submit.fullmatch(function) is not None

    def may_work(self, function: bytes) -> bool:
        return self._work.fullmatch(function) is not None

    def may_administer(self, command: bytes) -> bool:
        return self._admin.fullmatch(command) is not None


def _compile(patterns: Sequence[bytes]) -> re.Pattern[bytes]:
    """One expression that fits what any of the patterns fits; without patterns, nothing."""
    if not patterns:
        return re.compile(rb"(?!)")
    return re.compile(b"|".join([_translate(pattern) for pattern in patterns]), re.DOTALL)


def _translate(pattern: bytes) -> bytes:
    return re.escape(pattern).replace(rb"\*", b".*").replace(rb"\?", b".")
