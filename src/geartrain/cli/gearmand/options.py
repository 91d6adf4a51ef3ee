"""The options of ``gearmand``, each declared once: help, environment names and config keys derive from it.

The long name is the key in a config file; behind ``GEARMAND_`` and in capitals, with ``_`` for ``-``, it is
the environment variable. Options that become a field of ServerConfig or ProcessOptions have its name.
"""

from __future__ import annotations

from typing import Final

import click

from geartrain.addresses import LISTEN_FORMS
from geartrain.cli.gearmand.logs import FORMATS, LEVELS
from geartrain.cli.gearmand.process import ProcessOptions
from geartrain.cli.gearmand.setting_types import PORT, SECONDS, SWITCH, WHOLE, WholeType, WordType
from geartrain.server import ServerConfig
from geartrain.store.urls import DURABILITIES, QUEUE_FORMS
from geartrain.tls import VERIFY_MODES

# Stands for what is not set, in the place of a file or a name.
UNSET: Final = ""
BUILTIN_QUEUE: Final = "builtin"

_CONFIG: Final = ServerConfig()
_PROCESS: Final = ProcessOptions()


def _text(
    *names: str, metavar: str, about: str, default: str = UNSET, env: tuple[str, ...] = ()
) -> click.Option:
    return click.Option(
        names, metavar=metavar, default=default, show_default=default != UNSET, envvar=env, help=about
    )


def _flag(*names: str, about: str) -> click.Option:
    return click.Option(names, is_flag=True, type=SWITCH, help=about)


def _number(*names: str, about: str, default: int, kind: click.ParamType[int] = WHOLE) -> click.Option:
    metavar = "PORT" if kind is PORT else "N"
    return click.Option(names, metavar=metavar, type=kind, default=default, show_default=True, help=about)


def _seconds(*names: str, about: str, default: float) -> click.Option:
    return click.Option(
        names, metavar="SECONDS", type=SECONDS, default=default, show_default=True, help=about
    )


def _choice(*names: str, choices: list[str], about: str, default: str, metavar: str) -> click.Option:
    return click.Option(
        names,
        metavar=metavar,
        type=WordType(choices),
        default=default,
        show_default=True,
        help=about,
    )


_LISTENING: Final = [
    _number(
        "-p",
        "--port",
        kind=PORT,
        default=_CONFIG.port,
        about="TCP port, a number or the name of a service; 0 takes a free one.",
    ),
    click.Option(
        ["-L", "--listen"],
        metavar="ADDRESS",
        multiple=True,
        help=f"Where to listen: {LISTEN_FORMS}. May be given several times.  [default: 127.0.0.1 and ::1]",
    ),
    _number(
        "-b", "--backlog", default=_CONFIG.backlog, about="How many connections may wait to be accepted."
    ),
    _text("-r", "--protocol", metavar="NAME", about="A further protocol to serve; there is http."),
    _number(
        "--http-port",
        kind=PORT,
        default=_CONFIG.http_port,
        about="TCP port of HTTP, on every host that is listened on.",
    ),
    _flag("--keepalive", about="Look for dead connections; that is always done."),
    _number(
        "--keepalive-idle",
        default=_CONFIG.keepalive_idle,
        about="Seconds of silence before the first probe; -1 is the system's own.",
    ),
    _number(
        "--keepalive-interval",
        default=_CONFIG.keepalive_interval,
        about="Seconds between probes; -1 is the system's own.",
    ),
    _number(
        "--keepalive-count",
        default=_CONFIG.keepalive_count,
        about="Probes without an answer that end a connection; -1 is the system's own.",
    ),
]

_ACCESS: Final = [
    _flag("--ssl", about="Speak TLS wherever --listen does not say otherwise."),
    _text(
        "--ssl-certificate",
        metavar="FILE",
        env=("GEARMAND_SSL_CERTIFICATE", "GEARMAND_SERVER_PEM"),
        about="The certificate of this server (PEM).",
    ),
    _text(
        "--ssl-key",
        metavar="FILE",
        env=("GEARMAND_SSL_KEY", "GEARMAND_SERVER_KEY"),
        about="The key of the certificate (PEM), if it is in a file of its own.",
    ),
    _text(
        "--ssl-ca-file",
        metavar="FILE",
        env=("GEARMAND_SSL_CA_FILE", "GEARMAND_CA_CERTIFICATE"),
        about="The authorities that sign the certificates of clients (PEM).",
    ),
    _text(
        "--ssl-verify",
        metavar="MODE",
        about=f"Whether clients must show a certificate: {', '.join(VERIFY_MODES)}."
        "  [default: required with --ssl-ca-file, none without]",
    ),
    _seconds(
        "--handshake-seconds",
        default=_CONFIG.handshake_seconds,
        about="How long a peer may take over its TLS handshake.",
    ),
    _text("--acl", metavar="FILE", about="Who may do what (TOML).  [default: everybody everything]"),
    _flag("--allow-shutdown", about='Obey the admin command "shutdown".'),
]

