"""The table of packets."""

from __future__ import annotations

import pytest

from geartrain.protocol import packets
from geartrain.protocol.packets import BOTH, PACKETS, REQUEST, RESPONSE, Packet, packet_name, shorten, spec_of
from tests.protocol.wire import SAMPLES


def test_the_table_holds_numbers_1_to_42_in_order() -> None:
    """A packet is found by its number."""
    assert [spec.number for spec in PACKETS] == list(range(1, 43))
    assert [number for number, _, _ in SAMPLES] == list(range(1, 43))


@pytest.mark.parametrize("spec", PACKETS, ids=lambda spec: spec.name)
def test_each_row_agrees_with_its_constant(spec: packets.PacketSpec) -> None:
    """The constant, the row, and the number of arguments of its sample."""
    assert getattr(packets, spec.name) == spec.number
    assert spec_of(spec.number) is spec
    assert packet_name(spec.number) == spec.name
    assert len(spec.argument_names) == len(SAMPLES[spec.number - 1][1])
    assert spec.direction in (REQUEST, RESPONSE, BOTH)
    assert spec.name in repr(spec)


@pytest.mark.parametrize("number", [0, 43, 9999, 0x80000000, 0xFFFFFFFF, -1])
def test_an_unknown_number_has_no_row(number: int) -> None:
    """And is named by the number in messages."""
    assert spec_of(number) is None
    assert packet_name(number) == f"type {number}"


def test_only_packets_that_end_in_data_have_data() -> None:
    """The last argument of all others is a name, with the limit of a name."""
    with_data = {spec.name for spec in PACKETS if spec.has_data}

    assert {"SUBMIT_JOB", "WORK_COMPLETE", "ECHO_REQ", "JOB_ASSIGN_ALL"} <= with_data
    assert not {"CAN_DO", "WORK_FAIL", "WORK_STATUS", "ERROR", "STATUS_RES"} & with_data


def test_packets_with_the_same_number_and_arguments_are_equal() -> None:
    """Tests and sets compare packets."""
    packet = Packet(8, (b"H:h:1",))

    assert packet == Packet(8, (b"H:h:1",))
    assert hash(packet) == hash(Packet(8, (b"H:h:1",)))
    assert packet != Packet(8, (b"H:h:2",))
    assert packet != Packet(14, (b"H:h:1",))
    assert packet != "JOB_CREATED"


def test_a_packet_shows_its_name_and_arguments() -> None:
    """Readable in a log line."""
    assert repr(Packet(7, (b"f", b"u", b"d"))) == "<SUBMIT_JOB function=b'f' unique=b'u' data=b'd'>"
    assert repr(Packet(4)) == "<PRE_SLEEP>"
    assert repr(Packet(8, (b"a", b"b"))) == "<JOB_CREATED handle=b'a' b'b'>"
    assert repr(Packet(99, (b"x",))) == "<type 99 b'x'>"


def test_long_payloads_are_shortened() -> None:
    """A log line never holds megabytes; the length is named."""
    shown = shorten(b"x" * 1000)

    assert shown == f"{b'x' * 64!r}… (1000 bytes)"
    assert shorten(b"x" * 64) == repr(b"x" * 64)
    assert len(repr(Packet(16, (b"x" * 1000,)))) < 200
