"""TLS settings from files: contexts that verify the other side, and errors that name the file at fault.

TLS 1.2 and 1.3 only. Nothing here asks for a passphrase: a key has to be readable as it is.
"""

from __future__ import annotations

import os
import re
import ssl
from typing import Final

from geartrain.errors import TlsError

# What a server demands of the certificate of a client.
VERIFY_NONE: Final = "none"
VERIFY_OPTIONAL: Final = "optional"
VERIFY_REQUIRED: Final = "required"
VERIFY_MODES: Final = {
    VERIFY_NONE: ssl.CERT_NONE,
    VERIFY_OPTIONAL: ssl.CERT_OPTIONAL,
    VERIFY_REQUIRED: ssl.CERT_REQUIRED,
}

# What OpenSSL makes of bytes that are no TLS at all.
_NO_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL"}
)

# What the ssl module puts around an error that has no name: which library it is of, and where it was found.
_ORIGIN: Final = re.compile(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$")

# What it makes of a key that belongs to another certificate, and of a file without a key.
_MISMATCH: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})
_NO_PEM: Final = frozenset({None, "PEM_LIB", "NO_START_LINE"})
_NO_CERTIFICATE: Final = "it holds no certificate in PEM format"


def server_context(
    certificate: str, key: str | None = None, *, ca_file: str | None = None, verify: str = VERIFY_NONE
) -> ssl.SSLContext:
    """What a server needs: its certificate and key, in PEM files; without ``key`` both are in one file.

    ``verify`` is one of VERIFY_MODES; all but ``none`` need ``ca_file``, the authorities that sign the
    certificates of clients. Raises TlsError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Tickets would be the first bytes that the server sends. A client that submits and closes without having
    # read them resets the connection, and its request may be lost.
    context.num_tickets = 0
    _load_certificate(context, certificate, key)
    if ca_file is not None:
        _load_authorities(context, ca_file)
    elif verify != VERIFY_NONE:
        raise TlsError("CA file", "", f"--ssl-verify {verify} needs one")
    context.verify_mode = VERIFY_MODES[verify]
    return context


def client_context(
    *, ca_file: str | None = None, certificate: str | None = None, key: str | None = None, verify: bool = True
) -> ssl.SSLContext:
    """What a client needs: the authorities that sign servers, the system's own when there is no ``ca_file``.

    ``certificate`` and ``key`` are for servers that ask who the client is. With ``verify`` the certificate
    of the server has to be valid for the host name; without it anybody may answer. Raises TlsError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is not None:
        _load_authorities(context, ca_file)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if certificate is not None:
        _load_certificate(context, certificate, key)
    elif key is not None:
        raise TlsError("certificate", "", "a key needs one")
    return context


def tls_reason(error: ssl.SSLError) -> str:
    """Why TLS failed, in words and without the numbers and file names that OpenSSL adds."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "the other side ended the connection"
    # Errors that OpenSSL has not made have none.
    name = getattr(error, "reason", None)
    if name in _NO_TLS:
        return "the other side does not speak TLS"
    reason = (name or _ORIGIN.sub("", error.strerror or str(error))).replace("_", " ").lower()
    _, alert, refusal = reason.rpartition(" alert ")
    return f"the other side refuses: {refusal}" if alert else reason


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    _check_readable("CA file", path)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise TlsError("CA file", path, _NO_CERTIFICATE) from error
    except OSError as error:
        raise _unreadable("CA file", path, error) from error


def _load_certificate(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    _check_readable("certificate", certificate)
    if key is not None:
        _check_readable("key", key)
    try:
        # The empty passphrase keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise _pair_error(certificate, key, error) from error
    except OSError as error:
        # One of them went away since it was looked at; which one is not said.
        raise _unreadable("certificate", certificate, error) from error


def _pair_error(certificate: str, key: str | None, error: ssl.SSLError) -> TlsError:
    """Which of the two files is at fault, and why."""
    key = key or certificate
    if error.reason in _MISMATCH:
        return TlsError("key", key, f"it does not belong to the certificate {certificate}")
    if not _holds_certificate(certificate):
        return TlsError("certificate", certificate, _NO_CERTIFICATE)
    if _is_encrypted(key):
        return TlsError("key", key, "it has a passphrase; only keys without one can be used")
    if error.reason in _NO_PEM:
        return TlsError("key", key, "it holds no key in PEM format")
    # Such as a key that is too short.
    return TlsError("certificate", certificate, tls_reason(error))


def _holds_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError:
        return False
    return True


def _is_encrypted(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"ENCRYPTED" in file.read()
    except OSError:
        return False


def _check_readable(kind: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        raise _unreadable(kind, path, error) from error


def _unreadable(kind: str, path: str, error: OSError | ValueError) -> TlsError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TlsError(kind, os.fspath(path), reason)
