"""The options that say which servers a tool talks to."""

from __future__ import annotations

import asyncio
import ssl

import click
import pytest
from click.testing import CliRunner, Result

from geartrain.addresses import TcpAddress, UnixAddress
from geartrain.cli.servers import Servers, server_options
from geartrain.errors import ConnectError
from geartrain.server import run_in_thread
from tests.certificates import Certificates
from tests.cli.tools import closed_port


class Tool:
    """A command with the options, and what it got from them."""

    def __init__(self) -> None:
        self.servers: Servers | None = None

        @click.command()
        @server_options
        def command(*, servers: Servers) -> None:
            self.servers = servers

        self._command = command

    def run(self, *words: str, **variables: str) -> Servers:
        result = self._invoke(words, variables)
        assert result.exit_code == 0, result.output
        assert self.servers is not None
        return self.servers

    def fail(self, *words: str, **variables: str) -> str:
        """The message about wrong options."""
        result = self._invoke(words, variables)
        assert result.exit_code == 2
        return result.stderr.splitlines()[-1].removeprefix("Error: ")

    def _invoke(self, words: tuple[str, ...], variables: dict[str, str]) -> Result:
        none = {"GEARMAN_SERVER": None, "GEARMAN_SERVERS": None, "GEARMAND_CA_CERTIFICATE": None}
        return CliRunner().invoke(self._command, words, env={**none, **variables})


@pytest.fixture
def tool() -> Tool:
    return Tool()


# --- where ----------------------------------------------------------------------------------------------


def test_without_options_it_is_this_machine(tool: Tool) -> None:
    """The usual port, in plain text, and some patience."""
    assert tool.run() == Servers(addresses=(TcpAddress("localhost", 4730),), tls=None, timeout_seconds=10.0)


def test_servers_are_kept_in_their_order(tool: Tool) -> None:
    """One for each option, or several with commas."""
    servers = tool.run("-s", "b:1", "--server", "a,unix:/tmp/g", "--timeout", "2.5")

    assert servers.addresses == (TcpAddress("b", 1), TcpAddress("a", 4730), UnixAddress("/tmp/g"))
    assert servers.timeout_seconds == 2.5


@pytest.mark.parametrize("variable", ["GEARMAN_SERVER", "GEARMAN_SERVERS"])
def test_the_environment_names_servers(tool: Tool, variable: str) -> None:
    """With commas between them."""
    servers = tool.run(**{variable: "a:1,b"})

    assert servers.addresses == (TcpAddress("a", 1), TcpAddress("b", 4730))


def test_the_command_line_comes_first(tool: Tool) -> None:
    """Then GEARMAN_SERVER, then GEARMAN_SERVERS; an empty variable is none."""
    variables = {"GEARMAN_SERVER": "a", "GEARMAN_SERVERS": "b"}

    assert tool.run("-s", "c", **variables).addresses == (TcpAddress("c", 4730),)
    assert tool.run(**variables).addresses == (TcpAddress("a", 4730),)
    assert tool.run(**{**variables, "GEARMAN_SERVER": ""}).addresses == (TcpAddress("b", 4730),)


def test_a_wrong_address_is_refused_with_its_origin(tool: Tool) -> None:
    """The option, or the environment."""
    assert tool.fail("-s", "a:x").startswith("--server: 'x' is not usable; expected a number from 0 to 65535")
    assert tool.fail(GEARMAN_SERVERS="a/b").startswith("environment variable GEARMAN_SERVER(S): 'a/b' is not")
    assert tool.fail("-s", "http://a").startswith("--server: 'http://a' is not usable; expected host")


def test_no_server_at_all_is_refused(tool: Tool) -> None:
    """A list of commas names none."""
    result = tool._invoke(("-s", ","), {})

    assert result.exit_code != 0
    assert "at least one server" in str(result.exception)


# --- TLS ------------------------------------------------------------------------------------------------


def test_ssl_is_for_servers_without_a_scheme(tool: Tool) -> None:
    """Who writes tcp:// means it."""
    servers = tool.run("--ssl", "-s", "a,tcp://b,tls://c:1,unix:/tmp/g")

    assert [str(address) for address in servers.addresses] == [
        *("tls://a:4730", "b:4730", "tls://c:1", "unix:/tmp/g")
    ]
    assert servers.tls is not None
    assert servers.tls.verify_mode is ssl.CERT_REQUIRED
    assert servers.tls.check_hostname


def test_only_insecure_turns_verification_off(tool: Tool) -> None:
    """It has to be said."""
    servers = tool.run("-s", "tls://a", "--insecure")

    assert servers.tls is not None
    assert servers.tls.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    "words", [["--insecure"], ["--ssl-ca-file", "/x"], ["--ssl-certificate", "/x"], ["--ssl-key", "/x"]]
)
def test_who_asks_for_tls_does_not_get_plain_text(tool: Tool, words: list[str]) -> None:
    """Options of TLS without any server that speaks it are an error."""
    assert tool.fail(*words) == f"{words[0]} needs --ssl, or a server with tls:// in front."


def test_tls_files_of_the_environment_need_no_tls(tool: Tool) -> None:
    """They may be for other programs, and need not even be there."""
    assert tool.run(GEARMAND_CA_CERTIFICATE="/not/there.pem").tls is None


def test_a_file_that_cannot_be_used_is_named(tool: Tool, certificates: Certificates) -> None:
    """With what it is for."""
    assert tool.fail("--ssl", GEARMAND_CA_CERTIFICATE="/no.pem") == (
        "cannot use the CA file /no.pem: No such file or directory"
    )
    message = tool.fail(
        "--ssl", "--ssl-certificate", certificates.client, "--ssl-key", certificates.server_key
    )
    assert message.startswith(f"cannot use the key {certificates.server_key}: it does not belong to")


# --- connecting -----------------------------------------------------------------------------------------


async def connect(servers: Servers) -> str:
    with await servers.connect() as connection:
        address = str(connection.address)
    await connection.wait_closed()
    return address


def test_the_first_server_that_can_be_reached_is_used(tool: Tool, certificates: Certificates) -> None:
    """Those before it are passed over; each is spoken to as it wants."""
    with run_in_thread(port=0, listen=("127.0.0.1",)) as plain:
        servers = tool.run("-s", f"127.0.0.1:{closed_port()},127.0.0.1:{plain.port}")
        assert asyncio.run(connect(servers)) == f"127.0.0.1:{plain.port}"
    with run_in_thread(certificates.server_config()) as secure:
        address = f"tls://localhost:{secure.port}"
        servers = tool.run("-s", address, "--ssl-ca-file", certificates.ca_file)
        assert asyncio.run(connect(servers)) == address


def test_a_server_that_is_not_there_is_named(tool: Tool) -> None:
    """With the reason; several are all named."""
    first, second = f"127.0.0.1:{closed_port()}", f"localhost:{closed_port()}"

    with pytest.raises(ConnectError, match=f"^cannot connect to {first}: Connection refused$"):
        asyncio.run(connect(tool.run("-s", first)))
    with pytest.raises(
        ConnectError, match=f"^cannot connect to any server: {first}: .*; {second}: .* refused$"
    ):
        asyncio.run(connect(tool.run("-s", first, "-s", second)))
