"""Replies that wait for the journal: everything later on their connection waits behind them."""

from __future__ import annotations

from typing import Final

from geartrain.engine.peer import Gate, Peer
from geartrain.protocol.admin import error_line
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import ERROR

QUEUE_ERROR: Final = "QUEUE_ERROR"


class Gates:
    """The connections with a reply that waits for a journal entry to be settled."""

    __slots__ = ("_gated",)

    def __init__(self) -> None:
        self._gated: dict[Peer, None] = {}

    def hold(self, peer: Peer, number: int, reply: bytes = b"", *, is_text: bool = False) -> Gate:
        """Has a reply wait for a journal entry; the reply may still be put into the gate until then."""
        gate = Gate(number, reply, is_text)
        peer.add_gate(gate)
        self._gated[peer] = None
        return gate

    def is_held(self, peer: Peer, gate: Gate) -> bool:
        """Whether the reply still waits: it was not refused, and its connection is there."""
        return not gate.is_refused and peer in self._gated

    def answer(self, gate: Gate | None, reply: bytes) -> None:
        """Puts the reply into a gate, unless it holds an error already."""
        if gate is not None and not gate.is_refused:
            gate.reply = reply

    def open(self, settled: int) -> None:
        """Lets out the replies that waited for journal entries up to the settled one."""
        for peer in list(self._gated):
            peer.open_gates(settled)
            if not peer.is_gated:
                del self._gated[peer]

    def refuse(self, first: int, last: int, text: str) -> None:
        """Turns the replies that wait for journal entries from first to last into errors."""
        packet = encode_response(ERROR, QUEUE_ERROR.encode(), text.encode())
        line = error_line(QUEUE_ERROR, text)
        for peer in self._gated:
            for gate in peer.gates:
                if first <= gate.change <= last:
                    gate.reply = line if gate.is_text else packet
                    gate.is_refused = True

    def forget(self, peer: Peer) -> None:
        """The connection is gone: nobody waits for its replies any more."""
        self._gated.pop(peer, None)
