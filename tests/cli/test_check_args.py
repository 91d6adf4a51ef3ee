"""``gearmand --check-args`` finds what would keep a server from starting."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest
import trustme

from tests.cli.gearmand import GearmandCommand


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
        *("--acl", str(rules), "-l", str(tmp_path / "log"), "-P", str(tmp_path / "pid"), "-f", "10"),
    )

    assert (outcome.code, outcome.stdout, outcome.stderr, outcome.config) == (0, "", "", None)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-b0"], "--backlog: 0 is not usable"),
        (["-l/nowhere/log"], "--log-file: '/nowhere/log' is not usable; expected a file that can be written"),
        (["-P/nowhere/pid"], "--pid-file: '/nowhere/pid' is not usable; expected a file that can be written"),
        (["-l/tmp"], "--log-file: '/tmp' is not usable"),
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


def test_check_args_finds_too_many_descriptors(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root may have more than the hard limit."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 1000))
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert gearmand.run("--check-args", "-p0", "-f1000").code == 0
    assert gearmand.refusal(["--check-args", "-p0", "-f1001"]).startswith("--file-descriptors: 1001 is not")
