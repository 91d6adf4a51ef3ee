"""Where we differ from the C server in the text protocol."""

from __future__ import annotations

from importlib.metadata import version

from geartrain.protocol import packets as p
from tests.interop.script import H1, H2, closed, line, reply, send, text
from tests.interop.scripts.difference import Difference

DIFFERENCES: dict[str, Difference] = {
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
}
