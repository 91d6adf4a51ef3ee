"""The settings of a job server: one frozen object, checked when it is made."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from geartrain.addresses import DEFAULT_PORT, Address, TcpAddress, parse_listen
from geartrain.errors import ConfigError
from geartrain.protocol.codec import DEFAULT_MAX_PACKET_BYTES, MAX_LINE_BYTES

# Listened on by default. The second one is left out on machines that do not have it.
LOOPBACK: Final = ("127.0.0.1", "::1")
MEMORY_QUEUE: Final = "memory://"

# A handle is at most 63 bytes long, and the serial behind the prefix and its colon takes up to 20.
MAX_HANDLE_PREFIX_BYTES: Final = 42
_MIB: Final = 1024 * 1024
_BLANK_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Settings of a job server; making one raises ConfigError for a value that cannot be used."""

    # TCP port of listen entries that name none; 0 binds a free one.
    port: int = DEFAULT_PORT
    # Where to listen: host, host:port, [IPv6 address]:port or unix:/path. Empty means the loopback addresses.
    listen: tuple[str, ...] = ()
    # How many connections may wait to be accepted; the kernel has a limit of its own.
    backlog: int = 1024

    # Attempts before a job that lost its workers fails; 0 is like 1, and -1 means without limit.
    job_retries: int = -1
    # How many sleeping workers a new job wakes; 0 means as many as there are jobs.
    worker_wakeup: int = 0
    # What job handles start with; empty means "H:" and the name of the machine.
    job_handle_prefix: str = ""
    # Whether WORK_EXCEPTION goes to every client, or (as the protocol has it) to those that asked for it.
    exceptions: bool = False
    # Where background jobs are kept.
    queue: str = MEMORY_QUEUE
    # Whether the admin command "shutdown" stops the server.
    allow_shutdown: bool = False

    # A packet that says it is longer is refused, and its connection closed.
    max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES
    # From this much unread output on, those who send to a connection are not read from until it has drained.
    pause_bytes: int = 16 * _MIB
    # A connection with more unread output than this gets no more: it is dropped.
    max_unread_bytes: int = 512 * _MIB
    # A connection that is over pause_bytes and reads nothing for this long is dropped.
    stall_seconds: float = 10.0
    # How long a peer may take over its last answers when it broke the protocol or the server stops.
    linger_seconds: float = 2.0

    # The level that the admin command "verbose" answers with.
    log_level: str = "INFO"
    # The time zone of SUBMIT_JOB_SCHED; None means the machine's.
    timezone: tzinfo | None = None

    def __post_init__(self) -> None:
        _check_range("port", self.port, 0, 65535)
        _check_range("backlog", self.backlog, 1, 2**31 - 1)
        _check_range("job_retries", self.job_retries, -1, 255)
        _check_range("worker_wakeup", self.worker_wakeup, 0, 2**31 - 1)
        # The size field of a packet has 32 bits, and a name of the usual length must fit.
        _check_range("max_packet_bytes", self.max_packet_bytes, MAX_LINE_BYTES, 2**32 - 1)
        _check_range("pause_bytes", self.pause_bytes, 1, self.max_unread_bytes)
        _check_positive("stall_seconds", self.stall_seconds)
        _check_positive("linger_seconds", self.linger_seconds)
        if self.queue != MEMORY_QUEUE:
            raise ConfigError("queue", self.queue, f"{MEMORY_QUEUE!r}")
        _check_handle_prefix(self.job_handle_prefix)
        _check_listen(self.listen)
        self.listen_addresses()

    def listen_addresses(self) -> tuple[Address, ...]:
        """The parsed listen entries; the loopback addresses when there are none."""
        if not self.listen:
            return tuple(TcpAddress(host, self.port) for host in LOOPBACK)
        return tuple(parse_listen(entry, self.port) for entry in self.listen)

    def handle_prefix(self) -> bytes:
        """The given prefix of job handles, or the default one, cut to leave room for the serial."""
        if self.job_handle_prefix:
            return os.fsencode(self.job_handle_prefix)
        name = _BLANK_OR_CONTROL.sub("-", os.uname().nodename)
        return os.fsencode(f"H:{name}")[:MAX_HANDLE_PREFIX_BYTES]


def _check_range(key: str, value: int, lowest: int, highest: int) -> None:
    # A bool is an int to Python, but nobody means one as a number.
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(key, value, f"a whole number from {lowest} to {highest}")


def _check_listen(entries: object) -> None:
    # A single entry given as text would otherwise be read letter by letter.
    if not isinstance(entries, tuple) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError("listen", entries, "a tuple of texts")


def _check_positive(key: str, seconds: float) -> None:
    if not 0 < seconds < float("inf"):
        raise ConfigError(key, seconds, "a number of seconds above 0")


def _check_handle_prefix(prefix: str) -> None:
    try:
        # As the command line gives it: any bytes may be in there.
        fits = len(os.fsencode(prefix)) <= MAX_HANDLE_PREFIX_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits or _BLANK_OR_CONTROL.search(prefix):
        expected = f"at most {MAX_HANDLE_PREFIX_BYTES} bytes without blanks and control characters"
        raise ConfigError("job_handle_prefix", prefix, expected)
