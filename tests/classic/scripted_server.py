"""A server that says what it was told to say, whatever it is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

HOST = "127.0.0.1"


class ScriptedServer:
    """Takes connections one after the other, and follows a script for each.

    A script is a list of answers. Each one is sent when a line has come in; at the end of its script the
    server closes the connection, unless the last answer is ``STAY``: then it waits for the other side to.
    """

    STAY = b"(stay)"

    def __init__(self, scripts: Sequence[Sequence[bytes]]) -> None:
        self._scripts = scripts
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(20)
        self.received: list[bytes] = []
        self.address: str = f"{HOST}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            with connection:
                self._follow(script, connection)

    def _follow(self, script: Sequence[bytes], connection: socket.socket) -> None:
        for answer in script:
            data = connection.recv(65536)
            self.received.append(data)
            if data == b"" or answer == self.STAY:
                break
            connection.sendall(answer)
        if script and script[-1] == self.STAY:
            while data := connection.recv(65536):
                self.received.append(data)

    def close(self) -> None:
        """Ends the server, once the connections of its script have been closed."""
        # Wakes an accept that nobody will answer any more.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()
