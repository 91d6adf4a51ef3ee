"""A bare socket that speaks the protocol: sends what it is told to, and reads packet by packet."""

from __future__ import annotations

import socket
from collections import deque
from types import TracebackType
from typing import Self

from geartrain.protocol import packets
from geartrain.protocol.codec import AdminLine, Decoder, Message, encode_request
from geartrain.protocol.packets import MAGIC_RESPONSE, Packet

# Far longer than anything here takes; only a test that fails ever waits for it.
TIMEOUT_SECONDS = 20.0
_READ_BYTES = 1 << 20


class Wire:
    """One connection to a job server."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, TIMEOUT_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self._decoder = Decoder(MAGIC_RESPONSE)
        self._messages: deque[Message] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, number: int, *arguments: bytes) -> None:
        """Sends one packet."""
        self.send_raw(encode_request(number, *arguments))

    def send_raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def read(self) -> Packet:
        """The next packet from the server."""
        message = self.read_message()
        assert isinstance(message, Packet), f"expected a packet, got {message!r}"
        return message

    def read_message(self) -> Message | None:
        """The next packet or text line from the server, or None at the end of the stream."""
        while not self._messages:
            data = self.socket.recv(_READ_BYTES)
            if not data:
                return None
            self._messages += self._decoder.feed(data)
        return self._messages.popleft()

    def read_until_closed(self) -> list[Message]:
        """Everything the server still sends before it closes the connection."""
        messages: list[Message] = []
        try:
            while (message := self.read_message()) is not None:
                messages.append(message)
        except ConnectionResetError:
            # Closed while input of ours was still unread.
            pass
        return messages

    def drain(self) -> None:
        """Reads whatever comes until the server closes the connection."""
        try:
            while self.socket.recv(_READ_BYTES):
                pass
        except ConnectionResetError:
            pass

    def ask(self, line: bytes) -> bytes:
        """Sends an admin command that is answered in one line; the answer without its line end."""
        self.send_raw(line + b"\n")
        return self.read_line()

    def read_line(self) -> bytes:
        """The next line of text from the server, without its line end."""
        message = self.read_message()
        assert isinstance(message, AdminLine), f"expected a line, got {message!r}"
        return message.text

    def echo(self, data: bytes = b"ping") -> None:
        """Makes sure that the server has handled everything sent before."""
        self.send(packets.ECHO_REQ, data)
        assert self.read() == Packet(packets.ECHO_RES, (data,))

    def submit(self, function: bytes, data: bytes = b"", *, number: int = packets.SUBMIT_JOB) -> bytes:
        """Submits a job and returns its handle."""
        self.send(number, function, b"", data)
        created = self.read()
        assert created.number == packets.JOB_CREATED, created
        return created.arguments[0]

    def grab(self) -> Packet:
        """Asks for a job; the answer, whatever wake-ups come before it."""
        self.send(packets.GRAB_JOB)
        packet = self.read()
        while packet.number == packets.NOOP:
            packet = self.read()
        return packet
