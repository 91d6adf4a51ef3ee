"""The command ``gearmand``: its options become a config, and the config a running server."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final, NoReturn

import click

from geartrain.cli.entry import ExitCode, run_command
from geartrain.cli.gearmand.c_stores import belongs_to, queue_url
from geartrain.cli.gearmand.check_args import check
from geartrain.cli.gearmand.config_file import NO_FILE, SYSTEM_PATHS, read_config_file
from geartrain.cli.gearmand.default_queue import default_queue
from geartrain.cli.gearmand.options import MEANINGLESS, SETTINGS, STORES
from geartrain.cli.gearmand.print_config import config_text
from geartrain.cli.gearmand.process import Note, ProcessOptions, run
from geartrain.cli.gearmand.provenance import (
    explained_errors,
    is_given,
    option_name,
    origin_of,
    set_config_file,
    set_origin,
)
from geartrain.cli.gearmand.stray_variables import stray_variables
from geartrain.errors import ConfigError
from geartrain.server import ServerConfig
from geartrain.store.urls import MEMORY_URL

PROGRAM: Final = "gearmand"
_ENVIRONMENT_PREFIX: Final = "GEARMAND"
# Kept with a context: what to log at the start.
_NOTES: Final = "geartrain.notes"
# The title of the options about the program itself.
_INFORMATION: Final = "Settings and information"
_EPILOG: Final = f"""\b
Examples:
  gearmand                              on port 4730, for programs on this machine
  gearmand -p 4731 -L 0.0.0.0 -L ::     for other machines too
  gearmand -L unix:/run/gearmand.sock   on a Unix socket only
  gearmand -d -P /run/gearmand.pid -l /var/log/gearmand.log
  gearmand --ssl --ssl-certificate server.pem --ssl-key server.key -L 0.0.0.0 -L tcp://127.0.0.1:4731
  gearmand --print-config > gearmand.toml

\b
Each option may also be given as an environment variable, such as {_ENVIRONMENT_PREFIX}_JOB_RETRIES, and in a
config file (TOML), by its long name. The command line comes first, then the environment, then the file.

\b
Signals:
  SIGTERM, SIGINT   stop at once
  SIGUSR1           refuse new connections, stop when no job is left
  SIGHUP            open the log file again, read certificates and access rules again
