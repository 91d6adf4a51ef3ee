"""Passwords, taken out of what people may see.

Only those that can be told from their surroundings: in front of the host of a URL, and behind the name of a
setting that says it is one.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
# Between the user's name and the last host.
_IN_FRONT_OF_HOST: Final = re.compile(r"(?<=://)([^:/@]*:).*(?=@)", re.DOTALL)
# What the names of settings that hold a password have in them: password, passwd, pwd, sslpassword and others.
_NAME: Final = "(?:pass|pwd|secret|token)"
_BEHIND_NAME: Final = re.compile(rf"({_NAME}[\w-]*\s*=)[^&]*", re.IGNORECASE)
_HINT: Final = re.compile(f"@|{_NAME}", re.IGNORECASE)
_SCHEME_END: Final = "://"


def masked_url(url: str) -> str:
    """A URL without the password in it. Of a text that is none, nothing is left when it may hold one."""
    if _SCHEME_END not in url and _HINT.search(url):
        return MASK
    return masked_settings(_IN_FRONT_OF_HOST.sub(rf"\1{MASK}", url))


def masked_settings(text: str) -> str:
    """Settings such as ``user=me&password=secret``, without what is behind the names of passwords."""
    return _BEHIND_NAME.sub(rf"\1{MASK}", text)
