"""The job server: an engine behind listening sockets, on one event loop."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, cast

from geartrain.addresses import HTTP, TLS, Address, TcpAddress
from geartrain.engine import Engine, EngineOptions
from geartrain.engine.admin import STOP_NOW
from geartrain.errors import AclError, StoreError, TlsError
from geartrain.server.acceptor import Acceptor
from geartrain.server.acl import AccessList
from geartrain.server.binding import Listener, bind_all
from geartrain.server.config import ServerConfig, speaking
from geartrain.server.hub import Hub
from geartrain.server.log import log_event, logger
from geartrain.server.reception import Reception
from geartrain.server.timezone import machine_timezone
from geartrain.server.tls import tls_context
from geartrain.store.base import Store
from geartrain.store.numbering import first_number
from geartrain.store.urls import STRICT, is_durable, make_store


class Server:
    """A Gearman job server inside an asyncio program.

    Takes a ``ServerConfig``, or its fields as keywords, or both (keywords win)::

        async with Server(port=0) as server:
            print(server.port)
            await server.wait_stopped()

    Entering binds the sockets and raises BindError when that fails; leaving closes everything. Background
    jobs that are still queued then are lost, as long as they are kept in memory only.

    None of the methods may be called from another thread; see ``run_in_thread`` for that.
    """

    def __init__(
        self, config: ServerConfig | None = None, *, adopted: Sequence[Listener] = (), **settings: object
    ) -> None:
        """``adopted`` are listeners that ``binding.adopt`` made of descriptors that listen already, such as
        those that systemd passes on. With them, only what ``listen`` names is bound beside, and HTTP if the
        config wants it and they have none, but no default. The server closes them in the end.

        Raises ConfigError for a value that cannot be used, TypeError for a name that is no field.
        """
        self.config = make_config(config, settings)
        self._adopted = list(adopted)
        if self._speaks_tls():
            self.config.check_certificate()
        # Where the server listens, with real ports; empty before the start.
        self.addresses: tuple[Address, ...] = ()
        self._stopped = asyncio.Event()
        self._draining = False
        # Ends a drain that takes too long.
        self._drain_timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The first TCP port where the server speaks Gearman, over TLS or not; 0 when there is none."""
        tcp = (address for address in self.addresses if isinstance(address, TcpAddress))
        return next((address.port for address in tcp if address.scheme != HTTP), 0)

    def start(self) -> None:
        """Binds the sockets and begins to serve on the running event loop, when all durable jobs are read.

        Raises BindError, StoreError, and TlsError and AclError for files that cannot be used.
        """
        loop = asyncio.get_running_loop()
        config = self.config
        access_list = AccessList.load(config.acl) if config.acl else None
        context = tls_context(config) if self._speaks_tls() else None
        with ExitStack() as undo:
            store, warnings = _open_store(config)
            if store is not None:
                undo.callback(store.close)
            listeners = self._adopted + self._bind()
            for listener in listeners:
                undo.callback(listener.close)
            self._hub = Hub(Engine(_engine_options(config, store)), config, loop, self._check)
            if store is not None:
                self._hub.open_queue(store, warnings)
            undo.pop_all()
        self.addresses = tuple(listener.address for listener in listeners)
        self._hub.set_access_list(access_list)
        self._reception = Reception(self._hub, context)
        self._acceptor = Acceptor(loop, listeners, self._reception.receive)
        self._acceptor.start()

    def stop(self) -> None:
        """Has ``wait_stopped`` return; what is queued or running then is not waited for."""
        self._stopped.set()

    def abort(self) -> None:
        """Stops, and has ``close`` wait for nobody: last answers that are not sent yet are lost."""
        self._stopped.set()
        self._acceptor.close()
        self._hub.abort_all()

    def reload(self) -> None:
        """Reads again what can change while the server runs: the access rules, and the TLS files.

        Connections that are there go on as they are, but for what they may do. Files that cannot be used now
        leave everything as it was; the log says so.
        """
        self._reload_access_list()
        self._reload_tls()

    def drain(self) -> None:
        """Refuses new connections, and stops as soon as no job is queued or running.

        Those already connected go on and may submit more. Jobs for a later time are not waited for, nor are
        durable ones that no worker has yet: the next start has them. After ``drain_timeout`` seconds it
        stops all the same.
        """
        if not self._draining:
            self._draining = True
            self._acceptor.close()
            self._hub.engine.keep_durable_jobs()
            if self.config.drain_timeout:
                self._drain_timer = self._hub.loop.call_later(self.config.drain_timeout, self._give_up)
        self._check()

    @property
    def unfinished_jobs(self) -> int:
        """How many jobs a ``drain`` has to wait for."""
        return self._hub.engine.unfinished_jobs

    def queue_files(self) -> list[str]:
        """The files that a durable queue is in, for whoever changes their owner."""
        return self._hub.queue_files()

    async def wait_stopped(self) -> None:
        """Returns after ``stop``, at the end of a ``drain``, or when an administrator asked for either."""
        await self._stopped.wait()

    async def close(self) -> None:
        """Closes every socket; last answers are flushed as far as their readers take them in time.

        Harmless for a server that did not start, or is closed already.
        """
        self._stopped.set()
        if not self.addresses:
            # Never started, or it could not bind.
            return
        self._acceptor.close()
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        await self._reception.close()
        await self._hub.close_queue()
        await self._hub.close()

    def _reload_access_list(self) -> None:
        """Reads the access rules again; a file that cannot be used leaves the old ones as they are."""
        if not self.config.acl:
            return
        try:
            self._hub.set_access_list(AccessList.load(self.config.acl))
        except AclError as error:
            log_event(logging.ERROR, "the access rules stay as they are", {"reason": str(error)})
        else:
            log_event(logging.INFO, "read the access rules", {"path": self.config.acl})

    def _reload_tls(self) -> None:
        """Reads the certificates again, for connections that come from now on."""
        if not self._speaks_tls():
            return
        try:
            self._reception.context = tls_context(self.config)
        except TlsError as error:
            log_event(logging.ERROR, "the certificates stay as they are", {"reason": str(error)})
        else:
            log_event(logging.INFO, "read the certificates", {"path": self.config.ssl_certificate})

    def _speaks_tls(self) -> bool:
        return self.config.uses_tls() or self._has_adopted(TLS)

    def _has_adopted(self, scheme: str) -> bool:
        return bool(speaking((listener.address for listener in self._adopted), scheme))

    def _bind(self) -> list[Listener]:
        config = self.config
        wanted = config.listen_addresses()
        if self._adopted and not config.listen:
            # They stand for the default addresses, but HTTP is there only because it was asked for.
            wanted = () if self._has_adopted(HTTP) else speaking(wanted, HTTP)
        return bind_all(wanted, config.backlog, skip_missing=not config.listen)

    def _give_up(self) -> None:
        log_event(logging.WARNING, "stopping although jobs are left", {"jobs": self.unfinished_jobs})
        self._stopped.set()

    def _check(self) -> None:
        """Looks whether it is time to stop."""
        engine = self._hub.engine
        if engine.stop_requested and not self._draining:
            self.drain()
        if engine.stop_requested == STOP_NOW or (self._draining and engine.unfinished_jobs == 0):
            self._stopped.set()


