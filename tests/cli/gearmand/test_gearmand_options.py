"""The options of ``gearmand``: how they are written, what they become, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from geartrain.cli.gearmand import command as program
from geartrain.cli.gearmand.process import ProcessOptions
from tests.cli.gearmand.run import DEFAULTS, GearmandCommand


def test_the_defaults_are_those_of_the_config(gearmand: GearmandCommand) -> None:
    """The command adds nothing of its own."""
    outcome = gearmand.run()

    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "", "")
    assert outcome.config == DEFAULTS
    assert outcome.options == ProcessOptions()


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ("--port 4731", "port", 4731),
        ("--port=ssh", "port", 22),
        ("-p 4731", "port", 4731),
        ("-p4731", "port", 4731),
        ("--listen a -Lb", "listen", ("a", "b")),
        ("-b 5", "backlog", 5),
        ("-r http --http-port 0", "http_port", 0),
        ("--protocol=http", "protocol", "http"),
        ("--keepalive", "keepalive", True),
        ("--keepalive-idle 7", "keepalive_idle", 7),
        ("--keepalive-interval=7", "keepalive_interval", 7),
        ("--keepalive-count 7", "keepalive_count", 7),
        ("--ssl --ssl-certificate c", "ssl", True),
        ("--ssl-certificate c", "ssl_certificate", "c"),
        ("--ssl-key k", "ssl_key", "k"),
        ("--ssl-ca-file ca", "ssl_ca_file", "ca"),
        ("--ssl-verify none", "ssl_verify", "none"),
        ("--handshake-seconds 2.5", "handshake_seconds", 2.5),
        ("--acl f", "acl", "f"),
        ("--allow-shutdown", "allow_shutdown", True),
        ("-j3", "job_retries", 3),
        ("-w 3", "worker_wakeup", 3),
        ("--job-handle-prefix=x", "job_handle_prefix", "x"),
        ("--exceptions", "exceptions", True),
        ("--queue memory://", "queue", "memory://"),
        ("-q BuiltIn", "queue", "memory://"),
        ("--max-packet-bytes 10000", "max_packet_bytes", 10000),
        ("--drain-timeout 30", "drain_timeout", 30.0),
        ("--verbose notice", "log_level", "NOTICE"),
    ],
)
def test_an_option_sets_a_field_of_the_config(
    gearmand: GearmandCommand, arguments: str, field: str, value: object
) -> None:
    """With a blank or an equals sign behind a long name, and with or without a blank behind a short one."""
    config = gearmand.config(*arguments.split())

    assert getattr(config, field) == value
    assert type(getattr(config, field)) is type(value)


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ("-d", "daemon", True),
        ("-P /run/x", "pid_file", "/run/x"),
        ("-u nobody", "user", "nobody"),
        ("-f 500", "file_descriptors", 500),
        ("-l /log", "log_file", "/log"),
        ("--log-format JSON", "log_format", "json"),
        ("--syslog", "syslog", True),
    ],
)
def test_an_option_sets_a_field_of_the_process(
    gearmand: GearmandCommand, arguments: str, field: str, value: object
) -> None:
    """What concerns the process is apart from the config of the server."""
    assert getattr(gearmand.options(*arguments.split()), field) == value


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("-t 0", "--threads"),
        ("-R", "--round-robin"),
        ("--hashtable-buckets 5", "--hashtable-buckets"),
        ("--coredump", "--coredump"),
        ("--store-queue-on-shutdown", "--store-queue-on-shutdown"),
    ],
)
def test_an_option_without_meaning_is_noted(gearmand: GearmandCommand, arguments: str, option: str) -> None:
    """Once for the log; it changes nothing else."""
    outcome = gearmand.run(*arguments.split())

    assert outcome.config == DEFAULTS
    assert outcome.options is not None
    assert outcome.options.notes == (
        ("option has no meaning here", {"option": option, "source": "command line"}),
    )


def test_a_store_option_of_another_queue_is_noted(gearmand: GearmandCommand) -> None:
    """The C server takes it without a word."""
    notes = gearmand.options("-q", "builtin", "--redis-server", "x", "--libtokyocabinet-optimize").notes

    assert [fields["option"] for _, fields in notes] == ["--redis-server", "--libtokyocabinet-optimize"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-v"], "No such option '-v'."),
        (["stray"], "Got unexpected extra argument (stray)"),
        (["--prot", "http"], "No such option '--prot'."),
        (["--port"], "Option '--port' requires an argument."),
        (["-p", "x"], "--port: 'x' is not usable; expected a number from 0 to 65535"),
        (["-j", "256"], "--job-retries: 256 is not usable; expected a whole number from -1 to 255"),
        (["-j", "two"], "--job-retries: 'two' is not usable; expected a whole number"),
        (["-t", "-1"], "--threads: -1 is not usable; expected a whole number of at least 0"),
        (
            ["--hashtable-buckets", "0"],
            "--hashtable-buckets: 0 is not usable; expected a whole number of at least 1",
        ),
        (["--verbose", "LOUD"], "--verbose: 'LOUD' is not usable; expected one of FATAL, ALERT"),
        (
            ["--log-format", "xml"],
            "--log-format: 'xml' is not usable; expected one of auto, console, classic, json",
        ),
        (["-r", "gopher"], "--protocol: 'gopher' is not usable; expected http"),
        (["--ssl"], "--ssl-certificate is missing; expected the file of a certificate"),
        (
            ["--handshake-seconds", "0"],
            "--handshake-seconds: 0.0 is not usable; expected a number of seconds",
        ),
        (["-q", "oracle"], "--queue-type: 'oracle' is not usable; expected one of builtin, libsqlite3"),
        (["-q", "libmemcached"], "--queue-type: 'libmemcached' is not usable; expected one of builtin"),
        (["-q", "libsqlite3"], "--libsqlite3-db is missing; expected the file of the database"),
        (["-q", "redis", "--queue", "memory://x"], "--queue-type: 'redis' is not usable; expected nothing"),
        (["--redis-port", "x"], "--redis-port: 'x' is not usable; expected a number from 0 to 65535"),
        (["--config-file", "/nowhere/x"], "cannot read config file /nowhere/x: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    gearmand: GearmandCommand, arguments: list[str], message: str
) -> None:
    """With exit code 1."""
    assert gearmand.refusal(arguments).startswith(message)


def test_an_unknown_option_gets_the_nearest_name(gearmand: GearmandCommand) -> None:
    """For a typo."""
    assert "'--job-retries'" in gearmand.refusal(["--job-retrys", "3"])


def test_a_refusal_says_where_the_value_came_from(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command line, the variable, or the file by its path."""
    file = tmp_path / "gearmand.toml"
    file.write_text("backlog = 0\n")

    monkeypatch.setenv("GEARMAND_JOB_RETRIES", "many")
    from_variable = gearmand.refusal([])
    monkeypatch.delenv("GEARMAND_JOB_RETRIES")

    assert from_variable.endswith("(from the environment variable GEARMAND_JOB_RETRIES)")
    assert gearmand.refusal(["-b0"]).endswith("(from the command line)")
    assert gearmand.refusal(["--config-file", str(file)]).endswith(f"(from the file {file})")


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("GEARMAND_PORT", "4731", "port", 4731),
        ("GEARMAND_LISTEN", "a b:1", "listen", ("a", "b:1")),
        ("GEARMAND_EXCEPTIONS", "yes", "exceptions", True),
        ("GEARMAND_VERBOSE", "debug", "log_level", "DEBUG"),
        ("GEARMAND_CA_CERTIFICATE", "f", "ssl_ca_file", "f"),
        ("GEARMAND_SERVER_PEM", "f", "ssl_certificate", "f"),
        ("GEARMAND_SERVER_KEY", "f", "ssl_key", "f"),
        ("GEARMAND_SSL_KEY", "f", "ssl_key", "f"),
        ("GEARMAND_PORT", "", "port", 4730),
    ],
)
def test_an_option_may_come_from_the_environment(
    gearmand: GearmandCommand,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    field: str,
    expected: object,
) -> None:
    """Under its own name, and for TLS under that of the C server; an empty variable says nothing."""
    monkeypatch.setenv(variable, value)

    assert getattr(gearmand.config(), field) == expected


