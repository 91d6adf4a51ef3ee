"""Makes a job server die again and again while it works, and shows whether anything was lost.

One cycle: clients and workers keep the server busy, something happens, the server is started again if it has
to be, and what is left goes on. Every few cycles all jobs are run, and each acknowledged one has to be among
them. A seed decides what happens and what is submitted; the moments depend on the machine as well.

    python -m tests.faults.campaign --store sqlite --cycles 1000
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from tests.faults.gearmand import Gearmand
from tests.faults.incidents import Fate, Incident, Scene, incidents_for
from tests.faults.jobs import Maker
from tests.faults.ledger import FAULT, LOST, NO_ANSWER, Ledger
from tests.faults.slow_disk import slow_disk
from tests.faults.stores import KINDS, VictimStore
from tests.faults.traffic import Traffic, drain

# How long submissions wait for the store; short, so that an incident takes longer.
_STORE_TIMEOUT: Final = 0.4
# One of so many cycles ends with all jobs run, one of so many lives has a slow disk, and one of so many
# starts is interrupted.
_DRAIN_EVERY: Final = 4
_SLOW_DISK_EVERY: Final = 3
_FALSE_START_EVERY: Final = 10
# How much of the queue is in memory: hardly any of it, some, and all.
_MEMORY_BYTES: Final = (1000, 50_000, 2**28)
# An incident comes within this time, or when this many jobs were acknowledged.
_LONGEST_SECONDS: Final = 0.25
_MOST_JOBS: Final = 300
_PAUSE_SECONDS: Final = 0.0005
# How long a queue may take to work again when its database is there again.
_RECOVERY_SECONDS: Final = 30.0
# After so many cycles it is said how things stand.
_PROGRESS_EVERY: Final = 50
# How much of what was found is shown.
_SHOWN: Final = 5


class Campaign:
    """A number of cycles on one queue."""

    def __init__(self, store: VictimStore, seed: int) -> None:
        self.ledger = Ledger()
        self.cycles = 0
        # What happened how often.
        self.counts: Counter[str] = Counter()
        self.start_seconds: list[float] = []
        self._store = store
        self._rng = random.Random(seed)
        self._maker = Maker(self._rng)
        self._slow_disk = slow_disk(store.folder)
        self._log = store.folder / "gearmand.log"
        self._server: Gearmand | None = None
        self._port = 0

    async def run(self, plan: Sequence[Incident]) -> None:
        """Runs a cycle for each incident, until something goes wrong."""
        # What fails in a protocol object reaches nobody else.
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self.ledger.complain(FAULT, repr(context))
        )
        try:
            for cycle, incident in enumerate(plan, 1):
                await self._cycle(incident)
                if cycle % _DRAIN_EVERY == 0 or cycle == len(plan) or self.ledger.violations:
                    await self._run_all()
                self.cycles = cycle
                if cycle % _PROGRESS_EVERY == 0:
                    print(f"{cycle} cycles, {self.ledger.totals}", file=sys.stderr, flush=True)
                if self.ledger.violations:
                    break
        finally:
            if self._server is not None and self._server.is_running:
                self._server.kill()

    async def _cycle(self, incident: Incident) -> None:
        server = self._running_server()
        traffic = Traffic(self.ledger, self._maker, self._rng, self._port)
        await traffic.start()
        await self._until_the_moment(traffic)
        self.counts[incident.__name__] += 1
        fate = await incident(
            Scene(server, self._store, traffic, self.ledger, self._rng, _STORE_TIMEOUT, self.counts)
        )
        if fate == Fate.GOES_ON:
            await self._recover(traffic)
            await traffic.end()
        else:
            await traffic.lost()
        self.ledger.settle()
        if fate != Fate.GOES_ON:
            self.ledger.life_ended(in_order=fate == Fate.STOPPED)
            self._server = None

    async def _until_the_moment(self, traffic: Traffic) -> None:
        deadline = time.monotonic() + self._rng.uniform(0.0, _LONGEST_SECONDS)
        enough = self.ledger.totals.acknowledged + self._rng.randint(1, _MOST_JOBS)
        while time.monotonic() < deadline and self.ledger.totals.acknowledged < enough:
            await traffic.replace_workers()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _recover(self, traffic: Traffic) -> None:
        """Submits until a job is acknowledged: the queue has to work again without a new server."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        await traffic.answered()
        before = self.ledger.totals.acknowledged
        while self.ledger.totals.acknowledged == before:
            if time.monotonic() > deadline:
                self.ledger.complain(NO_ANSWER, "the queue does not work again")
                return
            await traffic.submit_more(1)
            await traffic.answered()

    async def _run_all(self) -> None:
        self._running_server()
        await drain(self.ledger, self._port)
        self.ledger.forget()

    # --- the server -------------------------------------------------------------------------------------

    def _running_server(self) -> Gearmand:
        if self._server is None:
            if self._rng.randrange(_FALSE_START_EVERY) == 0:
                self._start_in_vain()
            begun = time.monotonic()
            self._server = self._start()
            self._port = self._server.wait_for_port()
            self.start_seconds.append(time.monotonic() - begun)
        return self._server

    def _start(self) -> Gearmand:
        options = ["--queue", self._store.url, "--store-timeout", str(_STORE_TIMEOUT)]
        options += ["--queue-memory-bytes", str(self._rng.choice(_MEMORY_BYTES))]
        environment = None
        if self._slow_disk and self._rng.randrange(_SLOW_DISK_EVERY) == 0:
            # Most moments are inside of a commit then.
            environment = {"LD_PRELOAD": str(self._slow_disk), "DISK_MS": str(self._rng.randint(1, 5))}
        return Gearmand(self._log, *options, environment=environment)

    def _start_in_vain(self) -> None:
        server = self._start()
        time.sleep(self._rng.uniform(0.1, 0.4))
        server.kill()
        self.ledger.life_ended(in_order=False)


