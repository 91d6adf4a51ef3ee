"""Listen addresses as people write them."""

from __future__ import annotations

import pytest

from geartrain.addresses import (
    DEFAULT_PORT,
    HTTP,
    TLS,
    Address,
    TcpAddress,
    UnixAddress,
    parse_listen,
    parse_port,
    parse_server,
    parse_servers,
)
from geartrain.errors import ConfigError


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("localhost", TcpAddress("localhost", 4730)),
        ("10.0.0.1:4731", TcpAddress("10.0.0.1", 4731)),
        ("10.0.0.1:0", TcpAddress("10.0.0.1", 0)),
        ("::1", TcpAddress("::1", 4730)),
        ("::", TcpAddress("::", 4730)),
        ("[::1]", TcpAddress("::1", 4730)),
        ("[::1]:4731", TcpAddress("::1", 4731)),
        ("unix:/run/gearmand.sock", UnixAddress("/run/gearmand.sock")),
        ("unix:here.sock", UnixAddress("here.sock")),
    ],
)
def test_an_entry_names_a_host_a_port_or_a_path(entry: str, address: Address) -> None:
    """host, host:port, [v6]:port, a bare IPv6 address, unix:path."""
    assert parse_listen(entry, 4730) == address


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("tcp://a", TcpAddress("a", 1)),
        ("tls://a", TcpAddress("a", 1, TLS)),
        ("TLS://[::1]:5", TcpAddress("::1", 5, TLS)),
        ("http://a", TcpAddress("a", 2, HTTP)),
        ("http://a:3", TcpAddress("a", 3, HTTP)),
        ("unix:/a", UnixAddress("/a")),
        ("a", TcpAddress("a", 1, TLS)),
    ],
)
def test_a_scheme_says_what_is_spoken_there(entry: str, address: Address) -> None:
    """Without one the default holds, except for Unix sockets; HTTP has a default port of its own."""
    assert parse_listen(entry, 1, scheme=TLS, http_port=2) == address


def test_nobody_connects_to_a_job_server_over_http() -> None:
    """The error says what would do."""
    assert parse_server("tls://a:1") == TcpAddress("a", 1, TLS)
    with pytest.raises(ConfigError) as caught:
        parse_server("http://a", key="host")

    assert caught.value.key == "host"
    assert "tls://" in caught.value.expected
    assert "http://" not in caught.value.expected


def test_nobody_connects_to_port_zero() -> None:
    """It stands for the usual one, as in libgearman."""
    assert parse_server("a:0", 1) == TcpAddress("a", DEFAULT_PORT)
    assert parse_server("tls://a", 0) == TcpAddress("a", DEFAULT_PORT, TLS)


def test_servers_are_listed_with_commas() -> None:
    """Blanks around them, and empty entries, mean nothing."""
    found = parse_servers("a, tls://b:5,,unix:/c,", 1, scheme=TLS, key="GEARMAN_SERVERS")

    assert found == [TcpAddress("a", 1, TLS), TcpAddress("b", 5, TLS), UnixAddress("/c")]
    assert parse_servers(" , ", key="GEARMAN_SERVERS") == []


@pytest.mark.parametrize(
    "entry",
    [
        "",
        ":4730",
        "host:",
        "host:70000",
        "host:-1",
        "host: 80",
        " host",
        "[::1",
        "[::1]4730",
        "[]:1",
        "unix:",
        "unix:a\0b",
        "unix:\ud800",
        "https://a",
        "://a",
        "tls://",
        "tls://unix:/a",
        "tls://a/b",
    ],
)
def test_anything_else_is_refused(entry: str) -> None:
    """The error names the setting and shows the entry."""
    with pytest.raises(ConfigError) as caught:
        parse_listen(entry, 4730)

    assert caught.value.key == "listen"


def test_a_unix_path_that_the_kernel_cannot_hold_is_refused() -> None:
    """Room is for 107 bytes, and they need not be UTF-8."""
    assert parse_listen("unix:\udcff" + "x" * 106, 4730) == UnixAddress("\udcff" + "x" * 106)
    assert parse_listen("unix:" + "x" * 107, 4730) == UnixAddress("x" * 107)
    with pytest.raises(ConfigError):
        parse_listen("unix:" + "x" * 108, 4730)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (TcpAddress("127.0.0.1", 1), "127.0.0.1:1"),
        (TcpAddress("::1", 1), "[::1]:1"),
        (TcpAddress("a", 1, TLS), "tls://a:1"),
        (TcpAddress("::1", 1, HTTP), "http://[::1]:1"),
        (UnixAddress("/a"), "unix:/a"),
    ],
)
def test_an_address_reads_like_the_entry_for_it(address: Address, text: str) -> None:
    """What is printed can be given back as a listen entry."""
    assert str(address) == text
    assert parse_listen(text, 4730) == address


def test_a_port_is_a_number_or_the_name_of_a_service() -> None:
    """As with the C server."""
    assert parse_port("4730") == 4730
    assert parse_port("0") == 0
    assert parse_port("http") == 80
    for text in ("65536", "-1", "", "no-such-service", "٣", "1 ", "9" * 5000, "a\0b"):
        with pytest.raises(ConfigError):
            parse_port(text)
