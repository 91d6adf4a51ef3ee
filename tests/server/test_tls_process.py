"""TLS in the real ``gearmand``: its options, its signals, and what it writes."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.certificates import Certificates
from tests.server.process import Gearmand, run_gearmand
from tests.server.tls_wire import TlsWire


def _options(certificates: Certificates) -> tuple[str, ...]:
    return ("--ssl", "--ssl-certificate", certificates.server, "--ssl-key", certificates.server_key)


def test_all_that_is_said_about_bad_peers_is_one_line_for_each(certificates: Certificates) -> None:
    """Nothing of it is a traceback, whatever they do."""
    ca_file = ("--ssl-ca-file", certificates.ca_file)
    with Gearmand(*_options(certificates), *ca_file) as gearmand:
        with socket.create_connection(("127.0.0.1", gearmand.port), 20) as raw:
            raw.sendall(b"status\n")
            while raw.recv(1000):
                pass
        with TlsWire(gearmand.port, certificates.client_context()) as unknown, pytest.raises(ssl.SSLError):
            unknown.echo()
        with TlsWire(gearmand.port, certificates.known_client_context()) as known:
            known.echo()

        gearmand.wait_for_line(lambda line: "peer did not return a certificate" in line)
        lines = [line for line in gearmand.lines if "listening on" not in line]

    assert gearmand.listening[0] == f"tls://127.0.0.1:{gearmand.port}"
    assert len(lines) == 2
    assert "the other side does not speak TLS" in lines[0]


def test_sighup_reads_the_certificates_again(certificates: Certificates, tmp_path: Path) -> None:
    """A connection that is there goes on; new ones are shown the new certificate."""
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    for target, source in ((certificate, certificates.server), (key, certificates.server_key)):
        target.write_bytes(Path(source).read_bytes())
    options = ("--ssl", "--ssl-certificate", str(certificate), "--ssl-key", str(key))
    with Gearmand(*options) as gearmand, TlsWire(gearmand.port, certificates.client_context()) as old:
        new_certificate, new_key = certificates.issue("after-sighup", "localhost")
        certificate.write_bytes(Path(new_certificate).read_bytes())
        key.write_bytes(Path(new_key).read_bytes())
        gearmand.send_signal(signal.SIGHUP)
        gearmand.wait_for_line(lambda line: "read the certificates" in line)

        with TlsWire(gearmand.port, certificates.client_context()) as new:
            assert new.serial_number != old.serial_number
            new.echo()
        old.echo()


@pytest.mark.parametrize("name", ["--ssl-certificate", "--ssl-key", "--ssl-ca-file"])
def test_a_file_that_cannot_be_used_stops_the_start(certificates: Certificates, name: str) -> None:
    """With one line that names it, and exit code 1; the C server started and failed every handshake."""
    files = {
        "--ssl-certificate": certificates.server,
        "--ssl-key": certificates.server_key,
        "--ssl-ca-file": certificates.ca_file,
        name: "/nonexistent.pem",
    }

    ended = run_gearmand("-p0", "--ssl", *(word for option in files.items() for word in option))

    (line,) = ended.stderr.splitlines()
    assert line.endswith("/nonexistent.pem: No such file or directory")
    assert ended.returncode == 1
