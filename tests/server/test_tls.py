"""The server over TLS: who gets in, who does not, and that a connection behaves as a plain one does."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from geartrain.addresses import TLS, TcpAddress, UnixAddress
from geartrain.errors import ConfigError, TlsError
from geartrain.protocol import packets
from geartrain.protocol.codec import AdminLine, encode_request, encode_response
from geartrain.protocol.packets import Packet
from geartrain.server import Server, run_in_thread
from geartrain.server.binding import adopt
from geartrain.server.subject import Subject
from geartrain.server.tls import tls_context
from geartrain.tls import client_context
from tests.certificates import Certificates
from tests.server.tls_wire import LowWire, TlsWire
from tests.server.wire import TIMEOUT_SECONDS, Wire

_ECHO = encode_request(packets.ECHO_REQ, b"ping")
_ECHO_ANSWER = encode_response(packets.ECHO_RES, b"ping")
_LOG = "geartrain.server"


@pytest.fixture(params=["uvloop", "asyncio"])
def event_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both event loops: their transports end and fail each in its own way."""
    if request.param == "asyncio":
        monkeypatch.setattr(uvloop, "new_event_loop", asyncio.new_event_loop)


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Only the server logs, and nothing is written to stderr past the log."""
    caplog.set_level(logging.DEBUG, _LOG)
    yield
    assert capfd.readouterr().err == ""
    assert {record.name for record in caplog.records} <= {_LOG}


def _failures(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Why TLS failed, one entry for each line of the log."""
    return [
        vars(record)["fields"]["reason"]
        for record in caplog.records
        if record.levelno == level and record.getMessage().startswith("TLS ")
    ]


def _read_to_end(raw: socket.socket) -> bytes:
    received = b""
    while data := raw.recv(65536):
        received += data
    return received


# --- serving ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("event_loop", "quiet")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_jobs_are_done_over_tls(certificates: Certificates, version: ssl.TLSVersion) -> None:
    """With TLS 1.2 and with TLS 1.3, big ones too."""
    context = certificates.client_context()
    context.minimum_version = context.maximum_version = version
    result = bytes(range(256)) * 16384
    with (
        run_in_thread(certificates.server_config()) as server,
        TlsWire(server.port, context) as client,
        TlsWire(server.port, context) as worker,
    ):
        worker.send(packets.CAN_DO, b"f")
        handle = client.submit(b"f", result)
        assert worker.grab() == Packet(packets.JOB_ASSIGN, (handle, b"f", result))
        worker.send(packets.WORK_COMPLETE, handle, result)

        assert client.read() == Packet(packets.WORK_COMPLETE, (handle, result))


def test_nothing_older_than_tls_1_2_is_spoken(certificates: Certificates) -> None:
    """Whatever OpenSSL itself would allow."""
    assert tls_context(certificates.server_config()).minimum_version == ssl.TLSVersion.TLSv1_2


def test_plain_and_tls_listeners_live_beside_each_other(certificates: Certificates, tmp_path: Path) -> None:
    """Each entry says what it speaks; those that do not say go by the ssl setting, Unix sockets are plain."""
    path = str(tmp_path / "socket")
    listen = ("127.0.0.1", "tcp://127.0.0.1", f"unix:{path}")
    with run_in_thread(certificates.server_config(listen=listen)) as server:
        tls, plain, unix = server.addresses
        assert isinstance(tls, TcpAddress)
        assert isinstance(plain, TcpAddress)

        with TlsWire(tls.port, certificates.client_context()) as wire:
            wire.echo()
        for address in (("127.0.0.1", plain.port), path):
            with Wire(address) as wire:
                wire.echo()

    assert (tls, plain, unix) == (
        TcpAddress("127.0.0.1", server.port, TLS),
        TcpAddress("127.0.0.1", plain.port),
        UnixAddress(path),
    )


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_handshake_may_come_byte_by_byte(certificates: Certificates) -> None:
    """And so may requests."""

    with (
        run_in_thread(certificates.server_config()) as server,
        LowWire(server.port, certificates.client_context(), piece_bytes=1) as wire,
    ):
        wire.shake_hands()
        wire.encrypt(_ECHO)
        wire.end()

        assert wire.read_to_end() == _ECHO_ANSWER


