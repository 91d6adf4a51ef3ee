"""What ``gearadmin`` can do: its operations as commands of the text protocol, and how answers are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from geartrain.cli.output import Json, json_value, readable, show_json
from geartrain.protocol.admin import (
    is_list_command,
    join_rows,
    parse_error_line,
    parse_function_status,
    parse_job_status,
    parse_priority_status,
    parse_worker_status,
)
from geartrain.roles.admin import Answered, CommandRefused

if TYPE_CHECKING:
    from geartrain.aio.admin import AsyncAdminClient


class Operation(NamedTuple):
    """One operation of a command line: the option's name without its dashes, and the command it sends."""

    name: str
    command: bytes


_NUMBER: Final = re.compile(r"[0-9]{1,20}")
# How the rows of a list become JSON.
_ROW_READERS: Final[dict[bytes, Callable[[bytes], object]]] = {
    b"status": parse_function_status,
    b"prioritystatus": parse_priority_status,
    b"workers": parse_worker_status,
    b"show jobs": parse_job_status,
    b"show unique jobs": bytes,
}


async def perform(admin: AsyncAdminClient, operations: Sequence[Operation], *, as_json: bool) -> bool:
    """Carries out the operations in order and prints what the server answers; whether it did them all.

    Raises ServerLost and ProtocolError.
    """
    show = _show_json if as_json else _show
    done = True
    for operation in operations:
        answer = await admin.answer(operation.command)
        show(operation, answer)
        done = done and isinstance(answer, Answered)
    return done


def _show(operation: Operation, answer: Answered | CommandRefused) -> None:
    """Prints an answer as the C tool does: lists whole with their final dot, values without ``OK``."""
    if isinstance(answer, CommandRefused):
        click.echo("Error: " + readable(answer.line.removeprefix(b"ERR").lstrip()), err=True)
    elif is_list_command(operation.command):
        click.echo(b"\n".join([*answer.lines, b"."]))
    else:
        [line] = answer.lines
        # A lone OK is all that there is to say.
        click.echo(line.removeprefix(b"OK ") or line)


def _show_json(operation: Operation, answer: Answered | CommandRefused) -> None:
    """Prints an answer as a JSON object in one line."""
    shown: dict[str, Json] = {"operation": operation.name, "command": readable(operation.command)}
    if isinstance(answer, CommandRefused):
        code, text = parse_error_line(answer.line)
        shown["error"] = {"code": readable(code.encode()), "text": readable(text.encode())}
    elif is_list_command(operation.command):
        read = _ROW_READERS[operation.command]
        shown["result"] = [json_value(read(row)) for row in join_rows(operation.command, answer.lines)]
    else:
        [line] = answer.lines
        value = readable(line.removeprefix(b"OK ") or line)
        shown["result"] = int(value) if _NUMBER.fullmatch(value) else value
    show_json(shown, in_one_line=True)
