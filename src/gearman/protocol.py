"""The wire as the classic API names it: packets as a number and a dictionary of parameters.

The packets themselves come from ``geartrain.protocol``; this module only gives them the classic names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gearman.constants import PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NONE
from gearman.errors import ProtocolError
from gearman.text import to_bytes
from geartrain.errors import LocalProtocolError
from geartrain.protocol import packets
from geartrain.protocol.codec import AdminLine, Decoder, Fault, Message, encode_request, encode_response

NULL_CHAR: Final = b"\0"
MAGIC_REQ_STRING: Final = packets.MAGIC_REQUEST
MAGIC_RES_STRING: Final = packets.MAGIC_RESPONSE
COMMAND_HEADER_SIZE: Final = packets.HEADER_BYTES

GEARMAN_COMMAND_CAN_DO: Final = packets.CAN_DO
GEARMAN_COMMAND_CANT_DO: Final = packets.CANT_DO
GEARMAN_COMMAND_RESET_ABILITIES: Final = packets.RESET_ABILITIES
GEARMAN_COMMAND_PRE_SLEEP: Final = packets.PRE_SLEEP
GEARMAN_COMMAND_NOOP: Final = packets.NOOP
GEARMAN_COMMAND_SUBMIT_JOB: Final = packets.SUBMIT_JOB
GEARMAN_COMMAND_JOB_CREATED: Final = packets.JOB_CREATED
GEARMAN_COMMAND_GRAB_JOB: Final = packets.GRAB_JOB
GEARMAN_COMMAND_NO_JOB: Final = packets.NO_JOB
GEARMAN_COMMAND_JOB_ASSIGN: Final = packets.JOB_ASSIGN
GEARMAN_COMMAND_WORK_STATUS: Final = packets.WORK_STATUS
GEARMAN_COMMAND_WORK_COMPLETE: Final = packets.WORK_COMPLETE
GEARMAN_COMMAND_WORK_FAIL: Final = packets.WORK_FAIL
GEARMAN_COMMAND_GET_STATUS: Final = packets.GET_STATUS
GEARMAN_COMMAND_ECHO_REQ: Final = packets.ECHO_REQ
GEARMAN_COMMAND_ECHO_RES: Final = packets.ECHO_RES
GEARMAN_COMMAND_SUBMIT_JOB_BG: Final = packets.SUBMIT_JOB_BG
GEARMAN_COMMAND_ERROR: Final = packets.ERROR
GEARMAN_COMMAND_STATUS_RES: Final = packets.STATUS_RES
GEARMAN_COMMAND_SUBMIT_JOB_HIGH: Final = packets.SUBMIT_JOB_HIGH
GEARMAN_COMMAND_SET_CLIENT_ID: Final = packets.SET_CLIENT_ID
GEARMAN_COMMAND_CAN_DO_TIMEOUT: Final = packets.CAN_DO_TIMEOUT
GEARMAN_COMMAND_ALL_YOURS: Final = packets.ALL_YOURS
GEARMAN_COMMAND_WORK_EXCEPTION: Final = packets.WORK_EXCEPTION
GEARMAN_COMMAND_OPTION_REQ: Final = packets.OPTION_REQ
GEARMAN_COMMAND_OPTION_RES: Final = packets.OPTION_RES
GEARMAN_COMMAND_WORK_DATA: Final = packets.WORK_DATA
GEARMAN_COMMAND_WORK_WARNING: Final = packets.WORK_WARNING
GEARMAN_COMMAND_GRAB_JOB_UNIQ: Final = packets.GRAB_JOB_UNIQ
GEARMAN_COMMAND_JOB_ASSIGN_UNIQ: Final = packets.JOB_ASSIGN_UNIQ
GEARMAN_COMMAND_SUBMIT_JOB_HIGH_BG: Final = packets.SUBMIT_JOB_HIGH_BG
GEARMAN_COMMAND_SUBMIT_JOB_LOW: Final = packets.SUBMIT_JOB_LOW
GEARMAN_COMMAND_SUBMIT_JOB_LOW_BG: Final = packets.SUBMIT_JOB_LOW_BG
GEARMAN_COMMAND_SUBMIT_JOB_SCHED: Final = packets.SUBMIT_JOB_SCHED
GEARMAN_COMMAND_SUBMIT_JOB_EPOCH: Final = packets.SUBMIT_JOB_EPOCH
GEARMAN_COMMAND_SUBMIT_REDUCE_JOB: Final = packets.SUBMIT_REDUCE_JOB
GEARMAN_COMMAND_SUBMIT_REDUCE_JOB_BACKGROUND: Final = packets.SUBMIT_REDUCE_JOB_BACKGROUND
GEARMAN_COMMAND_GRAB_JOB_ALL: Final = packets.GRAB_JOB_ALL
GEARMAN_COMMAND_JOB_ASSIGN_ALL: Final = packets.JOB_ASSIGN_ALL
GEARMAN_COMMAND_GET_STATUS_UNIQUE: Final = packets.GET_STATUS_UNIQUE
GEARMAN_COMMAND_STATUS_RES_UNIQUE: Final = packets.STATUS_RES_UNIQUE

# A line of the text protocol, which has no packet number.
GEARMAN_COMMAND_TEXT_COMMAND: Final = 9999

GEARMAN_SERVER_COMMAND_STATUS: Final = "status"
GEARMAN_SERVER_COMMAND_VERSION: Final = "version"
GEARMAN_SERVER_COMMAND_WORKERS: Final = "workers"
GEARMAN_SERVER_COMMAND_MAXQUEUE: Final = "maxqueue"
GEARMAN_SERVER_COMMAND_SHUTDOWN: Final = "shutdown"
GEARMAN_SERVER_COMMAND_GETPID: Final = "getpid"
GEARMAN_SERVER_COMMAND_SHOW_JOBS: Final = "show jobs"
GEARMAN_SERVER_COMMAND_SHOW_UNIQUE_JOBS: Final = "show unique jobs"
GEARMAN_SERVER_COMMAND_CANCEL_JOB: Final = "cancel job"
GEARMAN_SERVER_COMMAND_PRIORITYSTATUS: Final = "prioritystatus"
GEARMAN_SERVER_COMMAND_VERBOSE: Final = "verbose"
GEARMAN_SERVER_COMMAND_CREATE_FUNCTION: Final = "create function"
GEARMAN_SERVER_COMMAND_DROP_FUNCTION: Final = "drop function"

# Where the classic parameter name is not that of the packet table.
_CLASSIC_NAMES: Final = {
    "function": "task",
    "handle": "job_handle",
    "code": "error_code",
    "text": "error_text",
    "option": "option_name",
    "epoch": "when_to_run",
}
_UNLIMITED_BYTES: Final = 0xFFFFFFFF


def _classic_parameters(spec: packets.PacketSpec) -> list[str]:
    return [_CLASSIC_NAMES.get(name, name) for name in spec.argument_names]


# Packet number to the names of its parameters, in the order of the wire.
GEARMAN_PARAMS_FOR_COMMAND: Final[dict[int, list[str]]] = {
    spec.number: _classic_parameters(spec) for spec in packets.PACKETS if spec.number != packets.UNUSED
}
GEARMAN_PARAMS_FOR_COMMAND[GEARMAN_COMMAND_TEXT_COMMAND] = ["raw_text"]

# Packet number to the name of its constant in this module.
GEARMAN_COMMAND_TO_NAME: Final[dict[int, str]] = {
    spec.number: f"GEARMAN_COMMAND_{spec.name}" for spec in packets.PACKETS if spec.number != packets.UNUSED
}
GEARMAN_COMMAND_TO_NAME[GEARMAN_COMMAND_TEXT_COMMAND] = "GEARMAN_COMMAND_TEXT_COMMAND"

_SUBMIT_COMMANDS: Final = {
    (False, PRIORITY_NONE): GEARMAN_COMMAND_SUBMIT_JOB,
    (False, PRIORITY_LOW): GEARMAN_COMMAND_SUBMIT_JOB_LOW,
    (False, PRIORITY_HIGH): GEARMAN_COMMAND_SUBMIT_JOB_HIGH,
    (True, PRIORITY_NONE): GEARMAN_COMMAND_SUBMIT_JOB_BG,
    (True, PRIORITY_LOW): GEARMAN_COMMAND_SUBMIT_JOB_LOW_BG,
    (True, PRIORITY_HIGH): GEARMAN_COMMAND_SUBMIT_JOB_HIGH_BG,
}


def get_command_name(cmd_type: int) -> str | int:
    """The constant's name of a packet number, or the number itself if it has none."""
    return GEARMAN_COMMAND_TO_NAME.get(cmd_type, cmd_type)


