"""Shows a job server, a worker and a client at work. Needs nothing started before, and leaves nothing behind.

Usage: python demo.py
"""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import gearman

HERE = Path(__file__).parent
# How long each step may take before the demo gives up; none takes a tenth of it.
PATIENCE_SECONDS = 20.0
SERVER = [sys.executable, "-m", "geartrain.cli.gearmand"]


class DemoError(Exception):
    """A step did not do what it should."""


class Process:
    """A program that runs beside the demo, and what it says."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._said: list[str] = []
        # None stands for the end.
        self._lines: queue.Queue[str | None] = queue.Queue()
        # In a session of its own, so that Ctrl-C reaches the demo alone, which then ends all in order.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._said.append(line.rstrip("\n"))
                self._lines.put(self._said[-1])
        self._lines.put(None)

    def next_line(self) -> str | None:
        """The next line that the program says, None at its end."""
        try:
            return self._lines.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise self.failure(f"has said nothing for {PATIENCE_SECONDS:.0f} seconds") from None

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until the program says a line that fits."""
        while (line := self.next_line()) is not None:
            if found := re.search(pattern, line):
                return found
        raise self.failure("ended")

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def finish(self) -> None:
        """Waits for the end of a program that is to end well."""
        if self._process.wait(PATIENCE_SECONDS) != 0:
            raise self.failure(f"ended with status {self._process.returncode}")

    def failure(self, what: str) -> DemoError:
        if self.has_ended():
            self._reader.join(PATIENCE_SECONDS)
        return DemoError("\n  ".join([f"the {self.name} {what}; it said:", *self._said[-20:]]))

    def stop(self) -> None:
        """Ends the program if it still runs."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE_SECONDS)


class Demo:
    """The programs that the demo started; all of them are stopped at its end."""

    def __init__(self) -> None:
        self._running: list[Process] = []
        self._address = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # From here on, impatience must not leave anything running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in reversed(self._running):
            process.stop()

    def start_server(self) -> str:
        """Starts our job server on a free port; returns its address."""
        server = self._start("job server", [*SERVER, "--listen", "127.0.0.1", "--port", "0"])
        self._address = server.wait_for(r"listening on (127\.0\.0\.1:\d+)")[1]
        return self._address

    def start_worker(self, program: str, task: str) -> Process:
        """Starts a worker and waits until the server knows it."""
        worker = self._start("worker", self._example(program))
        deadline = time.monotonic() + PATIENCE_SECONDS
        with gearman.GearmanAdminClient([self._address]) as admin:
            while not any(row["task"] == task and row["workers"] for row in admin.get_status()):
                if worker.has_ended() or time.monotonic() > deadline:
                    raise worker.failure("has not registered")
                time.sleep(0.02)
        return worker

    def stop(self, process: Process) -> None:
        process.stop()
        self._running.remove(process)

    def start_client(self, program: str) -> Process:
        return self._start(f"client {program}", self._example(program))

    def show_client(self, program: str) -> None:
        """Runs a client and shows what it says."""
        show_all(self.start_client(program))

    def _example(self, program: str) -> list[str]:
        return [sys.executable, str(HERE / program), self._address]

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command)
        self._running.append(process)
        return process


def say(line: str) -> None:
    print(line, flush=True)


def title(text: str) -> None:
    say(f"\n--- {text}")


def show(process: Process, lines: int) -> None:
    """Shows the next lines of a program that goes on."""
    for _ in range(lines):
        line = process.next_line()
        if line is None:
            raise process.failure("ended")
        say(line)


def show_all(process: Process) -> None:
    """Shows what a program says until it ends."""
    while (line := process.next_line()) is not None:
        say(line)
    process.finish()


def run(demo: Demo) -> None:
    title("A job server")
    say(f"It listens on {demo.start_server()}, and would serve any Gearman client or worker.")

    title("A worker that reverses strings, and a client that wants one reversed")
    worker = demo.start_worker("reverse_worker.py", "reverse")
    client = demo.start_client("reverse_client.py")
    show(worker, 1)
    show_all(client)

    title("Background jobs of three priorities, submitted while no worker is there")
    demo.stop(worker)
    demo.show_client("priorities.py")
    say("A worker comes, and takes the most urgent one first:")
    worker = demo.start_worker("reverse_worker.py", "reverse")
    show(worker, 3)

    title("Progress of a job, watched while it runs")
    demo.start_worker("updates_worker.py", "reverse_in_flight")
    demo.show_client("status_polling.py")

    title("What an administrator sees")
    demo.show_client("admin_view.py")


def interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with Demo() as demo:
            run(demo)
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 0
    except BrokenPipeError:
        # Whoever read along has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DemoError, gearman.errors.GearmanError, OSError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    say("\nThat was all; everything is stopped again. The programs are in examples/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
