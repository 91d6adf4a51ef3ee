"""Says no to what a connection may not do: to the connection each time, and in the log once for each.

Only connections with an ``Access`` come here; the others may do everything.
"""

from __future__ import annotations

from typing import Final

from geartrain.engine.notices import WARNING, Notice
from geartrain.engine.peer import Peer
from geartrain.protocol.admin import error_line
from geartrain.protocol.packets import shorten

NOT_ALLOWED: Final = "NOT_ALLOWED"


class Guard:
    """Asks the access of connections, and refuses what it does not allow."""

    __slots__ = ("_notices",)

    def __init__(self, notices: list[Notice]) -> None:
        self._notices = notices

    def lets_submit(self, peer: Peer, function: bytes) -> bool:
        """Whether the connection may submit to the function; sends ERROR if not."""
        if peer.access is None or peer.access.may_submit(function):
            return True
        self._refuse_packet(peer, f"This connection may not submit to the function {_quote(function)}")
        return False

    def lets_work(self, peer: Peer, function: bytes) -> bool:
        """Whether the connection may work on the function; sends ERROR if not."""
        if peer.access is None or peer.access.may_work(function):
            return True
        self._refuse_packet(peer, f"This connection may not work on the function {_quote(function)}")
        return False

    def lets_administer(self, peer: Peer, command: bytes) -> bool:
        """Whether the connection may use the command; sends ERR if not."""
        if peer.access is None or peer.access.may_administer(command):
            return True
        text = f"This connection may not use {command.decode()}"
        self._notice(peer, text)
        peer.send(error_line(NOT_ALLOWED, text))
        return False

    def _refuse_packet(self, peer: Peer, text: str) -> None:
        self._notice(peer, text)
        peer.send_error(NOT_ALLOWED, text)

    def _notice(self, peer: Peer, text: str) -> None:
        if peer.refused:
            return
        peer.refused = True
        fields: dict[str, object] = {"peer": peer.address, "listener": peer.listener}
        if peer.subject:
            fields["subject"] = peer.subject
        fields["text"] = text
        self._notices.append(Notice(WARNING, "not allowed", fields))


def _quote(name: bytes) -> str:
    # As text in quotes, without the b in front of them.
    return shorten(name)[1:]
