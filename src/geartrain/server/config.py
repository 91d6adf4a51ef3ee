"""The settings of a job server: one frozen object, checked when it is made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from geartrain.addresses import DEFAULT_PORT, HTTP, TCP, TLS, Address, TcpAddress, parse_listen
from geartrain.errors import ConfigError
from geartrain.protocol.codec import DEFAULT_MAX_PACKET_BYTES, MAX_LINE_BYTES
from geartrain.store.urls import DURABILITIES, MEMORY_URL, NORMAL, check_url
from geartrain.tls import VERIFY_MODES, VERIFY_NONE, VERIFY_REQUIRED

# Listened on by default. The second one is left out on machines that do not have it.
LOOPBACK: Final = ("127.0.0.1", "::1")
# The only one of the further protocols there is, as the C server names them.
HTTP_PROTOCOL: Final = "http"
DEFAULT_HTTP_PORT: Final = 8080
# Leaves a setting of TCP keepalive as the system has it.
SYSTEM_DEFAULT: Final = -1

# A handle is at most 63 bytes long, and the serial behind the prefix and its colon takes up to 20.
MAX_HANDLE_PREFIX_BYTES: Final = 42
_MIB: Final = 1024 * 1024
# What Linux takes.
_MAX_KEEPALIVE_SECONDS: Final = 32767
_MAX_KEEPALIVE_PROBES: Final = 127
_BLANK_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Settings of a job server; making one raises ConfigError for a value that cannot be used."""

    # TCP port of listen entries that name none; 0 binds a free one.
    port: int = DEFAULT_PORT
    # Where to listen: host, host:port, [IPv6 address]:port or unix:/path; tcp://, tls:// or http:// in front
    # says what is spoken there. Empty means the loopback addresses.
    listen: tuple[str, ...] = ()
    # How many connections may wait to be accepted; the kernel has a limit of its own.
    backlog: int = 1024

    # Whether listen entries without a scheme, and the loopback addresses, speak TLS.
    ssl: bool = False
    # PEM files: the authorities that sign the certificates of clients, and what the server shows of itself.
    # Without a key file, the key is in the file of the certificate.
    ssl_ca_file: str = ""
    ssl_certificate: str = ""
    ssl_key: str = ""
    # Whether clients must show a certificate: none, optional or required; empty means required if there is
    # a CA file, and none without.
    ssl_verify: str = ""
    # How long a peer may take over its TLS handshake.
    handshake_seconds: float = 10.0

    # "http" also serves HTTP, on http_port of every host that is listened on.
    protocol: str = ""
    # TCP port of HTTP where listen entries name none; 0 binds a free one.
    http_port: int = DEFAULT_HTTP_PORT

    # TCP connections are probed for silent deaths whether this is set or not.
    keepalive: bool = False
    # Seconds of silence before the first probe, seconds between probes, and probes without an answer that end
    # a connection; -1 leaves each as the system has it.
    keepalive_idle: int = SYSTEM_DEFAULT
    keepalive_interval: int = SYSTEM_DEFAULT
    keepalive_count: int = SYSTEM_DEFAULT

    # A file that says who may do what; empty lets everybody do everything.
    acl: str = ""

    # Attempts before a job that lost its workers fails; 0 is like 1, and -1 means without limit.
    job_retries: int = -1
    # How many sleeping workers a new job wakes; 0 means as many as there are jobs.
    worker_wakeup: int = 0
    # What job handles start with; empty means "H:" and the name of the machine.
    job_handle_prefix: str = ""
    # Whether WORK_EXCEPTION goes to every client, or (as the protocol has it) to those that asked for it.
    exceptions: bool = False
    # Where background jobs are kept: a URL, which may hold a password.
    queue: str = field(default=MEMORY_URL, repr=False)
    # Whether unsafe settings of its database refuse the start (strict) or are logged (normal), or whether
    # speed matters more than the last moments before a crash of the machine (relaxed).
    durability: str = NORMAL
    # Whether a corrupt SQLite file is put aside, and a new one begun; otherwise it refuses the start.
    new_queue: bool = False
    # How long a submission waits for the queue before it is refused, and how much data may wait for it.
    store_timeout: float = 10.0
    store_backlog_bytes: int = 256 * _MIB
    # From this much memory taken by jobs on, further durable ones are in the store only until their turn is
    # near; 0 keeps all of them in memory. A queue in Redis is always in memory.
    queue_memory_bytes: int = 256 * _MIB
    # Whether the admin command "shutdown" stops the server.
    allow_shutdown: bool = False
    # Seconds that a graceful stop waits for jobs; 0 means as long as they take.
    drain_timeout: float = 0.0

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
        _check_positive("handshake_seconds", self.handshake_seconds)
        if not 0 <= self.drain_timeout < float("inf"):
            raise ConfigError("drain_timeout", self.drain_timeout, "a number of seconds, 0 for no limit")
        check_url(self.queue)
        _check_choice("durability", self.durability, DURABILITIES)
        _check_positive("store_timeout", self.store_timeout)
        _check_range("store_backlog_bytes", self.store_backlog_bytes, 0, 2**63 - 1)
        _check_range("queue_memory_bytes", self.queue_memory_bytes, 0, 2**63 - 1)
        _check_handle_prefix(self.job_handle_prefix)
        _check_range("http_port", self.http_port, 0, 65535)
        _check_choice("protocol", self.protocol, ("", HTTP_PROTOCOL))
        _check_keepalive("keepalive_idle", self.keepalive_idle, _MAX_KEEPALIVE_SECONDS)
        _check_keepalive("keepalive_interval", self.keepalive_interval, _MAX_KEEPALIVE_SECONDS)
        _check_keepalive("keepalive_count", self.keepalive_count, _MAX_KEEPALIVE_PROBES)
        _check_choice("ssl_verify", self.ssl_verify, ("", *VERIFY_MODES))
        _check_listen(self.listen)
        _check_tls(self)

    def listen_addresses(self) -> tuple[Address, ...]:
        """Where to listen, with the settings that an entry leaves open filled in.

        Without entries it is the loopback addresses. With the HTTP protocol, every TCP host of them (or the
        loopback addresses, if there is none) speaks HTTP too, unless an entry says where.
        """
        scheme = TLS if self.ssl else TCP
        addresses: list[Address] = [
            parse_listen(entry, self.port, scheme=scheme, http_port=self.http_port) for entry in self.listen
        ] or [TcpAddress(host, self.port, scheme) for host in LOOPBACK]
        if self.protocol == HTTP_PROTOCOL and not speaking(addresses, HTTP):
            hosts = [address.host for address in addresses if isinstance(address, TcpAddress)] or LOOPBACK
            addresses += [TcpAddress(host, self.http_port, HTTP) for host in dict.fromkeys(hosts)]
        return tuple(addresses)

    def uses_tls(self) -> bool:
        """Whether TLS is spoken anywhere."""
        return bool(speaking(self.listen_addresses(), TLS))

    def check_certificate(self) -> None:
        """Raises ConfigError when there is none, for a server that speaks TLS."""
        if not self.ssl_certificate:
            raise ConfigError("ssl_certificate", "", "the file of a certificate, because TLS is wanted")

    def verify_mode(self) -> str:
        """What is demanded of the certificates of clients: one of geartrain.tls.VERIFY_MODES."""
        return self.ssl_verify or (VERIFY_REQUIRED if self.ssl_ca_file else VERIFY_NONE)

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


def _check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(key, value, " or ".join(choice for choice in choices if choice))


def _check_keepalive(key: str, value: int, highest: int) -> None:
    if value == 0:
        # The kernel refuses it.
        raise ConfigError(key, value, f"a whole number from 1 to {highest}, or -1 for the system's own")
    _check_range(key, value, SYSTEM_DEFAULT, highest)


def _check_tls(config: ServerConfig) -> None:
    """Whether the parts of the TLS settings fit together; the files are read when the server starts."""
    if config.uses_tls():
        config.check_certificate()
    if config.ssl_verify not in ("", VERIFY_NONE) and not config.ssl_ca_file:
        raise ConfigError("ssl_ca_file", "", f"a file, because ssl_verify is {config.ssl_verify}")


def speaking(addresses: Iterable[Address], scheme: str) -> tuple[Address, ...]:
    """Those of the addresses where this scheme is spoken."""
    return tuple(each for each in addresses if isinstance(each, TcpAddress) and each.scheme == scheme)


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
