"""A command as a process: what goes in, what comes out, and how it ends with all that it has started."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections.abc import Sequence
from typing import Final, Self

from geartrain.cli.gearman.lines import READ_BYTES

# What a command gets to end by itself.
_GRACE_SECONDS: Final = 2.0
_SHELL: Final = "/bin/sh"


class _Protocol(SubprocessStreamProtocol):
    """Tells when the command has ended: asyncio's Process waits for whoever else holds its pipes, too."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(limit=READ_BYTES, loop=loop)
        self.has_ended = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.has_ended.set()


class ShellProcess:
    """A running command, made by ``start``; ``close`` it when it has ended, by itself or by ``end``."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport = transport
        self._protocol = protocol

    @classmethod
    async def start(cls, words: Sequence[str]) -> Self:
        """Starts a command. Raises OSError when that is not possible."""
        starting = asyncio.ensure_future(cls._start(words))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # asyncio would end the command alone, and it may have started others already.
            process = await starting
            await process.end()
            process.close()
            raise

    @classmethod
    async def _start(cls, words: Sequence[str]) -> Self:
        try:
            return await cls._spawn(words)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
        # A script that does not say what runs it; the C tool has the shell do it, too.
        script = shutil.which(words[0]) or words[0]
        return await cls._spawn([_SHELL, script, *words[1:]])

    @classmethod
    async def _spawn(cls, words: Sequence[str]) -> Self:
        loop = asyncio.get_running_loop()
        # In a process group of its own Ctrl-C does not reach it: a job that has begun may finish.
        transport, protocol = await loop.subprocess_exec(
            _Protocol, *words, stdin=PIPE, stdout=PIPE, stderr=None, process_group=0
        )
        return cls(transport, protocol)

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What the command prints."""
        assert self._protocol.stdout is not None
        return self._protocol.stdout

    async def feed(self, data: bytes) -> None:
        """Gives the command its whole input."""
        stdin = self._protocol.stdin
        assert stdin is not None
        try:
            stdin.write(data)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            # The command does not want to know it all.
            pass
        finally:
            stdin.close()

    async def wait(self) -> int:
        """Waits until the command has ended; its exit code, or the negative number of the signal."""
        await self._protocol.has_ended.wait()
        status = self._transport.get_returncode()
        assert status is not None
        return status

    async def end(self) -> None:
        """Ends the command and what it has started, first politely."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await self.wait()
        except TimeoutError:
            pass
        # The command itself, or those that it has left behind.
        self._signal(signal.SIGKILL)
        await self.wait()

    def close(self) -> None:
        """Gives up the pipes, which others may hold open for long."""
        assert self._protocol.stdin is not None
        stdin = self._protocol.stdin.transport
        if stdin.get_write_buffer_size():
            # Closing alone would wait for somebody to read it.
            stdin.abort()
        self._transport.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._transport.get_pid(), number)
        except ProcessLookupError:
            pass
