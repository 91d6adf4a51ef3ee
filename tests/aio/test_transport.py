"""Connections of the asyncio front: what arrives, how they end, and why there is none."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from geartrain.addresses import TLS, Address, TcpAddress, UnixAddress
from geartrain.aio.transport import Connection, connect, needs_tls
from geartrain.errors import ConnectError, ProtocolError, ServerLost
from geartrain.protocol import packets
from geartrain.protocol.codec import AdminLine, Message
from geartrain.protocol.packets import Packet
from geartrain.server import run_in_thread
from geartrain.tls import client_context
from tests.certificates import Certificates

_ECHO = Packet(packets.ECHO_REQ, (b"ping",))
_ECHO_ANSWER = Packet(packets.ECHO_RES, (b"ping",))


@pytest.fixture(scope="module")
def plain() -> Iterator[TcpAddress]:
    with run_in_thread(port=0) as server:
        yield TcpAddress("127.0.0.1", server.port)


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[TcpAddress]:
    """A server that speaks TLS; its certificate is for localhost and 127.0.0.1."""
    with run_in_thread(certificates.server_config()) as server:
        yield TcpAddress("127.0.0.1", server.port, TLS)


@asynccontextmanager
async def _connected(address: Address, tls: ssl.SSLContext | None = None) -> AsyncIterator[Connection]:
    with await connect(address, tls=tls) as connection:
        yield connection
    # Or the event loop ends before the connection does.
    await connection.wait_closed()


async def _echo(connection: Connection) -> None:
    connection.send([_ECHO])
    await connection.flush()
    assert await connection.receive() == [_ECHO_ANSWER]


async def _reason(address: Address, tls: ssl.SSLContext | None = None, seconds: float | None = 10) -> str:
    """Why there is no connection."""
    with pytest.raises(ConnectError) as caught:
        await connect(address, tls=tls, timeout_seconds=seconds)
    assert str(caught.value) == f"cannot connect to {address}: {caught.value.reason}"
    return caught.value.reason


# --- what arrives ----------------------------------------------------------------------------------------


async def test_packets_and_lines_go_out_in_order(plain: Address) -> None:
    """And their answers come in the same order."""
    async with _connected(plain) as connection:
        connection.send([_ECHO, AdminLine(b"getpid"), _ECHO])
        messages: list[Message] = []
        while len(messages) < 3:
            messages += await connection.receive()

    assert messages == [_ECHO_ANSWER, AdminLine(b"OK %d" % os.getpid()), _ECHO_ANSWER]


async def test_a_unix_socket_is_as_good(tmp_path: Path) -> None:
    """TLS is not spoken there, even if there is a context for other servers."""
    path = str(tmp_path / "socket")
    with run_in_thread(listen=(f"unix:{path}",)):
        for tls in (None, client_context()):
            async with _connected(UnixAddress(path), tls=tls) as connection:
                await _echo(connection)


@pytest.mark.parametrize("size", [1, 3_000_000])
async def test_tls_carries_packets_of_any_size(
    secure: TcpAddress, certificates: Certificates, size: int
) -> None:
    """Both ways at once."""
    async with _connected(secure, tls=certificates.client_context()) as connection:
        connection.send([Packet(packets.ECHO_REQ, (bytes(size),))])
        await connection.flush()

        assert await connection.receive() == [Packet(packets.ECHO_RES, (bytes(size),))]


async def test_a_closed_connection_still_sends_what_it_was_given(
    plain: Address, secure: TcpAddress, certificates: Certificates
) -> None:
    """Waiting for that is possible, and does not take long."""
    for address, tls in ((plain, None), (secure, certificates.client_context())):
        connection = await connect(address, tls=tls)
        connection.send([Packet(packets.SUBMIT_JOB_BG, (b"f", b"", b""))])
        connection.close()
        began = time.monotonic()
        await connection.wait_closed()
        assert time.monotonic() - began < 1.5

        async with _connected(address, tls=tls) as worker:
            await _wait_for_job(worker)


async def _wait_for_job(worker: Connection) -> None:
    worker.send([Packet(packets.CAN_DO, (b"f",)), Packet(packets.PRE_SLEEP, ())])
    assert await worker.receive() == [Packet(packets.NOOP, ())]


# --- how it ends -----------------------------------------------------------------------------------------


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[object, object, None]]


async def _serve(handler: Handler) -> tuple[asyncio.Server, TcpAddress]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    return server, TcpAddress(*server.sockets[0].getsockname())


@pytest.fixture
async def rubbish() -> AsyncIterator[TcpAddress]:
    """A server that answers something else than Gearman, and closes."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0FOO" + bytes(8))
        writer.close()

    server, address = await _serve(answer)
    async with server:
        yield address


async def test_a_server_that_answers_rubbish_breaks_the_protocol(rubbish: TcpAddress) -> None:
    """The error says which server, and what was wrong."""
    async with _connected(rubbish) as connection:
        with pytest.raises(ProtocolError, match=f"{rubbish} sent something else") as caught:
            await connection.receive()

        assert caught.value.code == "INVALID_MAGIC"


async def test_the_end_of_a_connection_is_a_lost_server() -> None:
    """Whether the server said goodbye or not."""
    with run_in_thread(port=0, allow_shutdown=True) as server:
        async with _connected(server.addresses[0]) as connection:
            connection.send([AdminLine(b"shutdown")])
            assert await connection.receive() == [AdminLine(b"OK")]
            with pytest.raises(ServerLost, match="the server closed it"):
                await connection.receive()


