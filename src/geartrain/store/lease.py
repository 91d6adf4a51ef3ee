"""Whose a queue in Redis is: a key that expires unless its owner renews it.

A second key says who the last owner was and never expires. So an owner whose lease ran out while it was cut
off can tell whether anybody has had the queue since.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from geartrain.errors import StoreInUse

if TYPE_CHECKING:
    import redis

# How long an owner may be silent before another server may take its queue; it renews its lease far more
# often.
LEASE_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.2

# Takes the lease if it is free, ours, or that of an owner who is known to be dead; an owner who comes back
# must have been the last one. Returns who has it, or nothing.
_TAKE: Final = """
local lease, last = unpack(KEYS)
local owner, machine, milliseconds, dead, is_back = unpack(ARGV)
local holder = redis.call('GET', lease)
if holder and holder ~= owner and holder ~= dead then return holder end
if is_back == '1' then
    local before = redis.call('HGET', last, 'owner')
    if before ~= owner then return before or 'nobody: what was in it is gone' end
end
redis.call('HSET', last, 'owner', owner, 'machine', machine)
redis.call('SET', lease, owner, 'PX', milliseconds)
return false
"""
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Lease:
    """The lease of one queue, as one owner sees it. Methods raise what the client raises."""

    def __init__(self, client: redis.Redis, url: str, lease_key: str, last_key: str) -> None:
        self._client = client
        self._url = url
        self._lease_key = lease_key
        self._last_key = last_key
        # To the microsecond, so that no other server is called the same.
        since = datetime.now().astimezone().isoformat(" ")
        self.owner = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        self._is_owner = False
        self._renewed_at = 0.0
        self._take = client.register_script(_TAKE)
        self._release = client.register_script(_RELEASE)

    def take(self) -> None:
        """Takes the lease, or takes it again; waits for that of a server that seems to be dead to run out.

        Raises StoreInUse when another server has it, or has had it since this one took it first.
        """
        holder = self._try()
        if holder and not self._is_owner:
            holder = self._wait(holder)
        if holder:
            raise StoreInUse(self._url, holder)
        self._is_owner = True

    def renew(self, *, after_seconds: float = 0.0) -> None:
        """Makes sure that the lease is ours for some time; nothing is done if that was made sure just now."""
        if time.monotonic() - self._renewed_at >= after_seconds:
            self.take()

    def release(self) -> None:
        """Lets another server take the queue at once."""
        self._is_owner = False
        self._release([self._lease_key], [self.owner])

    def _try(self, dead: str = "") -> str:
        """Takes the lease if that is possible; returns who has it otherwise."""
        milliseconds = LEASE_SECONDS * 1000
        arguments: list[str | int] = [self.owner, _machine(), milliseconds, dead, int(self._is_owner)]
        started_at = time.monotonic()
        holder = self._take([self._lease_key, self._last_key], arguments)
        if holder is None:
            self._renewed_at = started_at
        return cast("bytes", holder or b"").decode(errors="replace")

    def _wait(self, holder: str) -> str:
        """Waits until the lease runs out or is renewed; who has it in the end, empty if that is us."""
        process = self._process_of(holder)
        if process is not None:
            return holder if _is_alive(process) else self._try(holder)
        left = self._milliseconds_left()
        while holder:
            time.sleep(_PAUSE_SECONDS)
            now_left = self._milliseconds_left()
            if now_left > left:
                # Somebody is alive.
                return holder
            left = now_left
            holder = self._try()
        return holder

    def _milliseconds_left(self) -> int:
        return self._client.pttl(self._lease_key)

    def _process_of(self, holder: str) -> int | None:
        """The number of the process that has the lease, if it belongs to this very machine."""
        last = cast("dict[bytes, Any]", self._client.hgetall(self._last_key))
        machine = _machine()
        if not machine or last.get(b"owner") != holder.encode() or last.get(b"machine") != machine.encode():
            return None
        return int(holder.split()[1])


def _machine() -> str:
    """What tells this machine and container, since its start, from others; empty if nothing does."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Of another user.
        pass
    return True