_JOBS: Final = [
    _number(
        "-j",
        "--job-retries",
        default=_CONFIG.job_retries,
        about="Attempts before a job fails that loses its worker each time; -1 sets no limit, 0 is like 1.",
    ),
    _number(
        "-w",
        "--worker-wakeup",
        default=_CONFIG.worker_wakeup,
        about="How many sleeping workers a new job wakes; 0 means as many as there are jobs.",
    ),
    _text(
        "--job-handle-prefix",
        metavar="TEXT",
        about="What job handles start with.  [default: H: and the name of this machine]",
    ),
    _flag("--exceptions", about="Send WORK_EXCEPTION to clients that did not ask for it too."),
    _text(
        "--queue",
        metavar="URL",
        about=f"Where background jobs are kept: {QUEUE_FORMS}."
        "  [default: a file for the port in the state directory; memory:// with port 0]",
    ),
    _choice(
        "--durability",
        choices=list(DURABILITIES),
        default=_CONFIG.durability,
        metavar="MODE",
        about="strict refuses a database with unsafe settings, normal logs them, relaxed is quicker and may"
        " lose the last moments before a crash of the machine.",
    ),
    _flag("--new-queue", about="Put a corrupt SQLite file aside, and begin a new one."),
    _seconds(
        "--store-timeout",
        default=_CONFIG.store_timeout,
        about="How long a submission waits for the queue before it is refused.",
    ),
    _number(
        "--store-backlog-bytes",
        default=_CONFIG.store_backlog_bytes,
        about="How much may wait for the queue before submissions are refused.",
    ),
    _number(
        "--queue-memory-bytes",
        default=_CONFIG.queue_memory_bytes,
        about="Memory for queued jobs; more of them stay in the database until their turn. 0 sets no limit.",
    ),
    _number("--max-packet-bytes", default=_CONFIG.max_packet_bytes, about="Longest packet that is accepted."),
    _seconds(
        "--drain-timeout",
        default=_CONFIG.drain_timeout,
        about="How long SIGUSR1 waits for jobs; 0 means as long as they take.",
    ),
]

_PROCESS_OPTIONS: Final = [
    _flag("-d", "--daemon", about="Go to the background once the server listens."),
    _text("-P", "--pid-file", metavar="FILE", about="Write the process id to this file."),
    _text("-u", "--user", metavar="NAME", about="Go on with the rights of this user after binding."),
    click.Option(
        ["-f", "--file-descriptors"],
        metavar="N",
        type=WholeType(0),
        default=0,
        show_default="as many as the system allows",
        help="How many files and connections may be open.",
    ),
]

_LOG: Final = [
    _choice(
        "--verbose",
        choices=list(LEVELS),
        default=_CONFIG.log_level,
        metavar="LEVEL",
        about=f"Least level that is logged: {', '.join(LEVELS)}.",
    ),
    _text(
        "-l",
        "--log-file",
        metavar="FILE",
        default=_PROCESS.log_file,
        about="Where the log goes: a file, stderr or none.",
    ),
    _choice(
        "--log-format",
        choices=list(FORMATS),
        default=_PROCESS.log_format,
        metavar="FORMAT",
        about=f"What its lines look like: {', '.join(FORMATS)}.",
    ),
    _flag("--syslog", about="Send the log to the log of the system too."),
]

# The options that are settings: what --print-config prints.
SETTINGS: Final = {
    "Listening": _LISTENING,
    "TLS and access": _ACCESS,
    "Jobs": _JOBS,
    "Process": _PROCESS_OPTIONS,
    "Log": _LOG,
}

# Other words for --queue, those of the C server.
STORES: Final = [
    _text(
        "-q",
        "--queue-type",
        metavar="TYPE",
        default=BUILTIN_QUEUE,
        about="Kind of queue: builtin, libsqlite3, postgres, mysql or redis; read as the matching --queue.",
    ),
    _text("--libsqlite3-db", metavar="FILE", about="libsqlite3: the database."),
    _text("--libsqlite3-table", metavar="NAME", about="libsqlite3: the table."),
    _text("--libpq-conninfo", metavar="TEXT", about="postgres: how to connect, as libpq has it."),
    _text("--libpq-table", metavar="NAME", about="postgres: the table."),
    _text("--mysql-host", metavar="HOST", default="localhost", about="mysql: the host."),
    _number("--mysql-port", kind=PORT, default=3306, about="mysql: the port."),
    _text("--mysql-user", metavar="NAME", about="mysql: the user."),
    _text("--mysql-password", metavar="TEXT", about="mysql: the password."),
    _text("--mysql-db", metavar="NAME", about="mysql: the database."),
    _text("--mysql-table", metavar="NAME", about="mysql: the table."),
    _text("--redis-server", metavar="HOST", default="127.0.0.1", about="redis: the host."),
    _number("--redis-port", kind=PORT, default=6379, about="redis: the port."),
    _text("--redis-password", metavar="TEXT", about="redis: the password."),
    _text("--redis-prefix", metavar="TEXT", about="redis: what keys start with."),
    _text("--libmemcached-servers", metavar="LIST", about="Refused with --queue-type libmemcached."),
    _text("--libmemcached-prefix", metavar="TEXT", about="Refused with --queue-type libmemcached."),
    _text("--libtokyocabinet-file", metavar="FILE", about="Refused with --queue-type libtokyocabinet."),
    _flag("--libtokyocabinet-optimize", about="Refused with --queue-type libtokyocabinet."),
]

# Options whose values hold passwords, by name.
SECRETS: Final = frozenset(("queue", "libpq_conninfo", "mysql_password", "redis_password"))

# What the C server has, and what means nothing here: noted in the log once.
MEANINGLESS: Final = [
    _number(
        "-t",
        "--threads",
        kind=WholeType(0),
        default=4,
        about="Nothing: one event loop serves all connections.",
    ),
    _flag("-R", "--round-robin", about="Nothing: functions of a worker always take turns."),
    _number(
        "--hashtable-buckets",
        kind=WholeType(1),
        default=991,
        about="Nothing: tables grow with the number of jobs.",
    ),
    _flag("--coredump", about="Nothing: no signal is caught that would dump core."),
    _flag("--store-queue-on-shutdown", about="Nothing: a job is stored before it is acknowledged."),
]
