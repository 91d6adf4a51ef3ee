"""Both job servers, ours and the C server, as processes on a free port of the loopback address."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tests.interop.peers import require
from tests.interop.processes import Deadline, Program

HOST = "127.0.0.1"
# Handles of both servers look alike, so that answers can be compared.
HANDLE_PREFIX = "T"


class JobServer:
    """A running job server."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=10)

    def ask(self, command: str) -> list[str]:
        """The lines that answer a list command of the text protocol, without the final dot."""
        with self.connect() as connection, connection.makefile("rwb") as stream:
            stream.write(command.encode() + b"\n")
            stream.flush()
            lines: list[str] = []
            while (line := stream.readline()) != b".\n":
                assert line, f"the connection ended in the answer to {command!r}"
                lines.append(line.decode().rstrip("\n"))
            return lines

    def wait_for_status(self, line: str) -> None:
        """Asks until ``status`` has this line; its four fields are separated by blanks here."""
        deadline = Deadline()
        while line not in (status := [row.replace("\t", " ") for row in self.ask("status")]):
            deadline.check(f"{line!r} in {status}")

    def wait_for_worker(self, function: str) -> None:
        """Asks until ``status`` lists a worker for the function."""
        deadline = Deadline()
        while not any(
            row.startswith(f"{function}\t") and not row.endswith("\t0") for row in self.ask("status")
        ):
            deadline.check(f"a worker for {function}")

    def stop(self) -> None:
        self.program.stop()


def start_ours(*options: str) -> JobServer:
    """Our server, on a port that the system chose."""
    gearmand = Path(sys.executable).with_name("gearmand")
    command = [str(gearmand), "--listen", HOST, "--port", "0", "--job-handle-prefix", HANDLE_PREFIX, *options]
    program = Program(command)
    try:
        found = program.stderr.search(r"listening on 127\.0\.0\.1:(\d+)")
    except BaseException:
        program.stop()
        raise
    return JobServer(program, int(found[1]))


def start_c_server(*options: str) -> JobServer:
    """The C server. It cannot choose a port, so it is started again when somebody else got the port first."""
    gearmand = require("gearmand", "gearman-job-server")
    for _ in range(5):
        port = free_port()
        command = [gearmand, "--listen", HOST, "--port", str(port), "--job-handle-prefix", HANDLE_PREFIX]
        program = Program([*command, "--log-file", "stderr", "--verbose", "INFO", *options])
        try:
            program.stderr.search(rf"Listening on 127\.0\.0\.1:{port}")
        except AssertionError:
            program.stop()
        else:
            return JobServer(program, port)
    raise AssertionError("the C server does not start")


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
