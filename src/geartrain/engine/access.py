"""What one connection may do, where a server does not let everybody do everything.

In a pattern ``*`` stands for any bytes, none included, and ``?`` for one byte; all else for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class Access:
    """The functions that a connection may submit to and work on, and the admin commands it may use.

    Each is a list of patterns; nothing is allowed that no pattern fits. A command is given by its words,
    such as ``show jobs``.
    """

    __slots__ = ("_admin", "_submit", "_work")

    def __init__(
        self, submit: Sequence[bytes] = (), work: Sequence[bytes] = (), admin: Sequence[bytes] = ()
    ) -> None:
        self._submit = compile_patterns(submit)
        self._work = compile_patterns(work)
        self._admin = compile_patterns(admin)

    def may_submit(self, function: bytes) -> bool:
        return self._submit.fullmatch(function) is not None

    def may_work(self, function: bytes) -> bool:
        return self._work.fullmatch(function) is not None

    def may_see(self, function: bytes) -> bool:
        """Whether it may know what becomes of jobs of the function."""
        return self.may_submit(function) or self.may_work(function)

    def may_administer(self, command: bytes) -> bool:
        return self._admin.fullmatch(command) is not None


def compile_patterns(patterns: Sequence[bytes]) -> re.Pattern[bytes]:
    """An expression whose ``fullmatch`` fits what any of the patterns fits; without patterns, nothing."""
    if not patterns:
        return re.compile(rb"(?!)")
    return re.compile(b"|".join([_translate(pattern) for pattern in patterns]), re.DOTALL)


def _translate(pattern: bytes) -> bytes:
    """The pattern as an expression that never takes longer than a few looks at each byte.

    A text between two stars is taken where it comes first, and no other place is tried (that is the atomic
    group): none could fit better, and a hostile name would have them all tried.
    """
    first, *others = [_translate_text(text) for text in pattern.split(b"*")]
    if not others:
        return first
    middle = b"".join([b"(?>.*?%s)" % text for text in others[:-1]])
    return first + middle + b".*" + others[-1]


def _translate_text(text: bytes) -> bytes:
    return re.escape(text).replace(rb"\?", b".")
