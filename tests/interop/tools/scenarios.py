"""What people do with ``gearman`` and ``gearadmin`` in scripts, and what the C tools answer."""

from __future__ import annotations

from tests.interop.tools.scenario import Difference, Outcome, Scenario

_UPPER = "{gearman} -w -f upper -- tr a-z A-Z"
_CAT = "{gearman} -w -f cat -- cat"
# What a worker of another library sends: a piece, progress, a warning and the result.
_UPDATES = "{updates_worker} -f updates"
_FALSE = "{gearman} -w -f fail -- false"

SCENARIOS: dict[str, Scenario] = {
    "a job from standard input": Scenario(
        ["echo hello | {gearman} -f upper", "printf 'no newline' | {gearman} -f upper"],
        [Outcome(b"HELLO\n"), Outcome(b"NO NEWLINE")],
        [_UPPER],
    ),
    "a job from an argument": Scenario(["{gearman} -f upper hello"], [Outcome(b"HELLO")], [_UPPER]),
    "several arguments": Scenario(
        ["{gearman} -f upper one, two, three,"], [Outcome(b"ONE,TWO,THREE,")], [_UPPER]
    ),
    "options behind the data": Scenario(["{gearman} hello -f upper"], [Outcome(b"HELLO")], [_UPPER]),
    "options in one word": Scenario(["{gearman} -Pfupper hello"], [Outcome(b"upper: HELLO")], [_UPPER]),
    "empty input": Scenario(["{gearman} -f upper < /dev/null"], [Outcome(b"")], [_UPPER]),
    "a job without data": Scenario(["echo unread | {gearman} -s -f upper"], [Outcome(b"")], [_UPPER]),
    "one job for each line": Scenario(
        ["printf 'a\\nb\\n' | {gearman} -n -f upper", "printf 'a\\nb\\n' | {gearman} -N -f upper"],
        [Outcome(b"A\nB\n"), Outcome(b"AB")],
        [_UPPER],
    ),
    "the function in front of the output": Scenario(
        ["printf 'a\\nb\\n' | {gearman} -n -P -f upper"], [Outcome(b"upper: A\nupper: B\n")], [_UPPER]
    ),
    "binary data": Scenario(
        ["printf '\\000\\001\\377\\000' | {gearman} -f cat"], [Outcome(b"\0\1\xff\0")], [_CAT]
    ),
    "a megabyte": Scenario(
        ["head -c 1000000 /dev/zero | {gearman} -f count"],
        [Outcome(b"1000000\n")],
        ["{gearman} -w -f count -- wc -c"],
    ),
    "a job that fails": Scenario(["{gearman} -f fail x"], [Outcome(b"", 1)], [_FALSE]),
    "what a failing job has printed": Scenario(
        ["{gearman} -f partial x"],
        [Outcome(b"partial\n", 1)],
        ["{gearman} -w -f partial -- sh -c 'echo partial; exit 3'"],
    ),
    "several functions": Scenario(
        ["{gearman} -f upper -f cat -N < /dev/null; echo a | {gearman} -f upper"],
        [Outcome(b"A\n")],
        [_UPPER, _CAT],
    ),
    "background jobs, taken by a worker without a command": Scenario(
        [
            "{gearman} -b -f later normal",
            "{gearman} -b -L -f later low",
            "{gearman} -b -I -f later high",
            "{gearadmin} --priority-status",
            "{gearman} -w -c 3 -f later",
            "{gearadmin} --status",
        ],
        [
            Outcome(b""),
            Outcome(b""),
            Outcome(b""),
            Outcome(b"later\t1\t1\t1\t0\n.\n"),
            Outcome(b"highnormallow"),
            Outcome(b"later\t0\t0\t0\n.\n"),
        ],
    ),
    "the handle of a background job": Scenario(
        ["{gearman} -v -b -f later x", "{gearadmin} --show-jobs"],
        [Outcome(b"Task created: <1>\n"), Outcome(b"<1>\t0\t0\t1\n.\n")],
    ),
    "a unique": Scenario(
        [
            "{gearman} -b -v -u same -f later one",
            "{gearman} -b -v -u same -f later two",
            "{gearadmin} --show-unique-jobs",
            "{gearman} -w -c 1 -f later",
        ],
        [
            Outcome(b"Task created: <1>\n"),
            Outcome(b"Task created: <1>\n"),
            Outcome(b"same\n.\n"),
            Outcome(b"one"),
        ],
    ),
    "a unique made of the data": Scenario(
        ["{gearman} -b -u '#' -f later hello", "{gearadmin} --show-unique-jobs"],
        [Outcome(b""), Outcome(b"1067880409\n.\n")],
    ),
    "the server from the environment": Scenario(
        [
            "echo a | GEARMAN_SERVER={server} {tool} -f upper",
            "echo b | GEARMAN_SERVERS={server} {tool} -h 127.0.0.1 -p 1 -f upper",
        ],
        [Outcome(b"A\n"), Outcome(b"B\n")],
        [_UPPER],
    ),
    "help": Scenario(["{tool} -H > /dev/null 2>&1"], [Outcome(b"")]),
    "functions made and dropped": Scenario(
        [
            "{gearadmin} --create-function f",
            "{gearadmin} --status",
            "{gearadmin} --drop-function f",
            "{gearadmin} --status",
        ],
        [Outcome(b"OK\n"), Outcome(b"f\t0\t0\t0\n.\n"), Outcome(b"OK\n"), Outcome(b".\n")],
    ),
    "the list of connections": Scenario(
        ["{gearadmin} --workers | cut -d ' ' -f 2- | LC_ALL=C sort"],
        [Outcome(b".\n127.0.0.1 - :\n127.0.0.1 - : upper\n")],
        [_UPPER],
    ),
    "a job is cancelled": Scenario(
        [
            "{gearman} -b -f later x",
            "{gearadmin} --cancel-job $({gearadmin} --show-jobs | head -n 1 | cut -f 1)",
        ],
        [Outcome(b""), Outcome(b"OK\n")],
    ),
    "the level of the log": Scenario(["{gearadmin} --server-verbose"], [Outcome(b"INFO\n")]),
    "the process id is a number": Scenario(["{gearadmin} --getpid | tr 0-9 9 | tr -s 9"], [Outcome(b"9\n")]),
    "options are abbreviated": Scenario(
        ["{gearadmin} --create f", "{gearadmin} --stat"], [Outcome(b"OK\n"), Outcome(b"f\t0\t0\t0\n.\n")]
    ),
    "no operation": Scenario(["{gearadmin} > /dev/null"], [Outcome(b"", 1)]),
    "an unknown option": Scenario(["{gearadmin} --bogus > /dev/null"], [Outcome(b"", 1)]),
}

