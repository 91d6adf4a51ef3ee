"""The classic admin client, against our server, the C server, and servers that misbehave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gearman.admin_client import ECHO_STRING, GearmanAdminClient
from gearman.client import GearmanClient
from gearman.errors import GearmanError, InvalidAdminClientState, ProtocolError, ServerUnavailable
from gearman.job import GearmanJob, GearmanJobRequest
from geartrain.protocol.codec import Decoder, encode_request, encode_response
from geartrain.protocol.packets import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    JOB_CREATED,
    MAGIC_RESPONSE,
    SET_CLIENT_ID,
    SUBMIT_JOB_BG,
    Packet,
)
from tests.classic.conftest import StartScript, StartServer
from tests.classic.scripted_server import ScriptedServer
from tests.interop.servers import JobServer

MakeAdmin = Callable[..., GearmanAdminClient]
Connect = Callable[[], "Peer"]

STAY = ScriptedServer.STAY


@pytest.fixture
def admin(either_server: JobServer) -> Iterator[GearmanAdminClient]:
    with GearmanAdminClient([either_server.address]) as client:
        yield client


@pytest.fixture
def ask(start_script: StartScript) -> Iterator[MakeAdmin]:  # noqa: ARG001 - ends after this one
    """Makes admin clients, and closes them at the end."""
    made: list[GearmanAdminClient] = []

    def make(address: str, poll_timeout: float = 10.0) -> GearmanAdminClient:
        made.append(GearmanAdminClient([address], poll_timeout))
        return made[-1]

    yield make
    for client in made:
        client.close()


class Peer:
    """A worker or client that speaks packets, and waits until the server has read them."""

    def __init__(self, server: JobServer) -> None:
        self._socket = server.connect()
        self._decoder = Decoder(MAGIC_RESPONSE)

    def send(self, *packets: bytes) -> list[Packet]:
        """Sends packets; returns what came back until the server had handled all of them."""
        self._socket.sendall(b"".join(packets) + encode_request(ECHO_REQ, b"done"))
        received: list[Packet] = []
        while Packet(ECHO_RES, (b"done",)) not in received:
            data = self._socket.recv(65536)
            assert data
            received += [message for message in self._decoder.feed(data) if isinstance(message, Packet)]
        return received[:-1]

    def submit(self, function: bytes, unique: bytes) -> bytes:
        """Submits a background job; returns its handle."""
        [created] = self.send(encode_request(SUBMIT_JOB_BG, function, unique, b"data"))
        assert created.number == JOB_CREATED
        return created.arguments[0]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def connect(either_server: JobServer) -> Iterator[Connect]:
    peers: list[Peer] = []

    def connect_peer() -> Peer:
        peers.append(Peer(either_server))
        return peers[-1]

    yield connect_peer
    for peer in peers:
        peer.close()


def row_of(rows: Sequence[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The only row with these values."""
    [row] = [row for row in rows if wanted.items() <= row.items()]
    return row


def wait_for_input(client: GearmanAdminClient) -> None:
    """Waits until something, or the end, has come from the server between two commands."""
    assert client.current_connection is not None
    readable, _, dead = client.poll_connections_once([client.current_connection], timeout=10)
    assert readable or dead


# --- what servers say (scenario 10) -------------------------------------------------------------------


def test_a_ping_takes_a_time(admin: GearmanAdminClient) -> None:
    """Seconds, as a float."""
    elapsed = admin.ping_server()

    assert isinstance(elapsed, float)
    assert 0 < elapsed < 10


def test_status_counts_jobs_and_workers(admin: GearmanAdminClient, connect: Connect) -> None:
    """A tuple of dicts with numbers."""
    connect().send(encode_request(CAN_DO, b"counted"))
    connect().submit(b"counted", b"u1")

    rows = admin.get_status()

    assert isinstance(rows, tuple)
    assert row_of(rows, task="counted") == {"task": "counted", "queued": 1, "running": 0, "workers": 1}


def test_priority_status_counts_waiting_jobs(admin: GearmanAdminClient, connect: Connect) -> None:
    """By priority."""
    connect().submit(b"waiting", b"u1")

    row = row_of(admin.get_priority_status(), task="waiting")

    assert row == {"task": "waiting", "high": 0, "normal": 1, "low": 0, "workers": 0}


