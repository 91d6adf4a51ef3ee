"""Where we differ from the C server on purpose: what is sent, what each replies, and why ours is better.

The C server is the 1.1.20 of Debian.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from tests.interop.script import (
    H1,
    H2,
    H3,
    H4,
    H5,
    H6,
    Reply,
    Step,
    close,
    closed,
    finish,
    line,
    packet,
    raw,
    reply,
    send,
    text,
)

from geartrain.protocol import packets as p


class Difference(NamedTuple):
    """A script whose transcripts are ``both`` and then ``ours``, or ``both`` and then ``theirs``."""

    reason: str
    steps: Sequence[Step]
    both: Sequence[Reply] = ()
    ours: Sequence[Reply] = ()
    theirs: Sequence[Reply] = ()


DIFFERENCES: dict[str, Difference] = {
    "a unique of 64 bytes is kept whole": Difference(
        "The C server cuts it, never finds it again, and puts a zero byte in front of the data.",
        [
            send("client", p.SUBMIT_JOB_BG, b"f", b"u" * 64, b"data"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"u" * 64, b"data"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB_UNIQ),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN_UNIQ, H1, b"f", b"u" * 64, b"data"),
        ],
        theirs=[
            reply("client", p.JOB_CREATED, H2),
            reply("worker", p.JOB_ASSIGN_UNIQ, H1, b"f", b"u" * 63, b"", b"data"),
        ],
    ),
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
    "a foreground job goes with its last client": Difference(
        "The C server keeps it as a ghost that is counted and never run.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b"data"),
            close("client"),
            line("admin", b"status"),
            line("admin", b"show jobs"),
            send("admin", p.GET_STATUS, H1),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            text("admin", b"f\t0\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", b".\n"),
            reply("admin", p.STATUS_RES, H1, b"0", b"0", b"0", b"0"),
        ],
        theirs=[
            text("admin", b"f\t1\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", H1 + b"\t0\t1\t0\n"),
            text("admin", b".\n"),
            reply("admin", p.STATUS_RES, H1, b"1", b"0", b"0", b"0"),
        ],
    ),
    "nobody joins a job that was given up": Difference(
        "The C server attaches a new client to the ghost, where it waits for ever.",
        [
            send("one", p.SUBMIT_JOB, b"f", b"u", b"old"),
            close("one"),
            send("two", p.SUBMIT_JOB, b"f", b"u", b"new"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("one", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("two", p.JOB_CREATED, H2),
            reply("worker", p.JOB_ASSIGN, H2, b"f", b"new"),
        ],
        theirs=[
            reply("two", p.JOB_CREATED, H1),
            reply("worker", p.NO_JOB),
        ],
    ),
    "a background job survives a client that joined it and left": Difference(
        "The C server has no notion of background: the job is lost with the client.",
        [
            send("one", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
            send("two", p.SUBMIT_JOB, b"f", b"u", b"data"),
            close("two"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("one", p.JOB_CREATED, H1),
            reply("two", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        theirs=[
            reply("worker", p.NO_JOB),
        ],
    ),
    "a background submission that joined a foreground job is kept": Difference(
        "In the C server it is lost with the foreground client.",
        [
            send("one", p.SUBMIT_JOB, b"f", b"u", b"data"),
            send("two", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
            close("one"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("one", p.JOB_CREATED, H1),
            reply("two", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        theirs=[
            reply("worker", p.NO_JOB),
        ],
    ),
    "a cancelled job is gone": Difference(
        "In the C server it is counted, and found by its unique, until a worker would have run it.",
        [
            send("one", p.SUBMIT_JOB, b"f", b"u", b"old"),
            line("admin", b"cancel job " + H1),
            line("admin", b"status"),
            line("admin", b"cancel job " + H1),
            send("two", p.SUBMIT_JOB, b"f", b"u", b"new"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("one", p.JOB_CREATED, H1),
            text("admin", b"OK\r\n"),
            reply("one", p.WORK_FAIL, H1),
        ],
        ours=[
            text("admin", b"f\t0\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", b"ERR UNKNOWN_JOB\r\n"),
            reply("two", p.JOB_CREATED, H2),
            reply("worker", p.JOB_ASSIGN, H2, b"f", b"new"),
        ],
        theirs=[
            text("admin", b"f\t1\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", b"OK\r\n"),
            reply("one", p.WORK_FAIL, H1),
            reply("two", p.JOB_CREATED, H1),
            reply("worker", p.NO_JOB),
        ],
    ),
    "a running job that was cancelled ends once": Difference(
        "The C server sends WORK_COMPLETE after WORK_FAIL.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b"data"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            line("admin", b"cancel job " + H1),
            send("worker", p.WORK_DATA, H1, b"piece"),
            send("worker", p.WORK_COMPLETE, H1, b"result"),
            line("admin", b"status"),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
            text("admin", b"OK\r\n"),
            reply("client", p.WORK_FAIL, H1),
        ],
        ours=[
            text("admin", b"f\t0\t0\t1\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            reply("client", p.WORK_DATA, H1, b"piece"),
            reply("client", p.WORK_COMPLETE, H1, b"result"),
            text("admin", b"f\t0\t0\t1\n"),
            text("admin", b".\n"),
        ],
    ),
    "a limit can be set before its function is known": Difference(
        "The C server says OK and forgets it.",
        [
            line("admin", b"maxqueue f 1"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"1", b""),
            send("client", p.SUBMIT_JOB_BG, b"f", b"2", b""),
        ],
        both=[
            text("admin", b"OK\r\n"),
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("client", p.ERROR, b"QUEUE_ERROR", b"Job queue is full"),
        ],
        theirs=[
            reply("client", p.JOB_CREATED, H2),
        ],
    ),
    "an ability registered twice is one ability": Difference(
        "The C server counts and lists the worker twice.",
        [
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.CAN_DO, b"f"),
            line("admin", b"status"),
            line("admin", b"workers"),
        ],
        ours=[
            text("admin", b"f\t0\t0\t1\n"),
            text("admin", b".\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - : f\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            text("admin", b"f\t0\t0\t2\n"),
            text("admin", b".\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - : f f\n"),
            text("admin", b".\n"),
        ],
    ),
    "priority goes over all functions of a worker, which take turns": Difference(
        "The C server of this version drains the function registered last first; version 2.0 does as we do.",
        [
            send("client", p.SUBMIT_JOB_BG, b"a", b"1", b"a1"),
            send("client", p.SUBMIT_JOB_BG, b"a", b"2", b"a2"),
            send("client", p.SUBMIT_JOB_HIGH_BG, b"a", b"3", b"a high"),
            send("client", p.SUBMIT_JOB_BG, b"b", b"4", b"b1"),
            send("client", p.SUBMIT_JOB_LOW_BG, b"b", b"5", b"b low"),
            send("client", p.SUBMIT_JOB_BG, b"b", b"6", b"b2"),
            send("worker", p.CAN_DO, b"a"),
            send("worker", p.CAN_DO, b"b"),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("client", p.JOB_CREATED, H2),
            reply("client", p.JOB_CREATED, H3),
            reply("client", p.JOB_CREATED, H4),
            reply("client", p.JOB_CREATED, H5),
            reply("client", p.JOB_CREATED, H6),
        ],
        ours=[
            reply("worker", p.JOB_ASSIGN, H3, b"a", b"a high"),
            reply("worker", p.JOB_ASSIGN, H4, b"b", b"b1"),
            reply("worker", p.JOB_ASSIGN, H1, b"a", b"a1"),
            reply("worker", p.JOB_ASSIGN, H6, b"b", b"b2"),
            reply("worker", p.JOB_ASSIGN, H2, b"a", b"a2"),
            reply("worker", p.JOB_ASSIGN, H5, b"b", b"b low"),
        ],
        theirs=[
            reply("worker", p.JOB_ASSIGN, H4, b"b", b"b1"),
            reply("worker", p.JOB_ASSIGN, H6, b"b", b"b2"),
            reply("worker", p.JOB_ASSIGN, H5, b"b", b"b low"),
            reply("worker", p.JOB_ASSIGN, H3, b"a", b"a high"),
            reply("worker", p.JOB_ASSIGN, H1, b"a", b"a1"),
            reply("worker", p.JOB_ASSIGN, H2, b"a", b"a2"),
        ],
    ),
    "dropping a function fails its jobs": Difference(
        "The C server leaves them behind, listed for ever and never run.",
        [
            send("client", p.SUBMIT_JOB, b"ffff", b"u", b""),
            line("admin", b"drop function ffff\r"),
            line("admin", b"show jobs"),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            text("admin", b"OK\r\n"),
        ],
        ours=[
            reply("client", p.WORK_FAIL, H1),
            text("admin", b".\n"),
        ],
        theirs=[
            text("admin", H1 + b"\t0\t0\t0\n"),
            text("admin", b".\n"),
        ],
    ),
    "dropping a function minds the letter case": Difference(
        "The C server drops a function of a similar name.",
        [
            line("admin", b"create function made\r"),
            line("admin", b"drop function MADE\r"),
            line("admin", b"status"),
        ],
        both=[
            text("admin", b"OK\r\n"),
        ],
        ours=[
            text("admin", b"ERR function not found\r\n"),
            text("admin", b"made\t0\t0\t0\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            text("admin", b"OK\r\n"),
            text("admin", b".\n"),
        ],
    ),
    "creating a function takes all of its name": Difference(
        "The C server loses the last letter when the line has no CR.",
        [
            line("admin", b"create function made"),
            line("admin", b"status"),
        ],
        both=[
            text("admin", b"OK\r\n"),
        ],
        ours=[
            text("admin", b"made\t0\t0\t0\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            text("admin", b"mad\t0\t0\t0\n"),
            text("admin", b".\n"),
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
    "names cannot break a list": Difference(
        "The C server writes tabs and line ends as they are.",
        [
            send("client", p.SUBMIT_JOB_BG, b"tab\there", b"line\nend", b""),
            send("worker", p.SET_CLIENT_ID, b"my\nid"),
            line("admin", b"status"),
            line("admin", b"show unique jobs"),
            line("admin", b"workers"),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            text("admin", b"tab\\x09here\t1\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", b"line\\x0aend\n"),
            text("admin", b".\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> my\\x0aid :\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            text("admin", b"tab\there\t1\t0\t0\n"),
            text("admin", b".\n"),
            text("admin", b"end\n"),
            text("admin", b"line\n"),
            text("admin", b".\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> - :\n"),
            text("admin", b"<fd> <address> my\n"),
            text("admin", b"id :\n"),
            text("admin", b".\n"),
        ],
    ),
    "shutting down needs leave": Difference(
        "The C server does not know the command any more.",
        [
            line("admin", b"shutdown"),
            line("admin", b"shutdown graceful"),
        ],
        ours=[
            text("admin", b"ERR NOT_ALLOWED shutdown+needs+a+server+started+with+--allow-shutdown\r\n"),
            text("admin", b"ERR NOT_ALLOWED shutdown+needs+a+server+started+with+--allow-shutdown\r\n"),
        ],
        theirs=[
            text("admin", b"ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n"),
            text("admin", b"ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n"),
        ],
    ),
    "a sixth word is an error": Difference(
        "The C server closes the connection without a word.",
        [
            line("admin", b"maxqueue f 1 2 3 4"),
            line("admin", b"status"),
        ],
        ours=[
            text("admin", b"ERR INVALID_ARGUMENTS A+command+has+at+most+5+words\r\n"),
            text("admin", b".\n"),
        ],
        theirs=[
            closed("admin"),
        ],
    ),
    "one job wakes one worker": Difference(
        "The C server wakes all of them.",
        [
            send("one", p.CAN_DO, b"f"),
            send("one", p.PRE_SLEEP),
            send("two", p.CAN_DO, b"f"),
            send("two", p.PRE_SLEEP),
            raw("one", packet(p.SUBMIT_JOB_BG, b"f", b"u", b"data") + packet(p.GRAB_JOB)),
        ],
        both=[
            reply("one", p.NOOP),
            reply("one", p.JOB_CREATED, H1),
            reply("one", p.JOB_ASSIGN, H1, b"f", b"data"),
        ],
        theirs=[
            reply("two", p.NOOP),
        ],
    ),
    "a sleeper that learns a function with jobs is woken": Difference(
        "In the C server only the next job wakes it.",
        [
            send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
            send("worker", p.PRE_SLEEP),
            send("worker", p.CAN_DO, b"f"),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
        ],
        ours=[
            reply("worker", p.NOOP),
        ],
    ),
    "the version is our own": Difference(
        "It is another program.",
        [
            line("admin", b"version"),
        ],
        ours=[
            text("admin", b"OK " + version("geartrain").encode() + b"\n"),
        ],
        theirs=[
            text("admin", b"OK 1.1.20+ds\n"),
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
    "several jobs of a lost worker come back in their order": Difference(
        "The C server queues them last grabbed first.",
        [
            send("client", p.SUBMIT_JOB_BG, b"f", b"1", b"one"),
            send("client", p.SUBMIT_JOB_BG, b"f", b"2", b"two"),
            send("lost", p.CAN_DO, b"f"),
            send("lost", p.GRAB_JOB),
            send("lost", p.GRAB_JOB),
            close("lost"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            send("worker", p.GRAB_JOB),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("client", p.JOB_CREATED, H2),
            reply("lost", p.JOB_ASSIGN, H1, b"f", b"one"),
            reply("lost", p.JOB_ASSIGN, H2, b"f", b"two"),
        ],
        ours=[
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"one"),
            reply("worker", p.JOB_ASSIGN, H2, b"f", b"two"),
        ],
        theirs=[
            reply("worker", p.JOB_ASSIGN, H2, b"f", b"two"),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"one"),
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
