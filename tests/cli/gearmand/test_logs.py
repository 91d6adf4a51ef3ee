"""Where the log goes, and what its lines look like."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import resource
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geartrain.cli.gearmand import system_log
from geartrain.cli.gearmand.log_formats import console_formatter
from geartrain.cli.gearmand.logs import LEVELS, set_up_logging
from geartrain.errors import LogFileError
from geartrain.server.log import log_event
from tests.interop import peers


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Takes away afterwards what a test set up for the whole program."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.raiseExceptions = True


def test_lines_in_a_file_are_those_of_the_c_server(tmp_path: Path) -> None:
    """Level to the right, date and time to the microsecond, a tag, and the text."""
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO")
    log_event(logging.WARNING, "slow", {"peer": "10.0.0.1", "data": b"a\nb"})

    (line,) = file.read_text().splitlines()
    assert re.fullmatch(
        r" WARNING \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \[  main \] slow peer='10.0.0.1' data='a\\nb'", line
    )


@pytest.mark.parametrize(("owner", "mode"), [(65534, 0o755), (0, 0o777)])
def test_root_follows_no_link_that_others_may_have_put_there(tmp_path: Path, owner: int, mode: int) -> None:
    """Whoever may write to the folder of the log could have root write to any file."""
    if os.geteuid() != 0:
        peers.absent("this test gives a folder away, which takes root")
    target = tmp_path / "target"
    target.touch()
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "log").symlink_to(target)
    os.chown(folder, owner, -1)
    folder.chmod(mode)

    with pytest.raises(LogFileError, match=f"cannot open log file {folder}/log: "):
        set_up_logging(str(folder / "log"), "INFO")

    log_event(logging.WARNING, "slow", {})
    assert target.read_text() == ""


def test_a_link_in_a_folder_of_one_s_own_is_followed(tmp_path: Path) -> None:
    """Somebody keeps the logs elsewhere."""
    target = tmp_path / "target"
    link = tmp_path / "log"
    link.symlink_to(target)

    set_up_logging(str(link), "INFO")
    log_event(logging.WARNING, "slow", {})

    assert "slow" in target.read_text()


def test_a_line_in_json_holds_time_level_event_and_fields(tmp_path: Path) -> None:
    """The event is the constant text; fields keep their types, and the time is in UTC."""
    file = tmp_path / "log"
    before = datetime.now(UTC)

    set_up_logging(str(file), "INFO", log_format="json")
    log_event(
        LEVELS["NOTICE"], "stopped", {"jobs": 3, "function": b"f\xff\n", "path": "\udcff", "peer": None}
    )

    (line,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert before <= datetime.fromisoformat(line.pop("timestamp")) <= datetime.now(UTC)
    fields = {"jobs": 3, "function": "f\\xff\n", "path": "\\udcff", "peer": None}
    assert line == {"level": "notice", "event": "stopped"} | fields


def test_a_traceback_is_part_of_its_line_in_json(tmp_path: Path) -> None:
    """Whoever reads the log by lines gets all of it."""
    file = tmp_path / "log"
    set_up_logging(str(file), "INFO", log_format="json")

    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("library").exception("went wrong")

    (line,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["level"], line["event"]) == ("error", "went wrong")
    assert "ValueError: boom" in line["exception"]


@pytest.mark.parametrize("log_format", ["classic", "console", "json"])
def test_a_payload_is_never_logged_in_full(tmp_path: Path, log_format: str) -> None:
    """The first bytes and the length, in every format."""
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO", log_format=log_format)
    log_event(logging.INFO, "echo", {"data": b"x" * 1000})

    text = file.read_text(encoding="utf-8")
    assert "x" * 65 not in text
    assert "(1000 bytes)" in text or "(1000 bytes)" in json.loads(text)["data"]


@pytest.mark.parametrize("log_format", ["classic", "console", "json"])
def test_a_field_never_makes_a_line_of_its_own(tmp_path: Path, log_format: str) -> None:
    """Whatever a peer put into it."""
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO", log_format=log_format)
    log_event(logging.INFO, "label", {"bytes": b"a\nINFO forged", "text": "b\nINFO forged"})

    assert len(file.read_text().splitlines()) == 1


def test_on_a_terminal_the_log_is_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being asked."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    set_up_logging("stderr", "INFO")
    log_event(LEVELS["ALERT"], "trouble", {"code": 5})

    plain = re.sub(r"\x1b\[\d+m", "", terminal.getvalue())
    assert plain != terminal.getvalue()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[alert +\] trouble +code=5\n", plain)


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_user_of_a_terminal_may_go_without_colours(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """As with other programs; the columns stay."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv(variable, value)

    set_up_logging("stderr", "INFO")
    log_event(logging.INFO, "ready", {"code": 5})

    assert re.fullmatch(r"[\d-]+ [\d:]+ \[info +\] ready +code=5\n", terminal.getvalue())


