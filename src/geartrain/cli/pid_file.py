"""The file that says which process is the server, and that there is only one.

The server keeps the file locked for as long as it lives, so that a second one finds out at once, whatever
happens to process ids meanwhile. Servers of other makes do not lock theirs; those are known by the name of
the process.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import Final

from geartrain.errors import PidFileError

# Longer than any process id with its line end.
_READ_BYTES: Final = 64
_SERVER_NAME: Final = "gearmand"


class PidFile:
    """A file with the number of this process, once ``write`` was called.

    Making one claims the file. Raises PidFileError when it belongs to a server that runs, when it is no pid
    file at all, or when it cannot be opened. One that is left over from a process that is gone is taken over.
    """

    def __init__(self, path: str) -> None:
        # Absolute, so that it is found again from any working directory.
        self.path = os.path.abspath(path)
        self._text = b"%d\n" % os.getpid()
        try:
            self._descriptor = _open_locked(self.path)
            try:
                _check_free(self.path, _read(self._descriptor))
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise PidFileError(path, error.strerror) from error

    def write(self) -> None:
        """Writes the number of this process over what was there. Raises PidFileError."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, self._text, 0)
        except OSError as error:
            raise PidFileError(self.path, error.strerror) from error

    def remove(self) -> None:
        """Removes the file and gives up the lock, unless another process has taken its place since."""
        try:
            if _read(self._descriptor) in (b"", self._text):
                # First, because this user may not be allowed to remove it; then an empty file has to do.
                os.ftruncate(self._descriptor, 0)
                if _is_at(self.path, self._descriptor):
                    os.unlink(self.path)
        except OSError:
            pass
        os.close(self._descriptor)


def _open_locked(path: str) -> int:
    """Opens a file that is there under its name while it is locked. Raises OSError or PidFileError."""
    while True:
        # No links: in a folder that others may write to, they could lead root anywhere.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            _lock(path, descriptor)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # The server that had it has removed it in the meantime.
        os.close(descriptor)


def _lock(path: str, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise PidFileError(path, "it is no plain file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = _read(descriptor).decode(errors="replace").strip() or "unknown as yet"
        raise PidFileError(path, f"a server runs with it already, process id {owner}") from error


def _check_free(path: str, text: bytes) -> None:
    """Raises PidFileError unless the text is a pid file's, of a process that is not a server any more."""
    number = text.strip(b"\0\n ")
    if not number:
        return
    if not number.isdigit():
        raise PidFileError(path, "it is there already and is no pid file")
    if _is_server(int(number)):
        raise PidFileError(path, f"a server runs with it already, process id {int(number)}")


def _is_server(pid: int) -> bool:
    """Whether a process with that number lives and is named like a server; always False without /proc."""
    # In a container the number is often the same at each start.
    if pid == os.getpid():
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read()
    except OSError:
        return False
    # Number, name in parentheses and state; Z is for one that has ended and that nobody has asked about.
    name = fields[fields.find("(") + 1 : fields.rfind(")")]
    state = fields[fields.rfind(")") + 1 :].split()[0]
    return name == _SERVER_NAME and state not in ("Z", "X")


def _is_at(path: str, descriptor: int) -> bool:
    """Whether the file that is open is the one that has the name."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, _READ_BYTES, 0)
