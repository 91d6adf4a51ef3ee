"""``geartrain cancel``: takes jobs out of their queues."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import click

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.entry import ExitCode, say
from geartrain.cli.geartrain.asking import ask
from geartrain.cli.geartrain.completion import complete_handle
from geartrain.cli.geartrain.view_options import json_option
from geartrain.cli.output import Json, as_shown, show_json
from geartrain.cli.servers import Servers, server_options
from geartrain.errors import LocalProtocolError, RequestRefused
from geartrain.roles.admin import command_line

_UNKNOWN_JOB: Final = "UNKNOWN_JOB"
_EXAMPLES: Final = """\b
Examples:
  geartrain cancel H:worker1:42
  geartrain jobs resize --json | jq -r '.jobs[].handle' | xargs geartrain cancel
"""


@click.command(context_settings={"max_content_width": 100}, epilog=_EXAMPLES)
@click.argument("handles", metavar="HANDLE...", nargs=-1, required=True, shell_complete=complete_handle)
@json_option
@server_options
def command(*, handles: tuple[str, ...], as_json: bool, servers: Servers) -> int:
    """Cancels jobs by their handles.

    A queued job is gone. A running one goes on, but nobody hears of it any more. Clients that wait for the
    job are told that it failed. The exit code is 1 when the server does not know one of the jobs.
    """
    for handle in handles:
        _check(handle)
    errors = ask(servers, lambda admin: _cancel(admin, handles, quiet=as_json))
    if as_json:
        show_json({"jobs": [_result(handle, errors.get(handle)) for handle in handles]})
    return ExitCode.FAILED if errors else ExitCode.DONE


async def _cancel(admin: AsyncAdminClient, handles: Sequence[str], *, quiet: bool) -> dict[str, str]:
    """Cancels the jobs; the reasons of those that could not be cancelled."""
    errors: dict[str, str] = {}
    for handle in handles:
        try:
            await admin.cancel(os.fsencode(handle))
        except RequestRefused as error:
            errors[handle] = "no such job" if error.code == _UNKNOWN_JOB else str(error)
            say("geartrain", f"{handle}: {errors[handle]}")
        else:
            if not quiet:
                click.echo(f"{as_shown(handle)} cancelled")
    return errors


def _check(handle: str) -> None:
    try:
        command_line(os.fsencode(handle))
    except LocalProtocolError as error:
        raise click.UsageError(f"{handle!r} is no handle of a job.") from error


def _result(handle: str, error: str | None) -> Json:
    return {"handle": as_shown(handle), "cancelled": error is None, "error": error}
