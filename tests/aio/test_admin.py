"""An administrator of a job server on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from geartrain.addresses import TcpAddress
from geartrain.aio import admin as admin_module
from geartrain.aio.admin import AsyncAdminClient
from geartrain.aio.transport import connect
from geartrain.errors import LocalProtocolError, ProtocolError, RequestRefused, ServerLost
from geartrain.protocol.packets import CAN_DO, ECHO_REQ, PRE_SLEEP, SUBMIT_JOB_BG, SUBMIT_JOB_EPOCH
from geartrain.roles.overview import FunctionInfo, JobInfo, QueueInfo, WorkerInfo
from geartrain.server import run_in_thread
from tests.server.wire import Wire

HOST = "127.0.0.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def admin_of(port: int, *, timeout_seconds: float = 20) -> AsyncIterator[AsyncAdminClient]:
    connection = await connect(TcpAddress(HOST, port))
    with AsyncAdminClient(connection, timeout_seconds=timeout_seconds) as admin:
        yield admin
    await connection.wait_closed()


@asynccontextmanager
async def admin_of_script(serve: Serve, *, timeout_seconds: float = 20) -> AsyncIterator[AsyncAdminClient]:
    """An administrator of a server that does as it is told."""
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
            await reader.read()
        finally:
            writer.close()
            finished.set_result(None)

    server = await asyncio.start_server(handle, HOST, 0)
    async with server:
        async with admin_of(server.sockets[0].getsockname()[1], timeout_seconds=timeout_seconds) as admin:
            yield admin
        await finished


def answers(*pairs: tuple[bytes, bytes]) -> Serve:
    """A server that expects these lines, and answers them so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for question, answer in pairs:
            assert await reader.readline() == question + b"\r\n"
            writer.write(answer)

    return serve


UNKNOWN = b"ERR UNKNOWN_COMMAND Unknown+server+commandlist\r\n"


# --- our server -----------------------------------------------------------------------------------------


async def test_our_server_tells_all() -> None:
    """Functions, jobs and workers by its tables."""
    with run_in_thread(port=0, listen=(HOST,)) as server, Wire((HOST, server.port)) as wire:
        wire.send(SUBMIT_JOB_BG, b"f", b"u", b"data")
        wire.send(SUBMIT_JOB_EPOCH, b"f", b"", b"9999999999", b"")
        wire.send(CAN_DO, b"g")
        wire.send(PRE_SLEEP)
        wire.send(ECHO_REQ, b"")
        now, later, _ = [wire.read().arguments[0] for _ in range(3)]
        async with admin_of(server.port) as admin:
            functions = await admin.functions()
            jobs = await admin.jobs()
            workers = await admin.workers()
            limited = await admin.jobs(limit=1)
            of_function = await admin.jobs(function=b"g")
            queue = await admin.queue()

    assert [(row.function, row.queued, row.normal, row.later, row.asleep) for row in functions] == [
        (b"f", 2, 1, 1, 0),
        (b"g", 0, 0, 0, 1),
    ]
    assert [(row.handle, row.unique, row.state, row.data_bytes) for row in jobs] == [
        (now, b"u", b"queued", 4),
        (later, None, b"waiting", 0),
    ]
    assert [(row.functions, row.state) for row in workers] == [((b"g",), b"asleep"), ((), b"awake")]
    assert [row.handle for row in limited] == [now]
    assert of_function == []
    assert queue == QueueInfo(b"memory://", b"ok", 0, 0)


async def test_commands_are_answered_or_refused() -> None:
    """A value, nothing, or RequestRefused with the server's code; the connection goes on."""
    with run_in_thread(port=0, listen=(HOST,)) as server:
        async with admin_of(server.port) as admin:
            assert await admin.ask(b"create", b"function", b"f") == b""
            assert (await admin.ask(b"getpid")).isdigit()
            with pytest.raises(
                RequestRefused, match="the server refuses 'cancel job H:x': UNKNOWN_JOB"
            ) as raised:
                await admin.cancel(b"H:x")
            assert await admin.rows(b"status") == (b"f\t0\t0\t0",)
            await admin.echo(b"\0any\xff")

    assert raised.value.code == "UNKNOWN_JOB"


async def test_words_that_cannot_be_sent_are_refused_at_once() -> None:
    """Nothing is sent, and the next question is answered."""
    with run_in_thread(port=0, listen=(HOST,)) as server:
        async with admin_of(server.port) as admin:
            with pytest.raises(LocalProtocolError):
                await admin.cancel(b"a b")
            assert await admin.functions() == []


# --- servers without tables -----------------------------------------------------------------------------


async def test_the_older_lists_do_where_there_are_no_tables() -> None:
    """The tables are asked for once only."""
    script = answers(
        (b"list functions", UNKNOWN),
        (b"status", b"f\t2\t1\t3\n.\n"),
        (b"prioritystatus", b"f\t0\t0\t1\t3\n.\n"),
        (b"show jobs", b"H:1\t0\t0\t1\nH:2\t0\t0\t1\n.\n"),
        (b"workers", b"3 ::1 - : f\n.\n"),
    )
    async with admin_of_script(script) as admin:
        assert await admin.functions() == [FunctionInfo(b"f", 1, 0, 0, 1, running=1, workers=3)]
        assert not admin.has_tables
        assert await admin.queue() is None
        assert await admin.jobs(limit=1) == [JobInfo(b"H:1", background=True, attempts=0)]
        with pytest.raises(RequestRefused, match="does not tell what function a job is of"):
            await admin.jobs(function=b"f")
        assert await admin.workers() == [WorkerInfo(3, b"::1", functions=(b"f",))]


