"""The wire under its classic names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearman import protocol
from gearman.errors import ProtocolError
from gearman.protocol import pack_binary_command, parse_binary_command
from geartrain.protocol.codec import AdminLine, Fault
from geartrain.protocol.packets import PACKETS, UNUSED, Packet

PACKET_NUMBERS = [spec.number for spec in PACKETS if spec.number != UNUSED]


def sample_arguments(number: int) -> dict[str, bytes]:
    return {name: name.encode() for name in protocol.GEARMAN_PARAMS_FOR_COMMAND[number]}


@pytest.mark.parametrize("number", PACKET_NUMBERS)
@pytest.mark.parametrize("is_response", [True, False])
def test_every_packet_survives_packing_and_parsing(number: int, is_response: bool) -> None:
    """All packets of the table but the unused number 5, with bytes behind them left alone."""
    arguments = sample_arguments(number)
    packed = pack_binary_command(number, arguments, is_response)

    assert parse_binary_command(packed + b"\0RES", is_response) == (number, arguments, len(packed))


@pytest.mark.parametrize("number", PACKET_NUMBERS)
def test_every_packet_has_its_classic_constant(number: int) -> None:
    """``GEARMAN_COMMAND_<NAME>`` is the number on the wire, and the name is found by the number."""
    name = protocol.get_command_name(number)

    assert isinstance(name, str)
    assert name.startswith("GEARMAN_COMMAND_")
    assert getattr(protocol, name) == number


def test_the_classic_numbers_are_those_of_old_programs() -> None:
    """A few that programs write as literals."""
    assert protocol.GEARMAN_COMMAND_CAN_DO == 1
    assert protocol.GEARMAN_COMMAND_SUBMIT_JOB == 7
    assert protocol.GEARMAN_COMMAND_JOB_ASSIGN_UNIQ == 31
    assert protocol.GEARMAN_COMMAND_SUBMIT_JOB_LOW_BG == 34
    assert protocol.GEARMAN_COMMAND_STATUS_RES_UNIQUE == 42
    assert protocol.GEARMAN_COMMAND_TEXT_COMMAND == 9999
    assert protocol.get_command_name(9999) == "GEARMAN_COMMAND_TEXT_COMMAND"
    assert protocol.get_command_name(77) == 77


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (protocol.GEARMAN_COMMAND_CAN_DO, ["task"]),
        (protocol.GEARMAN_COMMAND_SUBMIT_JOB, ["task", "unique", "data"]),
        (protocol.GEARMAN_COMMAND_JOB_CREATED, ["job_handle"]),
        (protocol.GEARMAN_COMMAND_JOB_ASSIGN, ["job_handle", "task", "data"]),
        (protocol.GEARMAN_COMMAND_JOB_ASSIGN_UNIQ, ["job_handle", "task", "unique", "data"]),
        (protocol.GEARMAN_COMMAND_WORK_STATUS, ["job_handle", "numerator", "denominator"]),
        (
            protocol.GEARMAN_COMMAND_STATUS_RES,
            ["job_handle", "known", "running", "numerator", "denominator"],
        ),
        (protocol.GEARMAN_COMMAND_ERROR, ["error_code", "error_text"]),
        (protocol.GEARMAN_COMMAND_SET_CLIENT_ID, ["client_id"]),
        (protocol.GEARMAN_COMMAND_CAN_DO_TIMEOUT, ["task", "timeout"]),
        (protocol.GEARMAN_COMMAND_OPTION_REQ, ["option_name"]),
        (protocol.GEARMAN_COMMAND_NOOP, []),
        (protocol.GEARMAN_COMMAND_TEXT_COMMAND, ["raw_text"]),
    ],
)
def test_parameters_have_their_classic_names(number: int, names: list[str]) -> None:
    """They are the keyword arguments of the ``recv_*`` methods that programs override."""
    assert protocol.GEARMAN_PARAMS_FOR_COMMAND[number] == names


@pytest.mark.parametrize(
    ("background", "priority", "number"),
    [
        (False, None, 7),
        (True, None, 18),
        (False, "HIGH", 21),
        (True, "HIGH", 32),
        (False, "LOW", 33),
        (True, "LOW", 34),
    ],
)
def test_background_and_priority_choose_the_packet(
    background: bool, priority: str | None, number: int
) -> None:
    """Three priorities, each in the foreground and in the background."""
    assert protocol.submit_cmd_for_background_priority(background, priority) == number


def test_a_priority_that_does_not_exist_is_a_key_error() -> None:
    """The classic error for it."""
    with pytest.raises(KeyError):
        protocol.submit_cmd_for_background_priority(False, "MIDDLE")


def test_text_arguments_are_sent_as_utf8() -> None:
    """The length counts bytes, not characters."""
    packed = pack_binary_command(protocol.GEARMAN_COMMAND_ECHO_REQ, {"data": "héllo"})

    assert packed == b"\0REQ\0\0\0\x10\0\0\0\x06h\xc3\xa9llo"


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (5, {}),
        (99, {}),
        (protocol.GEARMAN_COMMAND_TEXT_COMMAND, {"raw_text": "status"}),
        (protocol.GEARMAN_COMMAND_CAN_DO, {}),
        (protocol.GEARMAN_COMMAND_CAN_DO, {"job": b"x"}),
        (protocol.GEARMAN_COMMAND_CAN_DO, {"task": b"x", "more": b"y"}),
        (protocol.GEARMAN_COMMAND_CAN_DO, {"task": 5}),
        (protocol.GEARMAN_COMMAND_CAN_DO, {"task": None}),
        (protocol.GEARMAN_COMMAND_SUBMIT_JOB, {"task": b"a\0b", "unique": b"u", "data": b"d"}),
        (protocol.GEARMAN_COMMAND_SUBMIT_JOB, {"task": "t", "unique": "u\0", "data": b"d"}),
    ],
)
def test_what_cannot_be_packed_is_a_protocol_error(number: int, arguments: dict[str, object]) -> None:
    """Unknown packets, wrong names, wrong types, and zero bytes where they would end an argument."""
    with pytest.raises(ProtocolError):
        pack_binary_command(number, arguments)


def test_the_last_argument_may_hold_zero_bytes() -> None:
    """Payloads are binary."""
    arguments = {"task": b"t", "unique": b"u", "data": b"\0a\0"}
    packed = pack_binary_command(protocol.GEARMAN_COMMAND_SUBMIT_JOB, arguments)

    assert parse_binary_command(packed, is_response=False) == (7, arguments, len(packed))


@pytest.mark.parametrize("length", range(15))
def test_an_incomplete_packet_has_no_length_yet(length: int) -> None:
    """Nothing is taken from the buffer."""
    packed = pack_binary_command(protocol.GEARMAN_COMMAND_ECHO_RES, {"data": b"abc"}, is_response=True)

    assert parse_binary_command(packed[:length]) == (None, None, 0)


@pytest.mark.parametrize(
    "packed",
    [
        b"\0REQ\0\0\0\x06\0\0\0\0",
        b"GARBAGE FROM A STRANGER",
        b"\0RES\0\0\0\x00\0\0\0\0",
        b"\0RES\0\0\0\x05\0\0\0\0",
        b"\0RES\0\0\0\x2b\0\0\0\0",
        b"\0RES\xff\xff\xff\xff\0\0\0\0",
        b"\0RES\0\0\0\x06\0\0\0\x01x",
        b"\0RES\0\0\0\x0b\0\0\0\x03h\0f",
    ],
    ids=["magic", "garbage", "type 0", "type 5", "type 43", "type 2^32-1", "payload", "arguments"],
)
def test_what_cannot_be_parsed_is_a_protocol_error(packed: bytes) -> None:
    """Wrong magic, unknown numbers, a payload where none belongs, too few arguments."""
    with pytest.raises(ProtocolError):
        parse_binary_command(packed)


def test_a_fault_of_the_decoder_is_a_protocol_error_with_its_code() -> None:
    """And the other messages become number and parameters."""
    with pytest.raises(ProtocolError, match="INVALID_ARGUMENTS: too few"):
        protocol.message_to_command(Fault("INVALID_ARGUMENTS", "too few"))

    assert protocol.message_to_command(AdminLine(b"OK")) == (9999, {"raw_text": b"OK"})
    assert protocol.message_to_command(Packet(19, (b"c", b"t"))) == (
        19,
        {"error_code": b"c", "error_text": b"t"},
    )


@given(st.binary(max_size=64))
def test_random_bytes_parse_or_are_a_protocol_error(data: bytes) -> None:
    """Nothing else may come out of garbage."""
    try:
        parse_binary_command(b"\0RES" + data)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("buffer", "line", "length"),
    [
        (b"OK\n", "OK", 3),
        (b"OK\r\nmore", "OK", 4),
        (b"\n", "", 1),
        ("é\xff\n".encode("latin-1"), "\udce9\udcff", 3),
    ],
)
def test_a_text_line_comes_without_its_end(buffer: bytes, line: str, length: int) -> None:
    """LF or CR LF; bytes that are no UTF-8 survive as surrogates."""
    assert protocol.parse_text_command(buffer) == (9999, {"raw_text": line}, length)


def test_an_incomplete_line_has_no_length_yet() -> None:
    """Nothing is taken from the buffer."""
    assert protocol.parse_text_command(b"OK\r") == (None, None, 0)


def test_a_zero_byte_in_a_line_is_a_protocol_error() -> None:
    """It is a packet that was taken for text."""
    with pytest.raises(ProtocolError):
        protocol.parse_text_command(b"O\0K\n")


def test_a_command_line_is_packed_as_it_was_given() -> None:
    """Text in, text out; without a text it is a ProtocolError."""
    pack = protocol.pack_text_command

    assert pack(9999, {"raw_text": "status"}) == "status"
    assert pack(9999, {"raw_text": b"status"}) == "status"
    with pytest.raises(ProtocolError):
        pack(9999, {})
    with pytest.raises(ProtocolError):
        pack(1, {"raw_text": "status"})
