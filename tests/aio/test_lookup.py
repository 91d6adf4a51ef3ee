"""Looking up host names."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from geartrain.addresses import TcpAddress
from geartrain.aio.lookup import look_up
from geartrain.aio.transport import connect
from geartrain.errors import ConnectError


async def test_a_name_may_stand_for_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are told, in the order of the system."""
    names = ("127.0.0.1", 4730), ("127.0.0.2", 4730)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", name) for name in names]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    assert await look_up("server", 4730) == found


async def test_what_is_wrong_with_a_name_is_raised() -> None:
    """As the system says it."""
    with pytest.raises(socket.gaierror):
        await look_up("no.such.host.invalid", 4730)
    with pytest.raises(UnicodeError):
        await look_up("x" * 64 + ".invalid", 4730)


def test_nobody_waits_for_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the connection, which has a limit of time, nor the end of the program."""
    silence = threading.Event()
    answers: list[str] = []

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        silence.wait(5)
        answers.append("too late")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(ConnectError, match="no answer within"):
        asyncio.run(connect(TcpAddress("server", 4730), timeout_seconds=0.1))

    assert answers == []
    silence.set()
