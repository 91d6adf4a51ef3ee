"""The option --user: what root does before it goes, and what is left to the other user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.interop import peers
from tests.server.process import Gearmand, run_gearmand
from tests.server.wire import Wire

_USER = "nobody"


@pytest.fixture(autouse=True)
def _root() -> None:
    """Only root can become somebody else."""
    if os.geteuid() != 0:
        peers.absent("these tests change the user, which takes root")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that belongs to the user; pytest's own are for root only, from the top."""
    path = Path(tempfile.mkdtemp(prefix="gearmand-"))
    shutil.chown(path, _USER)
    yield path
    shutil.rmtree(path)


def _status(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def _owner(path: Path) -> str:
    return path.owner()


def test_the_server_goes_on_as_that_user_with_no_rights_of_root() -> None:
    """Every number of user and group, and the capabilities."""
    entry = pwd.getpwnam(_USER)
    with Gearmand("--user", _USER) as server, server.connect() as wire:
        wire.echo()
        status = _status(server.pid)

    assert status["Uid"] == [str(entry.pw_uid)] * 4
    assert status["Gid"] == [str(entry.pw_gid)] * 4
    assert set(status["Groups"]) == {str(number) for number in os.getgrouplist(_USER, entry.pw_gid)}
    assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0


def test_files_are_opened_and_addresses_bound_before(tmp_path: Path) -> None:
    """In a folder that is for root only, and with a key that is for root only."""
    tmp_path.chmod(0o700)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    socket_path, log, pid_file = (tmp_path / name for name in ("socket", "log", "pid"))

    with Gearmand(
        *("--user", _USER, "-L", "127.0.0.1", "-L", f"unix:{socket_path}"),
        *("--ssl", f"--ssl-certificate={tmp_path}/certificate.pem", f"--ssl-key={tmp_path}/key.pem"),
        *("-l", str(log), "-P", str(pid_file)),
    ) as server:
        with Wire(str(socket_path)) as wire:
            wire.echo()
        owners = [_owner(path) for path in (socket_path, log, pid_file)]

        assert pid_file.read_text() == f"{server.pid}\n"

    assert owners == [_USER] * 3
    assert "stopped" in log.read_text()
    # The folder does not let the user remove the file, but its number is gone from it.
    assert pid_file.read_text() == ""


def test_the_log_is_opened_again_by_that_user(folder: Path) -> None:
    """What logrotate moves away is followed by a new file."""
    log, old = folder / "log", folder / "log.1"
    with Gearmand("--user", _USER, "-l", str(log)) as server, server.connect() as wire:
        log.rename(old)
        server.send_signal(signal.SIGHUP)
        wire.echo()

        assert _owner(log) == _USER
    assert "stopped" in log.read_text()
    assert "stopped" not in old.read_text()


def test_what_is_left_in_the_end_is_removed_by_that_user(folder: Path) -> None:
    """The pid file, and the file of a Unix socket."""
    with Gearmand("--user", _USER, "-L127.0.0.1", "-L", f"unix:{folder}/socket", "-P", f"{folder}/pid"):
        during = sorted(path.name for path in folder.iterdir())

    assert during == ["pid", "socket"]
    assert list(folder.iterdir()) == []


def test_devices_keep_their_owner() -> None:
    """A log that goes nowhere is no reason to give /dev/null away."""
    with Gearmand("--user", _USER, "-l", os.devnull):
        pass

    assert os.stat(os.devnull).st_uid == 0


def test_certificates_that_the_user_cannot_read_stay_on_reload(tmp_path: Path) -> None:
    """The server goes on with those it has, and says so."""
    tmp_path.chmod(0o700)
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    options = ("-L127.0.0.1", "-L", "tls://127.0.0.1", f"--ssl-certificate={tmp_path}/both.pem")

    with Gearmand("--user", _USER, *options) as server, server.connect() as wire:
        server.send_signal(signal.SIGHUP)
        line = server.wait_for_line(lambda line: "certificates stay as they are" in line)
        wire.echo()

    assert "Permission denied" in line


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            "no-such-user",
            "'no-such-user' is not usable; expected the name or number of a user of this machine",
        ),
        ("no such\nuser", "is not usable; expected the name or number of a user of this machine"),
    ],
)
def test_a_user_that_is_not_there_is_said_in_one_line(user: str, message: str) -> None:
    """Before anything is bound; exit code 1."""
    done = run_gearmand("-p0", "--user", user)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_the_background_process_is_the_user_s_too(folder: Path) -> None:
    """And the command that was started returns when that one serves."""
    done = run_gearmand(
        "-d", "-p0", "-L127.0.0.1", "--user", _USER, "-P", f"{folder}/pid", "-l", f"{folder}/log"
    )
    pid = int((folder / "pid").read_text())
    status = _status(pid)
    with Wire(("127.0.0.1", int(done.stderr.rpartition(":")[2]))) as wire:
        os.kill(pid, signal.SIGTERM)
        wire.read_until_closed()

    assert done.returncode == 0
    assert status["Uid"][0] == str(pwd.getpwnam(_USER).pw_uid)
