"""One connection: its socket, its buffers, TLS, and what it says when something is wrong."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import gearman
from gearman.connection import GearmanConnection
from gearman.errors import ConnectionError, ProtocolError, ServerUnavailable  # noqa: A004 - the classic name
from gearman.protocol import GEARMAN_COMMAND_ECHO_REQ, GEARMAN_COMMAND_ECHO_RES, GEARMAN_COMMAND_TEXT_COMMAND
from geartrain.protocol.codec import encode_request, encode_response
from geartrain.protocol.packets import ECHO_REQ, ECHO_RES, NOOP
from tests.interop.servers import JobServer, free_port

HOST = "127.0.0.1"


@pytest.fixture
def pair() -> Iterator[tuple[GearmanConnection, socket.socket]]:
    """A connection, and the server's end of its socket."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)

    class Connection(GearmanConnection):
        def _create_client_socket(self) -> None:
            self.set_socket(ours)

    connection = Connection("host", 1)
    connection.connect()
    yield connection, theirs
    connection.close()
    theirs.close()


# --- the socket ---------------------------------------------------------------------------------------


def test_a_connection_needs_a_host() -> None:
    """There is nothing to connect to."""
    with pytest.raises(ServerUnavailable):
        GearmanConnection()


def test_a_new_connection_is_closed() -> None:
    """Closing it once more does no harm."""
    connection = GearmanConnection("host", 1)

    connection.close()

    assert (connection.connected, connection.readable(), connection.writable()) == (False, False, False)
    assert connection.get_address() == ("host", 1)
    assert repr(connection) == "<GearmanConnection host:1 connected=False>"
    with pytest.raises(ConnectionError, match="no socket set"):
        connection.fileno()


def test_a_refused_connection_names_the_server_and_the_reason() -> None:
    """The error is a builtin ConnectionError as well."""
    port = free_port()

    with pytest.raises(ConnectionError, match=rf"<127\.0\.0\.1:{port}> .*refused") as caught:
        GearmanConnection(HOST, port).connect()

    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("host", ["nonsense.invalid", "a..b", "x" * 300])
def test_an_unknown_host_is_a_connection_error(host: str) -> None:
    """So is one that cannot be a host name."""
    with pytest.raises(ConnectionError):
        GearmanConnection(host, 1).connect()


