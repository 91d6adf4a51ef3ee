"""What a host name stands for, asked without being bound to wait for the answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future

# Family, kind, protocol, canonical name and socket address.
Found = Sequence[tuple[int, int, int, str, tuple[str | int | bytes, ...]]]


async def look_up(host: str, port: int) -> Found:
    """What ``getaddrinfo`` finds for TCP; raises OSError or UnicodeError as it does.

    asyncio's own way uses a pool of threads, and no program ends before they do. With a name server that
    is silent that takes a minute, whatever time limits and Ctrl-C say.
    """
    answer: Future[Found] = Future()
    threading.Thread(target=_ask, args=(host, port, answer), daemon=True).start()
    return await asyncio.wrap_future(answer)


def _ask(host: str, port: int, answer: Future[Found]) -> None:
    """Runs in a thread of its own."""
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except Exception as error:
        answer.set_exception(error)