DIFFERENCES: dict[str, Difference] = {
    "a last line without its end": Difference(
        "The C tool cuts a byte of the data.",
        Scenario(["printf 'ab\\ncd' | {gearman} -N -f upper"], [Outcome(b"ABC")], [_UPPER]),
        [Outcome(b"ABCD")],
    ),
    "a worker that sends each line": Difference(
        "The C tool sends all lines so far, over and over.",
        Scenario(
            ["{gearman} -f lines x"],
            [Outcome(b"l1\nl1\nl2\nl1\nl2\nl3\n")],
            ["{gearman} -w -n -f lines -- printf 'l1\\nl2\\nl3\\n'"],
        ),
        [Outcome(b"l1\nl2\nl3\n")],
    ),
    "a command that is killed": Difference(
        "For the C tool that is a success.",
        Scenario(
            ["{gearman} -f suicide x"],
            [Outcome(b"")],
            ["{gearman} -w -f suicide -- sh -c 'kill -9 $$'"],
        ),
        [Outcome(b"", 1)],
    ),
    "a server that is not there": Difference(
        "The C tool says so on stderr only.",
        Scenario(["{tool} -h 127.0.0.1 -p 1 -f f x"], [Outcome(b"")]),
        [Outcome(b"", 3)],
    ),
    "nobody answers in time": Difference(
        "The C tool says so on stderr only.",
        Scenario(["{gearman} -t 200 -f nobody x"], [Outcome(b"")]),
        [Outcome(b"", 3)],
    ),
    "no function": Difference(
        "Wrong usage has a code of its own.",
        Scenario(["{tool} x > /dev/null"], [Outcome(b"", 1)]),
        [Outcome(b"", 2)],
    ),
    "an operation that the server refuses": Difference(
        "The C tool reports success.",
        Scenario(
            ["{gearadmin} --drop-function missing", "{gearadmin} --cancel-job missing"],
            [Outcome(b""), Outcome(b"")],
        ),
        [Outcome(b"", 1), Outcome(b"", 1)],
    ),
    "several operations": Difference(
        "The C tool has an order of its own.",
        Scenario(
            ["{gearadmin} --status --server-verbose --create-function f"],
            [Outcome(b"OK\nINFO\nf\t0\t0\t0\n.\n")],
        ),
        [Outcome(b".\nINFO\nOK\n")],
    ),
    "data, progress and result": Difference(
        "The C tool writes progress last when it does not write to a terminal.",
        Scenario(
            ["{gearman} -f updates x 2> /dev/null"],
            [Outcome(b"firstdone50% Complete\n")],
            [_UPDATES],
        ),
        [Outcome(b"first50% Complete\ndone")],
    ),
}
