"""Turns listen addresses into bound sockets, all of them or none."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable
from typing import Final, cast

from geartrain.addresses import Address, TcpAddress, UnixAddress
from geartrain.errors import BindError

# Port 0 means the same free port on every address; the port that the kernel picks for the first one may be
# taken on another.
_FREE_PORT_ATTEMPTS: Final = 20
# An address that this machine does not have; no reason to fail while another one of the same name works.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})

# Host and port; for IPv6 with flow and scope, without which a link-local address cannot be bound.
SocketName = tuple[str | int, ...]


def bind_all(
    addresses: Iterable[Address], backlog: int, *, skip_missing: bool = False
) -> list[socket.socket]:
    """Non-blocking sockets that listen on every address, in the given order.

    All addresses of port 0 get the same free port. With ``skip_missing`` an address that this machine does
    not have is left out as long as one remains. Raises BindError, and then leaves nothing bound.
    """
    wanted = list(addresses)
    for _ in range(_FREE_PORT_ATTEMPTS - 1):
        try:
            return _bind_once(wanted, backlog, skip_missing)
        except BindError as error:
            if error.code != errno.EADDRINUSE or not _is_free_port(error.address):
                raise
    return _bind_once(wanted, backlog, skip_missing)


def address_of(listener: socket.socket) -> Address:
    """The address that a socket is bound to, with the real port."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return UnixAddress(os.fsdecode(name))
    return TcpAddress(name[0], name[1])


def close_listener(listener: socket.socket) -> None:
    """Closes a listening socket; the file of a Unix socket goes with it, unless another took its place."""
    if listener.family == socket.AF_UNIX:
        path = os.fsdecode(listener.getsockname())
        listener.close()
        if _refuses(path):
            _unlink(path)
    else:
        listener.close()


def _is_free_port(address: object) -> bool:
    return isinstance(address, TcpAddress) and address.port == 0


def _bind_once(addresses: list[Address], backlog: int, skip_missing: bool) -> list[socket.socket]:
    bound: list[socket.socket] = []
    missing: BindError | None = None
    free_port = 0
    try:
        for address in addresses:
            try:
                found = _bind(address, backlog, free_port)
            except BindError as error:
                if not skip_missing or error.code not in _NOT_HERE:
                    raise
                missing = error
                continue
            bound += found
            if _is_free_port(address):
                free_port = found[0].getsockname()[1]
        if missing is not None and not bound:
            raise missing
    except BaseException:
        for listener in bound:
            close_listener(listener)
        raise
    return bound


def _bind(address: Address, backlog: int, free_port: int) -> list[socket.socket]:
    if isinstance(address, UnixAddress):
        return [_bind_unix(address, backlog)]
    return _bind_tcp(address, backlog, free_port)


def _bind_tcp(address: TcpAddress, backlog: int, free_port: int) -> list[socket.socket]:
    """Binds every address that a host name stands for, leaving out those that this machine lacks."""
    port = address.port or free_port
    bound: list[socket.socket] = []
    missing: BindError | None = None
    for family, name in _resolve(address):
        try:
            listener = _listen_tcp(family, (name[0], port, *name[2:]), backlog)
        except OSError as error:
            failure = BindError(address, os.strerror(error.errno or 0), code=error.errno or 0)
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
        raise BindError(address, os.strerror(error.errno or 0), code=error.errno or 0) from error
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
