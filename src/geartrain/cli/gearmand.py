"""The command ``gearmand``: the options of the C server, read with click."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Final

import click

from geartrain.addresses import ADDRESS_FORMS, parse_port
from geartrain.cli.logs import LEVELS, TO_STDERR
from geartrain.cli.process import ProcessOptions, run
from geartrain.errors import ConfigError, GeartrainError
from geartrain.server import ServerConfig

PROGRAM: Final = "gearmand"
_DEFAULTS: Final = ServerConfig()
_EPILOG: Final = """\b
Examples:
  gearmand                              on port 4730, for programs on this machine
  gearmand -p 4731 -L 0.0.0.0 -L ::     for other machines too
  gearmand -L unix:/run/gearmand.sock   on a Unix socket only
  gearmand -d -P /run/gearmand.pid -l /var/log/gearmand.log

\b
Signals:
  SIGTERM, SIGINT   stop at once
  SIGUSR1           refuse new connections, stop when no job is left
  SIGHUP            open the log file again
"""


@click.command(
    epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "-p",
    "--port",
    metavar="PORT",
    default=str(_DEFAULTS.port),
    show_default=True,
    help="TCP port, a number or the name of a service; 0 takes a free one.",
)
@click.option(
    "-L",
    "--listen",
    metavar="ADDRESS",
    multiple=True,
    help=f"Where to listen: {ADDRESS_FORMS}. May be given several times.  [default: 127.0.0.1 and ::1]",
)
@click.option(
    "-b",
    "--backlog",
    metavar="N",
    type=int,
    default=_DEFAULTS.backlog,
    show_default=True,
    help="How many connections may wait to be accepted.",
)
@click.option(
    "-j",
    "--job-retries",
    metavar="N",
    type=int,
    default=_DEFAULTS.job_retries,
    show_default=True,
    help="Attempts before a job fails that loses its worker each time; -1 means without limit, 0 is like 1.",
)
@click.option(
    "-w",
    "--worker-wakeup",
    metavar="N",
    type=int,
    default=_DEFAULTS.worker_wakeup,
    show_default=True,
    help="How many sleeping workers a new job wakes; 0 means as many as there are jobs.",
)
@click.option(
    "--job-handle-prefix",
    metavar="TEXT",
    default=_DEFAULTS.job_handle_prefix,
    help="What job handles start with.  [default: H: and the name of this machine]",
)
@click.option(
    "--exceptions", is_flag=True, help="Send WORK_EXCEPTION to clients that did not ask for it too."
)
@click.option(
    "--queue",
    metavar="URL",
    default=_DEFAULTS.queue,
    show_default=True,
    help="Where background jobs are kept; there is only memory:// so far.",
)
@click.option(
    "--max-packet-bytes",
    metavar="N",
    type=int,
    default=_DEFAULTS.max_packet_bytes,
    show_default=True,
    help="Longest packet that is accepted.",
)
@click.option("--allow-shutdown", is_flag=True, help='Obey the admin command "shutdown".')
@click.option(
    "--verbose",
    metavar="LEVEL",
    type=click.Choice(list(LEVELS), case_sensitive=False),
    default=_DEFAULTS.log_level,
    show_default=True,
    help=f"Least level that is logged: {', '.join(LEVELS)}.",
)
@click.option(
    "-l",
    "--log-file",
    metavar="FILE",
    default=TO_STDERR,
    show_default=True,
    help="Where the log goes: a file, stderr or none.",
)
@click.option("-P", "--pid-file", metavar="FILE", help="Write the process id to this file.")
@click.option("-d", "--daemon", is_flag=True, help="Go to the background once the server listens.")
@click.version_option(
    version("geartrain"), "-V", "--version", prog_name=PROGRAM, message="%(prog)s (Geartrain) %(version)s"
)
def command(
    *,
    port: str,
    listen: tuple[str, ...],
    backlog: int,
    job_retries: int,
    worker_wakeup: int,
    job_handle_prefix: str,
    exceptions: bool,
    queue: str,
    max_packet_bytes: int,
    allow_shutdown: bool,
    verbose: str,
    log_file: str,
    pid_file: str | None,
    daemon: bool,
) -> None:
    """Runs a Gearman job server."""
    config = ServerConfig(
        port=parse_port(port),
        listen=listen,
        backlog=backlog,
        job_retries=job_retries,
        worker_wakeup=worker_wakeup,
        job_handle_prefix=job_handle_prefix,
        exceptions=exceptions,
        queue=queue,
        max_packet_bytes=max_packet_bytes,
        allow_shutdown=allow_shutdown,
        log_level=verbose,
    )
    run(config, ProcessOptions(daemon=daemon, log_file=log_file, pid_file=pid_file))


def main() -> None:
    """Runs the command; exits with 0, or with 1 and one line on stderr, for wrong options too."""
    try:
        command.main(prog_name=PROGRAM, standalone_mode=False)
    except ConfigError as error:
        option = "--" + error.key.replace("_", "-")
        _fail(f"{option}: {error.value!r} is not usable; expected {error.expected}")
    except GeartrainError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(error.format_message())
    except OSError as error:
        # The system has no descriptors or processes left.
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        # Ctrl-C before the server listens; afterwards it is a signal like SIGTERM.
        pass


def _fail(message: str) -> None:
    # One line, whatever the user or the system put into the message.
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