def submit_cmd_for_background_priority(background: bool, priority: str | None) -> int:
    """The packet that submits a job of this kind; KeyError for a priority that does not exist."""
    return _SUBMIT_COMMANDS[(bool(background), priority)]


def message_to_command(message: Message) -> tuple[int, dict[str, bytes]]:
    """A message of the decoder as packet number and parameters; ProtocolError if it could not be read."""
    if isinstance(message, Fault):
        raise ProtocolError(f"{message.code}: {message.text}")
    if isinstance(message, AdminLine):
        return GEARMAN_COMMAND_TEXT_COMMAND, {"raw_text": message.text}
    names = GEARMAN_PARAMS_FOR_COMMAND.get(message.number)
    if names is None:
        raise ProtocolError(f"Received a packet that does not exist: {message!r}")
    return message.number, dict(zip(names, message.arguments, strict=True))


def parse_binary_command(
    in_buffer: bytes, is_response: bool = True
) -> tuple[int | None, dict[str, bytes] | None, int]:
    """Reads the packet at the start of a buffer.

    Returns its number, its parameters and its length, or ``(None, None, 0)`` while it is incomplete. Raises
    ProtocolError for a wrong magic, an unknown number and arguments that are not those of the packet.
    """
    if len(in_buffer) < COMMAND_HEADER_SIZE:
        return None, None, 0
    magic = MAGIC_RES_STRING if is_response else MAGIC_REQ_STRING
    head = bytes(in_buffer[:COMMAND_HEADER_SIZE])
    if head[:4] != magic:
        raise ProtocolError(f"Malformed magic: expected {magic!r}, got {head[:4]!r}")
    number = int.from_bytes(head[4:8], "big")
    size = int.from_bytes(head[8:], "big")
    length = COMMAND_HEADER_SIZE + size
    if len(in_buffer) < length:
        return None, None, 0
    if size and GEARMAN_PARAMS_FOR_COMMAND.get(number) == []:
        # The decoder forgives this as the C server does; the classic contract does not.
        raise ProtocolError(f"{get_command_name(number)} takes no payload, got {size} bytes")
    [message] = Decoder(magic, _UNLIMITED_BYTES).feed(bytes(in_buffer[:length]))
    cmd_type, cmd_args = message_to_command(message)
    return cmd_type, cmd_args, length