# --- the end ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("event_loop", "quiet")
def test_answers_still_come_after_the_client_has_ended_its_side(certificates: Certificates) -> None:
    """All of them, though handling the requests takes many turns."""
    count = 20_000
    with (
        run_in_thread(certificates.server_config()) as server,
        LowWire(server.port, certificates.client_context()) as wire,
    ):
        wire.shake_hands()
        wire.encrypt(_ECHO * count)
        wire.end()

        assert wire.read_to_end() == _ECHO_ANSWER * count


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_socket_that_is_ended_without_notice_is_an_end_too(certificates: Certificates) -> None:
    """Many programs do not say goodbye; their requests count all the same."""
    with (
        run_in_thread(certificates.server_config()) as server,
        LowWire(server.port, certificates.client_context()) as wire,
    ):
        wire.shake_hands()
        wire.encrypt(_ECHO)
        wire.flush()
        wire.socket.shutdown(socket.SHUT_WR)

        assert wire.read_to_end() == _ECHO_ANSWER


@pytest.mark.usefixtures("event_loop", "quiet")
def test_nothing_is_lost_of_a_client_that_submits_and_goes(certificates: Certificates) -> None:
    """It has read nothing at all."""
    job = encode_request(packets.SUBMIT_JOB_BG, b"f", b"", b"")
    with run_in_thread(certificates.server_config()) as server:
        for _ in range(20):
            with TlsWire(server.port, certificates.client_context()) as wire:
                wire.send_raw(job)

        with TlsWire(server.port, certificates.client_context()) as wire:
            wire.send(packets.CAN_DO, b"f")
            deadline = time.monotonic() + TIMEOUT_SECONDS
            done = 0
            while done < 20 and time.monotonic() < deadline:
                done += wire.grab().number == packets.JOB_ASSIGN

    assert done == 20


@pytest.mark.usefixtures("event_loop", "quiet")
def test_who_breaks_the_protocol_still_reads_why(certificates: Certificates) -> None:
    """Though more is on its way when the connection is closed."""
    with (
        run_in_thread(certificates.server_config()) as server,
        TlsWire(server.port, certificates.client_context()) as wire,
    ):
        wire.send_raw(_ECHO + b"\0FOO" + bytes(8) + b"x" * 1_000_000)

        echo, error, *rest = wire.read_until_closed()

    assert isinstance(echo, Packet)
    assert isinstance(error, Packet)
    assert (echo.number, error.number, error.arguments[0]) == (
        packets.ECHO_RES,
        packets.ERROR,
        b"INVALID_MAGIC",
    )
    assert rest == []