def test_connecting_does_not_wait_longer_than_it_may() -> None:
    """A server whose queue of connections is full says nothing."""
    with socket.create_server((HOST, 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex((HOST, port))
        connection = GearmanConnection(HOST, port)
        connection.connect_timeout = 0.1

        with pytest.raises(ConnectionError, match="timed out"):
            connection.connect()

        for client in waiting:
            client.close()


def test_sockets_have_the_options_of_the_class(server: JobServer) -> None:
    """They do not block, send at once, and have the kernel look after a silent server."""

    class Connection(GearmanConnection):
        keepalive_idle = 17

    connection = Connection(HOST, server.port)
    connection.connect()
    found = connection.gearman_socket

    assert found is not None
    assert not found.getblocking()
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 17
    connection.close()


def test_keepalive_can_be_turned_off(server: JobServer) -> None:
    """On a class or an object."""
    connection = GearmanConnection(HOST, server.port)
    connection.keepalive = False
    connection.connect()

    assert connection.gearman_socket is not None
    assert not connection.gearman_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    connection.close()


def test_a_program_may_create_the_socket_itself(server: JobServer) -> None:
    """It hands the socket over, as it comes, to ``set_socket``, which sees to the rest."""

    class Connection(GearmanConnection):
        def _create_client_socket(self) -> None:
            self.set_socket(socket.create_connection(self.get_address()))

    connection = Connection(HOST, server.port)
    connection.connect()
    found = connection.gearman_socket

    assert found is not None
    assert not found.getblocking()
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


def test_a_socket_without_tcp_options_will_do(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """Only that it must not block matters."""
    connection, _ = pair

    assert connection.gearman_socket is not None
    assert not connection.gearman_socket.getblocking()


def test_connecting_twice_is_an_error(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """So is giving a socket to a connection that has one."""
    connection, theirs = pair

    with pytest.raises(ConnectionError, match="already bound"):
        connection.set_socket(theirs)
    connection.connected = True
    with pytest.raises(ConnectionError, match="already established"):
        connection.connect()


# --- reading and writing ------------------------------------------------------------------------------


def test_commands_are_queued_packed_and_sent(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """In three steps, which programs may take one by one."""
    connection, theirs = pair
    connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"data": "x"})
    connection.send_command(GEARMAN_COMMAND_TEXT_COMMAND, {"raw_text": "status\n"})
    assert connection.writable()

    connection.send_commands_to_buffer()
    assert connection.send_data_to_socket() == 0

    assert not connection.writable()
    assert theirs.recv(100) == encode_request(ECHO_REQ, b"x") + b"status\n"


def test_a_command_that_cannot_be_packed_is_a_protocol_error(
    pair: tuple[GearmanConnection, socket.socket],
) -> None:
    """With the names of what is wrong."""
    connection, _ = pair
    connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"nonsense": "x"})

    with pytest.raises(ProtocolError, match="nonsense"):
        connection.send_commands_to_buffer()


def test_received_bytes_become_commands(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """Packets and lines, however they are cut."""
    connection, theirs = pair
    received: list[Any] = []

    for byte in encode_response(ECHO_RES, b"x") + b"OK 1\r\n" + encode_response(NOOP):
        theirs.send(bytes((byte,)))
        assert connection.read_data_from_socket() == 1
        connection.read_commands_from_buffer()
    while (command := connection.read_command()) is not None:
        received.append(command)

    assert received == [
        (GEARMAN_COMMAND_ECHO_RES, {"data": b"x"}),
        (GEARMAN_COMMAND_TEXT_COMMAND, {"raw_text": b"OK 1"}),
        (NOOP, {}),
    ]


def test_a_replaced_read_may_fill_the_buffer_itself(
    pair: tuple[GearmanConnection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs replaced the method when the older packages broke with a new Python."""
    connection, theirs = pair

    def read_data_from_socket(self: Any, bytes_to_read: int = 4096) -> int:
        self._incoming_buffer.frombytes(self.gearman_socket.recv(bytes_to_read))
        return len(self._incoming_buffer)

    monkeypatch.setattr(GearmanConnection, "read_data_from_socket", read_data_from_socket)
    theirs.send(encode_response(NOOP))

    connection.read_data_from_socket()

    assert connection.read_commands_from_buffer() == 1
    assert connection.read_command() == (NOOP, {})


def test_reading_does_not_wait(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """Nothing there is nothing read."""
    connection, _ = pair

    assert connection.read_data_from_socket() == 0
    assert connection.read_command() is None


def test_the_end_of_a_connection_is_an_error_when_it_is_read(
    pair: tuple[GearmanConnection, socket.socket],
) -> None:
    """It is marked as lost; closing it is for whoever owns it."""
    connection, theirs = pair
    theirs.close()

    with pytest.raises(ConnectionError, match="remote disconnected"):
        connection.read_data_from_socket()

    assert not connection.connected
    assert connection.last_error == "remote disconnected"


def test_a_broken_socket_is_an_error_when_it_is_written(
    pair: tuple[GearmanConnection, socket.socket],
) -> None:
    """With the system's reason."""
    connection, theirs = pair
    theirs.close()
    connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"data": "x"})
    connection.send_commands_to_buffer()

    with pytest.raises(ConnectionError, match=r"[Bb]roken pipe|reset"):
        connection.send_data_to_socket()


def test_a_broken_socket_is_an_error_when_it_is_read(
    pair: tuple[GearmanConnection, socket.socket],
) -> None:
    """Here, because the program closed it."""
    connection, _ = pair
    assert connection.gearman_socket is not None
    connection.gearman_socket.close()

    with pytest.raises(ConnectionError):
        connection.read_data_from_socket()


def test_what_cannot_be_sent_at_once_is_kept(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """And goes out as the other side reads."""
    connection, theirs = pair
    data = bytes(range(256)) * (16 * 1024)
    connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"data": data})
    connection.send_commands_to_buffer()
    expected = encode_request(ECHO_REQ, data)
    received = b""

    assert connection.send_data_to_socket() > 0
    assert connection.writable()
    while len(received) < len(expected):
        received += theirs.recv(1 << 20)
        connection.send_data_to_socket()

    assert received == expected


def test_garbage_is_a_protocol_error(pair: tuple[GearmanConnection, socket.socket]) -> None:
    """The packets before it are kept."""
    connection, theirs = pair
    theirs.send(encode_response(NOOP) + b"\0FOO" + bytes(8))
    connection.read_data_from_socket()

    with pytest.raises(ProtocolError, match="INVALID_MAGIC"):
        connection.read_commands_from_buffer()

    assert connection.read_command() == (NOOP, {})


def test_debug_mode_logs_every_packet(
    pair: tuple[GearmanConnection, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In both directions, with its name."""
    connection, theirs = pair
    monkeypatch.setattr(gearman.constants, "_DEBUG_MODE_", True)
    caplog.set_level(logging.DEBUG, "gearman")
    connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"data": "x"})
    connection.send_commands_to_buffer()
    theirs.send(encode_response(ECHO_RES, b"x"))
    connection.read_data_from_socket()
    connection.read_commands_from_buffer()

    assert "Send - GEARMAN_COMMAND_ECHO_REQ" in caplog.text
    assert "Recv - GEARMAN_COMMAND_ECHO_RES" in caplog.text


def test_an_exception_without_words_is_named_by_its_class() -> None:
    """So that the reason is never empty."""
    connection = GearmanConnection("host", 1)

    with pytest.raises(ConnectionError, match="<host:1> TimeoutError"):
        connection.throw_exception(exception=TimeoutError())


# --- TLS ----------------------------------------------------------------------------------------------


class TlsEchoServer:
    """Takes one TLS connection and sends everything back that comes as packets do: as ECHO_RES."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(20)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            raw, _ = self._listener.accept()
            raw.settimeout(20)
            with self._context.wrap_socket(raw, server_side=True) as connection:
                while data := connection.recv(65536):
                    connection.sendall(data.replace(b"\0REQ\0\0\0\x10", b"\0RES\0\0\0\x11"))
        except OSError:
            # The client did not like our certificate, or has gone.
            pass

    def close(self) -> None:
        self._listener.close()
        self._thread.join(20)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start_tls_server(authority: trustme.CA) -> Iterator[Any]:
    started: list[TlsEchoServer] = []

    def start(name: str, *, client_certificate: bool = False) -> TlsEchoServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        if client_certificate:
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        started.append(TlsEchoServer(context))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The authority, and a client's certificate and key."""
    client = authority.issue_cert("client")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return {name: str(tmp_path / name) + ".pem" for name in ("ca", "key", "cert")}


def echo_over(connection: GearmanConnection, data: bytes) -> bytes:
    connection.connect()
    try:
        connection.send_command(GEARMAN_COMMAND_ECHO_REQ, {"data": data})
        connection.send_commands_to_buffer()
        assert connection.gearman_socket is not None
        connection.gearman_socket.settimeout(20)
        while connection.send_data_to_socket():
            pass
        while (command := connection.read_command()) is None:
            # Less than a TLS record: the rest of it has to be fetched as well.
            connection.read_data_from_socket(10)
            connection.read_commands_from_buffer()
        echoed: bytes = command[1]["data"]
        return echoed
    finally:
        connection.close()


@pytest.mark.parametrize("size", [1, 100_000])
def test_tls_carries_packets(start_tls_server: Any, files: dict[str, str], size: int) -> None:
    """With a client certificate where the server asks for one."""
    server = start_tls_server(HOST, client_certificate=True)
    connection = GearmanConnection(HOST, server.port, files["key"], files["cert"], files["ca"])
    data = b"x" * size

    assert echo_over(connection, data) == data


def test_tls_takes_a_context_of_the_program(start_tls_server: Any, authority: trustme.CA) -> None:
    """With rules of its own; in a host list as well."""
    server = start_tls_server(HOST)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = gearman.GearmanClient([{"host": HOST, "port": server.port, "ssl_context": context}])

    assert echo_over(client.connection_list[0], b"x") == b"x"


def test_tls_checks_the_host_name(start_tls_server: Any, files: dict[str, str]) -> None:
    """A certificate for another host is refused."""
    server = start_tls_server("other.example")

    with pytest.raises(ConnectionError, match="certificate"):
        GearmanConnection(HOST, server.port, ca_certs=files["ca"]).connect()


def test_tls_checks_who_signed(start_tls_server: Any, tmp_path: Path) -> None:
    """By an authority that was not named."""
    server = start_tls_server(HOST)
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")

    with pytest.raises(ConnectionError, match="certificate"):
        GearmanConnection(HOST, server.port, ca_certs=str(tmp_path / "other.pem")).connect()


def test_tls_files_that_are_missing_are_a_connection_error(server: JobServer) -> None:
    """And never plain text."""
    with pytest.raises(ConnectionError, match="No such file"):
        GearmanConnection(HOST, server.port, ca_certs="/nonexistent").connect()


def test_a_server_that_does_not_speak_tls_is_a_connection_error(
    server: JobServer, files: dict[str, str]
) -> None:
    """The handshake has the time of connecting."""
    connection = GearmanConnection(HOST, server.port, ca_certs=files["ca"])
    connection.connect_timeout = 0.5

    with pytest.raises(ConnectionError):
        connection.connect()
