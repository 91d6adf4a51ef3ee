"""Brings what ``geartrain top`` watches to a terminal or on paper, and listens to keys and signals."""

from __future__ import annotations

import asyncio
import os
import signal

from rich.console import Console

from geartrain.cli.entry import ExitCode
from geartrain.cli.top.keys import Controls, read_keys
from geartrain.cli.top.terminal import Terminal
from geartrain.cli.top.view import page, page_rows, screen
from geartrain.cli.top.watch import Watcher


async def print_once(watcher: Watcher, controls: Controls) -> int:
    """Prints one frame, as wide as the terminal or as need be."""
    try:
        await watcher.connect()
        await watcher.advance()
    finally:
        watcher.close()
    console = Console()
    width = console.width if console.is_terminal else None
    shown = page(watcher.frame, controls, width, interval_seconds=watcher.interval_seconds)
    console.print(shown, soft_wrap=True)
    return ExitCode.DONE


async def show(watcher: Watcher, controls: Controls) -> int:
    """Shows frames until somebody has seen enough."""
    try:
        # Before the screen changes: a server that is not there is told as by any tool.
        await watcher.connect()
        with Terminal() as terminal:
            return await _Display(watcher, controls, terminal).run()
    finally:
        watcher.close()


class _Display:
    """The screen while the program runs: draws when something changes, and does what keys and signals say."""

    def __init__(self, watcher: Watcher, controls: Controls, terminal: Terminal) -> None:
        self._watcher = watcher
        self._controls = controls
        self._terminal = terminal
        self._frame = watcher.frame
        self._changed = asyncio.Event()
        self._exit_code: int | None = None

    async def run(self) -> int:
        """Runs until a key or a signal ends it; returns the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._terminal.input, self._take_keys)
        loop.add_signal_handler(signal.SIGINT, self._quit, ExitCode.DONE)
        loop.add_signal_handler(signal.SIGTERM, self._quit, 128 + signal.SIGTERM)
        loop.add_signal_handler(signal.SIGWINCH, self._changed.set)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        watching = asyncio.create_task(self._watcher.run(self._changed.set))
        watching.add_done_callback(lambda _: self._changed.set())
        try:
            while self._exit_code is None:
                self._draw()
                await self._changed.wait()
                self._changed.clear()
                if watching.done():
                    watching.result()
            return self._exit_code
        finally:
            watching.cancel()
            loop.remove_reader(self._terminal.input)

    def _draw(self) -> None:
        if not self._controls.is_paused:
            self._frame = self._watcher.frame
        width, height = self._terminal.size
        shown = screen(
            self._frame,
            self._controls,
            width,
            height,
            interval_seconds=self._watcher.interval_seconds,
            problem=self._watcher.problem,
        )
        self._terminal.draw(shown)

    def _take_keys(self) -> None:
        typed = self._terminal.read()
        if not typed:
            self._quit(ExitCode.DONE)
        room = page_rows(self._terminal.size[1])
        for key in read_keys(typed):
            if not self._controls.press(key, page_rows=room, all_rows=len(self._frame.rows)):
                self._quit(ExitCode.DONE)
        self._changed.set()

    def _quit(self, exit_code: int) -> None:
        self._exit_code = exit_code
        self._changed.set()

    def _suspend(self) -> None:
        # Ctrl-Z: the shell gets its terminal back until it lets us go on.
        self._terminal.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._terminal.enter()
        self._changed.set()
