"""The command ``gearadmin``: administration of a job server, with the options of the C tool and a few more.

Operations are carried out in the order in which they stand on the command line, over one connection. The exit
code is 0 when the server did them all, and 1 otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final, TypeVar

import click

from geartrain.addresses import parse_port
from geartrain.cli.entry import ExitCode, run_command
from geartrain.cli.gearadmin.abbreviations import expand_abbreviations
from geartrain.cli.gearadmin.operations import Operation, perform
from geartrain.cli.servers import DEFAULT_SERVER, Servers, TlsOptions, timeout_option, tls_options
from geartrain.errors import ConfigError, LocalProtocolError
from geartrain.roles.admin import command_line

PROGRAM: Final = "gearadmin"

# Abbreviations that mean one of these go on to do so, whatever options came later.
_OPTIONS_OF_THE_C_TOOL: Final = (
    *("--help", "--host", "--port", "--server-version", "--server-verbose", "--create-function"),
    *("--cancel-job", "--drop-function", "--show-unique-jobs", "--show-jobs", "--getpid", "--status"),
    *("--priority-status", "--workers", "--ssl"),
)

# What the options of the operations send; the values of an option follow as further words.
_COMMANDS: Final = {
    "status": (b"status",),
    "priority_status": (b"prioritystatus",),
    "workers": (b"workers",),
    "show_jobs": (b"show", b"jobs"),
    "show_unique_jobs": (b"show", b"unique", b"jobs"),
    "server_version": (b"version",),
    "server_verbose": (b"verbose",),
    "getpid": (b"getpid",),
    "create_function": (b"create", b"function"),
    "drop_function": (b"drop", b"function"),
    "cancel_job": (b"cancel", b"job"),
    "maxqueue": (b"maxqueue",),
    "shutdown": (b"shutdown",),
    "shutdown_graceful": (b"shutdown", b"graceful"),
}
_LIMITS: Final = re.compile(r"[0-9]+(,[0-9]+,[0-9]+)?")
_ORDER: Final = "geartrain.cli.gearadmin.command.order"

_EXAMPLES: Final = """\b
Examples:
  gearadmin --status --workers
  gearadmin -h jobs.example.org -p 4731 --priority-status --json
  gearadmin --create-function resize --maxqueue resize 1000
  gearadmin --maxqueue resize 10,1000,5000
  gearadmin -h jobs.example.org --ssl --shutdown-graceful
"""

Function = TypeVar("Function", bound=Callable[..., object])


class _OrderedCommand(click.Command):
    """A command whose long options may be abbreviated, and that knows the order of its operations."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = expand_abbreviations(self.get_params(ctx), args, _OPTIONS_OF_THE_C_TOOL)
        _, _, order = self.make_parser(ctx).parse_args(list(words))
        ctx.meta[_ORDER] = [parameter.name for parameter in order if parameter.name in _COMMANDS]
        return super().parse_args(ctx, words)


def _plain_operations(function: Function) -> Function:
    """Adds the operations that take no value."""
    for name, help_text in reversed(
        (
            ("--status", "List functions: jobs in total, jobs running, and workers."),
            (
                "--priority-status",
                "List functions: jobs queued with high, normal and low priority, and workers.",
            ),
            ("--workers", "List connections: descriptor, address, client id, and functions."),
            ("--show-jobs", "List jobs: handle, times given back, abandoned, and kept by the server."),
            ("--show-unique-jobs", "List the uniques of jobs."),
            ("--server-version", "Print the version of the server."),
            ("--server-verbose", "Print the log level of the server."),
            ("--getpid", "Print the process id of the server."),
            ("--shutdown", "Stop the server, if it was started with --allow-shutdown."),
            ("--shutdown-graceful", "The same, as soon as no job is left."),
        )
    ):
        function = click.option(name, is_flag=True, help=help_text)(function)
    return function


@click.command(
    cls=_OrderedCommand,
    context_settings={"max_content_width": 100},
    epilog=_EXAMPLES,
)
@click.option(
    "-h",
    "--host",
    metavar="HOST",
    default=DEFAULT_SERVER,
    show_default=True,
    help="Where the server is; tls://HOST and unix:/PATH will do as well.",
)
@click.option(
    "-p",
    "--port",
    metavar="PORT",
    default="4730",
    show_default=True,
    help="Its port, or the name of a service.",
)
@_plain_operations
@click.option("--create-function", metavar="FUNCTION", multiple=True, help="Let the server know a function.")
@click.option(
    "--drop-function",
    metavar="FUNCTION",
    multiple=True,
    help="Let it forget a function without workers, and the jobs that are queued for it.",
)
@click.option("--cancel-job", metavar="HANDLE", multiple=True, help="Take a job out of the queue.")
@click.option(
    "--maxqueue",
    metavar="FUNCTION N",
    nargs=2,
    multiple=True,
    help="Limit the jobs of a function; N is one number, or three for high,normal,low priority. "
    "0 is without limit.",
)
@tls_options
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object in one line for each operation.")
@click.version_option(
    None, "--version", package_name="geartrain", prog_name=PROGRAM, message="%(prog)s (Geartrain) %(version)s"
)
def command(
    *,
    host: str,
    port: str,
    tls: TlsOptions,
    timeout: float,
    as_json: bool,
    **operations: tuple[str | tuple[str, str], ...] | bool,
) -> int:
    """Administrates a Gearman job server.

    Operations are carried out in the order given, over one connection. Long options may be abbreviated.
    """
    ctx = click.get_current_context()
    wanted = _wanted(ctx.meta[_ORDER], operations)
    if not wanted:
        click.echo(ctx.get_help())
        return ExitCode.FAILED
    servers = tls.servers(host, port=parse_port(port), timeout_seconds=timeout, key="host")
    return _perform(servers, wanted, as_json=as_json)


def _wanted(order: list[str], given: dict[str, tuple[str | tuple[str, str], ...] | bool]) -> list[Operation]:
    """The operations in their order, with what was given for the option of each."""
    values = {name: iter(value) for name, value in given.items() if isinstance(value, tuple)}
    wanted = []
    for name in order:
        option = name.replace("_", "-")
        words = _words(option, next(values[name])) if name in values else []
        wanted.append(Operation(option, command_line(*_COMMANDS[name], *words)))
    return wanted


def _words(option: str, value: str | tuple[str, str]) -> list[bytes]:
    """The value of an option as words of a command. Raises ConfigError."""
    if isinstance(value, tuple):
        name, limits = value
        if _LIMITS.fullmatch(limits) is None:
            raise ConfigError(option, limits, "a number, or three with commas between them")
        return [*_words(option, name), *limits.encode().split(b",")]
    word = os.fsencode(value)
    try:
        command_line(word)
    except LocalProtocolError as error:
        raise ConfigError(option, value, "a name without blanks and line ends") from error
    return [word]


def _perform(servers: Servers, operations: list[Operation], *, as_json: bool) -> int:
    # asyncio takes longer to load than all the rest; help and wrong options do without it.
    from geartrain.cli.geartrain.asking import ask

    done = ask(servers, lambda admin: perform(admin, operations, as_json=as_json))
    return ExitCode.DONE if done else ExitCode.FAILED


def main() -> None:
    """Runs the command; exits with 0 or 1."""
    run_command(command, PROGRAM, usage=ExitCode.FAILED, unreachable=ExitCode.FAILED)
