"""What the protocol tests share: one sample of each packet, and ways to feed a decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from geartrain.protocol.codec import Decoder, Message
from geartrain.protocol.packets import MAGIC_REQUEST, MAGIC_RESPONSE, Packet

# Every packet as the protocol text spells it: number, arguments, and the payload they make. Written out by
# hand: a mistake in the table must not hide behind a payload computed from the same table.
SAMPLES: list[tuple[int, tuple[bytes, ...], bytes]] = [
    (1, (b"f",), b"f"),
    (2, (b"f",), b"f"),
    (3, (), b""),
    (4, (), b""),
    (5, (), b""),
    (6, (), b""),
    (7, (b"f", b"u", b"d\0d"), b"f\0u\0d\0d"),
    (8, (b"H:h:1",), b"H:h:1"),
    (9, (), b""),
    (10, (), b""),
    (11, (b"H:h:1", b"f", b"d\0d"), b"H:h:1\0f\0d\0d"),
    (12, (b"H:h:1", b"1", b"2"), b"H:h:1\x001\x002"),
    (13, (b"H:h:1", b"d\0d"), b"H:h:1\0d\0d"),
    (14, (b"H:h:1",), b"H:h:1"),
    (15, (b"H:h:1",), b"H:h:1"),
    (16, (b"\0d\0",), b"\0d\0"),
    (17, (b"\0d\0",), b"\0d\0"),
    (18, (b"f", b"", b""), b"f\0\0"),
    (19, (b"CODE", b"some text"), b"CODE\0some text"),
    (20, (b"H:h:1", b"1", b"0", b"3", b"4"), b"H:h:1\x001\x000\x003\x004"),
    (21, (b"f", b"u", b"d"), b"f\0u\0d"),
    (22, (b"me",), b"me"),
    (23, (b"f", b"1000"), b"f\x001000"),
    (24, (), b""),
    (25, (b"H:h:1", b"d"), b"H:h:1\0d"),
    (26, (b"exceptions",), b"exceptions"),
    (27, (b"exceptions",), b"exceptions"),
    (28, (b"H:h:1", b"d"), b"H:h:1\0d"),
    (29, (b"H:h:1", b""), b"H:h:1\0"),
    (30, (), b""),
    (31, (b"H:h:1", b"f", b"u", b"d"), b"H:h:1\0f\0u\0d"),
    (32, (b"f", b"u", b"d"), b"f\0u\0d"),
    (33, (b"f", b"u", b"d"), b"f\0u\0d"),
    (34, (b"f", b"u", b"d"), b"f\0u\0d"),
    (35, (b"f", b"u", b"1", b"2", b"3", b"4", b"", b"d"), b"f\0u\x001\x002\x003\x004\0\0d"),
    (36, (b"f", b"u", b"1700000000", b"d"), b"f\0u\x001700000000\0d"),
    (37, (b"f", b"u", b"r", b"", b"d\0d"), b"f\0u\0r\0\0d\0d"),
    (38, (b"f", b"u", b"r", b"a", b"d"), b"f\0u\0r\0a\0d"),
    (39, (), b""),
    (40, (b"H:h:1", b"f", b"u", b"r", b"d"), b"H:h:1\0f\0u\0r\0d"),
    (41, (b"u",), b"u"),
    (42, (b"u", b"1", b"1", b"3", b"4", b"5"), b"u\x001\x001\x003\x004\x005"),
]


def raw_packet(magic: bytes, number: int, payload: bytes = b"", size: int | None = None) -> bytes:
    """A packet as bytes, true or false."""
    return struct.pack(">4sII", magic, number, len(payload) if size is None else size) + payload


def request(number: int, payload: bytes = b"", size: int | None = None) -> bytes:
    return raw_packet(MAGIC_REQUEST, number, payload, size)


def response(number: int, payload: bytes = b"", size: int | None = None) -> bytes:
    return raw_packet(MAGIC_RESPONSE, number, payload, size)


def feed_all(decoder: Decoder, pieces: Iterable[bytes]) -> list[Message]:
    """All messages that the pieces make."""
    return [message for piece in pieces for message in decoder.feed(piece)]


def decode(data: bytes, magic: bytes = MAGIC_REQUEST) -> list[Message]:
    """The messages of a stream that arrives in one piece."""
    return Decoder(magic).feed(data)


def decode_bytewise(data: bytes, magic: bytes = MAGIC_REQUEST) -> list[Message]:
    """The messages of a stream that arrives byte by byte."""
    return feed_all(Decoder(magic), [data[index : index + 1] for index in range(len(data))])


def packets(messages: Iterable[Message]) -> list[Packet]:
    return [message for message in messages if isinstance(message, Packet)]
