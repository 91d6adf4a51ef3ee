"""The front door: help, version, completion, and how wrong use ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from geartrain.cli.geartrain.command import LazyGroup, command
from geartrain.server import run_in_thread
from tests.certificates import Certificates
from tests.cli.tools import FOLDER, closed_port, environment, queue_job, run_tool, scripted_server
from tests.interop.peers import run
from tests.interop.servers import JobServer

SUBCOMMANDS = [
    *("server", "submit", "exec", "status", "workers", "jobs", "top", "ping"),
    *("queue", "cancel", "demo", "completion"),
    "help",
]


def names() -> list[str]:
    return command.list_commands(click.Context(command))


# --- help -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_subcommands(words: list[str]) -> None:
    """With a few words about each; alone, the command is a question."""
    done = run_tool("geartrain", *words)
    listed = done.stdout.decode().split("Commands:\n")[1].split("\n\n")[0]

    assert [line.split()[0] for line in listed.splitlines()] == SUBCOMMANDS
    assert done.stderr == b""


@pytest.mark.parametrize("name", SUBCOMMANDS[:-1])
def test_every_subcommand_has_help(name: str) -> None:
    """In two ways, which say the same."""
    runner = CliRunner()
    first = runner.invoke(command, [name, "--help"], prog_name="geartrain")
    second = runner.invoke(command, ["help", name], prog_name="geartrain")

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout
    assert first.stdout.startswith(f"Usage: geartrain {name} ")


@pytest.mark.parametrize("name", ["status", "workers", "jobs", "ping", "cancel", "completion"])
def test_help_shows_examples(name: str) -> None:
    """Lines that can be typed."""
    text = CliRunner().invoke(command, [name, "--help"], prog_name="geartrain").stdout

    assert f"  geartrain {name}" in text.split("Examples:")[1]


def test_help_loads_no_subcommand() -> None:
    """None of them makes the others start slower, and asyncio takes as long as all the rest."""
    code = (
        "import sys; from geartrain.cli.geartrain.command import command\n"
        "command.main(['--help'], standalone_mode=False)\n"
        "print(sorted({'asyncio', 'rich', 'uvloop', 'structlog', 'ssl'} & set(sys.modules)))"
    )

    assert run(sys.executable, "-c", code).stdout.splitlines()[-1] == b"[]"


def test_the_version_is_told() -> None:
    """In one line."""
    assert run_tool("geartrain", "--version").stdout.decode() == f"Geartrain {version('geartrain')}\n"


def test_subcommands_are_found_by_their_whole_names() -> None:
    """The group knows all of them, and no others."""
    assert isinstance(command, LazyGroup)
    assert names() == SUBCOMMANDS
    assert command.get_command(click.Context(command), "stat") is None


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["statsu"], "No such command 'statsu'."),
        (["help", "nope"], "No such command 'nope'."),
        (["--bogus"], "No such option '--bogus'."),
        (["status", "--jsn"], "No such option '--jsn'."),
        (["ping", "--count", "x"], "Invalid value for '-c' / '--count': 'x' is not a valid integer"),
        (["ping", "--size", "-1"], "Invalid value for '--size'"),
        (["status", "-s", "a:b:c:d://"], "--server: 'a:b:c:d://' is not usable; expected host"),
        (["jobs", "a", "b"], "Got unexpected extra argument (b)"),
        (["status", "--ssl", "--ssl-ca-file", "/no.pem"], "cannot use the CA file /no.pem: No such file"),
        (["status", "--timeout", "nan"], "Invalid value for '--timeout': 'nan' is no number of seconds."),
        (["ping", "--interval", "inf"], "Invalid value for '-i' / '--interval': 'inf' is no number of"),
        (["top", "--once", "--interval", "nan"], "Invalid value for '-i' / '--interval': 'nan' is no"),
        (["help", "status", "ping"], "Got unexpected extra argument (ping)"),
        (["completion", "csh"], "Invalid value for '{bash|zsh|fish}': 'csh' is not one of"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], expected: str) -> None:
    """On stderr, with exit status 2."""
    done = run_tool("geartrain", *words, status=2)

    assert done.stdout == b""
    [line] = done.stderr.decode().splitlines()
    assert line.startswith(f"geartrain: {expected}")


def test_a_function_that_cannot_be_asked_for_is_wrong_use(our_server: JobServer) -> None:
    """The text protocol has no way to write a name with blanks."""
    done = run_tool("geartrain", "jobs", "a b", "-s", our_server.address, status=2)

    assert done.stderr.startswith(b"geartrain: a word of a command cannot hold b' '")


@pytest.mark.parametrize("name", ["status", "workers", "jobs", "ping"])
def test_a_server_that_is_not_there_is_one_line(name: str) -> None:
    """With exit status 3."""
    port = closed_port()

    done = run_tool("geartrain", name, "--server", f"127.0.0.1:{port}", status=3)

    assert done.stderr.decode() == f"geartrain: cannot connect to 127.0.0.1:{port}: Connection refused\n"


@pytest.mark.parametrize("name", ["status", "workers", "jobs", "ping"])
def test_what_is_no_job_server_is_told_from_one(name: str) -> None:
    """With exit status 3."""
    with scripted_server(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        done = run_tool("geartrain", name, "--server", f"127.0.0.1:{port}", status=3)

    assert done.stderr.decode() == (
        f"geartrain: INVALID_REPLY: 127.0.0.1:{port} is no job server; it says b'SSH-2.0-OpenSSH_9.2'\n"
    )


def test_what_the_server_refuses_is_one_line() -> None:
    """With exit status 1."""
    with scripted_server(lambda connection: connection.sendall(b"ERR NOT_ALLOWED not+for+you\r\n")) as port:
        done = run_tool("geartrain", "status", "--server", f"127.0.0.1:{port}", status=1)

    assert done.stderr == b"geartrain: the server refuses 'list functions': NOT_ALLOWED: not for you\n"


def test_no_server_gets_commands_to_the_terminal() -> None:
    """What it says of its refusals is shown as text."""
    with scripted_server(lambda connection: connection.sendall(b"ERR no \x1b[2J\xc2\x9b\r\n")) as port:
        done = run_tool("geartrain", "status", "--server", f"127.0.0.1:{port}", status=1)

    assert done.stderr == rb"geartrain: the server refuses 'list functions': no \x1b[2J\x9b" + b"\n"


def test_a_full_disk_is_one_line(our_server: JobServer) -> None:
    """With exit status 1: it is not the server that is out of reach."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(FOLDER / "geartrain"), "status", "-s", our_server.address],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=20,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == b"geartrain: No space left on device\n"


