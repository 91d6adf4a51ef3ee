"""Listening sockets: all of them or none."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from geartrain.addresses import TLS, TcpAddress, UnixAddress
from geartrain.server import BindError, binding
from geartrain.server.binding import Listener, adopt, bind_all

# An address of the range for documentation, which no machine has.
_MISSING = TcpAddress("192.0.2.1", 0)
_V4 = TcpAddress("127.0.0.1", 0)
_V6 = TcpAddress("::1", 0)


def _close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.close()


def _port(listener: Listener) -> int:
    assert isinstance(listener.address, TcpAddress)
    return listener.address.port


def test_port_0_is_the_same_free_port_on_every_address() -> None:
    """One port to tell others, for IPv4 and IPv6 alike."""
    listeners = bind_all([_V4, _V6], 10)

    ports = {_port(listener) for listener in listeners}
    _close(listeners)

    assert len(listeners) == 2
    assert len(ports) == 1
    assert ports != {0}


def test_the_address_of_a_listener_has_the_real_port_and_the_scheme() -> None:
    """Each scheme has a free port of its own: two on one host cannot share it."""
    listeners = bind_all([_V4, TcpAddress("127.0.0.1", 0, TLS), _V6], 10)

    addresses = [listener.address for listener in listeners]
    plain, tls = _port(listeners[0]), _port(listeners[1])
    _close(listeners)
    assert addresses == [
        TcpAddress("127.0.0.1", plain),
        TcpAddress("127.0.0.1", tls, TLS),
        TcpAddress("::1", plain),
    ]
    assert plain != tls


def test_a_name_binds_every_address_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them on one port, each once."""
    found = [(socket.AF_INET, 0, 0, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    listeners = bind_all([TcpAddress("here", 0)], 10)

    port = _port(listeners[0])
    addresses = [listener.address for listener in listeners]
    _close(listeners)
    assert addresses == [TcpAddress("127.0.0.1", port), TcpAddress("127.0.0.2", port)]


def test_an_address_of_another_machine_is_an_error() -> None:
    """The message names the address and the reason."""
    with pytest.raises(BindError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign") as caught:
        bind_all([_MISSING], 10)

    assert caught.value.code == errno.EADDRNOTAVAIL


def test_missing_addresses_are_skipped_on_request_as_long_as_one_remains() -> None:
    """So that the default works on machines without IPv6."""
    listeners = bind_all([_V4, _MISSING], 10, skip_missing=True)
    _close(listeners)

    assert len(listeners) == 1
    with pytest.raises(BindError):
        bind_all([_MISSING], 10, skip_missing=True)


def test_a_port_in_use_is_an_error_and_leaves_nothing_bound() -> None:
    """All sockets or none."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        free_port = free.getsockname()[1]
        free.close()

        with pytest.raises(BindError, match="Address already in use"):
            bind_all(
                [TcpAddress("127.0.0.1", free_port), TcpAddress("127.0.0.1", taken.getsockname()[1])], 10
            )

        _close(bind_all([TcpAddress("127.0.0.1", free_port)], 10))


def test_another_free_port_is_taken_when_the_first_is_not_free_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The port that is free on the first address may be taken on the second."""
    tried: list[object] = []

    def listen_tcp(family: int, name: binding.SocketName, backlog: int) -> socket.socket:
        if family == socket.AF_INET6:
            tried.append(name[1])
            if len(tried) == 1:
                raise OSError(errno.EADDRINUSE, "in use")
        return real(family, name, backlog)

    real = binding._listen_tcp
    monkeypatch.setattr(binding, "_listen_tcp", listen_tcp)

    listeners = bind_all([_V4, _V6], 10)

    ports = {_port(listener) for listener in listeners}
    _close(listeners)
    assert ports == {tried[1]}
    assert tried[0] != tried[1]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300, "127.0.0.1%x y"])
def test_a_name_that_stands_for_nothing_is_an_error(host: str) -> None:
    """One line, whatever went wrong in the resolver."""
    with pytest.raises(BindError, match="cannot listen on"):
        bind_all([TcpAddress(host, 0)], 10)


def test_the_file_of_a_unix_socket_goes_when_it_is_closed(tmp_path: Path) -> None:
    """The next server finds the place free."""
    path = tmp_path / "socket"

    _close(bind_all([UnixAddress(str(path))], 10))

    assert not path.exists()


def test_a_unix_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    """Two servers cannot have one path."""
    path = str(tmp_path / "socket")
    listeners = bind_all([UnixAddress(path)], 10)

    with pytest.raises(BindError, match="Address already in use"):
        bind_all([UnixAddress(path)], 10)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    _close(listeners)


def test_a_unix_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    """A server that was killed could not remove its file."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)

    _close(bind_all([UnixAddress(path)], 10))


def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    """A mistyped path must not cost data."""
    path = tmp_path / "data"
    path.write_text("precious")

    with pytest.raises(BindError, match="Address already in use"):
        bind_all([UnixAddress(str(path))], 10)

    assert path.read_text() == "precious"


def test_the_file_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    """A server that took the path over keeps it when the first one ends."""
    path = str(tmp_path / "socket")
    first = bind_all([UnixAddress(path)], 10)
    os.unlink(path)
    second = bind_all([UnixAddress(path)], 10)

    _close(first)

    assert os.path.exists(path)
    _close(second)


def test_a_descriptor_from_outside_is_adopted_as_it_is() -> None:
    """Its address is asked of the system; what is spoken there is for the caller to say."""
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]

    listener = adopt(bound.detach(), TLS)

    assert listener.address == TcpAddress("127.0.0.1", port, TLS)
    assert not listener.socket.getblocking()
    listener.close()


def test_the_file_of_an_adopted_unix_socket_stays(tmp_path: Path) -> None:
    """Whoever bound it, such as systemd, goes on listening, and starts the server again when needed."""
    path = str(tmp_path / "socket")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(path)
    bound.listen()

    listener = adopt(bound.detach())
    listener.close()

    assert listener.address == UnixAddress(path)
    assert os.path.exists(path)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_does_not_listen_is_not_adopted(kind: socket.SocketKind) -> None:
    """A mistake in a socket unit stops the start, with the descriptor named; it is left as it was."""
    with socket.socket(socket.AF_INET, kind) as bound:
        with pytest.raises(BindError, match=f"descriptor {bound.fileno()}: it is no listening"):
            adopt(bound.fileno())

        assert bound.getsockname() == ("0.0.0.0", 0)


def test_a_descriptor_that_is_no_socket_is_not_adopted(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    descriptor = os.open(tmp_path, os.O_RDONLY)

    with pytest.raises(BindError, match="Socket operation on non-socket"):
        adopt(descriptor)

    os.close(descriptor)