async def test_whichever_table_is_asked_for_first_there_is_a_list() -> None:
    """Of jobs, and of workers."""
    async with admin_of_script(answers((b"list jobs 0", UNKNOWN), (b"show jobs", b".\n"))) as admin:
        assert await admin.jobs() == []
    async with admin_of_script(answers((b"list workers", UNKNOWN), (b"workers", b".\n"))) as admin:
        assert await admin.workers() == []


async def test_a_server_without_priorities_tells_the_rest() -> None:
    """Old servers only know status."""
    unknown = b"ERR unknown_command Unknown+server+command\r\n"
    script = answers(
        (b"list functions", unknown), (b"status", b"f\t2\t1\t3\n.\n"), (b"prioritystatus", unknown)
    )
    async with admin_of_script(script) as admin:
        assert await admin.functions() == [FunctionInfo(b"f", 1, running=1, workers=3)]


async def test_what_is_forbidden_is_not_asked_for_in_another_way() -> None:
    """Only a server that does not know the tables gets the older commands."""
    async with admin_of_script(answers((b"list functions", b"ERR NOT_ALLOWED no\r\n"))) as admin:
        with pytest.raises(RequestRefused, match="NOT_ALLOWED"):
            await admin.functions()
        assert admin.has_tables


@pytest.mark.parametrize("code", [b"UNKNOWN_COMMAND", b"INVALID_ARGUMENTS", b"NOT_ALLOWED"])
async def test_a_server_need_not_tell_of_its_queue(code: bytes) -> None:
    """It may not know the question or not allow it, and have the other tables."""
    async with admin_of_script(answers((b"list queue", b"ERR " + code + b"\r\n"))) as admin:
        assert await admin.queue() is None
        assert admin.has_tables


# --- servers that behave badly --------------------------------------------------------------------------


async def test_a_list_ends_at_its_dot_and_not_before() -> None:
    """However long the server takes in between."""
    half_sent, go_on = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"f\t1\t0\t0\ng\t1\t")
        half_sent.set()
        await go_on.wait()
        writer.write(b"0\t0\n.\n")

    async with admin_of_script(serve) as admin:
        asking = asyncio.create_task(admin.rows(b"status"))
        await half_sent.wait()
        assert not (await asyncio.wait([asking], timeout=0.1))[0]
        go_on.set()
        assert await asking == (b"f\t1\t0\t0", b"g\t1\t0\t0")


async def is_closed(admin: AsyncAdminClient) -> bool:
    """Whether the connection is of no use any more."""
    with pytest.raises(ServerLost):
        await admin.ask(b"version")
    return True


async def test_a_silent_server_is_lost() -> None:
    """A late answer would be taken for the next one, so the connection ends."""
    async with admin_of_script(answers(), timeout_seconds=0.1) as admin:
        with pytest.raises(ServerLost, match=r"no answer within 0\.1 seconds"):
            await admin.ask(b"version")
        assert await is_closed(admin)


async def test_a_question_that_is_cancelled_ends_the_connection() -> None:
    """For the same reason."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()

    async with admin_of_script(serve) as admin:
        asking = asyncio.create_task(admin.ask(b"version"))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await is_closed(admin)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda admin: admin.ask(b"version"), b"220 mail.example ESMTP\r\n"),
        (lambda admin: admin.ask(b"version"), b"OK 1\r\nmore\r\n"),
        (lambda admin: admin.functions(), b"-ERR unknown command 'list'\r\n"),
        (lambda admin: admin.workers(), b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (lambda admin: admin.echo(b"x"), b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (lambda admin: admin.echo(b"x"), b"\0RES\0\0\0\x11\0\0\0\x01y"),
        (lambda admin: admin.echo(b"x"), b"\0XXX\0\0\0\x11\0\0\0\x01x"),
    ],
)
async def test_something_else_than_a_job_server_is_noticed_at_once(
    ask: Callable[[AsyncAdminClient], Awaitable[object]], said: bytes
) -> None:
    """By the first line that no job server would say; the connection ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)

    async with admin_of_script(serve) as admin:
        with pytest.raises(ProtocolError, match=HOST):
            await ask(admin)
        assert await is_closed(admin)


async def test_a_server_that_goes_away_is_lost() -> None:
    """In the middle of a list too."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"f\t1\t0\t0\n")
        writer.write_eof()

    async with admin_of_script(serve) as admin:
        with pytest.raises(ServerLost, match="the server closed it"):
            await admin.rows(b"status")


async def test_rows_that_make_no_sense_end_the_connection() -> None:
    """The server is named, and nothing more is asked of it."""
    serve = answers((b"list functions", b"function\thigh\nf\tmany\n.\n"))

    async with admin_of_script(serve) as admin:
        with pytest.raises(
            ProtocolError, match=r"127\.0\.0\.1:\d+ sent something else: b'many' is no value of high"
        ):
            await admin.functions()
        with pytest.raises(ServerLost):
            await admin.functions()


async def test_an_answer_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it takes all of the memory."""
    monkeypatch.setattr(admin_module, "MAX_ANSWER_BYTES", 1000)
    serve = answers((b"status", b"f\t1\t0\t0\n" * 1000))

    async with admin_of_script(serve) as admin:
        with pytest.raises(ProtocolError, match="sent an answer without an end"):
            await admin.rows(b"status")
