"""Settings come from a file too: TOML, or the format of the C server."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import click
import pytest

from geartrain.cli.gearmand import command as program
from geartrain.cli.gearmand import config_file
from geartrain.cli.gearmand.config_file import read_config_file
from tests.cli.gearmand.run import DEFAULTS, GearmandCommand

# What the search path is by itself; the fixture of the command has none.
_search_path = config_file.search_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gearmand.toml"


@pytest.fixture
def c_file(tmp_path: Path) -> Path:
    """Where the C server has its options."""
    return tmp_path / "gearmand.conf"


def test_keys_are_the_names_of_options(gearmand: GearmandCommand, file: Path) -> None:
    """With dashes or underscores; values have types."""
    file.write_text(
        """
        # The port that everybody knows.
        port = 4731
        http-port = "http-alt"
        listen = ["127.0.0.1", "unix:/run/g"]
        job_retries = 5
        exceptions = true
        handshake-seconds = 2
        drain-timeout = 2.5
        verbose = "warning"
        """
    )

    config = gearmand.config("--config-file", str(file))

    assert (config.port, config.job_retries, config.exceptions) == (4731, 5, True)
    assert config.listen == ("127.0.0.1", "unix:/run/g")
    assert (config.handshake_seconds, config.drain_timeout, config.log_level) == (2.0, 2.5, "WARNING")
    assert config.http_port == 8080


def test_a_single_address_needs_no_list(gearmand: GearmandCommand, file: Path) -> None:
    """As with any option that may be given several times."""
    file.write_text('listen = "::1"')

    assert gearmand.config("--config-file", str(file)).listen == ("::1",)


def test_a_switch_may_be_off_in_a_file(gearmand: GearmandCommand, file: Path) -> None:
    """False is what it is by default."""
    file.write_text("daemon = false\nsyslog = true\n")

    options = gearmand.options("--config-file", str(file))

    assert (options.daemon, options.syslog) == (False, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "config file {file}: there is no setting 'prot'; did you mean 'port'?"),
        (
            "job-retrys = 1",
            "config file {file}: there is no setting 'job-retrys'; did you mean 'job-retries'?",
        ),
        (
            "JOB-RETRIES = 1",
            "config file {file}: there is no setting 'JOB-RETRIES'; did you mean 'job-retries'?",
        ),
        ("zzz = 1", "config file {file}: there is no setting 'zzz'"),
        ("[tls]\nport = 1", "config file {file}: there is no setting 'tls'"),
        ("config-file = 'x'", "config file {file}: there is no setting 'config-file'"),
        ("version = true", "config file {file}: there is no setting 'version'"),
        ("job-retries = 1\njob_retries = 2", "config file {file}: 'job_retries' is set twice"),
        ("port = 70000", "--port: '70000' is not usable; expected a number from 0 to 65535"),
        ("port = true", "--port: True is not usable; expected a number or a text (from the file {file})"),
        ("backlog = '5'", "--backlog: '5' is not usable; expected a whole number (from the file {file})"),
        ("backlog = 5.0", "--backlog: 5.0 is not usable; expected a whole number (from the file {file})"),
        (
            "backlog = 0",
            "--backlog: 0 is not usable; expected a whole number from 1 to 2147483647 (from the file",
        ),
        ("mysql-password = ['a']", "--mysql-password: '***' is not usable; expected a text (from the file"),
        ("queue = ['redis://:a@b']", "--queue: '***' is not usable; expected a text (from the file {file})"),
        ("ssl = 'yes'", "--ssl: 'yes' is not usable; expected true or false (from the file {file})"),
        ("ssl-key = 5", "--ssl-key: 5 is not usable; expected a text (from the file {file})"),
        ("listen = [1]", "--listen: [1] is not usable; expected a list of texts (from the file {file})"),
        (
            "drain-timeout = '1'",
            "--drain-timeout: '1' is not usable; expected a number (from the file {file})",
        ),
        ("drain-timeout = nan", "--drain-timeout: nan is not usable; expected a number of seconds"),
        ("verbose = 'loud'", "--verbose: 'loud' is not usable; expected one of FATAL"),
        ('log-file = "a\\u0000"', "--log-file: 'a\\x00' is not usable; expected a text without"),
        ('listen = ["a\\u0000"]', "--listen: ['a\\x00'] is not usable; expected a text without zero bytes"),
        ("x = " + "[" * 5000, "cannot understand config file {file}: maximum recursion depth exceeded"),
        ("backlog = " + "9" * 5000, "cannot understand config file {file}: Exceeds the limit"),
        ("port 5", "cannot understand config file {file}: Expected '=' after a key"),
    ],
)
def test_what_a_file_may_not_say_is_refused(
    gearmand: GearmandCommand, file: Path, text: str, message: str
) -> None:
    """One line that names the file and the key, with the nearest one that there is for a typo."""
    file.write_text(text)

    assert gearmand.refusal(["--config-file", str(file)]).startswith(message.format(file=file))


def test_a_file_that_is_no_text_is_refused(gearmand: GearmandCommand, file: Path) -> None:
    """TOML is UTF-8."""
    file.write_bytes(b"listen = '\xff'")

    message = gearmand.refusal(["--config-file", str(file)])

    assert message == f"cannot read config file {file}: it is not UTF-8"


def test_a_byte_order_mark_is_skipped(gearmand: GearmandCommand, file: Path, c_file: Path) -> None:
    """Some editors put one at the start of every file."""
    file.write_text("port = 4731", encoding="utf-8-sig")
    c_file.write_text("--port 4731", encoding="utf-8-sig")

    assert gearmand.config("--config-file", str(file)).port == 4731
    assert gearmand.config("--config-file", str(c_file)).port == 4731


def test_a_folder_is_no_config_file(gearmand: GearmandCommand, tmp_path: Path) -> None:
    """The system says why it cannot be read."""
    message = gearmand.refusal(["--config-file", str(tmp_path)])

    assert message == f"cannot read config file {tmp_path}: Is a directory"


# --- the format of the C server


def test_the_file_of_the_c_server_is_read(gearmand: GearmandCommand, c_file: Path) -> None:
    """Options as on a command line, separated by blanks and line ends; the command line wins."""
    c_file.write_text("--port=4731 -j 5\n-L 127.0.0.1\n--verbose INFO\n-t4 --exceptions")

    outcome = gearmand.run("--config-file", str(c_file), "-p4732")

    assert outcome.config is not None
    assert (outcome.config.port, outcome.config.job_retries) == (4732, 5)
    assert (outcome.config.listen, outcome.config.exceptions) == (("127.0.0.1",), True)
    assert outcome.options is not None
    assert outcome.options.notes == (
        ("option has no meaning here", {"option": "--threads", "source": f"file {c_file}"}),
    )


def test_stray_words_in_the_file_of_the_c_server_are_ignored_and_noted(
    gearmand: GearmandCommand, c_file: Path
) -> None:
    """As there, a line that begins with # is no comment: its words are words as any others."""
    c_file.write_text("# my settings\nredis-password=me\n--backlog 7\n# --job-retries 3\n")

    outcome = gearmand.run("--config-file", str(c_file))

    assert outcome.config is not None
    assert (outcome.config.port, outcome.config.backlog, outcome.config.job_retries) == (4730, 7, 3)
    assert outcome.options is not None
    (note,) = outcome.options.notes
    assert note[1] == {"file": str(c_file), "words": "# my settings redis-password=*** #"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--bogus", "config file {file}: No such option '--bogus'."),
        ("--job-retrys 3", "config file {file}: No such option '--job-retrys'."),
        ("--backlog", "config file {file}: Option '--backlog' requires an argument."),
        ("--version", "config file {file}: --version has no place in a file"),
        ("--config-file x", "config file {file}: --config-file has no place in a file"),
        ("--help", "config file {file}: --help has no place in a file"),
        ("--port x", "--port: 'x' is not usable; expected a number from 0 to 65535 or the name of a TCP"),
        ("-b many", "--backlog: 'many' is not usable; expected a whole number (from the file {file})"),
    ],
)
def test_what_the_file_of_the_c_server_may_not_say_is_refused(
    gearmand: GearmandCommand, c_file: Path, text: str, message: str
) -> None:
    """One line that names the file."""
    c_file.write_text(text)

    assert gearmand.refusal(["--config-file", str(c_file)]).startswith(message.format(file=c_file))


