"""One connection as the server sees it: what it can do, what it waits for, and what it is to be sent.

Any connection may be client, worker and administrator at once. Output keeps the order of requests: while a
reply waits for a journal entry to become durable, everything after it waits behind it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from geartrain.engine.access import Access
from geartrain.engine.function import Function
from geartrain.engine.job import Job
from geartrain.protocol.codec import encode_response
from geartrain.protocol.packets import ERROR

# What stands for the client id of a connection that has not set one.
NO_CLIENT_ID: Final = b"-"
# Up to this size a payload is joined to its header; a bigger one is passed on without being copied.
_JOINED_BYTES: Final = 4096
# What a gate takes besides the output behind it, all told.
_GATE_BYTES: Final = 512


class Ability:
    """A function that a worker registered, with the time limit for its jobs in seconds (0: none)."""

    __slots__ = ("function", "limit_seconds")

    def __init__(self, function: Function, limit_seconds: float) -> None:
        self.function = function
        self.limit_seconds = limit_seconds


class Gate:
    """A reply that waits for a journal entry, and the output that waits behind it."""

    __slots__ = ("behind", "change", "is_refused", "is_text", "reply")

    def __init__(self, change: int, reply: bytes, is_text: bool) -> None:
        self.change = change
        self.reply = reply
        # Answers a text line, and has been answered with an error.
        self.is_text = is_text
        self.is_refused = False
        self.behind: list[bytes] = []


class Peer:
    """One connection.

    ``descriptor``, ``address``, ``listener`` and ``subject`` are only for people to tell connections apart;
    ``connected_at`` is on the clock of the engine.
    """

    __slots__ = (
        "_closing",
        "_in_ready",
        "_output",
        "_ready",
        "abilities",
        "ability_by_name",
        "access",
        "address",
        "asleep",
        "client_id",
        "connected_at",
        "descriptor",
        "excepted",
        "exceptions",
        "faulted",
        "gates",
        "held_bytes",
        "listener",
        "output_bytes",
        "refused",
        "running",
        "subject",
        "waiting_for",
    )

    def __init__(
        self,
        descriptor: int,
        address: bytes,
        listener: bytes,
        connected_at: float,
        exceptions: bool,
        ready: list[Peer],
        subject: bytes,
        access: Access | None,
    ) -> None:
        self.descriptor = descriptor
        self.address = address
        self.listener = listener
        self.connected_at = connected_at
        # Who it is by its certificate; empty without one.
        self.subject = subject
        # What it may do; None for everything.
        self.access = access
        self.client_id = NO_CLIENT_ID
        # Wants WORK_EXCEPTION as it is, not turned into WORK_FAIL.
        self.exceptions = exceptions
        # Has sent something that could not be understood; said once in the log.
        self.faulted = False
        # Has tried something that it may not do; said once in the log.
        self.refused = False
        # Registrations; the last of the list has its turn next.
        self.abilities: list[Ability] = []
        self.ability_by_name: dict[bytes, Ability] = {}
        self.asleep = False
        # Jobs this worker holds, in the order it took them; jobs this client waits for. By handle.
        self.running: dict[bytes, Job] = {}
        self.waiting_for: dict[bytes, Job] = {}
        # Handle of the job this worker last ended with WORK_EXCEPTION.
        self.excepted = b""
        self._output: list[bytes] = []
        # Size of the output not taken yet, without what is behind a gate.
        self.output_bytes = 0
        self.gates: deque[Gate] = deque()
        # What the gates and the output behind them take.
        self.held_bytes = 0
        self._closing = False
        self._ready = ready
        self._in_ready = False

    # --- output -------------------------------------------------------------------------------------

    def send(self, piece: bytes) -> None:
        """Adds bytes to what the connection is to be sent."""
        if self.gates:
            self.gates[-1].behind.append(piece)
            self.held_bytes += len(piece)
        else:
            self._output.append(piece)
            self.output_bytes += len(piece)
        # Behind a gate, too: there may be too much of it.
        if not self._in_ready:
            self._mark_ready()

    def send_data(self, head: bytes, data: bytes) -> None:
        """Sends a packet whose data may be big."""
        if len(data) <= _JOINED_BYTES:
            self.send(head + data)
        else:
            self.send(head)
            self.send(data)

    def send_error(self, code: str, text: str) -> None:
        """Sends an ERROR packet."""
        self.send(encode_response(ERROR, code.encode(), text.encode()))

    def add_gate(self, gate: Gate) -> None:
        """Sends the reply of the gate once its journal entry is settled, and nothing more before it."""
        self.gates.append(gate)
        self.held_bytes += _GATE_BYTES
        self._mark_ready()

    @property
    def is_gated(self) -> bool:
        return bool(self.gates)

    def open_gates(self, settled: int) -> None:
        """Lets out, in order, what waited for journal entries up to the settled one."""
        while self.gates and self.gates[0].change <= settled:
            gate = self.gates.popleft()
            self.held_bytes -= _GATE_BYTES
            self._output.append(gate.reply)
            self.output_bytes += len(gate.reply)
            for piece in gate.behind:
                self._output.append(piece)
                self.output_bytes += len(piece)
                self.held_bytes -= len(piece)
            self._mark_ready()
        if self._closing:
            self._mark_ready()

    def close(self) -> None:
        """Has the connection closed once all its output is sent; nothing it sends is heard any more."""
        self._closing = True
        self._mark_ready()

    @property
    def is_closing(self) -> bool:
        """Whether nothing this connection sends is to be heard any more."""
        return self._closing

    @property
    def has_finished(self) -> bool:
        """Whether to close the connection after the output taken now: no more will come."""
        return self._closing and not self.gates

    def take_output(self) -> list[bytes]:
        """Takes what is to be written now, in pieces that must not be joined if they are big."""
        output, self._output = self._output, []
        self.output_bytes = 0
        return output

    def left_ready(self) -> None:
        """Says that the caller has taken this peer from the list of those with something to do."""
        self._in_ready = False

    def _mark_ready(self) -> None:
        if not self._in_ready:
            self._in_ready = True
            self._ready.append(self)

    # --- abilities ----------------------------------------------------------------------------------

    def add_ability(self, function: Function, limit_seconds: float) -> None:
        """Registers a function; registering it again only changes its time limit."""
        known = self.ability_by_name.get(function.name)
        if known is not None:
            known.limit_seconds = limit_seconds
            return
        ability = Ability(function, limit_seconds)
        self.ability_by_name[function.name] = ability
        # The last one registered has the first turn, as in the C server.
        self.abilities.append(ability)
        function.able[self] = None
        if self.asleep:
            function.sleepers[self] = None

    def remove_ability(self, name: bytes) -> None:
        """Takes a registration back; an unknown name is ignored."""
        ability = self.ability_by_name.pop(name, None)
        if ability is None:
            return
        self.abilities.remove(ability)
        self._leave(ability.function)

    def remove_abilities(self) -> None:
        """Takes all registrations back."""
        for ability in self.abilities:
            self._leave(ability.function)
        self.abilities.clear()
        self.ability_by_name.clear()

    def _leave(self, function: Function) -> None:
        del function.able[self]
        function.sleepers.pop(self, None)

    def pass_turn(self, index: int) -> None:
        """Moves the registration at index behind all others."""
        self.abilities.insert(0, self.abilities.pop(index))

    def fall_asleep(self) -> None:
        self.asleep = True
        for ability in self.abilities:
            ability.function.sleepers[self] = None

    def wake_up(self) -> None:
        """Ends the sleep, if there is one; says nothing to the connection."""
        if not self.asleep:
            return
        self.asleep = False
        for ability in self.abilities:
            ability.function.sleepers.pop(self, None)

    def __repr__(self) -> str:
        return f"<Peer {self.descriptor} {self.address!r} {self.client_id!r}>"


def send_to_all(peers: list[Peer], head: bytes, data: bytes) -> None:
    """Sends one packet to several connections, or to one several times, without a copy for each."""
    if len(data) <= _JOINED_BYTES:
        packet = head + data
        for peer in peers:
            peer.send(packet)
    else:
        for peer in peers:
            peer.send(head)
            peer.send(data)
