"""Every exception that Geartrain raises, in one tree.

::

    GeartrainError
    ├── ConfigError          a setting that cannot be used; says which, and what is expected
    ├── BindError            an address that the server cannot listen on now
    ├── LogFileError         a log file that cannot be opened
    ├── PidFileError         a pid file that cannot be written, or that belongs to a running server
    ├── PrivilegeError       a user that this process cannot become
    ├── AclError             a file with access rules that cannot be used
    ├── TlsError             a certificate, a key or a CA file that cannot be used
    ├── ServerUnavailable    there is no connection to a job server
    │   ├── ConnectError     it could not be reached
    │   └── ServerLost       the connection to it has ended
    ├── StoreError           a durable queue that cannot be read or written now
    │   ├── StoreInUse       another server holds it
    │   ├── StoreCorrupt     what is written there makes no sense
    │   └── JobsRefused      its database will never take some of the jobs
    ├── QueueConflict        two queues that cannot become one
    ├── QueueFileError       a file with exported jobs that cannot be used
    ├── ForeignQueueError    a queue of another job server that cannot be imported as it is
    ├── RequestRefused       a job server said no
    ├── ProtocolError        the other side sent what the protocol does not allow
    └── LocalProtocolError   this side asked for what the protocol does not allow

Split by whose fault it is and what to do about it: ``ServerUnavailable`` is worth another try, here or with
another server; a ``ProtocolError`` ends a connection and may be worth a new one; the others need a change in
the program or its settings.
"""

from __future__ import annotations

from collections.abc import Iterable


class GeartrainError(Exception):
    """Base of every error raised by Geartrain."""


class ConfigError(GeartrainError):
    """A setting that cannot be used.

    ``key`` is the setting's name as the user wrote it, ``value`` what was given, ``expected`` what would do.
    """

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(f"{key}: {value!r} is not usable; expected {expected}")
        self.key = key
        self.value = value
        self.expected = expected


class BindError(GeartrainError):
    """A listen address that cannot be used now, such as a port that another program has.

    ``code`` is the system's error number, 0 if the system had nothing to do with it.
    """

    def __init__(self, address: object, reason: str, *, code: int = 0) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.address = address
        self.code = code


class LogFileError(GeartrainError):
    """A log file that cannot be opened."""

    def __init__(self, path: str, reason: str | None) -> None:
        super().__init__(f"cannot open log file {path}: {reason}")
        self.path = path


class PidFileError(GeartrainError):
    """A pid file that cannot be written, or that belongs to a running server."""

    def __init__(self, path: str, reason: str | None) -> None:
        super().__init__(f"cannot write pid file {path}: {reason}")
        self.path = path


class PrivilegeError(GeartrainError):
    """A user that this process cannot become; ``user`` says which."""

    def __init__(self, user: str, reason: str) -> None:
        super().__init__(f"cannot go on as user {user}: {reason}")
        self.user = user


class TlsError(GeartrainError):
    """A certificate, a key or a CA file that cannot be used; ``kind`` says which of them, ``path`` where."""

    def __init__(self, kind: str, path: str, reason: str) -> None:
        name = f"{kind} {path}" if path else kind
        super().__init__(f"cannot use the {name}: {reason}")
        self.kind = kind
        self.path = path


class AclError(GeartrainError):
    """A file with access rules that cannot be used.

    ``rule`` is the number of the rule at fault, counted from 1; 0 if none in particular is.
    """

    def __init__(self, path: str, reason: str, *, rule: int = 0) -> None:
        place = f"{path}, rule {rule}" if rule else path
        super().__init__(f"cannot use the access rules {place}: {reason}")
        self.path = path
        self.rule = rule


class ServerUnavailable(GeartrainError):
    """There is no connection to a job server; ``address`` says which one, ``reason`` why."""

    def __init__(self, address: object, message: str, reason: str) -> None:
        super().__init__(f"{message} {address}: {reason}")
        self.address = address
        self.reason = reason


class ConnectError(ServerUnavailable):
    """A job server that could not be reached; nothing was sent to it."""

    def __init__(self, address: object, reason: str) -> None:
        super().__init__(address, "cannot connect to", reason)


class ServerLost(ServerUnavailable):
    """The connection to a job server has ended; what was under way there may or may not have been done."""

    def __init__(self, address: object, reason: str) -> None:
        super().__init__(address, "lost the connection to", reason)


class RequestRefused(GeartrainError):
    """A job server said no; the connection goes on.

    ``request`` is what was asked for, ``code`` a name such as ``NOT_ALLOWED`` (empty if the server gave
    none), ``text`` what else the server said.
    """

    def __init__(self, request: str, code: str, text: str) -> None:
        reason = ": ".join(part for part in (code, text) if part) or "no reason given"
        super().__init__(f"the server refuses {request!r}: {reason}")
        self.request = request
        self.code = code
        self.text = text


class ProtocolError(GeartrainError):
    """The other side sent what the protocol does not allow; the connection cannot be trusted any more.

    ``code`` is the name used in an ERROR packet, such as ``INVALID_MAGIC``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class LocalProtocolError(GeartrainError):
    """This side asked for what the protocol cannot carry, such as a zero byte inside a function name."""


class StoreError(GeartrainError):
    """A queue that cannot be read or written; ``url`` names it, ``reason`` is what its database says.

    Whether a change that was under way has been made is not known.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the queue {url} fails: {reason}")
        self.url = url
        self.reason = reason


class StoreInUse(StoreError):
    """A queue that another server holds, or has held since this one did; ``owner`` says who."""

    def __init__(self, url: str, owner: str) -> None:
        super().__init__(url, f"it is held by {owner or 'another server'}")
        self.owner = owner


class StoreCorrupt(StoreError):
    """A queue in which something is written that no server has written; trying again is no use."""


class JobsRefused(StoreError):
    """The database will not take some jobs, now or later. Nothing of their batch was written.

    ``sequences`` says which jobs; empty if the database does not tell.
    """

    def __init__(self, url: str, reason: str, sequences: Iterable[int] = ()) -> None:
        super().__init__(url, reason)
        self.sequences = frozenset(sequences)


class QueueConflict(GeartrainError):
    """Jobs that cannot be moved into a queue, because another job there has a number of theirs."""

    def __init__(self, url: str, handle: bytes) -> None:
        super().__init__(
            f"the queue {url} has a job {handle.decode(errors='backslashreplace')} whose number is needed;"
            " export and import give new numbers"
        )
        self.url = url
        self.handle = handle


class QueueFileError(GeartrainError):
    """A file with exported jobs that cannot be used; ``line``, from 1 on, is where that was noticed."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line


class ForeignQueueError(GeartrainError):
    """A queue of another job server that cannot be imported as it is; ``url`` names it."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"cannot import {url}: {reason}")
        self.url = url
