"""Who a client is, as its certificate says."""

from __future__ import annotations

import pytest

from geartrain.server.subject import subject_of

_EXAMPLE = (("organizationName", "Example"),)


def test_a_subject_is_written_with_its_most_specific_part_first() -> None:
    """As RFC 4514 and the tools of OpenSSL do, with short names."""
    certificate = {
        "subject": ((("countryName", "NL"),), _EXAMPLE, (("commonName", "worker-1"),)),
        "subjectAltName": (("DNS", "a.example"), ("IP Address", "127.0.0.1"), ("DNS", "b.example")),
    }

    subject = subject_of(certificate)

    assert subject is not None
    assert subject.name == "CN=worker-1,O=Example,C=NL"
    assert subject.common_name == "worker-1"
    assert subject.dns_names == ("a.example", "b.example")


def test_a_certificate_may_have_no_names_at_all() -> None:
    """It is a verified certificate all the same."""
    subject = subject_of({"serialNumber": "01"})

    assert subject is not None
    assert (subject.name, subject.common_name, subject.dns_names) == ("", "", ())


@pytest.mark.parametrize("certificate", [None, {}])
def test_without_a_verified_certificate_there_is_no_subject(certificate: dict[str, object] | None) -> None:
    """A client that shows none, or a server that asks for none."""
    assert subject_of(certificate) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a,CN=admin", r"a\,CN=admin"),
        ('"<+>;\\', r"\"\<\+\>\;" + "\\\\"),
        (" a b ", r"\ a b\ "),
        ("#a#", r"\#a#"),
        ("a\0b", r"a\00b"),
    ],
)
def test_a_value_cannot_pretend_to_be_another_part(value: str, text: str) -> None:
    """What means something in a subject is escaped."""
    subject = subject_of({"subject": ((("commonName", value),),)})

    assert subject is not None
    assert subject.name == f"CN={text}"


def test_attributes_of_one_part_are_joined_by_a_plus() -> None:
    """And those without a short name keep their long one."""
    subject = subject_of({"subject": ((("commonName", "a"), ("emailAddress", "a@b.example")),)})

    assert subject is not None
    assert subject.name == "CN=a+emailAddress=a@b.example"
