"""Private databases for the tests: PostgreSQL, MariaDB and Redis, processes of ours in folders of their own.

Each listens on a Unix socket or on a free port of the loopback address, and is gone when the test run ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.interop.peers import absent
from tests.interop.servers import free_port

PATIENCE_SECONDS = 60.0
HOST = "127.0.0.1"


def find(program: str, package: str, *folders: str) -> str:
    """The path of a program; skips the test when it is not installed."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(program, path=path) or absent(f"{program} is not installed (Debian: {package})")


class Database:
    """A database process; ``url`` is what ``--queue`` takes, ``folder`` is all that it writes to."""

    def __init__(self, command: Sequence[str], url: str, is_ready: Callable[[], bool], folder: Path) -> None:
        self.url = url
        self._command = command
        self._is_ready = is_ready
        self.folder = folder
        self.start()

    def start(self) -> None:
        with open(self.folder / "database.log", "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            has_ended = self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                raise AssertionError((self.folder / "database.log").read_text(errors="replace"))
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """To the database and all processes that it has started."""
        # Those of PostgreSQL have groups and sessions of their own.
        for pid in _family(self._process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        if number == signal.SIGSTOP:
            self._wait_until_frozen()

    def _wait_until_frozen(self) -> None:
        """The threads of a process stop one after the other."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(_is_frozen(pid) for pid in _family(self._process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self.is_running:
            self.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


def start_postgresql(folder: Path) -> Database:
    bins = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))
    postgres = find("postgres", "postgresql", *bins)
    initdb = find("initdb", "postgresql", *bins)
    is_ready = find("pg_isready", "postgresql", *bins)
    data = folder / "data"
    user = _as_other_user("postgres", folder)
    subprocess.run(
        [*user, initdb, "-D", str(data), "-A", "trust", "-U", "geartrain", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    settings = (f"listen_addresses={HOST}", f"port={port}", f"unix_socket_directories={folder}")
    options = [word for setting in settings for word in ("-c", setting)]
    ask = [is_ready, "-q", "-h", HOST, "-p", str(port), "-U", "geartrain", "-d", "postgres"]
    return Database(
        [*user, postgres, "-D", str(data), *options],
        f"postgresql://geartrain@{HOST}:{port}/postgres",
        lambda: subprocess.run(ask, check=False).returncode == 0,
        folder,
    )


def start_mariadb(folder: Path) -> Database:
    server = find("mariadbd", "mariadb-server")
    install = find("mariadb-install-db", "mariadb-server")
    ping = find("mariadb-admin", "mariadb-client")
    client = find("mariadb", "mariadb-client")
    data = folder / "data"
    user = _as_other_user("mysql", folder)
    common = ["--no-defaults", f"--datadir={data}"]
    subprocess.run(
        [*user, install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    socket = str(folder / "socket")
    database = Database(
        [*user, server, *common, f"--bind-address={HOST}", f"--port={port}", f"--socket={socket}"],
        f"mysql://geartrain:secret@{HOST}:{port}/geartrain",
        lambda: _succeeds([ping, "--no-defaults", f"--socket={socket}", "-u", "root", "ping"]),
        folder,
    )
    statements = (
        "CREATE DATABASE geartrain; CREATE USER geartrain@'%' IDENTIFIED BY 'secret';"
        " GRANT ALL ON geartrain.* TO geartrain@'%';"
        # A database without anything in it.
        " CREATE DATABASE nothing; GRANT ALL ON nothing.* TO geartrain@'%';"
    )
    subprocess.run(
        [client, "--no-defaults", f"--socket={socket}", "-u", "root", "-e", statements], check=True
    )
    return database


def start_redis(folder: Path) -> Database:
    server = find("redis-server", "redis-server")
    cli = find("redis-cli", "redis-tools")
    port = free_port()
    options = ["--bind", HOST, "--port", str(port), "--dir", str(folder)]
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return Database(
        [server, *options, *durable],
        f"redis://{HOST}:{port}/0",
        lambda: _prints_pong([cli, "-h", HOST, "-p", str(port), "ping"]),
        folder,
    )


def _family(pid: int) -> list[int]:
    """A process, and those that it has started, and so on."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except FileNotFoundError:
            # It has ended.
            continue
        found += map(int, children.split())
    return found


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _as_other_user(name: str, folder: Path) -> list[str]:
    """What to put in front of a command that refuses to run as root; gives the folder to that user."""
    if os.getuid() != 0:
        return []
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        absent(f"there is no user {name} to run the database as")
    os.chown(folder, user.pw_uid, user.pw_gid)
    for parent in folder.parents:
        if parent != Path("/tmp") and parent.owner() == "root" and str(parent).startswith("/tmp/"):
            parent.chmod(0o711)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def _prints_pong(command: Sequence[str]) -> bool:
    # While it still reads its file, it answers with an error and exit code 0.
    return subprocess.run(command, check=False, capture_output=True).stdout == b"PONG\n"


def _is_frozen(pid: int) -> bool:
    """Whether all threads of a process are stopped, or it is gone."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "TtZX":
            return False
    return True
