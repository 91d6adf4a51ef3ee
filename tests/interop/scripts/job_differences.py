"""Where we differ from the C server in the life of jobs: who keeps them, who gets them, who is woken."""

from __future__ import annotations

from geartrain.protocol import packets as p
from tests.interop.script import H1, H2, H3, H4, H5, H6, close, line, packet, raw, reply, send, text
from tests.interop.scripts.difference import Difference

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
    "a failure behind an exception is taken without a word": Difference(
        "Old workers send both, and Perl's dies of the ERROR.",
        [
            send("client", p.SUBMIT_JOB, b"f", b"u", b"data"),
            send("worker", p.CAN_DO, b"f"),
            send("worker", p.GRAB_JOB),
            send("client", p.OPTION_REQ, b"exceptions"),
            send("worker", p.WORK_EXCEPTION, H1, b"what went wrong"),
            send("worker", p.WORK_FAIL, H1),
        ],
        both=[
            reply("client", p.JOB_CREATED, H1),
            reply("worker", p.JOB_ASSIGN, H1, b"f", b"data"),
            reply("client", p.OPTION_RES, b"exceptions"),
            reply("client", p.WORK_EXCEPTION, H1, b"what went wrong"),
        ],
        theirs=[
            reply("worker", p.ERROR, b"JOB_NOT_FOUND", b"Job given in work result not found"),
        ],
    ),
}
