"""The packets of the Gearman protocol, in one table.

Everything that knows packet types (decoder, encoder, ``repr``, documentation, tests) reads ``PACKETS``.
A packet is a 12-byte header (magic, type, size of the rest; big-endian) and a payload of arguments. All
arguments but the last end in a zero byte; the last one is whatever is left and may hold any bytes.

Source: PROTOCOL of the gearmand distribution, sections "Binary Packet" to "Worker Response".
"""

from __future__ import annotations

from typing import Final

MAGIC_REQUEST: Final = b"\0REQ"
MAGIC_RESPONSE: Final = b"\0RES"
HEADER_BYTES: Final = 12

CAN_DO: Final = 1
CANT_DO: Final = 2
RESET_ABILITIES: Final = 3
PRE_SLEEP: Final = 4
UNUSED: Final = 5
NOOP: Final = 6
SUBMIT_JOB: Final = 7
JOB_CREATED: Final = 8
GRAB_JOB: Final = 9
NO_JOB: Final = 10
JOB_ASSIGN: Final = 11
WORK_STATUS: Final = 12
WORK_COMPLETE: Final = 13
WORK_FAIL: Final = 14
GET_STATUS: Final = 15
ECHO_REQ: Final = 16
ECHO_RES: Final = 17
SUBMIT_JOB_BG: Final = 18
ERROR: Final = 19
STATUS_RES: Final = 20
SUBMIT_JOB_HIGH: Final = 21
SET_CLIENT_ID: Final = 22
CAN_DO_TIMEOUT: Final = 23
ALL_YOURS: Final = 24
WORK_EXCEPTION: Final = 25
OPTION_REQ: Final = 26
OPTION_RES: Final = 27
WORK_DATA: Final = 28
WORK_WARNING: Final = 29
GRAB_JOB_UNIQ: Final = 30
JOB_ASSIGN_UNIQ: Final = 31
SUBMIT_JOB_HIGH_BG: Final = 32
SUBMIT_JOB_LOW: Final = 33
SUBMIT_JOB_LOW_BG: Final = 34
SUBMIT_JOB_SCHED: Final = 35
SUBMIT_JOB_EPOCH: Final = 36
SUBMIT_REDUCE_JOB: Final = 37
SUBMIT_REDUCE_JOB_BACKGROUND: Final = 38
GRAB_JOB_ALL: Final = 39
JOB_ASSIGN_ALL: Final = 40
GET_STATUS_UNIQUE: Final = 41
STATUS_RES_UNIQUE: Final = 42

# Who may send a packet. REQUEST goes to the server, RESPONSE comes from it, BOTH is relayed by it.
REQUEST: Final = 1
RESPONSE: Final = 2
BOTH: Final = 3


class PacketSpec:
    """One row of the table: what a packet is called, which way it goes, and what it carries."""

    __slots__ = ("argument_names", "direction", "has_data", "name", "number", "optional_argument")

    def __init__(
        self, number: int, name: str, direction: int, arguments: str = "", optional_argument: int = -1
    ) -> None:
        self.number = number
        self.name = name
        self.direction = direction
        self.argument_names = tuple(arguments.split())
        # The last argument is opaque bytes of any length, not a name.
        self.has_data = arguments.endswith("data")
        # Index of an argument that senders may leave out together with its zero byte; -1 for none.
        self.optional_argument = optional_argument

    def __repr__(self) -> str:
        return f"PacketSpec({self.number}, {self.name!r}, arguments={' '.join(self.argument_names)!r})"


