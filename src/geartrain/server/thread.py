"""A job server in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

from geartrain.addresses import Address
from geartrain.server.config import ServerConfig
from geartrain.server.server import Server, make_config


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """Where a server in another thread listens; ``port`` is its first TCP port, 0 if it has none."""

    port: int
    addresses: tuple[Address, ...]


@contextmanager
def run_in_thread(config: ServerConfig | None = None, **settings: object) -> Iterator[RunningServer]:
    """Runs a job server in another thread for as long as the ``with`` block lasts.

    For tests, notebooks and small programs; takes what ``Server`` takes::

        with run_in_thread(port=0) as server:
            client = gearman.GearmanClient([f"127.0.0.1:{server.port}"])

    Raises ConfigError and BindError as ``Server`` does. Leaving the block stops the server at once, and
    returns when its sockets are closed.
    """
    started: Future[tuple[Server, asyncio.AbstractEventLoop]] = Future()
    arguments = (make_config(config, settings), started)
    thread = threading.Thread(target=_run, args=arguments, name="geartrain-server", daemon=True)
    thread.start()
    try:
        server, loop = started.result()
        try:
            yield RunningServer(port=server.port, addresses=server.addresses)
        finally:
            _stop(server, loop)
    finally:
        thread.join()


def _run(config: ServerConfig, started: Future[tuple[Server, asyncio.AbstractEventLoop]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(config, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)


async def _serve(config: ServerConfig, started: Future[tuple[Server, asyncio.AbstractEventLoop]]) -> None:
    async with Server(config) as server:
        started.set_result((server, asyncio.get_running_loop()))
        await server.wait_stopped()


def _stop(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.call_soon_threadsafe(server.stop)
    except RuntimeError:
        # The loop is closed: an administrator was faster.
        pass
