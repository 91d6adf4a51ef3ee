"""``geartrain completion``: completion in shells, of functions and jobs too, which a live server tells."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import get_completion_class

from geartrain.cli.output import readable
from geartrain.cli.servers import DEFAULT_SERVER, Servers, TlsOptions
from geartrain.errors import GeartrainError

if TYPE_CHECKING:
    from geartrain.aio.admin import AsyncAdminClient

PROGRAM: Final = "geartrain"
_VARIABLE: Final = "_GEARTRAIN_COMPLETE"
# Somebody waits at the keyboard.
_TIMEOUT_SECONDS: Final = 0.5
_MAX_JOBS: Final = 1000
# Names that a shell takes for one word, and for nothing else: who is free to name functions must not get
# commands into a command line.
_WORD: Final = re.compile(r"[\w@%+:,./=][\w@%+:,./=-]*")
_EXAMPLES: Final = """\b
Examples:
  geartrain completion bash > ~/.local/share/bash-completion/completions/geartrain
  geartrain completion zsh > ~/.zfunc/_geartrain
  geartrain completion fish > ~/.config/fish/completions/geartrain.fish
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Prints the script that makes a shell complete the words of geartrain.

    Functions and jobs are completed too, from the server that is named by --server or GEARMAN_SERVER.
    """
    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(click.Command(PROGRAM), {}, PROGRAM, _VARIABLE).source())


def complete_function(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The functions that begin so; none when there is no server."""
    return _complete(ctx, _function_names, incomplete)


def complete_handle(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The handles that begin so; none when there is no server."""
    return _complete(ctx, _handles, incomplete)


async def _function_names(admin: AsyncAdminClient) -> Iterable[bytes]:
    return [row.function for row in await admin.functions()]


async def _handles(admin: AsyncAdminClient) -> Iterable[bytes]:
    return [row.handle for row in await admin.jobs(limit=_MAX_JOBS)]


def _complete(
    ctx: click.Context, names: Callable[[AsyncAdminClient], Awaitable[Iterable[bytes]]], incomplete: str
) -> list[str]:
    # Tools that name this for one of their words must not load asyncio for it.
    from geartrain.cli.geartrain.asking import ask

    try:
        found = ask(_servers(ctx), names)
    except (GeartrainError, click.ClickException, OSError):
        # Whatever is wrong, the line that somebody is typing is no place to say so.
        return []
    return [name for name in map(readable, found) if name.startswith(incomplete) and _WORD.fullmatch(name)]


def _servers(ctx: click.Context) -> Servers:
    """The servers of the words typed so far, or of the environment."""
    given = ctx.params
    tls = TlsOptions(
        ssl=bool(given.get("ssl")),
        ca_file=given.get("ssl_ca_file"),
        certificate=given.get("ssl_certificate"),
        key=given.get("ssl_key"),
        insecure=bool(given.get("insecure")),
    )
    entries = ",".join(given.get("server") or (DEFAULT_SERVER,))
    return tls.servers(entries, timeout_seconds=_TIMEOUT_SECONDS)