@pytest.mark.usefixtures("event_loop", "quiet")
def test_bytes_that_are_no_tls_end_a_connection(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of the log says so, and the others are served on."""
    with run_in_thread(certificates.server_config()) as server:
        with LowWire(server.port, certificates.client_context()) as wire:
            wire.shake_hands()
            wire.socket.sendall(b"status\n" * 10)
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                wire.read_to_end()
        with TlsWire(server.port, certificates.client_context()) as other:
            other.echo()

    assert len(_failures(caplog)) == 1


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_server_that_stops_flushes_what_it_has_answered(certificates: Certificates) -> None:
    """And says that this was all."""
    config = certificates.server_config(allow_shutdown=True)
    with (
        run_in_thread(config) as server,
        TlsWire(server.port, certificates.client_context()) as wire,
    ):
        wire.send_raw(_ECHO + b"shutdown\n")

        echo, line = wire.read_until_closed()

    assert isinstance(echo, Packet)
    assert line == AdminLine(b"OK")


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_server_stops_though_handshakes_are_under_way(certificates: Certificates) -> None:
    """It does not wait for their deadline, and closes them."""
    with run_in_thread(certificates.server_config()) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) for _ in range(20)]
        with TlsWire(server.port, certificates.client_context()) as wire:
            wire.echo()

    for raw in silent:
        with raw:
            assert _read_to_end(raw) == b""


# --- who gets in -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("event_loop", "quiet")
def test_plain_bytes_on_a_tls_port_end_the_connection_at_once(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """With one line of the log for each."""
    with run_in_thread(certificates.server_config(handshake_seconds=1000)) as server:
        for data in (b"status\n", _ECHO, b"GET / HTTP/1.1\r\n\r\n", bytes(100_000)):
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as raw:
                raw.sendall(data)
                _read_to_end(raw)

    assert _failures(caplog) == ["the other side does not speak TLS"] * 4


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_handshake_has_a_deadline(certificates: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    """For peers that say nothing, and for those that begin and do not end."""
    with run_in_thread(certificates.server_config(handshake_seconds=0.2)) as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as silent:
            assert _read_to_end(silent) == b""
        with LowWire(server.port, certificates.client_context()) as stuck:
            stuck.begin_handshake()
            stuck.flush()
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                stuck.read_to_end()

    assert _failures(caplog, logging.DEBUG) == ["it took too long"] * 2
    assert _failures(caplog, logging.INFO) == []


def _check_silent_connections(certificates: Certificates, count: int) -> None:
    with run_in_thread(certificates.server_config()) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) for _ in range(count)]
        try:
            began = time.monotonic()
            with TlsWire(server.port, certificates.client_context()) as wire:
                wire.echo()
            assert time.monotonic() - began < 2
        finally:
            for raw in silent:
                raw.close()


def test_silent_connections_do_not_delay_a_client(certificates: Certificates) -> None:
    """Each of them pinned a thread of the C server, and four of them stopped it."""
    _check_silent_connections(certificates, 300)


@pytest.mark.scale
def test_thousands_of_silent_connections_do_not_delay_a_client(certificates: Certificates) -> None:
    """However many there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 10_000), hard))
    try:
        _check_silent_connections(certificates, 4000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("event_loop", "quiet")
def test_with_a_ca_file_clients_have_to_show_a_certificate(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """One that the authority has signed; the log says why another was refused, once."""
    foreign = client_context(
        ca_file=certificates.ca_file, certificate=certificates.foreign, key=certificates.foreign_key
    )
    with run_in_thread(certificates.server_config(ssl_ca_file=certificates.ca_file)) as server:
        with TlsWire(server.port, certificates.known_client_context()) as known:
            known.echo()
        for context in (certificates.client_context(), foreign):
            # With TLS 1.3 a client learns of it only when it reads.
            with TlsWire(server.port, context) as refused, pytest.raises(ssl.SSLError, match="alert"):
                refused.echo()

    first, second = _failures(caplog)
    assert first == "peer did not return a certificate"
    assert second.startswith("the certificate is not accepted: unable to get local issuer")


@pytest.mark.usefixtures("event_loop", "quiet")
def test_a_certificate_with_names_that_are_no_text_is_refused(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Although the authority has signed it; who the client is cannot be told."""
    certificate, key = certificates.issue_unreadable()
    context = client_context(ca_file=certificates.ca_file, certificate=certificate, key=key)

    with (
        run_in_thread(certificates.server_config(ssl_ca_file=certificates.ca_file)) as server,
        TlsWire(server.port, context) as refused,
        pytest.raises(ssl.SSLEOFError),
    ):
        refused.read()

    assert _failures(caplog) == ["the certificate is not accepted: it cannot be read"]


def test_who_is_refused_reads_the_reason_whatever_it_has_sent(certificates: Certificates) -> None:
    """The alert is not lost in the reset that unread bytes would cause."""
    with (
        run_in_thread(certificates.server_config(ssl_ca_file=certificates.ca_file)) as server,
        TlsWire(server.port, certificates.client_context()) as wire,
    ):
        wire.send_raw(_ECHO * 10_000)

        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            wire.read()


@pytest.mark.parametrize(("verify", "wants"), [("none", False), ("optional", True)])
async def test_the_subject_of_a_client_is_known_when_it_was_verified(
    certificates: Certificates, verify: str, wants: bool
) -> None:
    """With "optional", those without a certificate get in as well, and have no subject."""
    config = certificates.server_config(ssl_ca_file=certificates.ca_file, ssl_verify=verify)
    async with Server(config) as server:
        streams = [
            await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="localhost")
            for context in (certificates.client_context(), certificates.known_client_context())
        ]
        for reader, writer in streams:
            writer.write(_ECHO)
            await reader.readexactly(len(_ECHO_ANSWER))
        subjects = {connection.subject for connection in server._hub.connections}
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()

    known = Subject(
        name="CN=worker-1,OU=Tests,O=Example", common_name="worker-1", dns_names=("worker-1.example",)
    )
    assert subjects == ({None, known} if wants else {None})


# --- the files -------------------------------------------------------------------------------------------


async def test_files_that_cannot_be_used_stop_the_start(certificates: Certificates) -> None:
    """Before anything is bound; the error names the file."""
    config = certificates.server_config(ssl_key=certificates.client_key)
    server = Server(config)

    with pytest.raises(TlsError) as caught:
        server.start()

    assert caught.value.path == certificates.client_key
    assert server.addresses == ()
    await server.close()


async def test_an_adopted_tls_listener_needs_a_certificate(certificates: Certificates) -> None:
    """Also when the config itself asks for no TLS."""
    listener = adopt(socket.create_server(("127.0.0.1", 0)).detach(), TLS)

    with pytest.raises(ConfigError, match=r"^ssl_certificate: "):
        Server(adopted=[listener])
    async with Server(certificates.server_config(ssl=False), adopted=[listener]) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=certificates.client_context(), server_hostname="localhost"
        )
        writer.write(_ECHO)
        assert await reader.readexactly(len(_ECHO_ANSWER)) == _ECHO_ANSWER
        writer.close()
        await writer.wait_closed()


async def _serial(port: int, certificates: Certificates) -> object:
    """The serial number of the certificate that the server shows."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=certificates.client_context(), server_hostname="localhost"
    )
    shown = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    await writer.wait_closed()
    return shown


async def test_a_reload_changes_the_certificate_for_new_connections(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that are there go on. Files that cannot be used are refused, and the last good ones kept."""
    certificate, key = (tmp_path / name for name in ("server.pem", "server.key"))
    _replace(certificate, key, certificates.server, certificates.server_key)
    config = certificates.server_config(ssl_certificate=str(certificate), ssl_key=str(key))
    async with Server(config) as server:
        context = certificates.client_context()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
        )
        first = await _serial(server.port, certificates)

        _replace(certificate, key, *certificates.issue("renewed", "localhost"))
        server.reload()
        second = await _serial(server.port, certificates)
        key.write_text("nonsense")
        with caplog.at_level(logging.INFO, _LOG):
            server.reload()
        third = await _serial(server.port, certificates)
        writer.write(_ECHO)
        answer = await reader.readexactly(len(_ECHO_ANSWER))
        writer.close()
        await writer.wait_closed()

    assert first != second
    assert third == second
    assert answer == _ECHO_ANSWER
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "the certificates stay as they are" in record.getMessage()
    assert str(key) in record.getMessage()


def _replace(certificate: Path, key: Path, new_certificate: str, new_key: str) -> None:
    certificate.write_bytes(Path(new_certificate).read_bytes())
    key.write_bytes(Path(new_key).read_bytes())
