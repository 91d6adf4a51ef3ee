"""Scripts about packets as such: echo, pipelining, pieces, and what is answered with an ERROR."""

from __future__ import annotations

from geartrain.protocol import packets as p
from tests.interop.script import H1, Step, packet, part, raw, send

RESPONSES = [
    p.NOOP,
    p.NO_JOB,
    p.JOB_CREATED,
    p.JOB_ASSIGN,
    p.ECHO_RES,
    p.ERROR,
    p.STATUS_RES,
    p.OPTION_RES,
    p.JOB_ASSIGN_UNIQ,
    p.JOB_ASSIGN_ALL,
    p.STATUS_RES_UNIQUE,
]

SCRIPTS: dict[str, list[Step]] = {
    "an echo brings back any bytes": [
        send("client", p.ECHO_REQ, b"text"),
        send("client", p.ECHO_REQ, b""),
        send("client", p.ECHO_REQ, bytes(range(256))),
        send("client", p.ECHO_REQ, b"x" * 1_000_000),
    ],
    "many packets in one write are answered in order": [
        raw(
            "client",
            packet(p.ECHO_REQ, b"1")
            + packet(p.SUBMIT_JOB_BG, b"f", b"u", b"data")
            + packet(p.GET_STATUS_UNIQUE, b"u")
            + packet(p.OPTION_REQ, b"exceptions")
            + packet(p.CAN_DO, b"f")
            + packet(p.GRAB_JOB_UNIQ)
            + packet(p.GET_STATUS_UNIQUE, b"u")
            + packet(p.ECHO_REQ, b"2"),
        ),
    ],
    "lines and packets in one write are answered in order": [
        raw("client", packet(p.ECHO_REQ, b"1") + b"status\n" + packet(p.ECHO_REQ, b"2") + b"show jobs\n"),
    ],
    "a packet may come byte by byte": [
        *[part("client", bytes([byte])) for byte in packet(p.SUBMIT_JOB_BG, b"f", b"u", b"data")[:-1]],
        raw("client", b"a"),
        send("client", p.GET_STATUS_UNIQUE, b"u"),
    ],
    "a large packet may come in two pieces": [
        part("client", packet(p.ECHO_REQ, b"x" * 300_000)[:65536]),
        raw("client", packet(p.ECHO_REQ, b"x" * 300_000)[65536:]),
    ],
    "a large job comes back whole": [
        send("client", p.SUBMIT_JOB, b"f", b"u", b"\0payload" * 200_000),
        send("worker", p.CAN_DO, b"f"),
        send("worker", p.GRAB_JOB_UNIQ),
        send("worker", p.WORK_DATA, H1, b"\0piece" * 200_000),
        send("worker", p.WORK_COMPLETE, H1, b"\0result" * 200_000),
    ],
    "a payload where none belongs is ignored": [
        send("worker", p.GRAB_JOB, b"nonsense"),
        send("worker", p.PRE_SLEEP, b"nonsense"),
        send("worker", p.RESET_ABILITIES, b"nonsense"),
    ],
    "a response magic is refused, and the connection goes on": [
        raw("client", packet(p.ECHO_REQ, b"data").replace(b"\0REQ", b"\0RES")),
        send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
    ],
    "packets that only servers send are refused, and the connection goes on": [
        *[
            send("client", number, *[b"x"] * len(p.PACKETS[number - 1].argument_names))
            for number in RESPONSES
        ],
        send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
    ],
    "packets that nobody sends are refused, and the connection goes on": [
        send("client", p.UNUSED),
        send("client", p.ALL_YOURS),
        send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
    ],
}
