"""Scripts about the text protocol: lists, commands, and the lines that say what was wrong."""

from __future__ import annotations

from tests.interop.script import H1, H2, Step, line, part, raw, send

from geartrain.protocol import packets as p

SCRIPTS: dict[str, list[Step]] = {
    "empty lists are a single dot": [
        line("admin", b"status"),
        line("admin", b"prioritystatus"),
        line("admin", b"show jobs"),
        line("admin", b"show unique jobs"),
    ],
    "the list of functions counts jobs, running jobs and workers": [
        send("client", p.SUBMIT_JOB_BG, b"f", b"1", b"one"),
        send("client", p.SUBMIT_JOB_BG, b"f", b"2", b"two"),
        send("client", p.SUBMIT_JOB_BG, b"g", b"3", b"three"),
        send("one", p.CAN_DO, b"f"),
        send("two", p.CAN_DO, b"f"),
        send("two", p.CAN_DO, b"idle"),
        send("one", p.GRAB_JOB),
        line("admin", b"status"),
    ],
    "the list of priorities counts what is queued": [
        send("client", p.SUBMIT_JOB_HIGH_BG, b"f", b"1", b""),
        send("client", p.SUBMIT_JOB_BG, b"f", b"2", b""),
        send("client", p.SUBMIT_JOB_BG, b"f", b"3", b""),
        send("client", p.SUBMIT_JOB_LOW_BG, b"f", b"4", b""),
        send("worker", p.CAN_DO, b"f"),
        send("worker", p.GRAB_JOB),
        line("admin", b"prioritystatus"),
    ],
    "a function stays in the list when its last worker and job are gone": [
        send("worker", p.CAN_DO, b"f"),
        send("worker", p.CANT_DO, b"f"),
        line("admin", b"status"),
    ],
    "the list of workers shows every connection, newest function first": [
        send("worker", p.SET_CLIENT_ID, b"me"),
        send("worker", p.CAN_DO, b"a"),
        send("worker", p.CAN_DO, b"b"),
        send("worker", p.CAN_DO_TIMEOUT, b"c", b"5000"),
        send("client", p.SUBMIT_JOB, b"f", b"u", b""),
        line("admin", b"workers"),
    ],
    "the lists of jobs": [
        send("client", p.SUBMIT_JOB, b"f", b"one", b""),
        send("client", p.SUBMIT_JOB_BG, b"f", b"two", b""),
        send("client", p.SUBMIT_JOB_BG, b"g", b"two", b""),
        send("client", p.SUBMIT_JOB_BG, b"f", b"", b""),
        line("admin", b"show jobs"),
        line("admin", b"show unique jobs"),
    ],
    "commands are found in any letter case": [
        line("admin", b"STATUS"),
        line("admin", b"Show JOBS"),
        line("admin", b"show UNIQUE Jobs"),
        line("admin", b"CREATE Function ffff\r"),
    ],
    "a line may end in CR LF": [
        line("admin", b"status\r"),
        line("admin", b"show jobs\r"),
        line("admin", b"nonsense\r"),
    ],
    "words after a simple command are ignored": [
        line("admin", b"status now please"),
        line("admin", b"prioritystatus x"),
        line("admin", b"status "),
    ],
    "several lines in one write are answered in order": [
        raw("admin", b"status\nnonsense\nshow jobs\n"),
    ],
    "a line may come in pieces": [
        part("admin", b"sta"),
        part("admin", b"tu"),
        line("admin", b"s"),
    ],
    "lines and packets may be mixed": [
        line("mixed", b"status"),
        send("mixed", p.SUBMIT_JOB_BG, b"f", b"u", b""),
        line("mixed", b"status"),
        send("mixed", p.GET_STATUS, H1),
    ],
    "an unknown command is named in the error": [
        line("admin", b"nonsense"),
        line("admin", b"help"),
        line("admin", b"gladiator"),
        line("admin", b""),
        line("admin", b" status"),
        line("admin", b"show"),
        line("admin", b"cancel"),
        line("admin", b"cancel job"),
    ],
    "show knows jobs and unique jobs": [
        line("admin", b"show nonsense"),
        line("admin", b"show jobs now"),
        line("admin", b"show unique"),
        line("admin", b"show unique nonsense"),
    ],
    "cancel knows jobs only": [
        line("admin", b"cancel nonsense x"),
        line("admin", b"cancel job x y"),
    ],
    "cancelling an unknown job is an error": [
        line("admin", b"cancel job T:999999"),
        line("admin", b"cancel job nonsense"),
    ],
    "a cancelled job fails for everybody who waits": [
        send("one", p.SUBMIT_JOB, b"f", b"u", b"data"),
        send("two", p.SUBMIT_JOB, b"f", b"u", b"data"),
        send("two", p.SUBMIT_JOB, b"f", b"v", b"data"),
        line("admin", b"cancel job " + H1),
        send("worker", p.CAN_DO, b"f"),
        send("worker", p.GRAB_JOB),
        send("worker", p.GRAB_JOB),
        line("admin", b"status"),
    ],
    "a cancelled background job is never run": [
        send("client", p.SUBMIT_JOB_BG, b"f", b"u", b"data"),
        send("client", p.SUBMIT_JOB_BG, b"f", b"v", b"data"),
        line("admin", b"cancel job " + H2),
        send("worker", p.CAN_DO, b"f"),
        send("worker", p.GRAB_JOB),
        send("worker", p.GRAB_JOB),
        line("admin", b"status"),
    ],
    "incomplete commands are errors": [
        line("admin", b"maxqueue"),
        line("admin", b"create"),
        line("admin", b"create function"),
        line("admin", b"create nonsense x"),
        line("admin", b"create function x y"),
        line("admin", b"drop"),
        line("admin", b"drop function"),
        line("admin", b"drop nonsense x"),
    ],
    "a function can be created, twice too": [
        line("admin", b"create function made\r"),
        line("admin", b"create function made\r"),
        line("admin", b"status"),
    ],
    "a function can be dropped when nobody uses it": [
        line("admin", b"create function made\r"),
        line("admin", b"drop function made\r"),
        line("admin", b"status"),
        line("admin", b"drop function made\r"),
        line("admin", b"drop function never\r"),
    ],
    "a function with a worker is not dropped": [
        send("worker", p.CAN_DO, b"ffff"),
        line("admin", b"drop function ffff\r"),
        line("admin", b"status"),
    ],
    "a function with a running job is not dropped": [
        send("client", p.SUBMIT_JOB_BG, b"ffff", b"u", b""),
        send("worker", p.CAN_DO, b"ffff"),
        send("worker", p.GRAB_JOB),
        line("admin", b"drop function ffff\r"),
        line("admin", b"status"),
    ],
    "setting a limit is always answered with OK": [
        line("admin", b"create function ffff\r"),
        line("admin", b"maxqueue ffff 5"),
        line("admin", b"maxqueue ffff 5 6"),
        line("admin", b"maxqueue ffff 5 6 7"),
        line("admin", b"maxqueue ffff"),
        line("admin", b"maxqueue ffff x"),
        line("admin", b"MAXQUEUE ffff 1"),
        line("admin", b"maxqueue never 1"),
    ],
    "the level of the log is named": [
        line("admin", b"verbose"),
    ],
}
