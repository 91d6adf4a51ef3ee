"""Where we differ from the C server in single packets: faults, schedules, and what is written into them."""

from __future__ import annotations

from geartrain.protocol import packets as p
from tests.interop.script import H1, closed, finish, packet, raw, reply, send, text
from tests.interop.scripts.difference import Difference

DIFFERENCES: dict[str, Difference] = {
    "an unknown packet type is an error": Difference(
        "The C server closes the connection without a word.",
        [
            send("client", 43, b"x"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
        ],
        ours=[
            reply("client", p.ERROR, b"INVALID_COMMAND", b"Unknown packet type 43"),
            reply("client", p.JOB_CREATED, H1),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "an unknown magic is an error before the end": Difference(
        "The C server closes the connection without a word.",
        [
            raw("client", b"\x00FOO\x00\x00\x00\x00\x00\x00\x00\x00"),
        ],
        ours=[
            reply("client", p.ERROR, b"INVALID_MAGIC", b"Unknown magic b'\\x00FOO'"),
            closed("client"),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a packet with too few arguments is an error": Difference(
        "The C server takes bytes of the next packet for the missing ones, and closes.",
        [
            send("client", p.SUBMIT_JOB, b"f"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
        ],
        ours=[
            reply(
                "client",
                p.ERROR,
                b"INVALID_ARGUMENTS",
                b"SUBMIT_JOB takes 3 arguments (function, unique, data), got 1",
            ),
            reply("client", p.JOB_CREATED, H1),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "progress with one figure is an error": Difference(
        "The C server waits for ever for the second one.",
        [
            finish("worker", packet(p.WORK_STATUS, b"T:1", b"1")),
        ],
        ours=[
            reply(
                "worker",
                p.ERROR,
                b"INVALID_ARGUMENTS",
                b"WORK_STATUS takes 3 arguments (handle, numerator, denominator), got 2",
            ),
            closed("worker"),
        ],
        theirs=[
            closed("worker"),
        ],
    ),
    "a name that is too long is an error": Difference(
        "The C server closes the connection without a word.",
        [
            send("client", p.SUBMIT_JOB, b"f" * 8193, b"u", b"data"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
        ],
        ours=[
            reply(
                "client",
                p.ERROR,
                b"ARGUMENT_TOO_LARGE",
                b"SUBMIT_JOB function of 8193 bytes is over the limit of 8192 bytes",
            ),
            reply("client", p.JOB_CREATED, H1),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a packet of 4 GiB is refused": Difference(
        "The C server waits for all of it.",
        [
            finish("client", b"\x00REQ\x00\x00\x00\x10\xff\xff\xff\xffdata"),
        ],
        ours=[
            reply(
                "client",
                p.ERROR,
                b"PACKET_TOO_LARGE",
                b"ECHO_REQ of 4294967295 bytes is over the limit of 268435456 bytes",
            ),
            closed("client"),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a line that is too long is an error before the end": Difference(
        "The C server closes the connection without a word.",
        [
            raw("client", b"x" * 8192 + b"\n"),
        ],
        ours=[
            text("client", b"ERR LINE_TOO_LONG A+line+is+over+the+limit+of+8192+bytes\r\n"),
            closed("client"),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a reduce job may come without an aggregator": Difference(
        "PROTOCOL describes it so; the C server waits for a fourth zero byte.",
        [
            finish("client", packet(p.SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"u", b"reducer", b"data")),
        ],
        ours=[
            reply("client", p.JOB_CREATED, H1),
            closed("client"),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a failure made of an exception names its job": Difference(
        "The C server puts a zero byte behind the handle.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b"data"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            send("worker", p.WORK_EXCEPTION, H1, b"what went wrong"),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        ours=[
            reply("client", p.WORK_FAIL, H1),
        ],
        theirs=[
            reply("client", p.WORK_FAIL, H1, b""),
        ],
    ),
    "a failure with a zero byte behind its handle names its job": Difference(
        "The C server passes the zero byte on.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b"data"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            send("worker", p.WORK_FAIL, H1, b""),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        ours=[
            reply("client", p.WORK_FAIL, H1),
        ],
        theirs=[
            reply("client", p.WORK_FAIL, H1, b""),
        ],
    ),
    "a job for a certain day is taken": Difference(
        "No version of the C server knows SUBMIT_JOB_SCHED.",
        [
            send("client", p.SUBMIT_JOB_SCHED, b"f", b"u", b"0", b"0", b"29", b"2", b"", b"data"),
            send("client", p.GET_STATUS_UNIQUE, b"u"),
        ],
        ours=[
            reply("client", p.JOB_CREATED, H1),
            reply("client", p.STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"0"),
        ],
        theirs=[
            reply("client", p.ERROR, b"INVALID_COMMAND", b"Command not expected"),
            reply("client", p.STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0"),
        ],
    ),
    "a schedule that is none is an error": Difference(
        "No version of the C server knows SUBMIT_JOB_SCHED.",
        [
            send("client", p.SUBMIT_JOB_SCHED, b"f", b"u", b"60", b"", b"", b"", b"", b"data"),
        ],
        ours=[
            reply(
                "client", p.ERROR, b"INVALID_ARGUMENTS", b"minute b'60': expected 0 to 59, or nothing for any"
            ),
        ],
        theirs=[
            reply("client", p.ERROR, b"INVALID_COMMAND", b"Command not expected"),
        ],
    ),
    "an epoch that is no time is an error": Difference(
        "The C server runs the job at once.",
        [
            send("client", p.SUBMIT_JOB_EPOCH, b"f", b"u", b"soon", b"data"),
        ],
        ours=[
            reply(
                "client",
                p.ERROR,
                b"INVALID_ARGUMENTS",
                b"epoch b'soon': expected seconds since 1970-01-01 UTC",
            ),
        ],
        theirs=[
            reply("client", p.JOB_CREATED, H1),
        ],
    ),
    "an epoch out of all range is an error": Difference(
        "The C server does not answer.",
        [
            send("client", p.SUBMIT_JOB_EPOCH, b"f", b"u", b"9" * 30, b"data"),
        ],
        ours=[
            reply(
                "client",
                p.ERROR,
                b"INVALID_ARGUMENTS",
                b"epoch b'999999999999999999999999999999': expected seconds since 1970-01-01 UTC",
            ),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a handle that is too long is unknown": Difference(
        "The C server closes the connection without a word.",
        [
            send("client", p.GET_STATUS, b"x" * 64),
            send("client", p.GET_STATUS_UNIQUE, b"x" * 64),
            send("client", p.GET_STATUS, b"x"),
        ],
        ours=[
            reply("client", p.STATUS_RES, b"x" * 64, b"0", b"0", b"0", b"0"),
            reply("client", p.STATUS_RES_UNIQUE, b"x" * 64, b"0", b"0", b"0", b"0", b"0"),
            reply("client", p.STATUS_RES, b"x", b"0", b"0", b"0", b"0"),
        ],
        theirs=[
            closed("client"),
        ],
    ),
    "a failure of a job with a long handle is of an unknown job": Difference(
        "The C server tells of its own buffer.",
        [
            send("worker", p.WORK_FAIL, b"x" * 64),
        ],
        ours=[
            reply("worker", p.ERROR, b"JOB_NOT_FOUND", b"Job given in work result not found"),
        ],
        theirs=[
            reply(
                "worker",
                p.ERROR,
                b"ARGUMENT_TOO_LARGE",
                b"Error occurred due to GEARMAND_JOB_HANDLE_SIZE being too small from snprintf",
            ),
        ],
    ),
    "a zero byte behind a function's name is no part of it": Difference(
        "Submissions cannot name the function that the C server registers.",
        [
            send("worker", p.CAN_DO, b"f", b""),
            send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        theirs=[
            reply("worker", p.NO_JOB),
        ],
    ),
    "progress below nothing is nothing": Difference(
        "The C server takes it for a very large number.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b""),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            send("worker", p.WORK_STATUS, H1, b"-5", b"10"),
            send("client", p.GET_STATUS, H1),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b""),
            reply("client", p.WORK_STATUS, H1, b"-5", b"10"),
        ],
        ours=[
            reply("client", p.STATUS_RES, H1, b"1", b"1", b"0", b"10"),
        ],
        theirs=[
            reply("client", p.STATUS_RES, H1, b"1", b"1", b"4294967291", b"10"),
        ],
    ),
}
