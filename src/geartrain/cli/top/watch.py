"""Watches a job server for ``geartrain top``: asks it again and again, and finds it again when it is lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, NoReturn

from geartrain.aio.admin import AsyncAdminClient
from geartrain.cli.output import readable
from geartrain.cli.servers import Servers
from geartrain.cli.top.model import Frame, Sample, compare, sample_server
from geartrain.errors import ProtocolError, RequestRefused, ServerUnavailable
from geartrain.roles.servers import ServerRecord

# What ends a connection, and not the watching.
_FAILURES: Final = (ServerUnavailable, ProtocolError, RequestRefused)


class Watcher:
    """What is known of the first server that can be reached.

    ``frame`` is the latest, and stays when the server is lost; ``problem`` says why it is not kept up.
    """

    def __init__(self, servers: Servers, interval_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self.problem = ""
        self._servers = servers
        self._client: AsyncAdminClient | None = None
        self._version = ""
        self._sample: Sample | None = None
        self._frame: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The latest frame; there is one once ``connect`` has returned."""
        assert self._frame is not None
        return self._frame

    async def connect(self) -> None:
        """Connects, and takes a first sample: rates follow with the next.

        Raises ServerUnavailable, ProtocolError or RequestRefused.
        """
        connection = await self._servers.connect()
        self._client = AsyncAdminClient(connection, timeout_seconds=self._servers.timeout_seconds)
        self._version = await self._ask_version()
        self._sample = None
        await self._take_sample()

    async def advance(self) -> None:
        """Takes the next sample when it is time for it. Raises as ``connect``."""
        assert self._sample is not None
        # From the start of the last one, so that slow answers do not add up.
        await asyncio.sleep(max(0.0, self._sample.at_seconds + self.interval_seconds - time.monotonic()))
        await self._take_sample()

    async def run(self, changed: Callable[[], None]) -> NoReturn:
        """Goes on for ever after ``connect``; calls ``changed`` when there is something new."""
        while True:
            try:
                await self.advance()
            except _FAILURES as error:
                self.close()
                await self._reconnect(str(error), changed)
            changed()

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask_version(self) -> str:
        assert self._client is not None
        try:
            return readable(await self._client.ask(b"version"))
        except RequestRefused:
            # Access rules that allow the lists only are good enough.
            return readable(None)

    async def _take_sample(self) -> None:
        assert self._client is not None
        at_seconds = time.monotonic()
        sample = sample_server(
            await self._client.functions(),
            await self._client.workers(),
            at_seconds=at_seconds,
            server=str(self._client.address),
            version=self._version,
        )
        self._frame = compare(self._sample, sample)
        self._sample = sample

    async def _reconnect(self, problem: str, changed: Callable[[], None]) -> None:
        record = ServerRecord()
        while True:
            record.failed(time.monotonic(), 0.0, random.random())
            pause_seconds = record.retry_at - time.monotonic()
            self.problem = f"{problem}; next try in {pause_seconds:.1f} s"
            changed()
            await asyncio.sleep(pause_seconds)
            try:
                await self.connect()
            except _FAILURES as error:
                self.close()
                problem = str(error)
            else:
                self.problem = ""
                return