def test_workers_with_blanks_in_their_ids_are_listed(admin: GearmanAdminClient, connect: Connect) -> None:
    """python-gearman issue 66: a blank in the id was a ProtocolError."""
    connect().send(
        encode_request(SET_CLIENT_ID, b"id with space"),
        encode_request(CAN_DO, b"a"),
        encode_request(CAN_DO, b"b"),
    )

    row = row_of(admin.get_workers(), client_id="id with space")

    assert row["ip"] == "127.0.0.1"
    assert type(row["file_descriptor"]) is str
    assert type(row["tasks"]) is tuple
    assert sorted(row["tasks"]) == ["a", "b"]


def test_the_asking_connection_is_listed_without_tasks(admin: GearmanAdminClient) -> None:
    """The list is one of connections."""
    assert any(row["tasks"] == () for row in admin.get_workers())


def test_jobs_and_uniques_are_listed(admin: GearmanAdminClient, connect: Connect) -> None:
    """The classic labels and the right ones; a unique is text."""
    handle = connect().submit(b"listed", b"a-unique").decode()

    job = row_of(admin.get_jobs(), handle=handle)
    unique = row_of(admin.get_unique_jobs(), unique="a-unique")

    assert job == {
        "handle": handle,
        "queued": 0,
        "canceled": 0,
        "enabled": 1,
        "retries": 0,
        "ignored": 0,
        "job_queued": 1,
    }
    assert type(unique["unique"]) is str


def test_a_listed_handle_is_enough_to_ask_for_the_status(
    admin: GearmanAdminClient, either_server: JobServer, connect: Connect
) -> None:
    """On a fresh client, which never saw the job."""
    submitted = connect().submit(b"asked-for", b"u1").decode()
    handle = row_of(admin.get_jobs(), handle=submitted)["handle"]
    request = GearmanJobRequest(GearmanJob(None, handle, "asked-for", None, None))

    with GearmanClient([either_server.address]) as client:
        status = client.get_job_status(request, poll_timeout=10).status

    assert status["known"] is True


def test_version_pid_and_log_level_come_as_lines(admin: GearmanAdminClient) -> None:
    """Monitoring parses the raw line."""
    assert admin.get_version().startswith("OK ")
    assert admin.get_pid().removeprefix("OK ").isdigit()
    assert admin.get_verbose().startswith("OK ")
    assert "\r" not in admin.get_version()


def test_a_queued_job_can_be_cancelled(admin: GearmanAdminClient, connect: Connect) -> None:
    """By its handle, as text or bytes; an unknown one is said to be so, without a CR."""
    handle = connect().submit(b"cancelled", b"u1")

    assert admin.cancel_job(handle) == "OK"
    assert admin.cancel_job("H:x:1") == "ERR UNKNOWN_JOB"


def test_maxqueue_answers_ok(admin: GearmanAdminClient, connect: Connect) -> None:
    """python-gearman issue 31: it always was a ProtocolError, because of a CR. One limit holds for all."""
    admin.create_function("limited")
    assert admin.send_maxqueue("limited", 1) == "OK"
    peer = connect()
    peer.submit(b"limited", b"u1")

    [refused] = peer.send(encode_request(SUBMIT_JOB_BG, b"limited", b"u2", b""))

    assert refused.arguments == (b"QUEUE_ERROR", b"Job queue is full")


def test_maxqueue_takes_a_limit_for_each_priority(admin: GearmanAdminClient, connect: Connect) -> None:
    """High, normal, low; None lifts all of them."""
    admin.create_function(b"by-priority")
    assert admin.send_maxqueue(b"by-priority", (3, 1, 1)) == "OK"
    peer = connect()
    peer.submit(b"by-priority", b"u1")

    [refused] = peer.send(encode_request(SUBMIT_JOB_BG, b"by-priority", b"u2", b""))
    assert admin.send_maxqueue("by-priority", None) == "OK"

    assert refused.arguments[0] == b"QUEUE_ERROR"
    assert peer.submit(b"by-priority", b"u3")


def test_another_answer_than_ok_raises(start_script: StartScript, ask: MakeAdmin) -> None:
    """A server that says something else did something else."""
    server = start_script([[b"WELL\n", b"OK\r\n"]])
    client = ask(server.address)

    with pytest.raises(ProtocolError, match="WELL"):
        client.send_maxqueue("f", 1)

    assert client.send_maxqueue("f", 1) == "OK"


