"""``geartrain queue``: the group of its subcommands."""

from __future__ import annotations

from typing import Final

import click

from geartrain.cli.queue.check import check_command
from geartrain.cli.queue.export import export_command
from geartrain.cli.queue.import_file import import_command
from geartrain.cli.queue.import_gearmand import import_gearmand_command
from geartrain.cli.queue.info import info_command
from geartrain.cli.queue.jobs import list_command
from geartrain.cli.queue.move import move_command
from geartrain.cli.queue.purge import purge_command

# Look first, change later.
_COMMANDS: Final = (
    info_command,
    list_command,
    check_command,
    export_command,
    import_command,
    move_command,
    import_gearmand_command,
    purge_command,
)


class _Group(click.Group):
    """Lists its subcommands in the order above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group(cls=_Group, invoke_without_command=True, context_settings={"max_content_width": 100})
@click.pass_context
def command(ctx: click.Context) -> None:
    """Looks at durable queues, and carries jobs in and out.

    info, list, check and export work beside a running job server. The others need the queue for themselves:
    stop its server first.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in _COMMANDS:
    command.add_command(_command)