def test_in_a_pipe_the_log_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a file."""
    set_up_logging("stderr", "INFO")
    log_event(logging.INFO, "ready", {})

    assert re.fullmatch(r"    INFO .* \[  main \] ready\n", capsys.readouterr().err)


def test_a_terminal_gets_the_format_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only auto looks at where the log goes."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    set_up_logging("stderr", "INFO", log_format="classic")
    log_event(logging.INFO, "ready", {})

    assert terminal.getvalue().endswith("[  main ] ready\n")


def test_columns_in_a_file_have_no_colours(tmp_path: Path) -> None:
    """Escape sequences are for terminals."""
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO", log_format="console")
    log_event(logging.INFO, "ready", {})

    assert "\x1b" not in file.read_text()


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_has_a_style_of_its_own(level: str) -> None:
    """Also those that only the C server has."""
    logging.addLevelName(LEVELS[level], level)
    record = logging.LogRecord("geartrain", LEVELS[level], __file__, 1, "event", (), None)

    assert f"[{level.lower()}" in re.sub(r"\x1b\[\d+m", "", console_formatter(colors=True).format(record))


def test_lines_below_the_level_are_left_out(tmp_path: Path) -> None:
    """NOTICE shows what is more severe, and not INFO."""
    file = tmp_path / "log"

    set_up_logging(str(file), "NOTICE")
    log_event(logging.INFO, "hidden", {})
    log_event(logging.WARNING, "shown", {})

    assert "hidden" not in file.read_text()
    assert "shown" in file.read_text()


def test_none_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither to stdout nor to stderr."""
    set_up_logging("none", "DEBUG")
    log_event(logging.ERROR, "lost", {})

    assert capsys.readouterr() == ("", "")


def test_a_file_that_cannot_be_opened_sends_the_log_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file; a log in the wrong place is better than none."""
    with pytest.raises(LogFileError) as caught:
        set_up_logging("/nowhere/log", "INFO")
    log_event(logging.INFO, "ready", {})

    assert caught.value.path == "/nowhere/log"
    assert "ready" in capsys.readouterr().err


def test_a_log_file_goes_on_under_its_name_after_it_was_moved(tmp_path: Path) -> None:
    """As logrotate wants it; a new file that cannot be opened keeps the old one."""
    file = tmp_path / "log"
    log_file = set_up_logging(str(file), "INFO", log_format="json")
    assert log_file is not None
    log_event(logging.INFO, "first", {})
    file.rename(tmp_path / "old")

    log_file.reopen()
    log_event(logging.INFO, "second", {})

    assert "first" in (tmp_path / "old").read_text()
    assert json.loads(file.read_text())["event"] == "second"


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond a kilobyte: as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_log_file_is_changed_although_the_old_one_cannot_be_written(tmp_path: Path) -> None:
    """A full disk ends when old logs go; lines that did not fit are lost."""
    file = tmp_path / "log"
    log_file = set_up_logging(str(file), "INFO", log_format="json")
    assert log_file is not None
    for number in range(100):
        log_event(logging.INFO, "too much", {"number": number})
    file.rename(tmp_path / "old")

    log_file.reopen()
    log_event(logging.INFO, "again", {})

    assert (tmp_path / "old").stat().st_size == 1024
    assert json.loads(file.read_text())["event"] == "again"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a system log, where the program looks for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "syslog"))
        listener.settimeout(10)
        monkeypatch.setattr(system_log, "SOCKET", str(tmp_path / "syslog"))
        yield listener


@pytest.mark.parametrize(
    ("level", "severity"),
    [("FATAL", 2), ("ALERT", 1), ("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("NOTICE", 5), ("INFO", 6)],
)
def test_the_system_log_gets_the_lines_too(
    system: socket.socket, tmp_path: Path, level: str, severity: int
) -> None:
    """With the facility "user", the matching severity, and the number of the process."""
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO", syslog=True)
    log_event(LEVELS[level], "stopped", {"jobs": 3})

    datagram = system.recv(4096)
    assert re.fullmatch(rb"<%d>gearmand\[\d+\]: stopped jobs=3" % (8 + severity), datagram)
    assert "stopped" in file.read_text()


def test_a_system_log_that_does_not_keep_up_keeps_nobody_waiting(
    system: socket.socket, tmp_path: Path
) -> None:
    """Its lines are lost; the server goes on, and so does the log once there is room."""
    file = tmp_path / "log"
    set_up_logging(str(file), "INFO", syslog=True)

    for number in range(5000):
        log_event(logging.INFO, "too much", {"number": number})

    assert len(file.read_text().splitlines()) == 5000
    system.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            system.recv(4096)
    log_event(logging.INFO, "again", {})
    assert system.recv(4096).endswith(b": again")


def test_a_system_log_that_was_started_again_is_found(system: socket.socket) -> None:
    """Lines between the two are lost."""
    set_up_logging("none", "INFO", syslog=True)
    path = system.getsockname()
    system.close()
    Path(path).unlink()
    log_event(logging.INFO, "lost", {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(path)
        again.settimeout(10)

        log_event(logging.INFO, "found", {})

        assert again.recv(4096).endswith(b": found")


def test_a_system_log_may_want_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each line ends with a zero byte."""
    monkeypatch.setattr(system_log, "SOCKET", str(tmp_path / "stream"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "stream"))
        listener.listen()
        listener.settimeout(10)

        set_up_logging("none", "INFO", syslog=True)
        log_event(logging.INFO, "ready", {})

        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(4096).endswith(b": ready\0")


def test_a_missing_system_log_is_said_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr; the other log is written all the same."""
    monkeypatch.setattr(system_log, "SOCKET", str(tmp_path / "nothing"))
    file = tmp_path / "log"

    set_up_logging(str(file), "INFO", syslog=True)
    log_event(logging.INFO, "ready", {})

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"gearmand: cannot open log file {tmp_path}/nothing: ")
    assert "ready" in file.read_text()