def test_a_switch_in_the_environment_is_on_or_off(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is refused."""
    monkeypatch.setenv("GEARMAND_DAEMON", "0")
    is_daemon = gearmand.options().daemon
    monkeypatch.setenv("GEARMAND_DAEMON", "perhaps")

    assert not is_daemon
    assert gearmand.refusal([]) == (
        "--daemon: 'perhaps' is not usable; expected 1 or 0 (from the environment variable GEARMAND_DAEMON)"
    )


def test_a_variable_of_the_c_server_is_named_in_the_refusal(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And not the one that the option would have."""
    monkeypatch.setenv("GEARMAND_SERVER_PEM", str(tmp_path))

    printed = gearmand.run("--print-config").stdout

    assert "# environment variable GEARMAND_SERVER_PEM" in printed


@pytest.mark.parametrize("name", ["HELP", "VERSION", "PRINT_CONFIG", "CHECK_ARGS"])
def test_the_environment_starts_no_other_action(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A container may well have a variable GEARMAND_VERSION."""
    monkeypatch.setenv(f"GEARMAND_{name}", "1")

    assert gearmand.config() == DEFAULTS


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each source fills in what those before it leave open."""
    file = tmp_path / "gearmand.toml"
    file.write_text("port = 1\nbacklog = 1\njob-retries = 1\n")
    monkeypatch.setenv("GEARMAND_CONFIG_FILE", str(file))
    monkeypatch.setenv("GEARMAND_PORT", "2")
    monkeypatch.setenv("GEARMAND_BACKLOG", "2")

    config = gearmand.config("-p3")

    assert (config.port, config.backlog, config.job_retries) == (3, 2, 1)


def test_help_lists_every_option_in_its_group(gearmand: GearmandCommand) -> None:
    """By all of its names, on stdout."""
    outcome = gearmand.run("--help")

    assert (outcome.code, outcome.stderr) == (0, "")
    for option in program.command.params:
        assert ", ".join(option.opts) in outcome.stdout
    assert "-h, --help" in outcome.stdout
    assert "\nListening:\n" in outcome.stdout
