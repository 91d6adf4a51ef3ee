"""The pid file: whose it is, and when it may be taken."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.cli.pid_file import PidFile
from geartrain.errors import PidFileError

_ON_LINUX = sys.platform == "linux"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pid"


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is named like a server, and that locks nothing."""
    program = tmp_path / "gearmand"
    shutil.copy(shutil.which("cat") or "cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def _ended_pid() -> int:
    """The number of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_it_holds_the_number_of_the_process_once_it_is_written(path: Path) -> None:
    """Whoever waits for the file to name a process finds a server that serves."""
    file = PidFile(str(path))
    before = path.read_bytes()

    file.write()

    assert before == b""
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()
    assert not path.exists()


def test_it_is_found_again_from_another_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the folder of the start."""
    monkeypatch.chdir(path.parent)
    file = PidFile(path.name)
    monkeypatch.chdir("/")

    file.remove()

    assert not path.exists()


def test_a_file_that_is_locked_is_refused_with_the_number_in_it(path: Path) -> None:
    """The server that has it lives, whatever its process is named."""
    first = PidFile(str(path))
    first.write()

    with pytest.raises(PidFileError, match=rf"a server runs with it already, process id {os.getpid()}$"):
        PidFile(str(path))

    assert path.read_text() == f"{os.getpid()}\n"
    first.remove()


def test_a_file_of_a_server_that_is_about_to_start_is_refused(path: Path) -> None:
    """It has the lock, and has not written its number yet."""
    first = PidFile(str(path))

    with pytest.raises(PidFileError, match=r"process id unknown as yet$"):
        PidFile(str(path))

    first.remove()


@pytest.mark.skipif(not _ON_LINUX, reason="asks /proc for the name of a process")
def test_a_file_of_a_server_that_locks_nothing_is_refused(
    path: Path, other_server: subprocess.Popen[bytes]
) -> None:
    """The C server is known by its name."""
    path.write_text(f"{other_server.pid}\n")

    with pytest.raises(PidFileError, match=f"process id {other_server.pid}$"):
        PidFile(str(path))

    assert path.read_text() == f"{other_server.pid}\n"


@pytest.mark.skipif(not _ON_LINUX, reason="asks /proc for the name of a process")
def test_a_file_of_a_server_that_has_ended_unnoticed_is_replaced(
    path: Path, other_server: subprocess.Popen[bytes]
) -> None:
    """In a container, nobody may ever ask what became of it."""
    path.write_text(f"{other_server.pid}\n")
    other_server.kill()
    os.waitid(os.P_PID, other_server.pid, os.WEXITED | os.WNOWAIT)

    file = PidFile(str(path))
    file.write()

    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


@pytest.mark.parametrize("pid", [_ended_pid(), os.getppid(), os.getpid()], ids=["ended", "recycled", "own"])
def test_a_file_of_a_process_that_is_no_server_is_replaced(path: Path, pid: int) -> None:
    """It was left behind; another program, or this one, may have the number by now."""
    path.write_text(f"{pid}\n")

    file = PidFile(str(path))
    file.write()

    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


@pytest.mark.parametrize("text", ["", "\n", "\0\0\0\0"])
def test_an_empty_file_is_taken(path: Path, text: str) -> None:
    """That, or zero bytes, is what a crash may leave."""
    path.write_text(text)

    file = PidFile(str(path))
    file.write()

    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


def test_a_file_that_is_no_pid_file_is_left_alone(path: Path) -> None:
    """Somebody gave the wrong path."""
    path.write_text("[server]\n")

    with pytest.raises(PidFileError, match=r"it is there already and is no pid file$"):
        PidFile(str(path))

    assert path.read_text() == "[server]\n"


def test_a_device_is_no_pid_file() -> None:
    """It would be removed at the end."""
    with pytest.raises(PidFileError, match=r"it is no plain file$"):
        PidFile(os.devnull)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    """It might have been put there to have root overwrite something."""
    target = tmp_path / "target"
    target.write_text("1\n")
    path.symlink_to(target)

    with pytest.raises(PidFileError):
        PidFile(str(path))

    assert target.read_text() == "1\n"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With the path as it was given."""
    with pytest.raises(PidFileError, match=r"cannot write pid file .*/nowhere/pid: No such file"):
        PidFile(str(tmp_path / "nowhere" / "pid"))


def test_a_start_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """Nothing was written, so there is nothing to remove; a file that is new goes."""
    path.write_text(f"{_ended_pid()}\n")
    text = path.read_text()

    PidFile(str(path)).remove()

    assert path.read_text() == text
    path.unlink()
    PidFile(str(path)).remove()
    assert not path.exists()


@pytest.mark.parametrize("is_new_file", [False, True])
def test_a_file_that_another_process_has_written_since_is_kept(path: Path, *, is_new_file: bool) -> None:
    """In the same file, or in one that took its place."""
    file = PidFile(str(path))
    file.write()
    if is_new_file:
        path.unlink()
    path.write_text("1\n")

    file.remove()

    assert path.read_text() == "1\n"


def test_a_file_that_is_removed_while_it_is_opened_is_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server before removes it; a lock on what has no name any more would be worth nothing."""
    lock = fcntl.flock
    locked: list[int] = []

    def remove_and_lock(descriptor: int, operation: int) -> None:
        if not locked:
            path.unlink()
        locked.append(descriptor)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_and_lock)

    file = PidFile(str(path))
    file.write()

    assert len(locked) == 2
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


def test_the_lock_ends_with_the_file(path: Path) -> None:
    """The next server can start."""
    first = PidFile(str(path))
    first.write()
    first.remove()

    second = PidFile(str(path))
    second.write()

    assert path.read_text() == f"{os.getpid()}\n"
    second.remove()
