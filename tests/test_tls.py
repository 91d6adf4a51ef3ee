"""TLS settings from files: what is accepted, and which file an error names."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from geartrain.errors import TlsError
from geartrain.tls import client_context, server_context, tls_reason
from tests.certificates import Certificates


def _refusal(certificate: str, key: str | None = None, **more: str) -> TlsError:
    """The error for the files of a server."""
    with pytest.raises(TlsError) as caught:
        server_context(certificate, key, **more)
    return caught.value


@pytest.fixture
def junk(tmp_path: Path) -> str:
    """A file that is no PEM."""
    path = tmp_path / "junk"
    path.write_text("junk")
    return str(path)


@pytest.mark.parametrize(
    ("verify", "mode"),
    [("none", ssl.CERT_NONE), ("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)],
)
def test_a_server_verifies_clients_as_it_is_told(
    certificates: Certificates, verify: str, mode: ssl.VerifyMode
) -> None:
    """And speaks TLS 1.2 and 1.3 only."""
    context = server_context(
        certificates.server, certificates.server_key, ca_file=certificates.ca_file, verify=verify
    )

    assert context.verify_mode == mode
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_client_verifies_certificate_and_host_name_unless_told_otherwise(
    certificates: Certificates,
) -> None:
    """With authorities of its own, or with those of the system."""
    for context in (client_context(), client_context(ca_file=certificates.ca_file)):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    insecure = client_context(verify=False)
    assert insecure.verify_mode == ssl.CERT_NONE
    assert not insecure.check_hostname


def test_without_a_ca_file_the_authorities_of_the_system_count(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's own environment variables say where they are; with a file, it is that file alone."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates.other_ca_file)
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")

    of_system = client_context().get_ca_certs()
    of_file = client_context(ca_file=certificates.ca_file).get_ca_certs()

    assert len(of_system) == len(of_file) == 1
    assert of_system != of_file


def test_certificate_and_key_may_be_in_one_file(certificates: Certificates, tmp_path: Path) -> None:
    """Then no key is named."""
    both = tmp_path / "both.pem"
    both.write_bytes(Path(certificates.server).read_bytes() + Path(certificates.server_key).read_bytes())

    server_context(str(both))
    client_context(certificate=str(both))


def _open_none_of(secret: Path) -> Callable[[str, str], IO[bytes]]:
    def open_other(path: str, mode: str) -> IO[bytes]:
        if path == str(secret):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return open(path, mode)

    return open_other


@pytest.mark.parametrize("make", ["missing", "directory", "unreadable", "zero"])
@pytest.mark.parametrize("kind", ["certificate", "key", "CA file"])
def test_a_file_that_cannot_be_read_is_named(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, make: str
) -> None:
    """With the system's reason."""
    # Root may read everything, so the system's answer is a stand-in.
    monkeypatch.setattr("geartrain.tls.open", _open_none_of(tmp_path / "secret"), raising=False)
    path, reason = {
        "missing": (str(tmp_path / "nothing"), "No such file or directory"),
        "directory": (str(tmp_path), "Is a directory"),
        "unreadable": (str(tmp_path / "secret"), "Permission denied"),
        "zero": ("a\0b", "embedded null byte"),
    }[make]
    files = {
        "certificate": certificates.server,
        "key": certificates.server_key,
        "CA file": certificates.ca_file,
        kind: path,
    }

    error = _refusal(files["certificate"], files["key"], ca_file=files["CA file"])

    assert (error.kind, error.path) == (kind, path)
    assert str(error) == f"cannot use the {kind} {path}: {reason}"


@pytest.mark.parametrize(
    ("gone", "kind"), [("certificate", "certificate"), ("key", "certificate"), ("CA file", "CA file")]
)
def test_a_file_that_goes_away_while_it_is_read_is_an_error_like_any_other(
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
    kind: str,
) -> None:
    """Programs that renew certificates may replace them at any time."""
    # They were there when somebody looked.
    monkeypatch.setattr("geartrain.tls._check_readable", lambda *_: None)
    files = {
        "certificate": certificates.server,
        "key": certificates.server_key,
        "CA file": certificates.ca_file,
        gone: str(tmp_path / "gone"),
    }

    error = _refusal(files["certificate"], files["key"], ca_file=files["CA file"])

    assert error.kind == kind
    assert str(error).endswith(": No such file or directory")


