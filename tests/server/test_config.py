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
        ("queue", "sqlite:///x"),
        ("max_packet_bytes", 100),
        ("max_packet_bytes", 2**32),
        ("pause_bytes", 0),
        ("stall_seconds", 0.0),
        ("linger_seconds", float("nan")),
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
