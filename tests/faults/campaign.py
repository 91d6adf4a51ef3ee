"""Makes a job server die again and again while it works, and shows whether anything was lost.

One cycle: clients and workers keep the server busy, something happens, the server is started again if it has
to be, and what is left goes on. Every few cycles all jobs are run, and each acknowledged one has to be among
them. A seed decides what happens and what is submitted; the moments depend on the machine as well.

    python -m tests.faults.campaign --store sqlite --cycles 1000
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvloop

from tests.faults.gearmand import Gearmand
from tests.faults.incidents import Fate, Incident, Scene, incidents_for
from tests.faults.jobs import Maker
from tests.faults.ledger import LOST, NO_ANSWER, Ledger
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
# An incident comes within this time, or when this many jobs were acknowledged.
_LONGEST_SECONDS: Final = 0.25
_MOST_JOBS: Final = 300
_PAUSE_SECONDS: Final = 0.0005
# How long a queue may take to work again when its database is there again.
_RECOVERY_SECONDS: Final = 30.0
# How much of what was found is shown.
_SHOWN: Final = 5


class Campaign:
    """A number of cycles on one queue."""

    def __init__(
        self, store: VictimStore, seed: int, incidents: Mapping[Incident, int] | None = None
    ) -> None:
        self.ledger = Ledger()
        self.counts: Counter[str] = Counter()
        self.start_seconds: list[float] = []
        self._store = store
        self._rng = random.Random(seed)
        self._maker = Maker(self._rng)
        self._incidents = incidents or incidents_for(store)
        self._slow_disk = slow_disk(store.folder)
        self._log = store.folder / "gearmand.log"
        self._server: Gearmand | None = None
        self._port = 0

    async def run(self, cycles: int) -> None:
        """Runs so many cycles, or fewer if something goes wrong."""
        try:
            for cycle in range(cycles):
                await self._cycle()
                if cycle % _DRAIN_EVERY == _DRAIN_EVERY - 1 or cycle == cycles - 1:
                    await self._run_all()
                self.counts["cycles"] += 1
                if self.ledger.violations:
                    break
        finally:
            if self._server is not None and self._server.is_running:
                self._server.kill()

    async def _cycle(self) -> None:
        rng = self._rng
        server = self._running_server()
        traffic = Traffic(self.ledger, self._maker, rng, self._port)
        await traffic.start()
        await self._until_the_moment(traffic)
        scene = Scene(server, self._store, traffic, self.ledger, rng, _STORE_TIMEOUT, self.counts)
        (incident,) = rng.choices(list(self._incidents), list(self._incidents.values()))
        self.counts[incident.__name__] += 1
        fate = await incident(scene)
        if fate == Fate.GOES_ON:
            await self._recovers(traffic)
            await traffic.end()
        else:
            await traffic.lost()
        self.ledger.settle()
        if fate != Fate.GOES_ON:
            self.ledger.life_ended(in_order=fate == Fate.STOPPED)
            self._server = None

    async def _until_the_moment(self, traffic: Traffic) -> None:
        rng = self._rng
        deadline = time.monotonic() + rng.uniform(0.0, _LONGEST_SECONDS)
        enough = self.ledger.totals.acknowledged + rng.randint(1, _MOST_JOBS)
        while time.monotonic() < deadline and self.ledger.totals.acknowledged < enough:
            await traffic.replace_workers()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _recovers(self, traffic: Traffic) -> None:
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


def run_campaign(
    store: VictimStore, seed: int, cycles: int, incidents: Mapping[Incident, int] | None = None
) -> Campaign:
    """Runs a campaign on an event loop of its own."""
    campaign = Campaign(store, seed, incidents)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(campaign.run(cycles))
    return campaign


def summary(kind: str, campaign: Campaign, seconds: float) -> str:
    """What happened, in lines for people."""
    totals = campaign.ledger.totals
    counts = campaign.counts.copy()
    cycles = counts.pop("cycles")
    starts = sorted(campaign.start_seconds)
    lost = sum(kind == LOST for kind, _ in campaign.ledger.violations)
    lines = (
        f"{kind}: {cycles} cycles in {seconds:.0f} s, a start took {starts[len(starts) // 2]:.2f} s",
        f"  submitted {totals.submitted}, acknowledged {totals.acknowledged}"
        f" ({totals.coalesced} of them with a job that was there), refused {totals.refused},"
        f" without an answer {totals.unanswered}",
        f"  ended {totals.ended}, given back {totals.given_back}",
        f"  LOST {lost}, ran again because the server died {totals.duplicates},"
        f" refused and run because server and store died {totals.refused_and_run}",
        f"  {', '.join(f'{name} {count}' for name, count in counts.most_common())}",
    )
    return "\n".join(lines)


def _report(campaign: Campaign) -> None:
    violations = campaign.ledger.violations
    print(f"FAILED: {Counter(kind for kind, _ in violations)}")
    for kind, facts in violations[:_SHOWN]:
        print(kind, *facts, sep="\n    ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--store", choices=KINDS, default=KINDS[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    store = VictimStore(arguments.store)
    begun = time.monotonic()
    keep_as = Path(tempfile.gettempdir(), f"geartrain-crash-{arguments.store}-{seed}")
    try:
        campaign = run_campaign(store, seed, arguments.cycles)
    except BaseException:
        store.remove(keep_as)
        print(f"files are in {keep_as}", file=sys.stderr)
        raise
    print(summary(arguments.store, campaign, time.monotonic() - begun))
    if not campaign.ledger.violations:
        store.remove()
        return 0
    _report(campaign)
    store.remove(keep_as)
    print(f"seed {seed}, cycle {campaign.counts['cycles']}, files are in {keep_as}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
