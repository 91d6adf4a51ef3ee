"""Passwords do not appear where people look."""

from __future__ import annotations

import pytest

from geartrain.masking import masked_settings, masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:p@ss@host", "redis://:***@host"),
        ("mysql://me:secret@host/db", "mysql://me:***@host/db"),
        ("mysql://me:line\nbreak@host/db", "mysql://me:***@host/db"),
        ("postgresql://me:a@one,you:b@two/db", "postgresql://me:***@two/db"),
        ("postgresql:///?user=me&password=secret&x=1", "postgresql:///?user=me&password=***&x=1"),
        ("postgresql:///?sslpassword=secret", "postgresql:///?sslpassword=***"),
        ("postgresql:///?x=1;PASSWORD=se;cret", "postgresql:///?x=1;PASSWORD=***"),
        ("mysql://host/db?passwd=secret", "mysql://host/db?passwd=***"),
        ("sqlite:////var/lib/jobs?table=queue", "sqlite:////var/lib/jobs?table=queue"),
    ],
)
def test_a_password_in_a_url_is_masked(url: str, shown: str) -> None:
    """Everything else of it stays readable."""
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("memory", "memory"), ("me:secret@host/db", "***"), ("host=db password=secret", "***")],
)
def test_what_is_no_url_is_masked_as_a_whole_when_it_may_hold_a_password(text: str, shown: str) -> None:
    """Where it would be in there, nobody can tell."""
    assert masked_url(text) == shown


def test_settings_are_masked_behind_the_names_of_passwords() -> None:
    """Those of the C server as well."""
    assert masked_settings("port=4731") == "port=4731"
    assert masked_settings("mysql-password=secret") == "mysql-password=***"
