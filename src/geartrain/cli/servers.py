"""Which job servers a tool talks to: one set of options for all tools, and what they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import click
from click.core import ParameterSource

from geartrain.addresses import DEFAULT_PORT, TCP, TLS, Address, TcpAddress, parse_servers
from geartrain.cli.seconds import Seconds
from geartrain.errors import ConfigError, ConnectError, TlsError

if TYPE_CHECKING:
    # asyncio and ssl take longer to load than all the rest of a tool that only prints its help.
    from ssl import SSLContext

    from geartrain.aio.transport import Connection

Result = TypeVar("Result")

DEFAULT_SERVER: Final = "localhost"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0

# libgearman's names; the first variable that is set counts.
SERVER_VARIABLES: Final = ("GEARMAN_SERVER", "GEARMAN_SERVERS")
CA_FILE_VARIABLE: Final = "GEARMAND_CA_CERTIFICATE"
CERTIFICATE_VARIABLE: Final = "GEARMAN_CLIENT_PEM"
KEY_VARIABLE: Final = "GEARMAN_CLIENT_KEY"

# Options that say how TLS is spoken, and would be without effect where it is not.
_TLS_DETAILS: Final = {
    "ssl_ca_file": "--ssl-ca-file",
    "ssl_certificate": "--ssl-certificate",
    "ssl_key": "--ssl-key",
    "insecure": "--insecure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """What the user said about TLS.

    With ``ssl``, addresses without a scheme speak it. ``given`` holds the options among the others that
    stood on the command line, and not just in the environment.
    """

    ssl: bool = False
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False
    given: tuple[str, ...] = ()

    def servers(
        self, entries: str, *, timeout_seconds: float | None, port: int = DEFAULT_PORT, key: str = "server"
    ) -> Servers:
        """The servers of a list with commas between its entries; ``port`` is for entries without one.

        Raises ConfigError for an entry that is no address, and UsageError as ``servers_at``.
        """
        addresses = self.addresses(entries, port, key=key)
        if not addresses:
            raise ConfigError(key, entries, "at least one server")
        return self.servers_at(addresses, timeout_seconds=timeout_seconds)

    def addresses(self, entries: str, port: int = DEFAULT_PORT, *, key: str) -> list[Address]:
        """The addresses in a list, which may be empty. Raises ConfigError for an entry that is none."""
        return parse_servers(entries, port, scheme=TLS if self.ssl else TCP, key=key)

    def servers_at(self, addresses: Sequence[Address], *, timeout_seconds: float | None) -> Servers:
        """The servers at these addresses.

        Raises click's UsageError for TLS files that cannot be used, and for options that would have no
        effect: who asks for TLS must not get plain text.
        """
        context = None
        if any(_speaks_tls(address) for address in addresses):
            context = self._context()
        elif self.given:
            raise click.UsageError(f"{self.given[0]} needs --ssl, or a server with tls:// in front.")
        return Servers(addresses=tuple(addresses), tls=context, timeout_seconds=timeout_seconds)

    def _context(self) -> SSLContext:
        from geartrain.tls import client_context

        try:
            return client_context(
                ca_file=self.ca_file, certificate=self.certificate, key=self.key, verify=not self.insecure
            )
        except TlsError as error:
            raise click.UsageError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The job servers of a tool, in the order of preference.

    ``tls`` is for the addresses that say ``tls``, None when there is none. ``timeout_seconds`` limits the
    wait for a connection, and for what a tool asks afterwards; None is without limit.
    """

    addresses: tuple[Address, ...]
    tls: SSLContext | None = None
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS

    async def connect(self) -> Connection:
        """Connects to the first server that can be reached. Raises ConnectError when none can."""
        failures: list[ConnectError] = []
        for address in self.addresses:
            try:
                return await self.connect_to(address)
            except ConnectError as error:
                failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        reasons = "; ".join(f"{failure.address}: {failure.reason}" for failure in failures)
        raise ConnectError("any server", reasons)

    async def connect_to(self, address: Address) -> Connection:
        """Connects to one of the servers. Raises ConnectError."""
        from geartrain.aio.transport import connect

        tls = self.tls if _speaks_tls(address) else None
        return await connect(address, tls=tls, timeout_seconds=self.timeout_seconds)


