"""The command ``geartrain demo``: server, workers, jobs and tools in one go, each with its command line."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

import click

from geartrain.cli.entry import ExitCode
from geartrain.cli.entry import say as complain
from geartrain.cli.geartrain.demo_programs import DemoError, Stage, say

# A worker that tells what it works on. What it writes to stderr is for the person who runs it.
_SIGN: Final = 'read text; echo "signed: $text" >&2'
_LETTERS: Final = (("low", "an advertisement"), ("normal", "a letter"), ("high", "a telegram"))


@click.command(context_settings={"max_content_width": 100})
def command() -> int:
    """Shows it all at work: a job server, workers, jobs, and the tools to look at them.

    Every command that runs is shown, so that it can be tried again. All of it happens on this machine, on a
    free port, and is stopped at the end.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with Stage() as stage:
            _play(stage)
    except DemoError as error:
        # Not in one line: it tells what the program has said.
        click.echo(f"geartrain: the demo failed: {error}", err=True)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        complain("geartrain", "stopped; nothing is left running")
        return ExitCode.INTERRUPTED
    except _Terminated:
        return 128 + signal.SIGTERM
    say("\nThat was all; everything is stopped again.")
    return ExitCode.DONE


class _Terminated(BaseException):
    """SIGTERM came. No ordinary exception, so that nothing between takes it for a failure."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _play(stage: Stage) -> None:
    _title("A job server, on a free port; the other programs find it in the environment")
    server = stage.start("server", "--listen", "127.0.0.1", "--port", "0")
    address = server.wait_for(r"listening on (127\.0\.0\.1:\d+)")[1]
    stage.export("GEARMAN_SERVER", address)

    _title("A worker: any command will do. Then jobs for it, whose results come back")
    stage.start("exec", "shout", "--", "tr", "a-z", "A-Z")
    stage.run("submit", "shout", "-", text="hello world")
    stage.run("submit", "shout", "-", "--json", text="for programs")

    _title("Jobs in the background, of three priorities; nobody is there for them yet")
    for priority, letter in _LETTERS:
        stage.run("submit", "sign", letter, "--background", "--priority", priority)
    stage.run("status")
    stage.run("jobs")

    _title("A worker comes, and takes the most urgent one first")
    worker = stage.start("exec", "sign", "--", "sh", "-c", _SIGN)
    worker.show_until("an advertisement")

    _title("Who is connected, and how fast the server answers")
    stage.run("workers")
    stage.run("ping")

    _title("The live view, as a printout; on a terminal, geartrain top shows it all the time")
    stage.run("top", "--once")


def _title(text: str) -> None:
    say()
    say(click.style(f"--- {text}", fg="cyan"))