async def test_a_server_that_wants_a_certificate_says_so(certificates: Certificates) -> None:
    """With TLS 1.3 the client only reads of it when it is connected already."""
    config = certificates.server_config(ssl_ca_file=certificates.ca_file)
    with run_in_thread(config) as server:
        address = TcpAddress("127.0.0.1", server.port, TLS)
        async with _connected(address, tls=certificates.client_context()) as connection:
            connection.send([_ECHO])
            with pytest.raises(ServerLost, match="the other side refuses: certificate required"):
                await connection.receive()

        async with _connected(address, tls=certificates.known_client_context()) as connection:
            await _echo(connection)


# --- why there is none -----------------------------------------------------------------------------------


async def test_nobody_who_listens_is_a_clean_reason() -> None:
    """In words, without the number of the error."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert await _reason(TcpAddress("127.0.0.1", port)) == "Connection refused"
    assert await _reason(UnixAddress("/nonexistent/socket")) == "No such file or directory"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300, "\0"])
async def test_a_host_that_is_not_there_is_a_clean_reason(host: str) -> None:
    """Whatever the resolver makes of it."""
    reason = await _reason(TcpAddress(host, 4730))

    assert "Errno" not in reason
    assert "codec" not in reason
    assert reason


async def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    plain: TcpAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As IPv6 often is: a host has an address there, and no way leads to it."""
    with ExitStack() as sockets:
        deaf = sockets.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # Its queue is full now, and what comes next is dropped.
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        names = deaf.getsockname(), ("127.0.0.1", plain.port)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", name) for name in names]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

        with await connect(TcpAddress("server", plain.port), timeout_seconds=1.0) as connection:
            await _echo(connection)


async def test_a_server_that_says_nothing_is_waited_for_only_so_long(certificates: Certificates) -> None:
    """The time is for the handshake too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = TcpAddress("127.0.0.1", silent.getsockname()[1], TLS)

        assert await _reason(address, certificates.client_context(), 0.1) == "no answer within 0.1 seconds"


async def test_a_server_that_ends_the_handshake_is_told_in_words(certificates: Certificates) -> None:
    """As the C server does without TLS: asyncio has an exception for it, and no text."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1], TLS)
        reason = await _reason(address, certificates.client_context())

    assert reason == "the server closed it"


async def test_time_limits_of_the_system_have_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has waited for the seconds that were allowed, or there was no limit."""

    async def time_out(*_: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "timed out")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", time_out)

    for seconds in (10, None):
        assert await _reason(TcpAddress("127.0.0.1", 1), seconds=seconds) == "Connection timed out"


async def test_the_certificate_has_to_be_signed_by_the_authority(
    secure: TcpAddress, certificates: Certificates
) -> None:
    """Another authority will not do, nor those of the system."""
    for context in (client_context(ca_file=certificates.other_ca_file), client_context()):
        reason = await _reason(secure, context)

        assert reason.startswith("the certificate is not accepted: unable to get local issuer certificate")


async def test_the_certificate_has_to_be_for_the_host(certificates: Certificates) -> None:
    """A server with a certificate for another name is not the one that was asked for."""
    certificate, key = certificates.issue("elsewhere", "elsewhere.example")
    config = certificates.server_config(ssl_certificate=certificate, ssl_key=key)
    with run_in_thread(config) as server:
        by_name = await _reason(TcpAddress("localhost", server.port, TLS), certificates.client_context())
        by_address = await _reason(TcpAddress("127.0.0.1", server.port, TLS), certificates.client_context())

    assert "Hostname mismatch" in by_name
    assert "IP address mismatch" in by_address


async def test_the_certificate_has_to_be_of_today(certificates: Certificates) -> None:
    """An expired one is refused."""
    certificate, key = certificates.issue_expired()
    config = certificates.server_config(ssl_certificate=certificate, ssl_key=key)
    with run_in_thread(config) as server:
        reason = await _reason(TcpAddress("127.0.0.1", server.port, TLS), certificates.client_context())

    assert reason == "the certificate is not accepted: certificate has expired"


async def test_a_client_may_waive_all_of_that(certificates: Certificates) -> None:
    """Only if it says so: then anybody may answer."""
    certificate, key = certificates.issue_expired()
    config = certificates.server_config(ssl_certificate=certificate, ssl_key=key)
    with run_in_thread(config) as server:
        address = TcpAddress("127.0.0.1", server.port, TLS)
        async with _connected(address, tls=client_context(verify=False)) as connection:
            await _echo(connection)


async def test_a_server_without_tls_is_a_clean_reason(plain: Address, certificates: Certificates) -> None:
    """It answers the handshake with an ERROR packet."""
    assert await _reason(plain, certificates.client_context()) == "the other side does not speak TLS"


async def test_a_server_that_wants_tls_hangs_up_on_others(secure: TcpAddress) -> None:
    """What was asked is not answered."""
    async with _connected(secure) as connection:
        connection.send([AdminLine(b"version")])
        with pytest.raises((ServerLost, ProtocolError)):
            await connection.receive()


def test_an_address_says_whether_tls_is_needed() -> None:
    """By its scheme."""
    assert needs_tls(TcpAddress("a", 1, TLS))
    assert not needs_tls(TcpAddress("a", 1))
    assert not needs_tls(UnixAddress("/a"))