"""


class GearmandCommand(click.Command):
    """Takes values from a file too, and says where a value came from that cannot be used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with explained_errors(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with explained_errors(ctx):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the options in groups, with one column for all."""
        groups = {title: _help_records(ctx, options) for title, options in _GROUPS.items()}
        help_option = self.get_help_option(ctx)
        if help_option is not None:
            groups[_INFORMATION] += _help_records(ctx, [help_option])
        width = max(len(names) for records in groups.values() for names, _ in records)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl([(f"{names:<{width}}", about) for names, about in records])


def _help_records(ctx: click.Context, options: Sequence[click.Option]) -> list[tuple[str, str]]:
    records = [option.get_help_record(ctx) for option in options]
    return [record for record in records if record is not None]


def _load_config_file(ctx: click.Context, _param: click.Parameter, path: str) -> None:
    """Puts what the file says below the command line and the environment."""
    file = read_config_file(ctx, path)
    if file is None:
        return
    ctx.default_map = file.values
    set_config_file(ctx, file.path)
    if file.stray_words:
        note = (
            "words in the config file are ignored",
            {"file": file.path, "words": " ".join(file.stray_words)},
        )
        ctx.meta[_NOTES] = [note]


def _show_version(ctx: click.Context, _param: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        click.echo(f"{PROGRAM} (Geartrain) {version('geartrain')}")
        ctx.exit()


# What to do instead of running a server; these are for the command line only.
_ACTIONS: Final = [
    click.Option(
        ["--config-file"],
        metavar="FILE",
        default="",
        is_eager=True,
        expose_value=False,
        callback=_load_config_file,
        envvar="GEARMAND_CONFIG_FILE",
        allow_from_autoenv=False,
        help=f"Read options from this file, TOML or that of the C server; {NO_FILE} reads none."
        f"  [default: the first of {', '.join(SYSTEM_PATHS)} that is there]",
    ),
    click.Option(
        ["--print-config"],
        is_flag=True,
        allow_from_autoenv=False,
        help="Print the effective settings as a config file, with where each came from, and exit.",
    ),
    click.Option(
        ["--check-args"],
        is_flag=True,
        allow_from_autoenv=False,
        help="Check settings, files, addresses and the queue, and exit.",
    ),
    click.Option(
        ["-V", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        allow_from_autoenv=False,
        help="Show the version and exit.",
    ),
]
_GROUPS: Final = {
    **SETTINGS,
    _INFORMATION: _ACTIONS,
    "Queues of the C server": STORES,
    "Understood, but without effect": MEANINGLESS,
}


@click.pass_context
def _gearmand(ctx: click.Context, /, **values: Any) -> None:
    queue_notes = list(_translate_store(ctx, values))
    config = ServerConfig(**_fields(ServerConfig, values, log_level=values["verbose"]))
    options = ProcessOptions(
        **_fields(
            ProcessOptions,
            values,
            pid_file=values["pid_file"] or None,
            file_descriptors=values["file_descriptors"] or None,
            notes=(*ctx.meta.get(_NOTES, ()), *_stray_variables(ctx), *queue_notes, *_meaningless(ctx)),
        )
    )
    if values["print_config"]:
        click.echo(config_text(ctx, SETTINGS, values))
    elif values["check_args"]:
        check(config, options)
    else:
        run(config, options)


def _fields(
    kind: type[ServerConfig | ProcessOptions], values: dict[str, Any], **made: object
) -> dict[str, Any]:
    """Those values that are fields of a class, and those that were made for it."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names} | made


def _translate_store(ctx: click.Context, values: dict[str, Any]) -> Iterator[Note]:
    """Replaces the queue by what the store options of the C server ask for; notes those without effect."""
    queue_type: str = values["queue_type"]
    texts = {name: str(value) for name, value in values.items()}
    url = queue_url(queue_type, texts)
    if is_given(ctx, "queue_type"):
        if is_given(ctx, "queue") and values["queue"] != url:
            raise ConfigError("queue_type", queue_type, "nothing beside --queue, which says it all")
        values["queue"] = url
        set_origin(ctx, "queue", f"{origin_of(ctx, 'queue_type')}: --queue-type {queue_type}")
    elif not values["queue"]:
        # A server on any free port will not find its queue again.
        values["queue"] = default_queue(values["port"]) if values["port"] else MEMORY_URL
    for option in STORES[1:]:
        name = option.name
        if is_given(ctx, name) and not belongs_to(name, queue_type):
            yield ("option has no effect on this queue", _described(ctx, name))


def _stray_variables(ctx: click.Context) -> Iterator[Note]:
    for variable, nearest in stray_variables(ctx, os.environ):
        yield ("no option has this environment variable", {"variable": variable, "nearest": nearest})


def _meaningless(ctx: click.Context) -> Iterator[Note]:
    for option in MEANINGLESS:
        name = option.name
        if is_given(ctx, name):
            yield ("option has no meaning here", _described(ctx, name))


def _described(ctx: click.Context, name: str) -> dict[str, object]:
    return {"option": option_name(name), "source": origin_of(ctx, name)}


command: Final = GearmandCommand(
    PROGRAM,
    params=[option for options in _GROUPS.values() for option in options],
    callback=_gearmand,
    help="Runs a Gearman job server.",
    epilog=_EPILOG,
    context_settings={
        "auto_envvar_prefix": _ENVIRONMENT_PREFIX,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
    },
)


def main() -> NoReturn:
    """Runs the command; exits with 0, or with 1 and one line on stderr, for wrong options too."""
    run_command(command, PROGRAM, usage=ExitCode.FAILED, unreachable=ExitCode.FAILED)
