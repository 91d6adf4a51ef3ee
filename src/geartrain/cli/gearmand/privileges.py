"""Giving up the rights of root: who a server goes on as, and the files that this user needs then."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable

from geartrain.errors import ConfigError, PrivilegeError


class Account:
    """A user of this machine that a process of root can become.

    Raises ConfigError for a user that is not there, and PrivilegeError when this process may not become it.
    To be who it is already needs no rights.
    """

    def __init__(self, user: str) -> None:
        entry = _find(user)
        self.name = entry.pw_name
        self._user_id = entry.pw_uid
        self._group_id = entry.pw_gid
        self._is_change = os.geteuid() != entry.pw_uid
        if self._is_change and os.geteuid() != 0:
            raise PrivilegeError(user, "only root can change the user")

    def take_over(self, paths: Iterable[str]) -> None:
        """Makes files its own that root has opened and that this user is to open again or to remove.

        Only plain files, sockets and folders: a log that goes to a device leaves the device alone. Links are
        not followed; whoever may write to the folder could lead them anywhere.
        """
        for path in paths:
            try:
                mode = os.lstat(path).st_mode
                if stat.S_ISREG(mode) or stat.S_ISSOCK(mode) or stat.S_ISDIR(mode):
                    os.chown(path, self._user_id, self._group_id, follow_symlinks=False)
            except OSError as error:
                raise PrivilegeError(self.name, f"cannot give it {path}: {error.strerror}") from error

    def become(self) -> None:
        """Goes on as this user and with its groups only, for good. Raises PrivilegeError."""
        if not self._is_change:
            return
        try:
            os.initgroups(self.name, self._group_id)
            os.setgid(self._group_id)
            # Last, because it takes the rights that the others need. From root, it changes the real, the
            # effective and the saved user at once: there is nothing to go back to.
            os.setuid(self._user_id)
        except OSError as error:
            raise PrivilegeError(self.name, error.strerror or str(error)) from error


def _find(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(user)) if user.isascii() and user.isdigit() else pwd.getpwnam(user)
    except (KeyError, OverflowError, ValueError) as error:
        raise ConfigError("user", user, "the name or number of a user of this machine") from error
