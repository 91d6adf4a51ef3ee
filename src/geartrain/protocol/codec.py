"""Bytes to messages and back, without any I/O.

``Decoder.feed`` takes whatever a read returned and gives the messages that are complete by then: packets,
lines of the text protocol, and faults. A fault is a message too, because its answer has to keep its place
between the answers to the messages around it.

Text or binary is decided for each message: a first byte of zero starts a packet, anything else a text
line. Arguments are cut inside the declared size only. A packet that arrives in pieces is collected in one
growing buffer, so each payload byte is copied a fixed number of times, however small the pieces are.
"""

from __future__ import annotations

import struct
from typing import Final

from geartrain.errors import LocalProtocolError
from geartrain.protocol.packets import (
    HEADER_BYTES,
    MAGIC_REQUEST,
    MAGIC_RESPONSE,
    Packet,
    PacketSpec,
    packet_name,
    spec_of,
)

DEFAULT_MAX_PACKET_BYTES: Final = 256 * 1024 * 1024
# A text line with its line end, and any argument that is a name and not data, as in the C server.
MAX_LINE_BYTES: Final = 8192
MAX_NAME_BYTES: Final = 8192
# The size field has 32 bits.
MAX_SIZE_FIELD: Final = 2**32 - 1

# Codes of the ERROR packet for messages that cannot be understood.
INVALID_MAGIC: Final = "INVALID_MAGIC"
INVALID_COMMAND: Final = "INVALID_COMMAND"
INVALID_ARGUMENTS: Final = "INVALID_ARGUMENTS"
ARGUMENT_TOO_LARGE: Final = "ARGUMENT_TOO_LARGE"
PACKET_TOO_LARGE: Final = "PACKET_TOO_LARGE"
LINE_TOO_LONG: Final = "LINE_TOO_LONG"

_HEADER: Final = struct.Struct(">4sII")
_NUL: Final = b"\0"


class AdminLine:
    """One line of the text protocol, without its line end."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AdminLine):
            return NotImplemented
        return self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"AdminLine({self.text!r})"


class Fault:
    """A message that cannot be understood.

    ``fatal`` says that the start of the next message is lost, so the connection has to close after the
    answer. ``is_text`` says that the peer was speaking the text protocol and expects an answer in it.
    """

    __slots__ = ("code", "fatal", "is_text", "text")

    def __init__(self, code: str, text: str, *, fatal: bool = False, is_text: bool = False) -> None:
        self.code = code
        self.text = text
        self.fatal = fatal
        self.is_text = is_text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fault):
            return NotImplemented
        return (self.code, self.text, self.fatal, self.is_text) == (
            other.code,
            other.text,
            other.fatal,
            other.is_text,
        )

    def __hash__(self) -> int:
        return hash((self.code, self.text))

    def __repr__(self) -> str:
        return f"Fault({self.code!r}, {self.text!r}, fatal={self.fatal}, is_text={self.is_text})"


Message = Packet | AdminLine | Fault


class Decoder:
    """Cuts a stream of bytes into messages.

    ``magic`` is what packets on this stream must start with: ``MAGIC_REQUEST`` on a server,
    ``MAGIC_RESPONSE`` on a client or worker. After a fatal fault every further byte is ignored. A client
    sets ``max_line_bytes`` higher: a server lists all functions of a worker in one line.
    """

    __slots__ = (
        "_large",
        "_large_bytes",
        "_magic",
        "_max_line_bytes",
        "_max_packet_bytes",
        "_rest",
        "failed",
    )

    def __init__(
        self,
        magic: bytes,
        max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self.failed = False
        self._magic = magic
        self._max_packet_bytes = max_packet_bytes
        self._max_line_bytes = max_line_bytes
        # The start of a message whose length is not known yet: less than a header, or a piece of a line.
        self._rest = b""
        # A packet whose length is known and that is still incomplete: what came so far, and its length.
        self._large = bytearray()
        self._large_bytes = 0

    def feed(self, data: bytes) -> list[Message]:
        """Takes the next bytes of the stream and returns the messages they complete, in order."""
        messages: list[Message] = []
        if self.failed:
            return messages
        position = 0
        if self._large_bytes:
            position = self._fill(data, messages)
            if self._large_bytes:
                return messages
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        end = len(data)
        while position < end and not self.failed:
            if data[position] == 0:
                taken = self._take_packet(data, position, messages)
            else:
                taken = self._take_line(data, position, messages)
            if not taken:
                break
            position += taken
        return messages

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an incomplete message are held."""
        return len(self._rest) + len(self._large)

    def _fill(self, data: bytes, messages: list[Message]) -> int:
        """Adds to the incomplete packet; returns how many bytes of data it took."""
        missing = self._large_bytes - len(self._large)
        if len(data) < missing:
            self._large += data
            return len(data)
        self._large += memoryview(data)[:missing]
        complete, self._large, self._large_bytes = self._large, bytearray(), 0
        magic, number, _ = _HEADER.unpack_from(complete, 0)
        messages.append(self._message(magic, number, complete, HEADER_BYTES, len(complete)))
        return missing

    def _take_packet(self, data: bytes, position: int, messages: list[Message]) -> int:
        """Takes one packet at position; returns its length, or 0 when the rest has been kept for later."""
        if len(data) - position < HEADER_BYTES:
            self._rest = data[position:]
            return 0
        magic, number, size = _HEADER.unpack_from(data, position)
        if magic != self._magic and magic != MAGIC_REQUEST and magic != MAGIC_RESPONSE:
            self._fail(messages, Fault(INVALID_MAGIC, f"Unknown magic {magic!r}", fatal=True))
            return 0
        if size > self._max_packet_bytes:
            limit = self._max_packet_bytes
            text = f"{packet_name(number)} of {size} bytes is over the limit of {limit} bytes"
            self._fail(messages, Fault(PACKET_TOO_LARGE, text, fatal=True))
            return 0
        length: int = HEADER_BYTES + size
        if len(data) - position < length:
            self._large += memoryview(data)[position:]
            self._large_bytes = length
            return 0
        messages.append(self._message(magic, number, data, position + HEADER_BYTES, position + length))
        return length

    def _take_line(self, data: bytes, position: int, messages: list[Message]) -> int:
        """Takes one text line at position; returns its length, or 0 when the rest has been kept for later."""
        limit = self._max_line_bytes
        end = data.find(b"\n", position, position + limit)
        if end < 0:
            if len(data) - position >= limit:
                text = f"A line is over the limit of {limit} bytes"
                self._fail(messages, Fault(LINE_TOO_LONG, text, fatal=True, is_text=True))
            else:
                self._rest = data[position:]
            return 0
        line = data[position:end]
        messages.append(AdminLine(line[:-1] if line.endswith(b"\r") else line))
        return end + 1 - position

    def _fail(self, messages: list[Message], fault: Fault) -> None:
        messages.append(fault)
        self.failed = True

    def _message(self, magic: bytes, number: int, data: bytes | bytearray, start: int, end: int) -> Message:
        if magic != self._magic:
            expected = "Request" if self._magic == MAGIC_REQUEST else "Response"
            return Fault(INVALID_MAGIC, f"{expected} magic expected")
        spec = spec_of(number)
        if spec is None:
            return Fault(INVALID_COMMAND, f"Unknown packet type {number}")
        return _cut(spec, data, start, end)


