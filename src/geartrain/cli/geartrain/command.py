"""The command ``geartrain``: one front door, with a subcommand for everything."""

from __future__ import annotations

import importlib
from typing import Final, NamedTuple

import click
from click.shell_completion import CompletionItem, add_completion_class

from geartrain.cli.entry import run_command
from geartrain.cli.geartrain.bash_words import BashComplete

PROGRAM: Final = "geartrain"
add_completion_class(BashComplete)


class _Entry(NamedTuple):
    """Where a subcommand is, ``module:name``, and what it is for in a few words."""

    target: str
    summary: str


# The order of the help: run, use, look, change. Subcommands are loaded when they are called, so that none
# of them makes the others start slower; this is why their summaries stand here.
_ENTRIES: Final = {
    "server": _Entry("geartrain.cli.gearmand.command:command", "Run a job server; the same as gearmand."),
    "submit": _Entry("geartrain.cli.geartrain.submit:command", "Submit a job, and wait for its result."),
    "exec": _Entry("geartrain.cli.geartrain.execute:command", "Work on jobs by running a command for each."),
    "status": _Entry("geartrain.cli.geartrain.status:command", "Show functions: queues, jobs, workers."),
    "workers": _Entry("geartrain.cli.geartrain.workers:command", "Show connections, and what they can do."),
    "jobs": _Entry("geartrain.cli.geartrain.jobs:command", "Show jobs."),
    "top": _Entry("geartrain.cli.top.command:command", "Watch a job server on the whole screen."),
    "ping": _Entry("geartrain.cli.geartrain.ping:command", "Measure how fast a job server answers."),
    "queue": _Entry("geartrain.cli.queue.group:command", "Look at durable queues, carry jobs in and out."),
    "cancel": _Entry("geartrain.cli.geartrain.cancel:command", "Cancel jobs by their handles."),
    "demo": _Entry("geartrain.cli.geartrain.demo:command", "Show it all at work: server, workers, jobs."),
    "completion": _Entry(
        "geartrain.cli.geartrain.completion:command", "Print a completion script for a shell."
    ),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_ENTRIES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _ENTRIES.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = entry.target.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Past the method of groups, which would load them all.
        return [*self.complete_name(ctx, incomplete), *click.Command.shell_complete(self, ctx, incomplete)]

    def complete_name(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The subcommands that begin so."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [CompletionItem(name, help=self._summary(ctx, name)) for name in names]

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in _ENTRIES:
            return _ENTRIES[name].summary
        command = super().get_command(ctx, name)
        return "" if command is None else command.get_short_help_str()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Servers are named with --server, or in the environment as GEARMAN_SERVER. "
    "See geartrain COMMAND --help for options and examples.",
)
@click.version_option(
    None, "-V", "--version", package_name="geartrain", prog_name="Geartrain", message="%(prog)s %(version)s"
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Job servers, clients and workers that speak Gearman, from the command line."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _complete_command(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return command.complete_name(ctx, incomplete)


@command.command("help")
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=_complete_command)
@click.pass_context
def help_command(ctx: click.Context, name: str | None) -> None:
    """Show help, for all commands or for one."""
    assert ctx.parent is not None
    if name is None:
        click.echo(ctx.parent.get_help())
        return
    found = command.get_command(ctx.parent, name)
    if found is None:
        raise click.UsageError(f"No such command {name!r}.")
    with click.Context(found, info_name=name, parent=ctx.parent) as found_context:
        click.echo(found.get_help(found_context))


def main() -> None:
    """Runs the command; see ExitCode for how it ends."""
    run_command(command, PROGRAM)
