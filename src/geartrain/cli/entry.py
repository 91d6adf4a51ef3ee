"""What all programs share: how they end, and what they say then.

A program that fails prints one line, ``PROGRAM: what is wrong``, and exits with a code that tells. What a
user, a file, a server or the network does never shows a traceback.
"""

from __future__ import annotations

import io
import os
import sys
from enum import IntEnum
from typing import Final, NoReturn

import click

from geartrain.cli.output import readable
from geartrain.errors import (
    ConfigError,
    ForeignQueueError,
    GeartrainError,
    JobsRefused,
    LocalProtocolError,
    QueueConflict,
    QueueFileError,
    RequestRefused,
    StoreCorrupt,
    StoreInUse,
    TlsError,
)

# Somebody has answered, and the answer is no.
_REFUSALS: Final = (
    RequestRefused,
    StoreInUse,
    StoreCorrupt,
    JobsRefused,
    QueueConflict,
    QueueFileError,
    ForeignQueueError,
)


class ExitCode(IntEnum):
    """Exit codes of the tools; ``gearmand`` and ``gearadmin`` use 0 and 1 only, as the C programs do."""

    DONE = 0
    # A job failed, a server said no, or a queue cannot be used as it is.
    FAILED = 1
    # The command line makes no sense.
    USAGE = 2
    # No connection, no answer in time, or an answer that makes no sense.
    UNREACHABLE = 3
    # Stopped by Ctrl-C, or nobody reads the output any more: as for programs that a signal ends.
    INTERRUPTED = 128 + 2
    CLOSED_PIPE = 128 + 13


def run_command(
    command: click.Command,
    program: str,
    *,
    usage: ExitCode = ExitCode.USAGE,
    unreachable: ExitCode = ExitCode.UNREACHABLE,
    arguments: list[str] | None = None,
) -> NoReturn:
    """Runs a command with the words of the command line and exits.

    The command returns its exit code, or None for DONE; ``usage`` and ``unreachable`` replace two of them.
    """
    _open_missing_streams()
    _write_any_text()
    sys.exit(_run(command, program, usage, unreachable, arguments))


def _open_missing_streams() -> None:
    """Leads standard streams nowhere that the program was started without, as by ``>&-``.

    Otherwise the next file or connection would get their descriptors, and their output.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115 - stays open


def _write_any_text() -> None:
    """Lets characters that the user's encoding does not have be written as escapes, as stderr does anyway."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(
    command: click.Command,
    program: str,
    usage: ExitCode,
    unreachable: ExitCode,
    arguments: list[str] | None,
) -> int:
    try:
        code = command.main(arguments, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as ending:
        # From click: the completion of a shell is done, or the one below, which it meets first.
        return ExitCode.DONE if not ending.code else _closed_pipe()
    except BrokenPipeError:
        return _closed_pipe()
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except ConfigError as error:
        say(program, _config_message(error))
        return usage
    except (LocalProtocolError, TlsError) as error:
        say(program, str(error))
        return usage
    except click.ClickException as error:
        say(program, error.format_message())
        return usage
    except _REFUSALS as error:
        say(program, str(error))
        return ExitCode.FAILED
    except GeartrainError as error:
        say(program, str(error))
        return unreachable
    except OSError as error:
        # Mostly the output, on a full disk.
        say(program, error.strerror or str(error))
        return ExitCode.FAILED
    return code if isinstance(code, int) else ExitCode.DONE


def say(program: str, message: str) -> None:
    """Writes one line to stderr, whatever the user, the system or a server put into the message."""
    # Words that were no text are some again, where they come from the command line.
    line = " ".join(message.split()).encode("utf-8", "surrogateescape")
    try:
        print(f"{program}: {readable(line)}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody is there to read it.
        pass


def _config_message(error: ConfigError) -> str:
    option = "--" + error.key.replace("_", "-")
    return f"{option}: {error.value!r} is not usable; expected {error.expected}"


def _closed_pipe() -> int:
    """Leads stdout nowhere: what is still buffered would fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.CLOSED_PIPE