def _cut(spec: PacketSpec, data: bytes | bytearray, start: int, end: int) -> Packet | Fault:
    """Cuts a payload into the arguments of its packet type, never looking past its end."""
    wanted = len(spec.argument_names)
    if wanted == 0:
        # A payload where none belongs is read and ignored, as the C server does.
        return Packet(spec.number)
    arguments: list[bytes] = []
    while len(arguments) < wanted - 1:
        stop = data.find(_NUL, start, end)
        if stop < 0:
            break
        if stop - start > MAX_NAME_BYTES:
            return _too_large(spec, len(arguments), stop - start)
        arguments.append(bytes(data[start:stop]))
        start = stop + 1
    if len(arguments) == wanted - 2 and spec.optional_argument == len(arguments):
        arguments.append(b"")
    if len(arguments) < wanted - 1:
        return _too_few(spec, len(arguments) + 1)
    if not spec.has_data and end - start > MAX_NAME_BYTES:
        return _too_large(spec, len(arguments), end - start)
    # Through a memoryview, a payload collected in a bytearray is copied once and not twice.
    arguments.append(data[start:end] if isinstance(data, bytes) else bytes(memoryview(data)[start:end]))
    return Packet(spec.number, tuple(arguments))


def _too_few(spec: PacketSpec, count: int) -> Fault:
    names = ", ".join(spec.argument_names)
    return Fault(
        INVALID_ARGUMENTS, f"{spec.name} takes {len(spec.argument_names)} arguments ({names}), got {count}"
    )


def _too_large(spec: PacketSpec, index: int, size: int) -> Fault:
    name = spec.argument_names[index]
    return Fault(
        ARGUMENT_TOO_LARGE,
        f"{spec.name} {name} of {size} bytes is over the limit of {MAX_NAME_BYTES} bytes",
    )


def encode_request(number: int, *arguments: bytes) -> bytes:
    """A packet to the server, as bytes.

    Raises LocalProtocolError when the arguments are not those of the packet type, one that ends in a zero
    byte on the wire holds a zero byte, or all together are longer than the size field can say (4 GiB).
    """
    return _encode(MAGIC_REQUEST, number, arguments)


def encode_response(number: int, *arguments: bytes) -> bytes:
    """A packet from the server, as bytes; checks and errors as for ``encode_request``."""
    return _encode(MAGIC_RESPONSE, number, arguments)


def _encode(magic: bytes, number: int, arguments: tuple[bytes, ...]) -> bytes:
    spec = spec_of(number)
    if spec is None or len(arguments) != len(spec.argument_names):
        wanted = "a known packet" if spec is None else f"{len(spec.argument_names)} arguments"
        raise LocalProtocolError(f"{packet_name(number)}: expected {wanted}, got {len(arguments)} arguments")
    for index in range(len(arguments) - 1):
        if _NUL in arguments[index]:
            raise LocalProtocolError(
                f"{spec.name} {spec.argument_names[index]} holds a zero byte: {arguments[index]!r}"
            )
    if not arguments:
        return _HEADER.pack(magic, number, 0)
    size = sum(map(len, arguments)) + len(arguments) - 1
    if size > MAX_SIZE_FIELD:
        raise LocalProtocolError(f"{spec.name} of {size} bytes is over the limit of {MAX_SIZE_FIELD} bytes")
    # Header and all in one join, so that a big payload is copied once.
    return _NUL.join((_HEADER.pack(magic, number, size) + arguments[0], *arguments[1:]))


def response_head(number: int, names: bytes, data_bytes: int) -> bytes:
    """Header and names of a server packet whose data follows as a piece of its own.

    ``names`` are the encoded arguments before the data, each with its zero byte. Nothing is checked:
    this is the job server's way to pass data on without copying it.
    """
    return _HEADER.pack(MAGIC_RESPONSE, number, len(names) + data_bytes) + names
