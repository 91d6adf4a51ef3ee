"""``gearmand --check-args`` finds what would keep a server from starting."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest
import trustme

from tests.cli.gearmand.run import GearmandCommand


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate with its key."""
    file = tmp_path / "server.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))
    return file


def test_check_args_says_nothing_when_all_is_well(
    gearmand: GearmandCommand, tmp_path: Path, certificate: Path
) -> None:
    """Exit code 0, no server, and no file left behind."""
    rules = tmp_path / "acl.toml"
    rules.write_text('[[rule]]\nsubmit = ["*"]\n')
    before = sorted(tmp_path.iterdir())

    outcome = gearmand.run(
        "--check-args",
        *("-p0", "-L127.0.0.1", f"-Lunix:{tmp_path}/socket", "--ssl", "--ssl-certificate", str(certificate)),
        *("--acl", str(rules), "-l", str(tmp_path / "log"), "-P", str(tmp_path / "pid"), "-f", "40"),
    )

    assert (outcome.code, outcome.stdout, outcome.stderr, outcome.config) == (0, "", "", None)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-b0"], "--backlog: 0 is not usable"),
        (["-l/nowhere/log"], "--log-file: '/nowhere/log' is not usable; expected a file that can be written"),
        (["-P/nowhere/pid"], "cannot write pid file /nowhere/pid: No such file or directory"),
        (["-l/tmp"], "--log-file: '/tmp' is not usable"),
        (["--log-file="], "--log-file: '' is not usable"),
        (["-u", "nobody-of-this-name"], "--user: 'nobody-of-this-name' is not usable"),
        (["--ssl", "--ssl-certificate", "/nowhere/c"], "cannot use the certificate /nowhere/c: No such file"),
        (["--acl", "/nowhere/acl"], "cannot use the access rules /nowhere/acl: No such file"),
        (["-L", "unix:/nowhere/socket"], "cannot listen on unix:/nowhere/socket: No such file"),
    ],
)
def test_check_args_finds_what_would_keep_a_server_from_starting(
    gearmand: GearmandCommand, arguments: list[str], message: str
) -> None:
    """One line, exit code 1."""
    assert gearmand.refusal(["--check-args", "-p0", *arguments]).startswith(message)


def test_check_args_finds_a_port_that_is_taken(gearmand: GearmandCommand) -> None:
    """As a start would."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        message = gearmand.refusal(["--check-args", "-L127.0.0.1", "-p", str(port)])

    assert message == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_check_args_finds_limits_that_a_start_would_not_get(gearmand: GearmandCommand) -> None:
    """Too many for the system, or too few for a server; the limit of this process stays as it is."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert gearmand.run("--check-args", "-p0", "-f32").code == 0
    for wanted in ("31", "99999999999", "9" * 30):
        message = gearmand.refusal(["--check-args", "-p0", "-f", wanted])
        assert message.startswith(f"--file-descriptors: {wanted} is not usable; expected at ")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_check_args_finds_a_pid_file_that_a_start_would_leave_alone(
    gearmand: GearmandCommand, tmp_path: Path
) -> None:
    """Something else in it than a process id, or a link; it stays as it is."""
    other, link = tmp_path / "other", tmp_path / "link"
    other.write_text("hello\n")
    link.symlink_to(tmp_path / "nowhere")

    assert "is no pid file" in gearmand.refusal(["--check-args", "-p0", "-P", str(other)])
    assert gearmand.refusal(["--check-args", "-p0", "-P", str(link)]).startswith("cannot write pid file")
    assert (other.read_text(), link.is_symlink()) == ("hello\n", True)


def test_check_args_leaves_the_pid_file_of_a_server_that_was_killed(
    gearmand: GearmandCommand, tmp_path: Path
) -> None:
    """A start would write over it."""
    file = tmp_path / "pid"
    file.write_text("99999999\n")

    assert gearmand.run("--check-args", "-p0", "-P", str(file)).code == 0
    assert file.read_text() == "99999999\n"
