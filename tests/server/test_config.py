"""The settings of a server are checked when they are made."""

from __future__ import annotations

import os
from typing import Any

import pytest

from geartrain.addresses import TcpAddress, UnixAddress
from geartrain.errors import ConfigError
from geartrain.server import ServerConfig


def test_the_defaults_listen_on_loopback_only() -> None:
    """Nobody outside the machine can connect unless told so."""
    assert ServerConfig().listen_addresses() == (TcpAddress("127.0.0.1", 4730), TcpAddress("::1", 4730))


def test_listen_entries_replace_the_default() -> None:
    """An entry without a port takes the port setting."""
    config = ServerConfig(port=4731, listen=("10.0.0.1", "unix:/run/g"))

    assert config.listen_addresses() == (TcpAddress("10.0.0.1", 4731), UnixAddress("/run/g"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", -1),
        ("port", 65536),
        ("port", True),
        ("port", "4730"),
        ("listen", "localhost"),
        ("listen", ("host:x",)),
        ("listen", (4730,)),
        ("backlog", 0),
        ("job_retries", -2),
        ("job_retries", 256),
        ("worker_wakeup", -1),
        ("job_handle_prefix", "x" * 43),
        ("job_handle_prefix", "two words"),
        ("job_handle_prefix", "tab\t"),
        ("job_handle_prefix", "\ud800"),
        ("queue", "sqlite:x"),
        ("queue", "postgresql://host:port/db"),
        ("max_packet_bytes", 100),
        ("max_packet_bytes", 2**32),
        ("pause_bytes", 0),
        ("stall_seconds", 0.0),
        ("linger_seconds", float("nan")),
        ("handshake_seconds", 0),
        ("drain_timeout", -0.1),
        ("drain_timeout", float("inf")),
        ("protocol", "ftp"),
        ("http_port", 65536),
        ("keepalive_idle", 0),
        ("keepalive_idle", -2),
        ("keepalive_interval", 32768),
        ("keepalive_count", 128),
        ("ssl_verify", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(key: str, value: object) -> None:
    """ConfigError names the setting, what was given, and what would do."""
    setting: dict[str, Any] = {key: value}

    with pytest.raises(ConfigError) as caught:
        ServerConfig(**setting)

    assert caught.value.key == key
    assert caught.value.expected


def test_a_handle_prefix_may_be_any_bytes() -> None:
    """Those of the command line come as Python writes what is no UTF-8."""
    assert ServerConfig(job_handle_prefix="é\udcff").handle_prefix() == "é".encode() + b"\xff"


def test_the_default_handle_prefix_names_the_machine() -> None:
    """H: and the node name, as the C server has it."""
    assert ServerConfig().handle_prefix() == f"H:{os.uname().nodename}".encode()[:42]


def test_a_handle_always_fits_63_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long node name is cut, and blanks in it are replaced, or handles could not be cancelled."""
    names = os.uname_result(("Linux", "long name " * 20, "", "", ""))
    monkeypatch.setattr(os, "uname", lambda: names)

    prefix = ServerConfig().handle_prefix()

    assert prefix.startswith(b"H:long-name-long")
    assert len(prefix + b":" + b"9" * 20) == 63


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("ssl_certificate", {"ssl": True}),
        ("ssl_certificate", {"listen": ("tls://127.0.0.1",)}),
        ("ssl_ca_file", {"ssl": True, "ssl_certificate": "cert.pem", "ssl_verify": "optional"}),
        ("ssl_ca_file", {"ssl_verify": "required"}),
    ],
)
def test_a_setting_that_lacks_another_is_refused(key: str, settings: dict[str, Any]) -> None:
    """The error names the one that is missing."""
    with pytest.raises(ConfigError) as caught:
        ServerConfig(**settings)

    assert (caught.value.key, caught.value.value) == (key, "")


def test_with_ssl_entries_without_a_scheme_speak_tls() -> None:
    """Those with a scheme keep theirs, and a Unix socket is never encrypted."""
    listen = ("10.0.0.1", "tcp://127.0.0.1:4731", "unix:/run/g")
    config = ServerConfig(ssl=True, ssl_certificate="cert.pem", listen=listen)

    assert config.listen_addresses() == (
        TcpAddress("10.0.0.1", 4730, "tls"),
        TcpAddress("127.0.0.1", 4731),
        UnixAddress("/run/g"),
    )
    assert config.uses_tls()
    assert not ServerConfig().uses_tls()


def test_the_loopback_addresses_speak_tls_with_ssl() -> None:
    """The option alone is enough."""
    config = ServerConfig(ssl=True, ssl_certificate="cert.pem")

    assert config.listen_addresses() == (
        TcpAddress("127.0.0.1", 4730, "tls"),
        TcpAddress("::1", 4730, "tls"),
    )


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ((), ["127.0.0.1:4730", "[::1]:4730", "http://127.0.0.1:8080", "http://[::1]:8080"]),
        (("a:1", "a:2", "b"), ["a:1", "a:2", "b:4730", "http://a:8080", "http://b:8080"]),
        (("unix:/run/g",), ["unix:/run/g", "http://127.0.0.1:8080", "http://[::1]:8080"]),
        (("a", "http://b"), ["a:4730", "http://b:8080"]),
    ],
)
def test_http_is_spoken_at_every_host_unless_told_where(listen: tuple[str, ...], expected: list[str]) -> None:
    """An http:// entry says where; otherwise each TCP host, or loopback address, has one HTTP port."""
    config = ServerConfig(protocol="http", listen=listen)

    assert [str(address) for address in config.listen_addresses()] == expected


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "none"),
        ({"ssl_ca_file": "ca.pem"}, "required"),
        ({"ssl_ca_file": "ca.pem", "ssl_verify": "optional"}, "optional"),
        ({"ssl_ca_file": "ca.pem", "ssl_verify": "none"}, "none"),
    ],
)
def test_a_ca_file_makes_client_certificates_required(settings: dict[str, Any], mode: str) -> None:
    """Unless told otherwise."""
    assert ServerConfig(**settings).verify_mode() == mode


def test_the_password_of_a_queue_is_never_shown() -> None:
    """Neither by the error that refuses it, nor by the config itself."""
    with pytest.raises(ConfigError) as caught:
        ServerConfig(queue="mysql://me:secret@host:port/db")

    assert "secret" not in str(caught.value)
    assert "secret" not in repr(ServerConfig(queue="redis://:secret@host/0"))
