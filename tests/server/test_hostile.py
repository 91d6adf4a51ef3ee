"""Whatever a peer sends, the server answers or closes, serves the others, and logs at most one line."""

from __future__ import annotations

import itertools
import random
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from geartrain.protocol import packets
from geartrain.protocol.codec import AdminLine, encode_request
from geartrain.protocol.packets import MAGIC_REQUEST, MAGIC_RESPONSE, PACKETS, Packet
from tests.server.process import Gearmand
from tests.server.wire import Wire

_HEADER = struct.Struct(">4sII")


@contextmanager
def _still_well(gearmand: Gearmand, lines: int) -> Iterator[Wire]:
    """A connection to misuse; others must be served meanwhile, and the log grow by no more than that."""
    before = _log_length(gearmand)
    with gearmand.connect() as other:
        with gearmand.connect() as wire:
            yield wire
            other.echo()
        other.echo()
    new = gearmand.lines[before : _log_length(gearmand) - 1]
    assert len(new) <= lines, new
    assert gearmand.count_lines("Traceback") == 0


_markers = itertools.count(1_000_000)


def _log_length(gearmand: Gearmand) -> int:
    """The number of lines in the log, up to and including one that this call provokes."""
    marker = next(_markers)
    with gearmand.connect() as wire:
        wire.send_raw(_packet(marker))
        assert _code(wire.read()) == b"INVALID_COMMAND"
    line = gearmand.wait_for_line(lambda line: f"packet type {marker}" in line)
    return gearmand.lines.index(line) + 1


def _packet(
    number: int, payload: bytes = b"", *, magic: bytes = MAGIC_REQUEST, size: int | None = None
) -> bytes:
    return _HEADER.pack(magic, number, len(payload) if size is None else size) + payload


def _code(message: object) -> bytes:
    """The code of an ERROR packet."""
    assert isinstance(message, Packet), message
    assert message.number == packets.ERROR
    return message.arguments[0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0FOO" + bytes(8), b"INVALID_MAGIC"),
        (b"\0req" + bytes(8), b"INVALID_MAGIC"),
        (bytes(12), b"INVALID_MAGIC"),
        (_packet(packets.ECHO_REQ, size=0xFFFFFFFF), b"PACKET_TOO_LARGE"),
        (_packet(0xFFFFFFFF, size=0xFFFFFFFF), b"PACKET_TOO_LARGE"),
    ],
)
def test_lost_framing_is_answered_and_the_connection_closed(
    gearmand: Gearmand, data: bytes, code: bytes
) -> None:
    """ERROR names the fault; nothing after it can be understood."""
    with _still_well(gearmand, lines=1) as wire:
        wire.send_raw(data)

        (error,) = wire.read_until_closed()

        assert _code(error) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_packet(0), b"INVALID_COMMAND"),
        (_packet(43), b"INVALID_COMMAND"),
        (_packet(0x7FFFFFFF), b"INVALID_COMMAND"),
        (_packet(0x80000000), b"INVALID_COMMAND"),
        (_packet(0xFFFFFFFF, b"payload"), b"INVALID_COMMAND"),
        (_packet(packets.ECHO_REQ, b"x", magic=MAGIC_RESPONSE), b"INVALID_MAGIC"),
        (_packet(packets.SUBMIT_JOB), b"INVALID_ARGUMENTS"),
        (_packet(packets.SUBMIT_JOB, b"foo"), b"INVALID_ARGUMENTS"),
        (_packet(packets.WORK_COMPLETE, b"handle"), b"INVALID_ARGUMENTS"),
        (_packet(packets.WORK_STATUS, b"handle\x001"), b"INVALID_ARGUMENTS"),
        (_packet(packets.CAN_DO, b"x" * 9000), b"ARGUMENT_TOO_LARGE"),
        (_packet(packets.SUBMIT_JOB, b"x" * 9000 + b"\0\0"), b"ARGUMENT_TOO_LARGE"),
        (_packet(packets.NOOP), b"INVALID_COMMAND"),
        (_packet(packets.ALL_YOURS), b"INVALID_COMMAND"),
    ],
)
def test_a_packet_that_makes_no_sense_is_answered_and_the_next_one_works(
    gearmand: Gearmand, data: bytes, code: bytes
) -> None:
    """The size field says where the next packet begins, so the connection stays usable."""
    with _still_well(gearmand, lines=1) as wire:
        wire.send_raw(data * 3)

        assert [_code(wire.read()) for _ in range(3)] == [code] * 3
        wire.echo()


def _wrong_payloads(spec: packets.PacketSpec) -> list[bytes]:
    wanted = len(spec.argument_names)
    counts = {0, 1, 2, max(wanted - 2, 0), max(wanted - 1, 0), wanted, wanted + 3}
    payloads = [b"\0".join([b"argument"] * count) for count in counts]
    return [
        *payloads,
        b"\0" * 20,
        b"\xff" * 20,
        b"-1\0" * wanted,
        b"99999999999999999999\0" * wanted,
        b"a\nb\0" * wanted,
        b"x" * 70 + b"\0" + b"y" * 70 + b"\0" * wanted,
    ]


@pytest.mark.parametrize("spec", PACKETS, ids=lambda spec: spec.name)
def test_every_packet_type_survives_wrong_arguments(gearmand: Gearmand, spec: packets.PacketSpec) -> None:
    """Too few, too many, empty, binary, endless numbers: an answer or none, and the connection goes on."""
    with _still_well(gearmand, lines=1) as wire:
        for payload in _wrong_payloads(spec):
            wire.send_raw(_packet(spec.number, payload))
        wire.send(packets.ECHO_REQ, b"the end")

        while wire.read() != Packet(packets.ECHO_RES, (b"the end",)):
            pass
        for line in (b"status", b"prioritystatus", b"workers", b"show jobs", b"show unique jobs"):
            _check_list(wire, line)