@pytest.mark.parametrize("name", ["a b", "", "a\nshutdown", "a\0b"])
def test_a_task_that_cannot_be_written_in_a_line_is_refused(admin: GearmanAdminClient, name: str) -> None:
    """Blanks and line ends would make another command of it."""
    with pytest.raises(ProtocolError):
        admin.send_maxqueue(name, 1)
    with pytest.raises(ProtocolError):
        admin.drop_function(name)


def test_functions_are_created_and_dropped(admin: GearmanAdminClient) -> None:
    """With their whole names: the C server cut the last character off."""
    assert admin.create_function("made-here") == "OK"
    assert row_of(admin.get_status(), task="made-here")["workers"] == 0

    assert admin.drop_function("made-here") == "OK"
    assert not [row for row in admin.get_status() if row["task"] == "made-here"]


def test_a_function_that_is_not_there_cannot_be_dropped(admin: GearmanAdminClient) -> None:
    """The server's ERR line is raised, and the connection goes on."""
    with pytest.raises(ProtocolError, match="function not found"):
        admin.drop_function("never-heard-of")

    assert admin.ping_server()


def test_every_reply_dumps_as_json(admin: GearmanAdminClient, connect: Connect) -> None:
    """Plain text, numbers and tuples only."""
    connect().submit(b"dumped", b"u1")

    for reply in (
        *(admin.get_status(), admin.get_priority_status(), admin.get_workers(), admin.get_jobs()),
        *(admin.get_unique_jobs(), admin.get_version(), admin.get_pid(), admin.get_verbose()),
        *(admin.ping_server(), admin.cancel_job("H:x:1")),
    ):
        assert json.dumps(reply)


# --- no server, too many servers ----------------------------------------------------------------------


def test_several_servers_are_refused_as_both_kinds_of_error() -> None:
    """Old versions raised ValueError, the forks GearmanError."""
    with pytest.raises(GearmanError) as caught:
        GearmanAdminClient(["localhost:4730", "localhost:4731"])

    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("host_list", [None, [], ()])
def test_without_a_server_commands_say_so(host_list: Any) -> None:
    """An AssertionError in old versions."""
    client = GearmanAdminClient(host_list)

    with pytest.raises(ServerUnavailable):
        client.get_status()
    with pytest.raises(InvalidAdminClientState):
        client.wait_until_server_responds("status")


def test_a_server_may_be_added_later(either_server: JobServer) -> None:
    """As for clients and workers."""
    with GearmanAdminClient() as client:
        client.add_connection(either_server.address)

        assert client.ping_server()


