"""Measures durable queues: our job server and the C server in turns, with the same store on the same machine.

    python -m benchmarks.bench_queue --rounds 3 --seconds 2

Writes its tables into docs/benchmarks.md. Both servers run right after each other, and the order changes with
every round; a ratio is of such a pair of runs.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.load import Figures, submit
from benchmarks.report import machine, spread, table, version_of, write_between
from benchmarks.servers import C_SERVER, MEMORY, OURS, SQLITE, STORES, Queue, c_server, c_stores
from geartrain.protocol.packets import SUBMIT_JOB_BG
from tests.server.load import run_jobs

PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_SLOW_DISK: Final = Path(__file__).with_name("slow_disk.c")
_SLOW_MILLISECONDS: Final = 3
_CONNECTIONS: Final = (1, 64)
_DATA_BYTES: Final = 100
# A load that computes for more of the time than this holds the server up.
_TOO_BUSY: Final = 0.9
_FOREGROUND_JOBS: Final = 40_000

Runs = dict[tuple[str, int], dict[str, list[Figures]]]


class Bench:
    """The measurements, and their figures as text."""

    def __init__(self, folder: Path, rounds: int, seconds: float) -> None:
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        self._queues = 0

    # --- background jobs --------------------------------------------------------------------------------

    def compare(self, stores: Sequence[str], environment: Mapping[str, str]) -> Runs:
        """Both servers with each store and number of connections."""
        runs: Runs = defaultdict(lambda: defaultdict(list))
        offered = c_stores() if c_server() else []
        for store in stores:
            queue = self._queue(store, environment)
            try:
                for turn in range(self._rounds):
                    kinds = [OURS, C_SERVER] if store in (MEMORY, *offered) and c_server() else [OURS]
                    for connections in _CONNECTIONS:
                        for kind in kinds if turn % 2 == 0 else reversed(kinds):
                            figures = self._submit(queue, kind, connections)
                            runs[store, connections][kind].append(figures)
                            _say(f"{store}, {connections} connections, {kind}: {figures.rate:,.0f}/s")
            finally:
                queue.stop()
        return runs

    def _queue(self, store: str, environment: Mapping[str, str]) -> Queue:
        self._queues += 1
        folder = self._folder / f"{store}-{self._queues}"
        folder.mkdir()
        return Queue(store, folder, environment)

    def _submit(self, queue: Queue, kind: str, connections: int) -> Figures:
        with queue.server(kind) as port:
            return submit(
                port,
                number=SUBMIT_JOB_BG,
                connections=connections,
                seconds=self._seconds,
                data_bytes=_DATA_BYTES,
                tag=b"job",
            )

    # --- foreground jobs --------------------------------------------------------------------------------

    def foreground(self) -> dict[str, list[float]]:
        """Foreground jobs a second of our server, by where its background jobs would be kept."""
        rates: dict[str, list[float]] = defaultdict(list)
        queues = [self._queue(store, {}) for store in (MEMORY, SQLITE)]
        for turn in range(2 * self._rounds):
            for queue in queues if turn % 2 == 0 else reversed(queues):
                with queue.server(OURS) as port:
                    begin = time.perf_counter()
                    run_jobs(port, clients=8, workers=8, jobs=_FOREGROUND_JOBS)
                    rates[queue.store].append(_FOREGROUND_JOBS / (time.perf_counter() - begin))
                _say(f"foreground, queue in {queue.store}: {rates[queue.store][-1]:,.0f}/s")
        return rates


def queue_table(runs: Runs) -> str:
    """Rates of both servers and their ratio, for each store and number of connections."""
    rows = []
    for (store, connections), by_kind in runs.items():
        ours = [figures.rate for figures in by_kind[OURS]]
        mark = " ¹" if max(figures.busy for figures in by_kind[OURS]) > _TOO_BUSY else ""
        cells = [store, str(connections), spread(ours) + mark]
        theirs = [figures.rate for figures in by_kind.get(C_SERVER, ())]
        if theirs:
            ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
            cells += [spread(theirs), spread(ratios, 1)]
        else:
            cells += ["not offered", ""]
        rows.append(cells)
    return table(("store", "connections", "ours, jobs/s", "C server, jobs/s", "ratio"), rows)


def foreground_table(rates: Mapping[str, Sequence[float]]) -> str:
    """Foreground rates with and without a durable queue."""
    ratios = [one / other for one, other in zip(rates[SQLITE], rates[MEMORY], strict=True)]
    rows = [[store, spread(values)] for store, values in rates.items()]
    rows.append([f"{SQLITE} / {MEMORY}", spread(ratios, 3)])
    return table(("background jobs kept in", "foreground jobs/s"), rows)


def slow_disk(folder: Path) -> dict[str, str]:
    """The environment of programs whose disk is to be slow; empty where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    library = folder / "slow_disk.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SLOW_DISK), "-ldl"], check=True
    )
    return {"LD_PRELOAD": str(library), "DISK_MS": str(_SLOW_MILLISECONDS)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--stores", nargs="*", choices=STORES, default=list(STORES))
    arguments = parser.parse_args()
    begun_on = machine()
    folder = Path(tempfile.mkdtemp(prefix="geartrain-bench-"))
    folder.chmod(0o755)
    try:
        text = _measure(Bench(folder, arguments.rounds, arguments.seconds), arguments.stores, folder)
    finally:
        shutil.rmtree(folder)
    command = shlex.join(["python", "-m", "benchmarks.bench_queue", *sys.argv[1:]])
    server = version_of([c_server(), "--version"]) if c_server() else "not installed"
    text = f"Made by `{command}`.\n\n{begun_on}\n* C server: {server}\n\n{text}"
    write_between(PAGE, "queue", text)
    print(text)
    return 0


def _measure(bench: Bench, stores: Sequence[str], folder: Path) -> str:
    sections: list[tuple[str, Callable[[], str]]] = [
        ("The disk as it is", lambda: queue_table(bench.compare([MEMORY, *stores], {}))),
    ]
    slow = slow_disk(folder)
    if slow:
        title = f"A disk that takes {_SLOW_MILLISECONDS} ms longer over each fsync"
        sections.append((title, lambda: queue_table(bench.compare(stores, slow))))
    sections.append(("Foreground jobs beside a durable queue", lambda: foreground_table(bench.foreground())))
    return "\n\n".join(f"### {title}\n\n{make()}" for title, make in sections)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