def _check_list(wire: Wire, line: bytes) -> None:
    """Asks for a list, which must end properly whatever names are in it."""
    wire.send_raw(line + b"\n" + encode_request(packets.ECHO_REQ, b"after"))
    messages = []
    while not isinstance(message := wire.read_message(), Packet):
        assert isinstance(message, AdminLine)
        messages.append(message.text)
    assert messages.index(b".") == len(messages) - 1


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_do_no_harm(gearmand: Gearmand, seed: int) -> None:
    """As text and as packets: a connection may be closed, nothing else happens."""
    noise = random.Random(seed)
    for start in (b"", b"\0", MAGIC_REQUEST, _packet(noise.randrange(50), size=200)):
        with _still_well(gearmand, lines=1) as wire:
            wire.send_raw(start + noise.randbytes(3000))
            wire.socket.shutdown(socket.SHUT_WR)
            wire.drain()


@pytest.mark.parametrize("seed", range(4))
def test_random_packets_with_good_framing_do_no_harm(gearmand: Gearmand, seed: int) -> None:
    """Thousands of packets of random types and arguments on one connection, which stays usable."""
    noise = random.Random(seed)
    parts = [b"f", b"g", b"", b"-", b"1", b"0", b"-5", b"H:x:1", b"exceptions", b"*", b"\xff\n", b"70"]
    with _still_well(gearmand, lines=1) as wire:
        data = bytearray()
        for _ in range(3000):
            payload = b"\0".join(noise.choices(parts, k=noise.randrange(9)))
            data += _packet(noise.randrange(1, 43), payload)
        wire.send_raw(bytes(data))
        wire.send(packets.ECHO_REQ, b"the end")

        while wire.read() != Packet(packets.ECHO_RES, (b"the end",)):
            pass


@pytest.mark.parametrize("length", [1, 4, 11, 12, 13, 20])
def test_a_truncated_packet_is_waited_for_and_then_forgotten(gearmand: Gearmand, length: int) -> None:
    """A peer that ends in the middle of a packet is closed without a word."""
    whole = _packet(packets.SUBMIT_JOB, b"function\0unique\0data")
    with _still_well(gearmand, lines=0) as wire:
        wire.send_raw(whole[:length])
        wire.socket.shutdown(socket.SHUT_WR)

        assert wire.read_until_closed() == []


def test_one_byte_at_a_time_is_as_good_as_all_at_once(gearmand: Gearmand) -> None:
    """Text and binary, mixed on one connection, with every byte in a segment of its own."""
    with _still_well(gearmand, lines=0) as wire:
        for byte in _packet(packets.ECHO_REQ, b"slow") + b"version\r\n" + _packet(packets.ECHO_REQ):
            wire.send_raw(bytes([byte]))

        assert wire.read() == Packet(packets.ECHO_RES, (b"slow",))
        assert wire.read_line().startswith(b"OK ")
        assert wire.read() == Packet(packets.ECHO_RES, (b"",))


def test_a_slow_packet_is_collected_without_holding_up_others(gearmand: Gearmand) -> None:
    """A size of 200 MB is believed, but takes memory only as its bytes arrive."""
    before = gearmand.memory_bytes()
    with _still_well(gearmand, lines=0) as wire:
        wire.send_raw(_packet(packets.ECHO_REQ, b"x", size=200_000_000))

        assert gearmand.memory_bytes() - before < 20_000_000


def test_an_endless_line_is_refused(gearmand: Gearmand) -> None:
    """ERR in the text protocol, then the connection closes."""
    with _still_well(gearmand, lines=1) as wire:
        wire.send_raw(b"x" * 100_000)

        (answer,) = wire.read_until_closed()

        assert isinstance(answer, AdminLine)
        assert answer.text.startswith(b"ERR LINE_TOO_LONG ")


def test_many_faulty_messages_of_one_connection_are_one_line_in_the_log(gearmand: Gearmand) -> None:
    """The log cannot be filled from outside by one connection."""
    with _still_well(gearmand, lines=1) as wire:
        wire.send_raw(_packet(99) * 1000)

        assert {_code(wire.read()) for _ in range(1000)} == {b"INVALID_COMMAND"}


def test_what_a_peer_sends_cannot_forge_a_log_line(gearmand: Gearmand) -> None:
    """Line ends in names are written as escapes."""
    before = len(gearmand.lines)
    with _still_well(gearmand, lines=1) as wire:
        wire.send_raw(b"\0\nXX" + bytes(8))
        wire.read_until_closed()

    assert all(re.match(r" *[A-Z]+ \d{4}-", line) for line in gearmand.lines[before:])


def test_a_reset_connection_is_nothing_special(gearmand: Gearmand) -> None:
    """Not even in the middle of an answer."""
    with _still_well(gearmand, lines=0) as wire:
        wire.send(packets.ECHO_REQ, b"x" * 10_000_000)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()


def test_hundreds_of_clients_that_never_read_do_no_harm(gearmand: Gearmand) -> None:
    """Each has asked for more than its socket takes."""
    question = encode_request(packets.ECHO_REQ, b"x" * 100_000)
    silent = [gearmand.connect() for _ in range(200)]
    with _still_well(gearmand, lines=0):
        for wire in silent:
            wire.send_raw(question)
    for wire in silent:
        wire.close()
