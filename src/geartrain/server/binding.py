"""Turns listen addresses into bound sockets, all of them or none."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from geartrain.addresses import TCP, Address, TcpAddress, UnixAddress
from geartrain.errors import BindError

# Port 0 means the same free port on every address; the port that the kernel picks for the first one may be
# taken on another.
_FREE_PORT_ATTEMPTS: Final = 20
# An address that this machine does not have; no reason to fail while another one of the same name works.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)

# Host and port; for IPv6 with flow and scope, without which a link-local address cannot be bound.
SocketName = tuple[str | int, ...]
_Socket = socket.socket


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """A socket that listens, and its address: with the real port, and the scheme that is spoken there.

    ``is_adopted`` says that it came from outside, and that whoever bound it may go on listening.
    """

    socket: _Socket
    address: Address
    is_adopted: bool = False

    def close(self) -> None:
        """Closes the socket; the file of a Unix socket goes with it, unless another took its place."""
        self.socket.close()
        if isinstance(self.address, UnixAddress) and not self.is_adopted and _refuses(self.address.path):
            _unlink(self.address.path)


def bind_all(addresses: Iterable[Address], backlog: int, *, skip_missing: bool = False) -> list[Listener]:
    """Non-blocking sockets that listen on every address, in the given order.

    All addresses of one scheme with port 0 get the same free port. With ``skip_missing`` an address that this
    machine does not have is left out as long as one remains. Raises BindError, and then leaves nothing bound.
    """
    wanted = list(addresses)
    for _ in range(_FREE_PORT_ATTEMPTS - 1):
        try:
            return _bind_once(wanted, backlog, skip_missing)
        except BindError as error:
            if error.code != errno.EADDRINUSE or not _is_free_port(error.address):
                raise
    return _bind_once(wanted, backlog, skip_missing)


def adopt(descriptor: int, scheme: str = TCP) -> Listener:
    """A listener of a descriptor that listens already, such as one that systemd passes on.

    ``scheme`` is what will be spoken on a TCP socket; on a Unix socket it is always plain Gearman. The
    descriptor belongs to the listener from now on. Raises BindError for one that does not listen for streams
    of TCP or a Unix socket.
    """
    try:
        bound = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _bind_error(f"descriptor {descriptor}", error) from error
    if bound.family not in _FAMILIES:
        bound.detach()
        raise BindError(f"descriptor {descriptor}", "it is neither a TCP nor a Unix socket")
    if bound.type != socket.SOCK_STREAM or not bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        bound.detach()
        raise BindError(f"descriptor {descriptor}", "it is no listening stream socket")
    bound.setblocking(False)
    return Listener(bound, _address_of(bound, scheme), is_adopted=True)


def _bind_error(address: object, error: OSError) -> BindError:
    return BindError(address, os.strerror(error.errno or 0), code=error.errno or 0)


def _address_of(bound: _Socket, scheme: str) -> Address:
    """The address that a socket is bound to, with the real port."""
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        # As it is written where a zero byte cannot be: in front of a name that is not in the file system.
        return UnixAddress(os.fsdecode(name).replace("\0", "@", 1))
    return TcpAddress(name[0], name[1], scheme)


def _is_free_port(address: object) -> bool:
    return isinstance(address, TcpAddress) and address.port == 0


def _bind_once(addresses: list[Address], backlog: int, skip_missing: bool) -> list[Listener]:
    bound: list[Listener] = []
    missing: BindError | None = None
    # By scheme: two of them on one host cannot share a port.
    free_ports: dict[str, int] = {}
    try:
        for address in addresses:
            try:
                bound += _bind(address, backlog, free_ports)
            except BindError as error:
                if not skip_missing or error.code not in _NOT_HERE:
                    raise
                missing = error
        if missing is not None and not bound:
            raise missing
    except BaseException:
        for listener in bound:
            listener.close()
        raise
    return bound


def _bind(address: Address, backlog: int, free_ports: dict[str, int]) -> list[Listener]:
    if isinstance(address, UnixAddress):
        return [Listener(_bind_unix(address, backlog), address)]
    port = address.port or free_ports.get(address.scheme, 0)
    bound = _bind_tcp(address, port, backlog)
    if _is_free_port(address):
        free_ports[address.scheme] = bound[0].getsockname()[1]
    return [Listener(each, _address_of(each, address.scheme)) for each in bound]


def _bind_tcp(address: TcpAddress, port: int, backlog: int) -> list[_Socket]:
    """Binds every address that a host name stands for, leaving out those that this machine lacks."""
    bound: list[_Socket] = []
    missing: BindError | None = None
    for family, name in _resolve(address):
        try:
            listener = _listen_tcp(family, (name[0], port, *name[2:]), backlog)
        except OSError as error:
            failure = _bind_error(address, error)
            if error.errno in _NOT_HERE:
                missing = failure
                continue
            for earlier in bound:
                earlier.close()
            raise failure from error
        bound.append(listener)
        port = listener.getsockname()[1]
    if not bound:
        raise missing or BindError(address, "the name stands for no address")
    return bound


def _resolve(address: TcpAddress) -> list[tuple[int, SocketName]]:
    """Family and socket address of everything that a host name stands for, each once."""
    try:
        found = socket.getaddrinfo(address.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BindError(address, reason) from error
    families = (socket.AF_INET, socket.AF_INET6)
    names = [(family, cast("SocketName", name)) for family, _, _, _, name in found if family in families]
    return list(dict.fromkeys(names))


def _listen_tcp(family: int, name: SocketName, backlog: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # So that [::] and 0.0.0.0 can be bound beside each other.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(name)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _bind_unix(address: UnixAddress, backlog: int) -> socket.socket:
    if _refuses(address.path):
        # Left behind by a server that was killed.
        _unlink(address.path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(address.path)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _bind_error(address, error) from error
    return listener


def _refuses(path: str) -> bool:
    """Whether there is a socket file that nobody listens on."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) == errno.ECONNREFUSED


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
