"""A bare socket that speaks HTTP: sends what it is told to, and reads answer by answer.

With servers and workers for it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from geartrain.protocol import packets
from geartrain.server import ServerConfig, run_in_thread
from tests.server.wire import TIMEOUT_SECONDS, Wire

# One port for Gearman and one for HTTP.
CONFIG = ServerConfig(port=0, listen=("127.0.0.1", "http://127.0.0.1:0"))


class Response(NamedTuple):
    """One answer; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def command(self) -> str | None:
        return self.headers.get("x-gearman-command")

    @property
    def handle(self) -> bytes:
        return self.headers["x-gearman-job-handle"].encode()


class HttpWire:
    """One HTTP connection to a job server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send_raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> None:
        """Sends a request; a header called ``x_gearman_unique`` goes out as ``x-gearman-unique``."""
        self.send_raw(request(method, target, body, **headers))

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Sends a request that is answered without the help of a worker."""
        self.send(method, target, body, **headers)
        return self.read(method)

    def read(self, method: str = "POST") -> Response:
        """The next answer, to a request with this method."""
        protocol, status = self._line().split(" ")[:2]
        assert protocol == "HTTP/1.1"
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = 0 if method == "HEAD" or status == "100" else int(headers["content-length"])
        body = self._file.read(length)
        assert len(body) == length
        return Response(int(status), headers, body)

    def read_to_end(self) -> bytes:
        """Everything that still comes until the server closes the connection."""
        return self._file.read()

    def _line(self) -> str:
        return self._file.readline().decode("latin-1").removesuffix("\r\n")


def request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """A request as bytes, with the length of its body."""
    fields = {"Host": "server", **({"Content-Length": str(len(body))} if body else {})}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def take_job(worker: Wire) -> tuple[bytes, bytes]:
    """Waits until there is a job for the worker and takes it; its handle and its data."""
    while (packet := worker.grab()).number != packets.JOB_ASSIGN:
        worker.send(packets.PRE_SLEEP)
        assert worker.read().number == packets.NOOP
    return packet.arguments[0], packet.arguments[2]


class Site(NamedTuple):
    """A job server with both kinds of port."""

    gear_port: int
    http_port: int

    def connect(self) -> HttpWire:
        return HttpWire(self.http_port)

    def worker(self, *functions: bytes) -> Wire:
        worker = Wire(("127.0.0.1", self.gear_port))
        for function in functions:
            worker.send(packets.CAN_DO, function)
        worker.echo()
        return worker


@contextmanager
def running(config: ServerConfig = CONFIG) -> Iterator[Site]:
    """A job server in a thread of its own."""
    with run_in_thread(config) as server:
        gear, web = [int(str(address).rpartition(":")[2]) for address in server.addresses]
        yield Site(gear, web)


@contextmanager
def reversing(site: Site, function: str) -> Iterator[None]:
    """A worker in a thread of its own, until a job says "stop"."""

    def work() -> None:
        with site.worker(function.encode()) as worker:
            data = b""
            while data != b"stop":
                handle, data = take_job(worker)
                worker.send(packets.WORK_COMPLETE, handle, data[::-1])

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield
        finally:
            with site.connect() as client:
                assert client.ask("POST", f"/{function}", b"stop").body == b"pots"
            working.result(TIMEOUT_SECONDS)