PACKETS: Final = (
    PacketSpec(CAN_DO, "CAN_DO", REQUEST, "function"),
    PacketSpec(CANT_DO, "CANT_DO", REQUEST, "function"),
    PacketSpec(RESET_ABILITIES, "RESET_ABILITIES", REQUEST),
    PacketSpec(PRE_SLEEP, "PRE_SLEEP", REQUEST),
    PacketSpec(UNUSED, "UNUSED", REQUEST),
    PacketSpec(NOOP, "NOOP", RESPONSE),
    PacketSpec(SUBMIT_JOB, "SUBMIT_JOB", REQUEST, "function unique data"),
    PacketSpec(JOB_CREATED, "JOB_CREATED", RESPONSE, "handle"),
    PacketSpec(GRAB_JOB, "GRAB_JOB", REQUEST),
    PacketSpec(NO_JOB, "NO_JOB", RESPONSE),
    PacketSpec(JOB_ASSIGN, "JOB_ASSIGN", RESPONSE, "handle function data"),
    PacketSpec(WORK_STATUS, "WORK_STATUS", BOTH, "handle numerator denominator"),
    PacketSpec(WORK_COMPLETE, "WORK_COMPLETE", BOTH, "handle data"),
    PacketSpec(WORK_FAIL, "WORK_FAIL", BOTH, "handle"),
    PacketSpec(GET_STATUS, "GET_STATUS", REQUEST, "handle"),
    PacketSpec(ECHO_REQ, "ECHO_REQ", REQUEST, "data"),
    PacketSpec(ECHO_RES, "ECHO_RES", RESPONSE, "data"),
    PacketSpec(SUBMIT_JOB_BG, "SUBMIT_JOB_BG", REQUEST, "function unique data"),
    PacketSpec(ERROR, "ERROR", RESPONSE, "code text"),
    PacketSpec(STATUS_RES, "STATUS_RES", RESPONSE, "handle known running numerator denominator"),
    PacketSpec(SUBMIT_JOB_HIGH, "SUBMIT_JOB_HIGH", REQUEST, "function unique data"),
    PacketSpec(SET_CLIENT_ID, "SET_CLIENT_ID", REQUEST, "client_id"),
    PacketSpec(CAN_DO_TIMEOUT, "CAN_DO_TIMEOUT", REQUEST, "function timeout"),
    PacketSpec(ALL_YOURS, "ALL_YOURS", REQUEST),
    PacketSpec(WORK_EXCEPTION, "WORK_EXCEPTION", BOTH, "handle data"),
    PacketSpec(OPTION_REQ, "OPTION_REQ", REQUEST, "option"),
    PacketSpec(OPTION_RES, "OPTION_RES", RESPONSE, "option"),
    PacketSpec(WORK_DATA, "WORK_DATA", BOTH, "handle data"),
    PacketSpec(WORK_WARNING, "WORK_WARNING", BOTH, "handle data"),
    PacketSpec(GRAB_JOB_UNIQ, "GRAB_JOB_UNIQ", REQUEST),
    PacketSpec(JOB_ASSIGN_UNIQ, "JOB_ASSIGN_UNIQ", RESPONSE, "handle function unique data"),
    PacketSpec(SUBMIT_JOB_HIGH_BG, "SUBMIT_JOB_HIGH_BG", REQUEST, "function unique data"),
    PacketSpec(SUBMIT_JOB_LOW, "SUBMIT_JOB_LOW", REQUEST, "function unique data"),
    PacketSpec(SUBMIT_JOB_LOW_BG, "SUBMIT_JOB_LOW_BG", REQUEST, "function unique data"),
    PacketSpec(
        SUBMIT_JOB_SCHED,
        "SUBMIT_JOB_SCHED",
        REQUEST,
        "function unique minute hour day_of_month month day_of_week data",
    ),
    PacketSpec(SUBMIT_JOB_EPOCH, "SUBMIT_JOB_EPOCH", REQUEST, "function unique epoch data"),
    # PROTOCOL describes both reduce packets without the aggregator, libgearman sends it (empty).
    PacketSpec(
        SUBMIT_REDUCE_JOB,
        "SUBMIT_REDUCE_JOB",
        REQUEST,
        "function unique reducer aggregator data",
        optional_argument=3,
    ),
    PacketSpec(
        SUBMIT_REDUCE_JOB_BACKGROUND,
        "SUBMIT_REDUCE_JOB_BACKGROUND",
        REQUEST,
        "function unique reducer aggregator data",
        optional_argument=3,
    ),
    PacketSpec(GRAB_JOB_ALL, "GRAB_JOB_ALL", REQUEST),
    PacketSpec(JOB_ASSIGN_ALL, "JOB_ASSIGN_ALL", RESPONSE, "handle function unique reducer data"),
    PacketSpec(GET_STATUS_UNIQUE, "GET_STATUS_UNIQUE", REQUEST, "unique"),
    PacketSpec(
        STATUS_RES_UNIQUE,
        "STATUS_RES_UNIQUE",
        RESPONSE,
        "unique known running numerator denominator clients",
    ),
)

SHOWN_BYTES: Final = 64


def spec_of(number: int) -> PacketSpec | None:
    """The row of a packet number, or None for a number that the protocol does not define."""
    if 1 <= number <= len(PACKETS):
        return PACKETS[number - 1]
    return None


def packet_name(number: int) -> str:
    """The packet's name, such as ``SUBMIT_JOB``, or ``type 99`` for an unknown number."""
    spec = spec_of(number)
    return spec.name if spec is not None else f"type {number}"


class Packet:
    """One packet: its number and its arguments as bytes, in the order of the table."""

    __slots__ = ("arguments", "number")

    def __init__(self, number: int, arguments: tuple[bytes, ...] = ()) -> None:
        self.number = number
        self.arguments = arguments

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Packet):
            return NotImplemented
        return self.number == other.number and self.arguments == other.arguments

    def __hash__(self) -> int:
        return hash((self.number, self.arguments))

    def __repr__(self) -> str:
        """Readable in a log line: payloads are shortened."""
        spec = spec_of(self.number)
        names = spec.argument_names if spec is not None else ()
        shown = [
            f"{names[index]}={shorten(argument)}" if index < len(names) else shorten(argument)
            for index, argument in enumerate(self.arguments)
        ]
        return f"<{' '.join([packet_name(self.number), *shown])}>"


def shorten(value: bytes) -> str:
    """The value as Python would write it, cut after 64 bytes with its full length named."""
    if len(value) <= SHOWN_BYTES:
        return repr(value)
    return f"{value[:SHOWN_BYTES]!r}… ({len(value)} bytes)"