def tls_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Adds ``--ssl`` and what belongs to it; the command gets them as ``tls``, a TlsOptions."""

    @click.option(
        "-S", "--ssl", is_flag=True, help="Speak TLS, and verify the server's certificate and name."
    )
    @click.option(
        "--ssl-ca-file",
        metavar="FILE",
        envvar=CA_FILE_VARIABLE,
        show_envvar=True,
        help="Authorities that sign servers, in PEM format.  [default: those of the system]",
    )
    @click.option(
        "--ssl-certificate",
        metavar="FILE",
        envvar=CERTIFICATE_VARIABLE,
        show_envvar=True,
        help="Certificate to show to the server, in PEM format.",
    )
    @click.option(
        "--ssl-key",
        metavar="FILE",
        envvar=KEY_VARIABLE,
        show_envvar=True,
        help="Its key, unless that is in the same file.",
    )
    @click.option("--insecure", is_flag=True, help="Speak TLS with whoever answers, verifying nothing.")
    @functools.wraps(function)
    def with_tls(
        *,
        ssl: bool,
        ssl_ca_file: str | None,
        ssl_certificate: str | None,
        ssl_key: str | None,
        insecure: bool,
        **others: object,
    ) -> Result:
        # A key of the environment belongs to the certificate of the environment.
        key = ssl_key if ssl_certificate is not None or _is_given("ssl_key") else None
        tls = TlsOptions(
            ssl=ssl,
            ca_file=ssl_ca_file,
            certificate=ssl_certificate,
            key=key,
            insecure=insecure,
            given=tuple(option for name, option in _TLS_DETAILS.items() if _is_given(name)),
        )
        return function(tls=tls, **others)

    return with_tls


def timeout_option(function: Callable[..., Result]) -> Callable[..., Result]:
    """Adds ``--timeout``; the command gets the seconds as ``timeout``."""
    return click.option(
        "--timeout",
        metavar="SECONDS",
        type=Seconds(min=0, min_open=True),
        default=DEFAULT_TIMEOUT_SECONDS,
        show_default=True,
        help="How long to wait for a connection, or for a server that says nothing.",
    )(function)


def server_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Adds the options that say which servers to talk to; the command gets them as ``servers``, a Servers."""

    @click.option(
        "-s",
        "--server",
        metavar="ADDRESS",
        multiple=True,
        type=_ServerEntry(),
        envvar=SERVER_VARIABLES,
        default=(DEFAULT_SERVER,),
        help="Job server: host, host:port, tls://host:port or unix:/path; more than one to fall back to.  "
        "[env var: GEARMAN_SERVER or GEARMAN_SERVERS; default: localhost:4730]",
    )
    @timeout_option
    @tls_options
    @functools.wraps(function)
    def with_servers(*, server: tuple[str, ...], timeout: float, tls: TlsOptions, **others: object) -> Result:
        servers = tls.servers(",".join(server), timeout_seconds=timeout)
        return function(servers=servers, **others)

    return with_servers


class _ServerEntry(click.ParamType[str]):
    """An address, or several with commas between them; checked here, where click knows who gave it."""

    name = "address"
    envvar_list_splitter = ","

    def convert(
        self,
        value: str,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,
    ) -> str:
        try:
            parse_servers(value, key="server")
        except ConfigError as error:
            assert ctx is not None
            raise click.UsageError(
                f"{self._origin(ctx)}: {error.value!r} is not usable; expected {error.expected}"
            ) from error
        return value

    def _origin(self, ctx: click.Context) -> str:
        if ctx.get_parameter_source("server") is ParameterSource.ENVIRONMENT:
            return "environment variable GEARMAN_SERVER(S)"
        return "--server"


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def _speaks_tls(address: Address) -> bool:
    return isinstance(address, TcpAddress) and address.scheme == TLS