def run_campaign(campaign: Campaign, plan: Sequence[Incident]) -> None:
    """Runs a campaign on an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(campaign.run(plan))


def random_plan(store: VictimStore, seed: int, cycles: int) -> list[Incident]:
    """So many incidents, each of them as often as it is likely."""
    incidents = incidents_for(store)
    return random.Random(seed).choices(list(incidents), list(incidents.values()), k=cycles)


def summary(kind: str, campaign: Campaign, seconds: float) -> str:
    """What happened, in lines for people."""
    totals = campaign.ledger.totals
    lost = sum(kind == LOST for kind, _ in campaign.ledger.violations)
    start_seconds = sorted(campaign.start_seconds)[len(campaign.start_seconds) // 2]
    lines = (
        f"{kind}: {campaign.cycles} cycles in {seconds:.0f} s, a start took {start_seconds:.2f} s",
        f"  submitted {totals.submitted}, acknowledged {totals.acknowledged}"
        f" ({totals.coalesced} of them with a job that was there), refused {totals.refused},"
        f" without an answer {totals.unanswered}",
        f"  ended {totals.ended}, given back {totals.given_back}",
        f"  LOST {lost}, ran again because the server died {totals.duplicates},"
        f" refused and run because server and store died {totals.refused_and_run}",
        f"  {', '.join(f'{name} {count}' for name, count in campaign.counts.most_common())}",
    )
    return "\n".join(lines)


def evidence(campaign: Campaign) -> str:
    """What went wrong, and all that is known about the first few of it."""
    violations = campaign.ledger.violations
    numbers = Counter(kind for kind, _ in violations)
    lines = [", ".join(f"{kind}: {number}" for kind, number in numbers.items())]
    for kind, facts in violations[:_SHOWN]:
        lines += [kind, *(f"    {fact}" for fact in facts)]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--store", choices=KINDS, default=KINDS[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    store = VictimStore(arguments.store)
    campaign = Campaign(store, seed)
    keep_as = Path(tempfile.gettempdir(), f"geartrain-crash-{store.kind}-{seed}-{os.getpid()}")
    begun = time.monotonic()
    try:
        run_campaign(campaign, random_plan(store, seed, arguments.cycles))
    except BaseException:
        store.remove(keep_as)
        print(f"seed {seed}, cycle {campaign.cycles + 1}, files are in {keep_as}", file=sys.stderr)
        raise
    print(summary(store.kind, campaign, time.monotonic() - begun))
    if not campaign.ledger.violations:
        store.remove()
        return 0
    print(f"FAILED: seed {seed}, cycle {campaign.cycles}, files are in {keep_as}\n{evidence(campaign)}")
    store.remove(keep_as)
    return 1


if __name__ == "__main__":
    sys.exit(main())
