"""Runs the questions of a tool to a job server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.servers import Servers

Answer = TypeVar("Answer")


@asynccontextmanager
async def connected(servers: Servers) -> AsyncIterator[AsyncAdminClient]:
    """An administrator of the first server that can be reached. Raises ConnectError when none can."""
    with AsyncAdminClient(await servers.connect(), timeout_seconds=servers.timeout_seconds) as admin:
        yield admin


def ask(servers: Servers, question: Callable[[AsyncAdminClient], Awaitable[Answer]]) -> Answer:
    """Connects, asks and disconnects, in an event loop of its own."""
    return asyncio.run(_ask(servers, question))


async def _ask(servers: Servers, question: Callable[[AsyncAdminClient], Awaitable[Answer]]) -> Answer:
    async with connected(servers) as admin:
        return await question(admin)
