"""Packets that a role wants sent, kept until its driver collects them."""

from __future__ import annotations

from geartrain.errors import LocalProtocolError
from geartrain.protocol.packets import Packet, spec_of


class Outgoing:
    """A queue of packets whose arguments have been checked."""

    __slots__ = ("_packets",)

    def __init__(self) -> None:
        self._packets: list[Packet] = []

    def add(self, number: int, *arguments: bytes) -> None:
        """Queues a packet.

        Raises LocalProtocolError when an argument that ends in a zero byte on the wire holds one. Checked
        here and not when the bytes are made, because by then the role would already wait for the answer.
        """
        spec = spec_of(number)
        for index in range(len(arguments) - 1):
            if b"\0" in arguments[index]:
                where = "" if spec is None else f"{spec.name} {spec.argument_names[index]} "
                raise LocalProtocolError(f"{where}holds a zero byte: {arguments[index]!r}")
        self._packets.append(Packet(number, arguments))

    def drain(self) -> list[Packet]:
        """The queued packets, oldest first; they are the caller's from now on."""
        packets = self._packets
        self._packets = []
        return packets