def test_tls_is_spoken_where_the_server_says_so(certificates: Certificates) -> None:
    """And a certificate of somebody else is not accepted."""
    with run_in_thread(certificates.server_config()) as server:
        place = ["--server", f"tls://localhost:{server.port}"]
        done = run_tool("geartrain", "status", *place, "--ssl-ca-file", certificates.ca_file)
        assert done.stdout == b"The server knows no functions.\n"
        failed = run_tool("geartrain", "ping", *place, status=3)
        assert b"certificate is not accepted" in failed.stderr


def test_a_closed_pipe_ends_quietly(our_server: JobServer) -> None:
    """As ``head`` does to programs."""
    for number in range(100):
        queue_job(our_server, b"f", b"%d" % number)
    line = f"{FOLDER}/geartrain jobs -s {our_server.address} | true; echo $?"

    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=20)

    assert done.stdout == b"0\n"
    assert done.stderr == b""


# --- completion -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(shell: str) -> None:
    """As far as the shells that are here can tell."""
    script = run_tool("geartrain", "completion", shell).stdout

    assert b"_GEARTRAIN_COMPLETE" in script
    found = shutil.which(shell)
    if found is not None:
        assert run(found, "-n", stdin=script).stderr == b""


def complete(words: str, **variables: str) -> list[str]:
    """What bash would offer for the last word."""
    variables["COMP_LINE"] = words
    done = run(
        str(FOLDER / "geartrain"), environment=environment(_GEARTRAIN_COMPLETE="bash_complete", **variables)
    )
    assert done.stderr == b""
    return [line.partition(",")[2] for line in done.stdout.decode().splitlines() if line]


def test_subcommands_and_options_are_completed() -> None:
    """Without a server."""
    assert complete("geartrain s") == ["server", "submit", "status"]
    assert complete("geartrain status --js") == ["--json"]


def test_functions_and_handles_are_completed_from_the_server(our_server: JobServer) -> None:
    """Of the environment, or of the command line."""
    handle = queue_job(our_server, b"resize")
    queue_job(our_server, b"other")

    assert complete("geartrain status r", GEARMAN_SERVER=our_server.address) == ["resize"]
    assert complete("geartrain submit o", GEARMAN_SERVER=our_server.address) == ["other"]
    assert complete(f"geartrain workers -s {our_server.address} ") == ["resize", "other"]
    assert handle in complete("geartrain cancel ", GEARMAN_SERVER=our_server.address)


def test_the_names_of_subcommands_are_completed_for_help() -> None:
    """Those that begin so."""
    assert complete("geartrain help s") == ["server", "submit", "status"]


def test_only_names_that_are_one_harmless_word_are_completed(our_server: JobServer) -> None:
    """Everybody who may submit jobs names functions, and must not get commands into a command line."""
    for name in (
        b"resize",
        "größe".encode(),
        b"a b",
        b"$(reboot)",
        b"*",
        b"x;y",
        b"`z`",
        b"-o",
        b"a\x1b",
        b"~",
    ):
        queue_job(our_server, name)

    assert complete("geartrain status ", GEARMAN_SERVER=our_server.address) == ["resize", "größe"]


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_completes_words_with_colons(our_server: JobServer, tmp_path: Path) -> None:
    """It takes them apart itself, so what stands before the last colon is not put there again."""
    handle = queue_job(our_server, b"resize")
    script = tmp_path / "completion.bash"
    script.write_bytes(run_tool("geartrain", "completion", "bash").stdout)
    line = f"geartrain cancel -s {our_server.address} {handle[:-2]}"
    lines = f"""
        source {script}
        COMP_LINE='{line} more' COMP_POINT={len(line)}
        _geartrain_completion {FOLDER}/geartrain
        echo "${{COMPREPLY[@]}}"
    """

    done = run(str(BASH), "-c", lines, environment=environment())

    assert done.stderr == b""
    assert done.stdout.decode() == handle.rpartition(":")[2] + "\n"


@pytest.mark.parametrize("server", ["127.0.0.1:{port}", "a/b", "tls://127.0.0.1:{port}"])
def test_completion_without_a_server_is_silent(server: str) -> None:
    """No names, and no complaint in the line that somebody is typing."""
    assert complete("geartrain status ", GEARMAN_SERVER=server.format(port=closed_port())) == []