def test_the_file_of_the_c_server_need_not_be_utf_8(gearmand: GearmandCommand, c_file: Path) -> None:
    """Names of files are bytes; a word in another encoding is ignored as any other."""
    c_file.write_bytes(b"# caf\xe9\n--log-file=/var/log/\xe9.log")

    assert gearmand.options("--config-file", str(c_file)).log_file == "/var/log/\udce9.log"


def test_zero_bytes_are_refused(gearmand: GearmandCommand, c_file: Path) -> None:
    """No command line has them, and no name of a file."""
    c_file.write_bytes(b"--log-file=a\0b")

    message = gearmand.refusal(["--config-file", str(c_file)])

    assert message == f"cannot read config file {c_file}: there are zero bytes in it"


def test_toml_is_recognised_without_its_ending(gearmand: GearmandCommand, c_file: Path) -> None:
    """A file is for the C server when a line of it begins with a dash."""
    c_file.write_text("# a port\nport = 4731\njob-retries = -1\n")

    assert gearmand.config("--config-file", str(c_file)).port == 4731


def test_a_file_called_toml_is_toml(gearmand: GearmandCommand, file: Path) -> None:
    """Whatever is in it."""
    file.write_text("-p 4731")

    assert gearmand.refusal(["--config-file", str(file)]).startswith("cannot understand config file")