def test_a_certificate_file_has_to_hold_one(certificates: Certificates, junk: str) -> None:
    """Rubbish, a key, or a certificate that was cut."""
    cut = Path(junk).with_name("cut")
    cut.write_text(Path(certificates.server).read_text()[:200] + "\n-----END CERTIFICATE-----\n")

    for path in (junk, certificates.server_key, str(cut)):
        error = _refusal(path, certificates.server_key)
        assert str(error) == f"cannot use the certificate {path}: it holds no certificate in PEM format"


def test_a_key_file_has_to_hold_one(certificates: Certificates, junk: str) -> None:
    """Rubbish, or a certificate."""
    for path in (junk, certificates.server):
        error = _refusal(certificates.server, path)
        assert str(error) == f"cannot use the key {path}: it holds no key in PEM format"
    assert _refusal(certificates.server).path == certificates.server


def test_a_ca_file_has_to_hold_a_certificate(certificates: Certificates, junk: str) -> None:
    """For servers and clients alike."""
    empty = Path(junk).with_name("empty")
    empty.touch()

    for path in (junk, str(empty), certificates.server_key):
        error = _refusal(certificates.server, certificates.server_key, ca_file=path)
        assert str(error) == f"cannot use the CA file {path}: it holds no certificate in PEM format"
        with pytest.raises(TlsError, match=f"the CA file {path}"):
            client_context(ca_file=path)


def test_a_key_has_to_belong_to_its_certificate(certificates: Certificates) -> None:
    """Both files are named."""
    error = _refusal(certificates.server, certificates.client_key)

    assert error.path == certificates.client_key
    assert str(error).endswith(f"it does not belong to the certificate {certificates.server}")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    certificates: Certificates, tmp_path: Path, form: PrivateFormat
) -> None:
    """A server that starts with the machine has nobody to ask."""
    path = tmp_path / "locked.key"
    key = load_pem_private_key(Path(certificates.server_key).read_bytes(), None)
    path.write_bytes(key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret")))

    error = _refusal(certificates.server, str(path))

    assert str(error) == f"cannot use the key {path}: it has a passphrase; only keys without one can be used"


def test_what_openssl_finds_too_weak_is_the_certificates_fault(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key fits, and can be read."""
    error = ssl.SSLError(1, "")
    error.reason = "EE_KEY_TOO_SMALL"

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)

    found = _refusal(certificates.server, certificates.server_key)
    assert str(found) == f"cannot use the certificate {certificates.server}: ee key too small"


def test_settings_that_need_others_say_so(certificates: Certificates) -> None:
    """Clients cannot be verified without authorities, and a key is no use without its certificate."""
    error = _refusal(certificates.server, certificates.server_key, verify="optional")
    assert str(error) == "cannot use the CA file: --ssl-verify optional needs one"
    with pytest.raises(TlsError, match="cannot use the certificate: a key needs one"):
        client_context(key=certificates.client_key)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("WRONG_VERSION_NUMBER", "the other side does not speak TLS"),
        ("HTTP_REQUEST", "the other side does not speak TLS"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "the other side refuses: certificate required"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "the other side refuses: bad certificate"),
        ("NO_SHARED_CIPHER", "no shared cipher"),
        (None, "as it is"),
    ],
)
def test_a_failure_is_told_in_words(reason: str | None, text: str) -> None:
    """Without the numbers and file names that OpenSSL adds."""
    error = ssl.SSLError(1, "[SSL] as it is (_ssl.c:1006)")
    if reason is not None:
        error.reason = reason

    assert tls_reason(error) == text


def test_the_end_of_a_connection_is_told_in_words() -> None:
    """In the middle of a handshake, it says more than what OpenSSL makes of it."""
    assert tls_reason(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")) == (
        "the other side ended the connection"
    )
