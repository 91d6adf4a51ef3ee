"""Every exception of the classic API, in one tree.

::

    GearmanError
    ├── ConnectionError             trouble with one socket; also a builtin ConnectionError
    ├── ServerUnavailable           no job server can be used
    ├── ProtocolError               a packet or line that cannot be, received or asked for
    ├── UnknownCommandError         a packet that this kind of client does not handle
    ├── ExceededConnectionAttempts  a job would have to be sent more often than allowed
    ├── InvalidClientState          a packet that does not fit the state of its request
    ├── InvalidWorkerState          a job came without the lock, or the lock cannot be released
    ├── InvalidAdminClientState     no reply in time, or a reply that was not asked for
    └── ServerListError             a list of servers that cannot be used; also a ValueError

All messages stand in ``args[0]``.
"""

from __future__ import annotations

import builtins


class GearmanError(Exception):
    """Base of every error raised by the classic API."""


class ConnectionError(GearmanError, builtins.ConnectionError):  # noqa: A001 - the classic name
    """Trouble with one socket. Caught inside, except where a program connects by hand."""


class ServerUnavailable(GearmanError):
    """No job server can be used: none configured, none reachable, or the last one was lost."""


class ProtocolError(GearmanError):
    """A packet or a text line that the protocol does not allow, received or asked for."""


class UnknownCommandError(GearmanError):
    """A valid packet for which this kind of client has no ``recv_*`` method."""


class ExceededConnectionAttempts(GearmanError):
    """A request was sent ``max_connection_attempts`` times and would have to be sent again."""


class InvalidClientState(GearmanError):
    """A packet does not fit the state of its request."""


class InvalidWorkerState(GearmanError):
    """A job came without the job lock, or the lock cannot be released."""


class InvalidAdminClientState(GearmanError):
    """No reply in time, a reply of the wrong kind, or one that was not asked for."""


class ServerListError(GearmanError, ValueError):
    """A list of servers that cannot be used.

    The classic versions disagreed whether this is a ValueError or a GearmanError, so it is both.
    """