def test_a_server_that_refuses_is_unavailable() -> None:
    """The message says why."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with (
        GearmanAdminClient([f"127.0.0.1:{port}"]) as client,
        pytest.raises(ServerUnavailable, match="refused"),
    ):
        client.get_status()


# --- servers that misbehave ---------------------------------------------------------------------------


def test_no_reply_in_time_is_an_error_and_its_late_reply_is_not_the_next_ones(
    start_script: StartScript, ask: MakeAdmin
) -> None:
    """After a timeout, the client starts over with a new connection."""
    server = start_script([[STAY], [b"OK 2\n"]])
    client = ask(server.address, 0.05)

    with pytest.raises(InvalidAdminClientState, match=r"0\.05 seconds"):
        client.get_version()
    client.poll_timeout = 10.0

    assert client.get_version() == "OK 2"
    assert server.received[-1] == b"version\n"


def test_half_a_list_is_not_a_reply(start_script: StartScript, ask: MakeAdmin) -> None:
    """The rows that came are dropped."""
    server = start_script([[b"f\t1\t0\t0\n", STAY], [b".\n"]])
    client = ask(server.address, 0.2)

    with pytest.raises(InvalidAdminClientState):
        client.get_status()
    client.poll_timeout = 10.0

    assert client.get_status() == ()


def test_a_server_that_closes_after_each_reply_is_connected_to_again(
    start_script: StartScript, ask: MakeAdmin
) -> None:
    """A server that was restarted between two commands looks like that."""
    server = start_script([[b"OK 1\n"], [b"OK 2\n"], [b"OK 3\n"]])
    client = ask(server.address)

    assert client.get_version() == "OK 1"
    wait_for_input(client)
    assert client.get_version() == "OK 2"
    wait_for_input(client)
    assert client.get_version() == "OK 3"


def test_a_server_that_goes_away_instead_of_answering_is_unavailable(
    start_script: StartScript, ask: MakeAdmin
) -> None:
    """And the next command tries again."""
    server = start_script([[b""], [b"OK 2\n"]])
    client = ask(server.address)

    with pytest.raises(ServerUnavailable):
        client.get_version()

    assert client.get_version() == "OK 2"


def test_a_line_that_nobody_asked_for_is_an_error_and_a_new_start(
    start_script: StartScript, ask: MakeAdmin
) -> None:
    """Two lines came for one command: whether one is still on its way, nobody knows."""
    server = start_script([[b"OK 1\nOK stray\n", STAY], [b"OK 2\n"]])
    client = ask(server.address)

    with pytest.raises(InvalidAdminClientState):
        client.get_version()

    assert client.get_version() == "OK 2"


def test_a_stray_line_between_two_commands_is_a_new_start(start_script: StartScript, ask: MakeAdmin) -> None:
    """It must not be taken for the reply of the next command."""
    server = start_script([[b"OK 1\n", b"OK 2\n", STAY], [b"OK 3\n"]])
    client = ask(server.address)
    client.get_version()
    connection = client.current_connection
    assert connection is not None
    assert connection.gearman_socket is not None
    # A command that the client does not know of, and the wait for its reply.
    connection.gearman_socket.sendall(b"version\n")
    wait_for_input(client)

    assert client.get_version() == "OK 3"


def test_another_echo_than_was_sent_is_an_error(start_script: StartScript, ask: MakeAdmin) -> None:
    """And a new start."""
    echo = encode_response(ECHO_RES, ECHO_STRING.encode())
    server = start_script([[encode_response(ECHO_RES, b"pong?"), STAY], [echo]])
    client = ask(server.address)

    with pytest.raises(InvalidAdminClientState, match="pong"):
        client.ping_server()

    assert client.ping_server() > 0


def test_garbage_is_an_error_and_a_new_start(start_script: StartScript, ask: MakeAdmin) -> None:
    """Bytes that are neither a line nor a packet."""
    server = start_script([[b"\0JUNK and more", STAY], [b"OK 2\n"]])
    client = ask(server.address)

    with pytest.raises(GearmanError):
        client.get_version()

    assert client.get_version() == "OK 2"


def test_a_reply_to_another_command_is_an_error(start_script: StartScript, ask: MakeAdmin) -> None:
    """Programs that send commands by hand have to wait for them in order."""
    server = start_script([[b"OK 1\n", STAY]])
    client = ask(server.address)
    client.establish_admin_connection()
    assert client.current_handler is not None
    client.current_handler.send_text_command("version")

    with pytest.raises(InvalidAdminClientState, match="getpid"):
        client.wait_until_server_responds("getpid")


def test_an_interrupted_wait_closes_the_connection(
    start_script: StartScript,
    ask: MakeAdmin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C: the reply that comes later must not answer the next command."""
    server = start_script([[STAY], [b"OK 2\n"]])
    client = ask(server.address)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client, "poll_connections_until_stopped", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.get_version()

    assert client.get_version() == "OK 2"


# --- shutdown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"OK\n", b"OK\r\n", b""])
def test_shutdown_is_done_when_the_server_says_ok_or_is_gone(
    start_script: StartScript, ask: MakeAdmin, answer: bytes
) -> None:
    """A server may be gone before it can answer."""
    server = start_script([[answer]])

    ask(server.address).send_shutdown()

    assert server.received == [b"shutdown graceful\n"]


def test_shutdown_at_once_says_so(start_script: StartScript, ask: MakeAdmin) -> None:
    """Without the word graceful."""
    server = start_script([[b"OK\n"]])

    ask(server.address).send_shutdown(graceful=False)

    assert server.received == [b"shutdown\n"]


def test_a_refused_shutdown_raises(admin: GearmanAdminClient) -> None:
    """The C server knows no such command, ours wants to be started with an option for it."""
    with pytest.raises(ProtocolError, match="shutdown"):
        admin.send_shutdown()


@pytest.mark.parametrize("graceful", [True, False])
def test_our_server_shuts_down(start_server: StartServer, graceful: bool) -> None:
    """Started with the option, it ends in order."""
    server = start_server("--allow-shutdown")

    with GearmanAdminClient([server.address]) as client:
        client.send_shutdown(graceful)

    assert server.program.wait() == 0
