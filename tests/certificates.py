"""Certificates for the tests, made anew for every run; as PEM files, because that is what users give."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from geartrain.server import ServerConfig
from geartrain.server.server import make_config
from geartrain.tls import client_context


class Certificates:
    """An authority with files for a server called localhost and for a client called worker-1."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.authority = trustme.CA()
        self.ca_file = str(directory / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)
        self.server, self.server_key = self.issue("server", "localhost", "127.0.0.1")
        self.client, self.client_key = self.issue("client", "worker-1.example", common_name="worker-1")
        # Another authority that nobody trusts.
        self.other_ca_file = str(directory / "other-ca.pem")
        other = trustme.CA()
        other.cert_pem.write_to_path(self.other_ca_file)
        self.foreign, self.foreign_key = self._write("foreign", other.issue_cert("localhost", "127.0.0.1"))

    def issue(self, name: str, *hosts: str, common_name: str | None = None) -> tuple[str, str]:
        """Paths of a new certificate and its key."""
        issued = self.authority.issue_cert(
            *hosts, common_name=common_name, organization_name="Example", organization_unit_name="Tests"
        )
        return self._write(name, issued)

    def issue_expired(self) -> tuple[str, str]:
        """A certificate for localhost whose time was yesterday."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return self._write(
            "expired",
            self.authority.issue_cert(
                "localhost", "127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday
            ),
        )

    def issue_unreadable(self) -> tuple[str, str]:
        """A certificate whose DNS name is no text; trustme makes none such."""
        issuer = x509.load_pem_x509_certificate(self.authority.cert_pem.bytes())
        issuer_key = load_pem_private_key(self.authority.private_key_pem.bytes(), None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        # A sequence with a DNS name of two bytes.
        names = bytes.fromhex("30048202ffe9")
        builder = x509.CertificateBuilder(
            issuer_name=issuer.subject,
            subject_name=x509.Name([]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=issuer.not_valid_before_utc,
            not_valid_after=issuer.not_valid_after_utc,
        ).add_extension(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, names), critical=False)
        certificate, key_file = self._directory / "unreadable.pem", self._directory / "unreadable.key"
        certificate.write_bytes(builder.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(certificate), str(key_file)

    def server_config(self, **more: object) -> ServerConfig:
        """Settings of a server that speaks TLS on a free port."""
        files = {"ssl_certificate": self.server, "ssl_key": self.server_key}
        return make_config(None, {"port": 0, "ssl": True, **files, **more})

    def client_context(self) -> ssl.SSLContext:
        """What a client without a certificate uses."""
        return client_context(ca_file=self.ca_file)

    def known_client_context(self) -> ssl.SSLContext:
        """What a client with a certificate uses."""
        return client_context(ca_file=self.ca_file, certificate=self.client, key=self.client_key)

    def _write(self, name: str, issued: trustme.LeafCert) -> tuple[str, str]:
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        issued.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return str(certificate), str(key)