def _open_store(config: ServerConfig) -> tuple[Store | None, list[str]]:
    """The open store of a durable queue, and what is unsafe about its settings.

    Raises StoreError, for unsafe settings too if that is wanted.
    """
    if not is_durable(config.queue):
        return None, []
    store = make_store(config.queue, config.durability, new_queue=config.new_queue)
    try:
        warnings = store.open()
        for warning in warnings:
            if config.durability == STRICT:
                raise StoreError(store.url, warning)
            fields: dict[str, object] = {"queue": store.url, "reason": warning}
            log_event(logging.WARNING, "the durable queue is not safe", fields)
    except BaseException:
        store.close()
        raise
    if store.set_aside:
        fields = {"queue": store.url, "path": store.set_aside}
        log_event(logging.WARNING, "the corrupt queue was put aside, and a new one begun", fields)
    return store, warnings


def check_queue(config: ServerConfig) -> None:
    """Opens the durable queue for a moment, as a start would. Raises StoreError."""
    store, _ = _open_store(config)
    if store is not None:
        store.close()


def make_config(config: ServerConfig | None, settings: dict[str, object]) -> ServerConfig:
    """The config, with some of its fields replaced."""
    return dataclasses.replace(config or ServerConfig(), **cast("dict[str, Any]", settings))


def _engine_options(config: ServerConfig, store: Store | None) -> EngineOptions:
    return EngineOptions(
        handle_prefix=config.handle_prefix(),
        first_serial=first_number(time.time(), 0 if store is None else store.last_sequence()),
        attempt_limit=config.job_retries,
        wakeup=config.worker_wakeup,
        exceptions=config.exceptions,
        allow_shutdown=config.allow_shutdown,
        version=version("geartrain").encode(),
        pid=os.getpid(),
        log_level=config.log_level.encode(),
        timezone=config.timezone or machine_timezone(),
        durable=store is not None,
        memory_bytes=config.queue_memory_bytes if store is not None and store.can_page else 0,
        log_jobs=logger.isEnabledFor(logging.DEBUG),
    )
