"""Bytes to messages and back: every packet, every way of feeding it, every fault."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.errors import LocalProtocolError
from geartrain.protocol import packets
from geartrain.protocol.codec import (
    ARGUMENT_TOO_LARGE,
    DEFAULT_MAX_PACKET_BYTES,
    INVALID_ARGUMENTS,
    INVALID_COMMAND,
    INVALID_MAGIC,
    LINE_TOO_LONG,
    MAX_LINE_BYTES,
    MAX_NAME_BYTES,
    PACKET_TOO_LARGE,
    AdminLine,
    Decoder,
    Fault,
    Message,
    encode_request,
    encode_response,
    response_head,
)
from geartrain.protocol.packets import MAGIC_REQUEST, MAGIC_RESPONSE, PACKETS, Packet
from tests.protocol.wire import SAMPLES, decode, decode_bytewise, feed_all, raw_packet, request, response

BOTH_MAGICS = pytest.mark.parametrize("magic", [MAGIC_REQUEST, MAGIC_RESPONSE], ids=["request", "response"])
EACH_SAMPLE = pytest.mark.parametrize(
    ("number", "arguments", "payload"), SAMPLES, ids=[packets.packet_name(number) for number, _, _ in SAMPLES]
)


def only_fault(messages: list[Message]) -> Fault:
    [fault] = messages
    assert isinstance(fault, Fault)
    return fault


# --- the table, written and read ----------------------------------------------------------------------


@EACH_SAMPLE
def test_each_packet_is_written_as_the_protocol_says(
    number: int, arguments: tuple[bytes, ...], payload: bytes
) -> None:
    """Magic, number and size big-endian, then the arguments with a zero byte between them."""
    assert encode_request(number, *arguments) == raw_packet(b"\0REQ", number, payload)
    assert encode_response(number, *arguments) == raw_packet(b"\0RES", number, payload)


@BOTH_MAGICS
@EACH_SAMPLE
def test_each_packet_is_read_whole_bytewise_and_with_bytes_behind_it(
    magic: bytes, number: int, arguments: tuple[bytes, ...], payload: bytes
) -> None:
    """How the stream is cut makes no difference, and the next message is left alone."""
    raw = raw_packet(magic, number, payload)
    packet = Packet(number, arguments)
    behind = raw_packet(magic, packets.NOOP)

    assert decode(raw, magic) == [packet]
    assert decode_bytewise(raw, magic) == [packet]
    assert decode(raw + behind, magic) == [packet, Packet(packets.NOOP)]
    assert decode(raw + behind[:5], magic) == [packet]


@EACH_SAMPLE
def test_each_packet_cut_in_two_anywhere_is_read(
    number: int, arguments: tuple[bytes, ...], payload: bytes
) -> None:
    """Nothing comes before the last byte, and nothing is held after it."""
    raw = request(number, payload)

    for cut in range(len(raw) + 1):
        decoder = Decoder(MAGIC_REQUEST)
        first = decoder.feed(raw[:cut])
        pending = decoder.pending_bytes
        second = decoder.feed(raw[cut:])

        assert first + second == [Packet(number, arguments)]
        assert pending == (0 if first else cut)
        assert decoder.pending_bytes == 0


def test_a_payload_where_none_belongs_is_ignored() -> None:
    """As the C server does; the next packet is found."""
    raw = request(packets.PRE_SLEEP, b"what is this") + request(packets.GRAB_JOB)

    assert decode(raw) == [Packet(packets.PRE_SLEEP), Packet(packets.GRAB_JOB)]
    assert decode_bytewise(raw) == [Packet(packets.PRE_SLEEP), Packet(packets.GRAB_JOB)]


@pytest.mark.parametrize("number", [packets.SUBMIT_REDUCE_JOB, packets.SUBMIT_REDUCE_JOB_BACKGROUND])
def test_reduce_jobs_come_with_three_or_four_names(number: int) -> None:
    """PROTOCOL has three ended arguments, libgearman sends four; both mean the same."""
    assert decode(request(number, b"f\0u\0r\0data")) == [Packet(number, (b"f", b"u", b"r", b"", b"data"))]
    assert decode(request(number, b"f\0u\0r\0a\0data")) == [Packet(number, (b"f", b"u", b"r", b"a", b"data"))]
    assert decode(request(number, b"f\0u\0r\0")) == [Packet(number, (b"f", b"u", b"r", b"", b""))]


def test_response_head_and_data_make_a_packet() -> None:
    """The server passes data on as a piece of its own."""
    head = response_head(packets.JOB_ASSIGN, b"H:h:1\0f\0", 4)

    assert head + b"data" == encode_response(packets.JOB_ASSIGN, b"H:h:1", b"f", b"data")


# --- encoding what cannot be encoded ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (0, ()),
        (43, (b"x",)),
        (packets.CAN_DO, ()),
        (packets.CAN_DO, (b"a", b"b")),
        (packets.NOOP, (b"a",)),
        (packets.SUBMIT_JOB, (b"f", b"u")),
    ],
)
def test_arguments_that_are_not_those_of_the_packet_are_refused(
    number: int, arguments: tuple[bytes, ...]
) -> None:
    """The fault is on this side."""
    with pytest.raises(LocalProtocolError, match="expected"):
        encode_request(number, *arguments)


def test_a_zero_byte_that_would_end_an_argument_is_refused() -> None:
    """The message names the packet and the argument."""
    with pytest.raises(LocalProtocolError, match="SUBMIT_JOB unique"):
        encode_request(packets.SUBMIT_JOB, b"f", b"u\0u", b"d")


def test_a_payload_that_the_size_field_cannot_hold_is_refused() -> None:
    """Zeros that nobody reads take no memory, so this is cheap."""
    with pytest.raises(LocalProtocolError, match="ECHO_REQ of 4294967296 bytes"):
        encode_request(packets.ECHO_REQ, bytes(2**32))


# --- text lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"status\n", [b"status"]),
        (b"status\r\n", [b"status"]),
        (b"\n", [b""]),
        (b"\r\n", [b""]),
        (b"a\nb\r\nc", [b"a", b"b"]),
        (b"a\r\r\n", [b"a\r"]),
        (b"a\0b\n", [b"a\0b"]),
        (b"\xff\n", [b"\xff"]),
    ],
)
def test_lines_end_in_lf_with_one_cr_removed(raw: bytes, lines: list[bytes]) -> None:
    """Cut at the first LF; several lines may come at once, or in single bytes."""
    expected = [AdminLine(line) for line in lines]

    assert decode(raw) == expected
    assert decode_bytewise(raw) == expected


def test_text_and_packets_mix_message_by_message() -> None:
    """The first byte of each message decides."""
    raw = b"version\n" + request(packets.ECHO_REQ, b"x\n") + b"status\r\n" + request(packets.GRAB_JOB) + b"\n"
    expected = [
        AdminLine(b"version"),
        Packet(packets.ECHO_REQ, (b"x\n",)),
        AdminLine(b"status"),
        Packet(packets.GRAB_JOB),
        AdminLine(b""),
    ]

    assert decode(raw) == expected
    assert decode_bytewise(raw) == expected


def test_lines_compare_and_show_their_text() -> None:
    """For tests and logs."""
    assert AdminLine(b"a") == AdminLine(b"a")
    assert hash(AdminLine(b"a")) == hash(AdminLine(b"a"))
    assert AdminLine(b"a") != AdminLine(b"b")
    assert AdminLine(b"a") != b"a"
    assert repr(AdminLine(b"a")) == "AdminLine(b'a')"


# --- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("magic", [b"\0FOO", b"\0req", b"\0\0\0\0", b"\0RE\0"])
def test_an_unknown_magic_loses_the_stream(magic: bytes) -> None:
    """There is no telling where the next message starts."""
    decoder = Decoder(MAGIC_REQUEST)

    fault = only_fault(decoder.feed(raw_packet(magic, 1, b"f")))

    assert (fault.code, fault.fatal, fault.is_text) == (INVALID_MAGIC, True, False)
    assert repr(magic) in fault.text
    assert decoder.failed


@pytest.mark.parametrize(("own", "other"), [(request, response), (response, request)])
def test_the_magic_of_the_other_direction_is_a_fault_that_can_go_on(own: object, other: object) -> None:
    """A response sent to a server, and a request sent to a client; the next packet is read."""
    assert callable(own)
    assert callable(other)
    magic = own(packets.NOOP)[:4]

    messages = decode(other(packets.ECHO_REQ, b"x") + own(packets.GRAB_JOB), magic)

    assert isinstance(messages[0], Fault)
    assert (messages[0].code, messages[0].fatal) == (INVALID_MAGIC, False)
    assert messages[1:] == [Packet(packets.GRAB_JOB)]


@pytest.mark.parametrize("number", [0, 43, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_an_unknown_type_is_a_fault_that_can_go_on(number: int) -> None:
    """Its size is known, so the next packet is found. The C server crashed at 2^31 and more."""
    messages = decode(request(number, b"payload") + request(packets.GRAB_JOB))

    assert isinstance(messages[0], Fault)
    assert (messages[0].code, messages[0].fatal) == (INVALID_COMMAND, False)
    assert str(number) in messages[0].text
    assert messages[1:] == [Packet(packets.GRAB_JOB)]


@pytest.mark.parametrize(
    ("spec", "given_count"),
    [
        pytest.param(spec, count, id=f"{spec.name}-{count}")
        for spec in PACKETS
        for count in range(1, len(spec.argument_names))
        if not (spec.optional_argument >= 0 and count == len(spec.argument_names) - 1)
    ],
)
def test_too_few_arguments_are_a_fault_that_can_go_on(spec: packets.PacketSpec, given_count: int) -> None:
    """Arguments are cut inside the packet only, never at a zero byte of the next one."""
    payload = b"\0".join([b"x"] * given_count)

    messages = decode(request(spec.number, payload) + request(packets.GRAB_JOB))

    assert isinstance(messages[0], Fault)
    assert (messages[0].code, messages[0].fatal) == (INVALID_ARGUMENTS, False)
    assert spec.name in messages[0].text
    assert f"got {given_count}" in messages[0].text
    assert messages[1:] == [Packet(packets.GRAB_JOB)]


def test_an_empty_payload_is_one_empty_argument() -> None:
    """An unnamed function exists and works in the C server."""
    assert decode(request(packets.CAN_DO)) == [Packet(packets.CAN_DO, (b"",))]


def test_a_packet_over_the_limit_loses_the_stream_before_it_is_buffered() -> None:
    """A declared size of 4 GiB costs no memory."""
    decoder = Decoder(MAGIC_REQUEST, max_packet_bytes=100)

    at_limit = decoder.feed(request(packets.ECHO_REQ, b"x" * 100))
    fault = only_fault(decoder.feed(request(packets.ECHO_REQ, b"", size=101)))

    assert at_limit == [Packet(packets.ECHO_REQ, (b"x" * 100,))]
    assert (fault.code, fault.fatal, fault.is_text) == (PACKET_TOO_LARGE, True, False)
    assert "ECHO_REQ of 101 bytes is over the limit of 100 bytes" in fault.text
    assert decoder.pending_bytes == 0


def test_the_largest_declared_size_is_refused_by_default() -> None:
    """4 GiB less one byte; the default limit is 256 MiB."""
    fault = only_fault(decode(request(packets.ECHO_REQ, b"", size=0xFFFFFFFF)))

    assert fault.code == PACKET_TOO_LARGE
    assert DEFAULT_MAX_PACKET_BYTES == 256 * 1024 * 1024


@pytest.mark.parametrize(
    ("number", "payload", "named"),
    [
        (packets.SUBMIT_JOB, b"f" * (MAX_NAME_BYTES + 1) + b"\0u\0d", "function"),
        (packets.SUBMIT_JOB, b"f\0" + b"u" * (MAX_NAME_BYTES + 1) + b"\0d", "unique"),
        (packets.CAN_DO, b"f" * (MAX_NAME_BYTES + 1), "function"),
    ],
)
def test_a_name_over_the_limit_is_a_fault_that_can_go_on(number: int, payload: bytes, named: str) -> None:
    """Names are bounded, ended by a zero byte or by the packet; data is not."""
    messages = decode(request(number, payload) + request(packets.GRAB_JOB))

    assert isinstance(messages[0], Fault)
    assert (messages[0].code, messages[0].fatal) == (ARGUMENT_TOO_LARGE, False)
    assert f"{named} of {MAX_NAME_BYTES + 1} bytes" in messages[0].text
    assert messages[1:] == [Packet(packets.GRAB_JOB)]


def test_names_at_the_limit_and_long_data_pass() -> None:
    """The limit itself is allowed."""
    name, data = b"f" * MAX_NAME_BYTES, b"d" * (3 * MAX_NAME_BYTES)

    assert decode(request(packets.SUBMIT_JOB, name + b"\0\0" + data)) == [
        Packet(packets.SUBMIT_JOB, (name, b"", data))
    ]
    assert decode(request(packets.CAN_DO, name)) == [Packet(packets.CAN_DO, (name,))]


@pytest.mark.parametrize("pieces", [1, 7, 4096, 10000])
def test_a_line_over_the_limit_loses_the_stream(pieces: int) -> None:
    """However it is cut; the peer speaks text and is answered in text."""
    raw = b"x" * 10000
    decoder = Decoder(MAGIC_REQUEST)

    fault = only_fault(feed_all(decoder, [raw[at : at + pieces] for at in range(0, len(raw), pieces)]))

    assert (fault.code, fault.fatal, fault.is_text) == (LINE_TOO_LONG, True, True)
    assert decoder.failed


def test_a_line_at_the_limit_passes() -> None:
    """The limit counts the line end."""
    line = b"x" * (MAX_LINE_BYTES - 1)

    assert decode(line + b"\n") == [AdminLine(line)]
    assert decode_bytewise(line + b"\n") == [AdminLine(line)]
    assert only_fault(decode(line + b"x\n")).code == LINE_TOO_LONG


def test_nothing_is_read_after_the_stream_is_lost() -> None:
    """Messages before the fault count, everything behind it is ignored."""
    decoder = Decoder(MAGIC_REQUEST)

    messages = decoder.feed(request(packets.GRAB_JOB) + b"\0BAD" + bytes(8) + request(packets.GRAB_JOB))

    assert messages[0] == Packet(packets.GRAB_JOB)
    assert len(messages) == 2
    assert decoder.feed(request(packets.GRAB_JOB)) == []
    assert decoder.pending_bytes == 0


def test_faults_compare_and_show_themselves() -> None:
    """For tests and logs."""
    fault = Fault("CODE", "text", fatal=True)

    assert fault == Fault("CODE", "text", fatal=True)
    assert hash(fault) == hash(Fault("CODE", "text"))
    assert fault != Fault("CODE", "text")
    assert fault != "CODE"
    assert repr(fault) == "Fault('CODE', 'text', fatal=True, is_text=False)"


# --- properties ---------------------------------------------------------------------------------------

names = st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b""))


@st.composite
def any_packet(draw: st.DrawFn) -> Packet:
    spec = draw(st.sampled_from(PACKETS))
    count = len(spec.argument_names)
    arguments = [draw(names) for _ in range(max(0, count - 1))]
    if count:
        arguments.append(draw(st.binary(max_size=200)))
    return Packet(spec.number, tuple(arguments))


lines = st.binary(min_size=1, max_size=50).filter(
    lambda raw: raw[0] != 0 and b"\n" not in raw and not raw.endswith(b"\r")
)
any_message = st.one_of(any_packet(), lines.map(AdminLine))


def as_bytes(message: Packet | AdminLine) -> bytes:
    if isinstance(message, AdminLine):
        return message.text + b"\n"
    return encode_request(message.number, *message.arguments)


@st.composite
def cut_anywhere(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=20).map(sorted))
    return [data[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(data)])]


@given(st.data(), st.lists(any_message, max_size=8))
def test_messages_survive_the_wire_however_it_is_cut(
    data: st.DataObject, messages: list[Packet | AdminLine]
) -> None:
    """Encoding, any cutting, and decoding give the same messages."""
    stream = b"".join(as_bytes(message) for message in messages)

    received = feed_all(Decoder(MAGIC_REQUEST), data.draw(cut_anywhere(stream)))

    assert received == messages


@given(st.data(), st.binary(max_size=300), st.booleans())
def test_garbage_reads_the_same_however_it_is_cut(data: st.DataObject, tail: bytes, framed: bool) -> None:
    """No input raises, and faults do not depend on the pieces it comes in."""
    stream = (b"\0REQ\0\0\0" if framed else b"") + tail
    whole, pieces = Decoder(MAGIC_REQUEST, 100), Decoder(MAGIC_REQUEST, 100)

    expected = whole.feed(stream)
    received = feed_all(pieces, data.draw(cut_anywhere(stream)))

    assert received == expected
    assert pieces.failed == whole.failed
    if not whole.failed:
        assert pieces.pending_bytes == whole.pending_bytes


# --- cost ---------------------------------------------------------------------------------------------

MIB = 1024 * 1024


def test_a_large_payload_in_pieces_takes_memory_a_bounded_number_of_times() -> None:
    """64 MiB in pieces of 64 KiB: one growing buffer and one copy for the packet, nothing per piece.

    Growing reserves an eighth more and may move the buffer once while old and new exist.
    """
    size, piece = 64 * MIB, bytes(64 * 1024)
    decoder = Decoder(MAGIC_REQUEST)
    decoder.feed(request(packets.ECHO_REQ, b"", size=size))
    messages: list[Message] = []

    tracemalloc.start()
    for _ in range(size // len(piece)):
        messages += decoder.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    [packet] = messages
    assert isinstance(packet, Packet)
    assert len(packet.arguments[0]) == size
    assert peak < 2.5 * size
    assert decoder.pending_bytes == 0


def test_pieces_of_a_large_payload_are_appended_in_place() -> None:
    """Copying per piece would make a new buffer each time; the buffer is one object from start to end."""
    decoder = Decoder(MAGIC_REQUEST)
    decoder.feed(request(packets.ECHO_REQ, b"", size=MIB))
    buffer = decoder._large

    for _ in range(MIB // 1024 - 1):
        decoder.feed(bytes(1024))

        assert decoder._large is buffer
    assert len(buffer) == MIB + 12 - 1024


def test_a_piece_that_ends_a_packet_and_starts_others_is_not_copied_whole() -> None:
    """What belongs to the large packet goes there; the rest is read where it is."""
    decoder = Decoder(MAGIC_REQUEST)
    raw = request(packets.ECHO_REQ, b"x" * 1000)
    decoder.feed(raw[:500])

    messages = decoder.feed(raw[500:] + request(packets.GRAB_JOB) + raw + b"stat")

    assert [type(message) for message in messages] == [Packet, Packet, Packet]
    assert decoder.feed(b"us\n") == [AdminLine(b"status")]