def pack_binary_command(cmd_type: int, cmd_args: Mapping[str, object], is_response: bool = False) -> bytes:
    """A packet as bytes; text becomes UTF-8.

    Raises ProtocolError for an unknown number, for parameters that are not exactly those of the packet, for
    values that are neither text nor bytes, and for a zero byte in any argument but the last.
    """
    names = GEARMAN_PARAMS_FOR_COMMAND.get(cmd_type)
    if names is None or cmd_type == GEARMAN_COMMAND_TEXT_COMMAND:
        raise ProtocolError(f"Not a packet: {get_command_name(cmd_type)!r}")
    if set(names) != set(cmd_args):
        given = sorted(cmd_args)
        raise ProtocolError(f"{get_command_name(cmd_type)} takes the parameters {names}, got {given}")
    encode = encode_response if is_response else encode_request
    try:
        return encode(cmd_type, *[to_bytes(cmd_args[name]) for name in names])
    except (LocalProtocolError, TypeError) as error:
        raise ProtocolError(str(error)) from error


def parse_text_command(in_buffer: bytes) -> tuple[int | None, dict[str, str] | None, int]:
    """Reads the text line at the start of a buffer, without its line end.

    Returns ``(9999, {'raw_text': line}, length)``, or ``(None, None, 0)`` while it is incomplete. Raises
    ProtocolError if the line holds a zero byte.
    """
    line, newline, _ = bytes(in_buffer).partition(b"\n")
    if not newline:
        return None, None, 0
    if NULL_CHAR in line:
        raise ProtocolError(f"A text line holds a zero byte: {line!r}")
    text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return GEARMAN_COMMAND_TEXT_COMMAND, {"raw_text": text}, len(line) + 1


def pack_text_command(cmd_type: int, cmd_args: Mapping[str, object]) -> str:
    """The text of a command line as it was given; ProtocolError if there is none."""
    raw_text = cmd_args.get("raw_text")
    if cmd_type != GEARMAN_COMMAND_TEXT_COMMAND or raw_text is None:
        raise ProtocolError(f"Not a text command: {get_command_name(cmd_type)!r} with {dict(cmd_args)!r}")
    return to_bytes(raw_text).decode("utf-8", "surrogateescape")
