"""A small world around an engine: connections to talk through, and a clock to turn by hand."""

from __future__ import annotations

from geartrain.engine import Engine, EngineOptions, Notice
from geartrain.engine.access import Access
from geartrain.engine.peer import Peer
from geartrain.protocol.codec import AdminLine, Decoder, Message, encode_request
from geartrain.protocol.packets import (
    CAN_DO,
    GRAB_JOB_ALL,
    JOB_CREATED,
    MAGIC_REQUEST,
    MAGIC_RESPONSE,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    Packet,
)

# 2026-01-01 00:00:00 UTC, a Thursday.
NEW_YEAR = 1767225600.0


class Connection:
    """One connection to the engine; what it sends goes through the real decoder, both ways."""

    def __init__(self, world: World, descriptor: int, access: Access | None) -> None:
        self._world = world
        self._from_server = Decoder(MAGIC_RESPONSE)
        self._to_server = Decoder(MAGIC_REQUEST)
        self._received: list[Message] = []
        self.closed = False
        self.peer: Peer = world.engine.connect(descriptor, b"127.0.0.1", world.now, access=access)

    def raw(self, data: bytes) -> None:
        for message in self._to_server.feed(data):
            self._world.engine.receive(self.peer, message, self._world.now)

    def send(self, number: int, *arguments: bytes) -> None:
        self.raw(encode_request(number, *arguments))

    def received(self) -> list[Message]:
        """What has arrived since the last look."""
        self._world.deliver()
        received, self._received = self._received, []
        return received

    def deliver(self) -> None:
        self._received += self._from_server.feed(b"".join(self.peer.take_output()))
        self.closed = self.closed or self.peer.has_finished

    def ask(self, number: int, *arguments: bytes) -> Message:
        """Sends a packet and returns the one message that answers it."""
        self.send(number, *arguments)
        [answer] = self.received()
        return answer

    def admin(self, line: bytes) -> list[bytes]:
        """Sends a text line and returns the lines that answer it."""
        self.raw(line + b"\n")
        answers = self.received()
        assert all(isinstance(answer, AdminLine) for answer in answers), answers
        return [answer.text for answer in answers if isinstance(answer, AdminLine)]

    # --- what a client and a worker usually say ------------------------------------------------------

    def submit(
        self, function: bytes = b"f", unique: bytes = b"", data: bytes = b"", number: int = SUBMIT_JOB
    ) -> bytes:
        """Submits a job and returns its handle."""
        answer = self.ask(number, function, unique, data)
        assert isinstance(answer, Packet)
        assert answer.number == JOB_CREATED, answer
        return answer.arguments[0]

    def submit_background(
        self, function: bytes = b"f", unique: bytes = b"", data: bytes = b"", number: int = SUBMIT_JOB_BG
    ) -> bytes:
        return self.submit(function, unique, data, number)

    def can_do(self, *functions: bytes) -> Connection:
        for function in functions:
            self.send(CAN_DO, function)
        return self

    def sleep(self) -> Connection:
        self.send(PRE_SLEEP)
        return self

    def grab(self, number: int = GRAB_JOB_ALL) -> Packet:
        answer = self.ask(number)
        assert isinstance(answer, Packet)
        return answer

    def grab_handle(self) -> bytes:
        """Grabs a job, which there must be, and returns its handle."""
        packet = self.grab()
        assert packet.arguments, packet
        return packet.arguments[0]

    def grab_data(self) -> bytes | None:
        """Grabs a job and returns its data, None if there is none."""
        packet = self.grab()
        return packet.arguments[-1] if packet.arguments else None

    def leave(self) -> None:
        self._world.engine.disconnect(self.peer, self._world.now)
        self._world.connections.remove(self)


class World:
    """An engine, the time, and everybody connected."""

    def __init__(self, options: EngineOptions | None = None, wall: float = NEW_YEAR) -> None:
        self.now = 1000.0
        self.engine = Engine(options or EngineOptions(handle_prefix=b"H:test"))
        self.engine.wall_offset = wall - self.now
        self.connections: list[Connection] = []

    def connect(self, access: Access | None = None) -> Connection:
        connection = Connection(self, 10 + len(self.connections), access)
        self.connections.append(connection)
        return connection

    def worker(self, *functions: bytes) -> Connection:
        return self.connect().can_do(*(functions or (b"f",)))

    def sleeper(self, *functions: bytes) -> Connection:
        return self.worker(*functions).sleep()

    @property
    def wall(self) -> float:
        return self.now + self.engine.wall_offset

    def advance(self, seconds: float) -> None:
        """Lets time pass, running whatever is due on its way at its own time."""
        end = self.now + seconds
        while (deadline := self.engine.next_deadline()) <= end:
            self.now = max(self.now, deadline)
            self.engine.tick(self.now)
        self.now = end

    def deliver(self) -> None:
        self.engine.take_ready_peers()
        for connection in self.connections:
            connection.deliver()

    def notices(self) -> list[Notice]:
        return self.engine.take_notices()
