"""Who a client is, as its TLS certificate says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

# The short names that people write; whatever is not here goes by the name that OpenSSL has for it.
_SHORT_NAMES: Final = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
_ESCAPED: Final = frozenset('",+;<>\\')

# As the ssl module gives it: parts of a name, each of one attribute mostly.
_Part = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The names in a certificate that a trusted authority has signed.

    ``name`` is the whole subject as RFC 4514 writes it, the most specific part first, such as
    ``CN=worker-1,O=Example``. ``common_name`` is its CN, empty if there is none. ``dns_names`` are the host
    names of the certificate.
    """

    name: str
    common_name: str
    dns_names: tuple[str, ...]


def subject_of(certificate: Mapping[str, object] | None) -> Subject | None:
    """The subject of a certificate in the form of ``ssl.SSLObject.getpeercert``.

    None if there is no certificate, or none that was verified.
    """
    if not certificate:
        return None
    parts = cast("tuple[_Part, ...]", certificate.get("subject", ()))
    alternatives = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    # Certificates name the widest part first.
    from_specific = tuple(reversed(parts))
    common_names = [value for part in from_specific for key, value in part if key == "commonName"]
    return Subject(
        name=",".join(map(_format_part, from_specific)),
        common_name=common_names[0] if common_names else "",
        dns_names=tuple(value for kind, value in alternatives if kind == "DNS"),
    )


def _format_part(part: _Part) -> str:
    return "+".join(f"{_SHORT_NAMES.get(key, key)}={_escape(value)}" for key, value in part)


def _escape(value: str) -> str:
    """The value with a backslash before all that would not stand for itself (RFC 4514, section 2.4)."""
    last = len(value) - 1
    return "".join(
        f"\\{character}"
        if character in _ESCAPED
        or (character == " " and index in (0, last))
        or (character == "#" and not index)
        else character
        for index, character in enumerate(value)
    ).replace("\0", "\\00")