# --- where a file is looked for


def test_an_ordinary_user_has_a_file_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before those of the machine."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    at_home = _search_path()
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere")

    assert at_home == [
        "/home/me/.config/geartrain/gearmand.toml",
        "/etc/geartrain/gearmand.toml",
        "/etc/gearmand.conf",
    ]
    assert _search_path()[0] == "/elsewhere/geartrain/gearmand.toml"


def test_root_reads_the_files_of_the_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may be that of the user who became root."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere")

    assert _search_path() == ["/etc/geartrain/gearmand.toml", "/etc/gearmand.conf"]


def test_the_first_file_on_the_search_path_is_read(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, file: Path, c_file: Path
) -> None:
    """And no other; it is no error that a file is missing."""
    paths = [str(file.parent / "missing"), str(file / "below-a-file"), str(file), str(c_file)]
    monkeypatch.setattr(config_file, "search_path", lambda: paths)
    file.write_text("port = 1")
    c_file.write_text("--port 2 --backlog 2")

    config = gearmand.config()

    assert (config.port, config.backlog) == (1, 1024)
    assert gearmand.config("--config-file", str(c_file)).port == 2


def test_no_file_is_read_when_none_is_wanted(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    """Not even one that is where it is looked for."""
    monkeypatch.setattr(config_file, "search_path", lambda: [str(file)])
    file.write_text("port = 1")

    assert gearmand.config("--config-file", "none").port == 4730


def test_a_folder_that_may_not_be_looked_into_has_no_config_file(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The home of root, for a server that was started by root as another user."""
    closed = tmp_path / "gearmand.toml"
    monkeypatch.setattr(config_file, "search_path", lambda: [str(closed)])

    look = os.stat

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if path == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path, **options)

    monkeypatch.setattr("os.stat", refuse)

    assert gearmand.run().config == DEFAULTS


def test_a_file_on_the_search_path_that_cannot_be_read_is_an_error(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was put there to be read."""
    monkeypatch.setattr(config_file, "search_path", lambda: [str(tmp_path)])

    assert gearmand.refusal([]) == f"cannot read config file {tmp_path}: Is a directory"


def test_what_was_read_is_given_back_with_its_path(file: Path) -> None:
    """For whoever says where a value came from."""
    file.write_text("port = 1")

    found = read_config_file(click.Context(program.command), str(file))

    assert found is not None
    assert (found.path, found.values, found.stray_words) == (str(file), {"port": 1}, ())
