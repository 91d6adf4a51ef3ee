"""The classic API over TLS, against our server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gearman
from gearman.connection import GearmanConnection
from gearman.errors import (
    ConnectionError,  # noqa: A004 - the classic name
    ExceededConnectionAttempts,
    ServerUnavailable,
)
from geartrain.server import run_in_thread
from geartrain.tls import client_context
from tests.certificates import Certificates
from tests.classic.conftest import StartWorker
from tests.classic.helpers import echo

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def port(certificates: Certificates) -> Iterator[int]:
    """Of a server that wants no certificates of clients."""
    with run_in_thread(certificates.server_config()) as server:
        yield server.port


@pytest.fixture(scope="module")
def strict_port(certificates: Certificates) -> Iterator[int]:
    """Of a server that wants certificates of clients."""
    with run_in_thread(certificates.server_config(ssl_ca_file=certificates.ca_file)) as server:
        yield server.port


def _connect_error(port: int, **tls: Any) -> str:
    connection = GearmanConnection("localhost", port, **tls)
    with pytest.raises(ConnectionError) as caught:
        connection.connect()
    assert not connection.connected
    return str(caught.value)


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_jobs_are_done_over_tls(
    certificates: Certificates, port: int, start_worker: StartWorker, task: str, size: int
) -> None:
    """Client, worker and admin client, all with an item of the host list that is a dict."""
    hosts = [{"host": HOST, "port": port, "ca_certs": certificates.ca_file}]
    start_worker({task: echo}, *hosts)
    payload = b"\xff" * size

    request = gearman.GearmanClient(hosts).submit_job(task, payload, poll_timeout=20)

    assert request.result == payload
    (status,) = [each for each in gearman.GearmanAdminClient(hosts).get_status() if each["task"] == task]
    assert status["workers"] == 1


def test_a_server_that_wants_certificates_lets_in_who_has_one(
    certificates: Certificates, strict_port: int
) -> None:
    """By an item of the host list, and by the method for it."""
    files = {
        "keyfile": certificates.client_key,
        "certfile": certificates.client,
        "ca_certs": certificates.ca_file,
    }
    by_dict = gearman.GearmanClient([{"host": HOST, "port": strict_port, **files}])
    by_method = gearman.GearmanClient([])
    by_method.add_ssl_connection(HOST, strict_port, **files)

    for client in (by_dict, by_method):
        request = client.submit_job("f", b"", background=True, poll_timeout=20)
        assert request.state == gearman.JOB_CREATED


def test_a_server_that_wants_certificates_keeps_out_who_has_none(
    certificates: Certificates, strict_port: int
) -> None:
    """With TLS 1.3 the client hears of it after it has connected; the error says why."""
    client = gearman.GearmanClient([{"host": HOST, "port": strict_port, "ca_certs": certificates.ca_file}])

    with pytest.raises(ExceededConnectionAttempts, match="the other side refuses: certificate required"):
        client.submit_job("f", b"", background=True, poll_timeout=20)


def test_a_certificate_of_another_authority_is_refused(certificates: Certificates, port: int) -> None:
    """The error says why; a client has no server then."""
    hosts = [{"host": "localhost", "port": port, "ca_certs": certificates.other_ca_file}]

    reason = _connect_error(port, ca_certs=certificates.other_ca_file)

    assert "the certificate is not accepted: unable to get local issuer certificate" in reason
    with pytest.raises(ServerUnavailable):
        gearman.GearmanClient(hosts).submit_job("f", b"", background=True)


def test_a_certificate_for_another_host_is_refused(certificates: Certificates) -> None:
    """Though the authority is the right one."""
    certificate, key = certificates.issue("classic-elsewhere", "elsewhere.example")
    config = certificates.server_config(ssl_certificate=certificate, ssl_key=key)
    with run_in_thread(config) as server:
        reason = _connect_error(server.port, ca_certs=certificates.ca_file)

    assert "Hostname mismatch" in reason


def test_a_context_of_the_program_brings_its_own_rules(port: int) -> None:
    """Even one that verifies nothing, which nothing else can have."""
    hosts = [{"host": HOST, "port": port, "ssl_context": client_context(verify=False)}]

    assert gearman.GearmanAdminClient(hosts).ping_server() > 0
    assert "unable to get local issuer" in _connect_error(port, ssl_context=client_context())


@pytest.mark.parametrize("name", ["ca_certs", "certfile"])
def test_a_file_that_cannot_be_used_is_named(port: int, name: str) -> None:
    """It may have been replaced since the start of the program, so it is an error of the connection."""
    reason = _connect_error(port, **{name: "/nonexistent.pem"})

    assert "/nonexistent.pem: No such file or directory" in reason


def test_a_client_and_a_server_that_do_not_agree_on_tls_do_not_wait(
    certificates: Certificates, port: int
) -> None:
    """Either way round there is an error at once."""
    with run_in_thread(port=0) as plain:
        assert "does not speak TLS" in _connect_error(plain.port, ca_certs=certificates.ca_file)

    with pytest.raises(ExceededConnectionAttempts, match="remote disconnected"):
        gearman.GearmanClient([f"{HOST}:{port}"]).submit_job("f", b"", background=True, poll_timeout=20)
