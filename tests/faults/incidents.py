"""What happens to a job server and its queue in the middle of their work.

Each incident returns how the server got out of it: it goes on, it has stopped in order, or it has died. The
database is there again in any case.
"""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.faults.disk import SmallDisk
from tests.faults.gearmand import Gearmand
from tests.faults.ledger import Ledger
from tests.faults.stores import SQLITE, VictimStore
from tests.faults.torn import tear
from tests.faults.traffic import Traffic
from tests.store.databases import Database


class Fate(StrEnum):
    """How the server got out of an incident."""

    GOES_ON = "goes on"
    STOPPED = "stopped"
    DIED = "died"


@dataclass(slots=True)
class Scene:
    """All that an incident may lay hands on."""

    server: Gearmand
    store: VictimStore
    traffic: Traffic
    ledger: Ledger
    rng: random.Random
    # How long submissions wait for the store.
    store_timeout: float
    # What happened how often.
    counts: Counter[str]

    @property
    def database(self) -> Database:
        assert self.store.database is not None
        return self.store.database

    @property
    def disk(self) -> SmallDisk:
        assert self.store.disk is not None
        return self.store.disk


Incident = Callable[[Scene], Awaitable[Fate]]


# --- the server -------------------------------------------------------------------------------------------


async def kill_server(scene: Scene) -> Fate:
    scene.server.kill()
    return Fate.DIED


async def stop_server(scene: Scene) -> Fate:
    scene.server.send_signal(signal.SIGTERM)
    return await _stopped(scene)


async def drain_server(scene: Scene) -> Fate:
    """Has the server wait for the jobs that are running."""
    scene.server.send_signal(signal.SIGUSR1)
    await _a_moment(scene, 0.1)
    await scene.traffic.release()
    return await _stopped(scene)


async def tear_log(scene: Scene) -> Fate:
    """The machine dies with the server, in the middle of writing the log."""
    scene.server.kill()
    await scene.traffic.lost()
    scene.ledger.settle()
    scene.counts[tear(scene.store.file, scene.ledger.promised(), scene.rng)] += 1
    return Fate.DIED


async def _stopped(scene: Scene) -> Fate:
    code = await asyncio.to_thread(scene.server.wait)
    if code != 0:
        scene.ledger.complain(f"exit code {code}", scene.server.said().decode(errors="replace"))
    return Fate.STOPPED


# --- the database -----------------------------------------------------------------------------------------


async def kill_database(scene: Scene) -> Fate:
    scene.database.kill()
    await _a_moment(scene, 0.3)
    await asyncio.to_thread(scene.database.start)
    return Fate.GOES_ON


async def kill_both(scene: Scene) -> Fate:
    scene.database.kill()
    await _a_moment(scene, 2 * scene.store_timeout)
    scene.server.kill()
    await asyncio.to_thread(scene.database.start)
    return Fate.DIED


async def freeze_database(scene: Scene) -> Fate:
    """For longer than submissions wait."""
    scene.database.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.store_timeout)
        await _a_moment(scene, 0.3)
    finally:
        scene.database.send_signal(signal.SIGCONT)
    return Fate.GOES_ON


async def stop_server_of_frozen_database(scene: Scene) -> Fate:
    """The database is back before the server has given up."""
    scene.database.send_signal(signal.SIGSTOP)
    try:
        await _a_moment(scene, 2 * scene.store_timeout)
        scene.server.send_signal(signal.SIGTERM)
        await _a_moment(scene, 0.3)
    finally:
        scene.database.send_signal(signal.SIGCONT)
    return await _stopped(scene)


async def kill_server_of_frozen_database(scene: Scene) -> Fate:
    scene.database.send_signal(signal.SIGSTOP)
    try:
        await _a_moment(scene, 2 * scene.store_timeout)
        scene.server.kill()
    finally:
        scene.database.send_signal(signal.SIGCONT)
    return Fate.DIED


# --- the disk ---------------------------------------------------------------------------------------------


async def fill_disk(scene: Scene) -> Fate:
    await _fill_for_a_moment(scene)
    return Fate.GOES_ON


async def kill_server_on_full_disk(scene: Scene) -> Fate:
    await _fill_for_a_moment(scene, before_room=scene.server.kill)
    return Fate.DIED


async def limit_files(scene: Scene) -> Fate:
    """No file may grow for a moment, as with a quota."""
    pid = scene.server.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    longest = max(path.stat().st_size for path in scene.store.files())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (longest, before[1]))
    try:
        await _a_moment(scene, 2 * scene.store_timeout)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    return Fate.GOES_ON


async def _fill_for_a_moment(scene: Scene, before_room: Callable[[], None] = lambda: None) -> None:
    scene.disk.fill()
    try:
        await _a_moment(scene, 2 * scene.store_timeout)
        before_room()
    finally:
        scene.disk.free()
    database = scene.store.database
    if database is not None and not database.is_running:
        # Some would rather die than go on.
        await asyncio.to_thread(database.start)


async def _a_moment(scene: Scene, longest_seconds: float) -> None:
    await asyncio.sleep(scene.rng.uniform(0.0, longest_seconds))


# --- all of them ------------------------------------------------------------------------------------------

# How often each happens, compared with the others.
_SERVER: Final[dict[Incident, int]] = {stop_server: 6, drain_server: 4}
_FILE: Final[dict[Incident, int]] = {kill_server: 60, tear_log: 20, limit_files: 4}
_DATABASE: Final[dict[Incident, int]] = {
    kill_server: 40,
    kill_database: 16,
    kill_both: 8,
    freeze_database: 8,
    stop_server_of_frozen_database: 4,
    kill_server_of_frozen_database: 4,
}
_DISK: Final[dict[Incident, int]] = {fill_disk: 5, kill_server_on_full_disk: 3}


def incidents_for(store: VictimStore) -> dict[Incident, int]:
    """What can happen to that store, and how often each happens, compared with the others."""
    of_store = _FILE if store.kind == SQLITE else _DATABASE
    return _SERVER | of_store | (_DISK if store.disk is not None else {})
