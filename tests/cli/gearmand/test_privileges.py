"""Becoming another user: who may, which users there are, and what is left of root afterwards."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.cli.gearmand.privileges import Account
from geartrain.errors import ConfigError, PrivilegeError
from tests.interop import peers

_USER = "nobody"
# Becomes the user, prints who it is by real, effective and saved number, and tries to go back.
_PROGRAM = """
import os, sys
from geartrain.cli.gearmand.privileges import Account
account = Account(sys.argv[1])
account.become()
print(*os.getresuid(), *os.getresgid())
print(*sorted(os.getgroups()))
for number in (0, 0xFFFF):
    try:
        os.setresuid(number, number, number)
        print("went back")
    except PermissionError:
        print("refused")
"""


@pytest.fixture(autouse=True)
def _root() -> None:
    """Only root can become somebody else."""
    if os.geteuid() != 0:
        peers.absent("these tests change the user, which takes root")


@pytest.fixture
def plain_user() -> Iterator[None]:
    """Lets this process have no rights but those of an ordinary user, for the time of a test."""
    os.seteuid(pwd.getpwnam(_USER).pw_uid)
    yield
    os.seteuid(0)


def _become(user: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, user], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("by_number", [False, True])
def test_root_becomes_the_user_with_its_groups_and_for_good(*, by_number: bool) -> None:
    """Real, effective and saved numbers all change, and nothing leads back."""
    entry = pwd.getpwnam(_USER)
    uid, gid = entry.pw_uid, entry.pw_gid

    who, groups, *back = _become(str(uid) if by_number else _USER)

    assert who == f"{uid} {uid} {uid} {gid} {gid} {gid}"
    assert groups.split() == [str(number) for number in sorted(set(os.getgrouplist(_USER, gid)))]
    assert back == ["refused", "refused"]


@pytest.mark.parametrize("user", ["no-such-user", "4294967294", "99999999999999999999", "", "\0"])
def test_a_user_that_is_not_there_is_refused(user: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigError, match=r"^user: .* is not usable; expected the name or number of a user"):
        Account(user)


@pytest.mark.usefixtures("plain_user")
def test_only_root_can_become_somebody_else() -> None:
    """The error says so, and no system call has to fail first."""
    with pytest.raises(PrivilegeError, match="cannot go on as user root: only root can change the user"):
        Account("root")


@pytest.mark.usefixtures("plain_user")
def test_who_is_that_user_already_needs_no_rights() -> None:
    """A unit with User= may keep an option from before."""
    Account(_USER).become()

    assert os.geteuid() == pwd.getpwnam(_USER).pw_uid


def test_files_are_made_the_user_s_own(tmp_path: Path) -> None:
    """So that the log can be opened again, and the rest be removed."""
    path = tmp_path / "log"
    path.touch()
    entry = pwd.getpwnam(_USER)

    Account(_USER).take_over([str(path)])

    assert (path.stat().st_uid, path.stat().st_gid) == (entry.pw_uid, entry.pw_gid)


def test_devices_and_links_are_left_alone(tmp_path: Path) -> None:
    """A log may go to /dev/null, and a link may lead to what is none of the server's business."""
    target = tmp_path / "target"
    target.touch()
    link = tmp_path / "link"
    link.symlink_to(target)

    Account(_USER).take_over([os.devnull, str(link)])

    assert os.stat(os.devnull).st_uid == 0
    assert target.stat().st_uid == 0
    assert link.lstat().st_uid == 0


def test_a_file_that_cannot_be_given_away_is_said(tmp_path: Path) -> None:
    """With its path and the reason."""
    path = tmp_path / "gone"

    with pytest.raises(PrivilegeError, match=rf"cannot give it {path}: No such file or directory"):
        Account(_USER).take_over([str(path)])


def test_a_change_that_the_system_forbids_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root in a container may lack the right to become somebody else."""

    def refuse(_number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "initgroups", lambda _name, _number: None)
    monkeypatch.setattr(os, "setgid", refuse)

    with pytest.raises(PrivilegeError, match="cannot go on as user nobody: Operation not permitted"):
        Account(_USER).become()
