"""The list of servers, in all the forms that programs write it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import gearman
from gearman.errors import GearmanError
from tests.classic.conftest import MakeClient, StartServer
from tests.interop.servers import JobServer

DEFAULT = 4730


@pytest.mark.parametrize(
    ("hosts", "addresses"),
    [
        (["host:1"], [("host", 1)]),
        (["host"], [("host", DEFAULT)]),
        (["a:1", "b:2"], [("a", 1), ("b", 2)]),
        ([b"host:1"], [("host", 1)]),
        ([("host", 1)], [("host", 1)]),
        ([("host", "1")], [("host", 1)]),
        ([["host", 1]], [("host", 1)]),
        ([{"host": "host"}], [("host", DEFAULT)]),
        ([{"host": "host", "port": 1}], [("host", 1)]),
        ({"host": "host", "port": 1}, [("host", 1)]),
        (["[::1]:1"], [("::1", 1)]),
        (["[::1]"], [("::1", DEFAULT)]),
        (["::1"], [("::1", DEFAULT)]),
        ("host:1", [("host", 1)]),
        (b"host:1", [("host", 1)]),
        ("a:1, b:2", [("a", 1), ("b", 2)]),
        (("a:1", "b:2"), [("a", 1), ("b", 2)]),
        (iter(["a:1"]), [("a", 1)]),
        (None, []),
        ([], []),
    ],
)
def test_a_server_may_be_written_in_many_ways(hosts: Any, addresses: list[tuple[str, int]]) -> None:
    """A bare text is one server, and not a list of characters."""
    client = gearman.GearmanClient(hosts)

    assert [connection.get_address() for connection in client.connection_list] == addresses


@pytest.mark.parametrize("host", ["host:", "host:x", "[::1]:x", ("host", "x"), "host:70000"])
def test_a_bad_port_is_a_value_error(host: Any) -> None:
    """As ever."""
    with pytest.raises(ValueError, match=r"port|int"):
        gearman.GearmanClient([host])


@pytest.mark.parametrize(
    "host",
    [
        5,
        None,
        ("host", 1, 2),
        {"port": 1},
        {"host": "h", "nonsense": 1},
        {"host": "h", "keyfile": "k"},
    ],
)
def test_what_names_no_server_is_a_gearman_error(host: Any) -> None:
    """So is an incomplete or misspelt TLS setting."""
    with pytest.raises(GearmanError):
        gearman.GearmanClient([host])


@pytest.mark.parametrize(
    "settings", [{"ca_certs": "ca"}, {"certfile": "c"}, {"keyfile": "k", "certfile": "c"}]
)
def test_any_tls_setting_turns_tls_on(settings: dict[str, str]) -> None:
    """A file that is left out must not mean plain text."""
    client = gearman.GearmanClient([{"host": "host", **settings}])

    assert client.connection_list[0].use_ssl


def test_tls_settings_reach_the_connection() -> None:
    """By the older method too."""
    client = gearman.GearmanClient()

    connection = client.add_ssl_connection("host", 1, "k", "c", "ca")

    assert client.connection_list == [connection]
    assert connection.use_ssl
    assert (connection.keyfile, connection.certfile, connection.ca_certs) == ("k", "c", "ca")


def test_ipv6_servers_are_reached(start_server: StartServer, make_client: MakeClient, task: str) -> None:
    """Literal addresses stand in brackets."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = start_server("--listen", "::1")
    [line] = server.program.stderr.search(r"listening on \[::1\]:(\d+)").groups()

    request = make_client(f"[::1]:{line}").submit_job(task, "x", background=True)

    assert request.state == "CREATED"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_a_host_name_is_tried_at_all_its_addresses(
    server: JobServer, make_client: MakeClient, task: str
) -> None:
    """The server listens on 127.0.0.1 only, and localhost may mean ::1 first."""
    client = make_client(f"localhost:{server.port}")

    assert client.submit_job(task, "x", background=True).state == "CREATED"
