"""The file with the access rules: what it may hold, whom a rule fits, and a server that goes by it."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from geartrain.errors import AclError
from geartrain.protocol import packets
from geartrain.protocol.packets import Packet
from geartrain.server import Server, run_in_thread
from geartrain.server.acl import AccessList
from geartrain.server.subject import Subject, subject_of
from geartrain.tls import client_context
from tests.certificates import Certificates
from tests.server.tls_wire import TlsWire
from tests.server.wire import Wire

DOCUMENT = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
TLS_LISTENER = "tls://0.0.0.0:4730"
UNIX_LISTENER = "unix:/run/gearmand/admin.sock"


def subject(common_name: str, **more: str) -> Subject:
    """The subject of a certificate with these names, given as OpenSSL calls them, the widest first."""
    parts = [((key, value),) for key, value in (*more.items(), ("commonName", common_name))]
    found = subject_of({"subject": tuple(parts)})
    assert found is not None
    return found


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], AccessList]:
    def load_text(text: str) -> AccessList:
        path = tmp_path / "access.toml"
        path.write_text(text)
        return AccessList.load(str(path))

    return load_text


# --- whom a rule fits ---------------------------------------------------------------------------------------


def may_submit(rules: AccessList, who: Subject | None = None, where: str = TLS_LISTENER) -> bool:
    return rules.access_for(who, where).may_submit(b"f")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("worker-1", True),
        ("worker-*", True),
        ("worker-?", True),
        ("*", True),
        ("worker", False),
        ("Worker-1", False),
        ("CN=worker-1,OU=Tests,O=Example", True),
        ("CN=worker-*,OU=Tests,O=Example", True),
        ("*,O=Example", True),
        ("CN=*", True),
        ("CN=worker-1", False),
        ("O=Example,OU=Tests,CN=worker-1", False),
        ("worker-1.example", False),
    ],
)
def test_a_subject_is_the_common_name_or_with_an_equals_sign_the_whole_subject(
    load: Callable[[str], AccessList], pattern: str, fits: bool
) -> None:
    """All of it has to fit."""
    rules = load(f'[[rule]]\nsubject = "{pattern}"\nsubmit = ["f"]')
    who = subject("worker-1", organizationName="Example", organizationalUnitName="Tests")

    assert may_submit(rules, who) == fits


@pytest.mark.parametrize(
    "common_name", ["x,O=Example", "x\\,O=Example", "x+O=Example", "x,O=Example\0", "x,OU=Tests,O=Example"]
)
def test_a_value_cannot_pass_for_another_part_of_the_subject(
    load: Callable[[str], AccessList], common_name: str
) -> None:
    """However somebody had his certificate issued."""
    rules = load("[[rule]]\nsubject = '*,O=Example'\nsubmit = ['f']")

    assert not may_submit(rules, subject(common_name, organizationName="Other"))
    assert not may_submit(rules, subject(common_name))


def test_what_is_escaped_in_a_subject_is_written_so_in_a_pattern(load: Callable[[str], AccessList]) -> None:
    """As the log shows it."""
    rules = load("[[rule]]\nsubject = 'CN=a\\,b,O=*'\nsubmit = ['f']")

    assert may_submit(rules, subject("a,b", organizationName="Example"))
    assert not may_submit(rules, subject("b", organizationName="Example"))


@pytest.mark.parametrize("pattern", ["*", "CN=*", "*=*"])
def test_a_rule_with_a_subject_never_fits_a_connection_without_certificate(
    load: Callable[[str], AccessList], pattern: str
) -> None:
    """Not even one for any subject."""
    assert not may_submit(load(f'[[rule]]\nsubject = "{pattern}"\nsubmit = ["*"]'))


@pytest.mark.parametrize(
    ("pattern", "where", "fits"),
    [
        (TLS_LISTENER, TLS_LISTENER, True),
        ("tls://*", TLS_LISTENER, True),
        ("tls://*", "0.0.0.0:4730", False),
        ("0.0.0.0:4730", TLS_LISTENER, False),
        ("[::1]:*", "[::1]:4730", True),
        ("unix:*", UNIX_LISTENER, True),
        ("unix:/run/*.sock", UNIX_LISTENER, True),
        ("http://*", TLS_LISTENER, False),
        ("unix:*", "unix:/run/\udcff", True),
    ],
)
def test_a_listener_is_the_address_as_the_server_prints_it(
    load: Callable[[str], AccessList], pattern: str, where: str, fits: bool
) -> None:
    """Brackets are no special characters; a path need not be text."""
    rules = load(f'[[rule]]\nlistener = "{pattern}"\nsubmit = ["f"]')

    assert may_submit(rules, None, where) == fits


def test_a_rule_without_conditions_is_for_everybody_and_one_with_two_needs_both(
    load: Callable[[str], AccessList],
) -> None:
    """Nothing is allowed that no rule allows."""
    rules = load("[[rule]]\nwork = ['*']\n[[rule]]\nsubject = 'a'\nlistener = 'unix:*'\nsubmit = ['*']")

    assert rules.access_for(None, TLS_LISTENER).may_work(b"f")
    assert may_submit(rules, subject("a"), UNIX_LISTENER)
    assert not may_submit(rules, subject("a"), TLS_LISTENER)
    assert not may_submit(rules, subject("b"), UNIX_LISTENER)
    assert not rules.access_for(subject("a"), UNIX_LISTENER).may_administer(b"status")


def test_a_connection_may_do_what_any_fitting_rule_allows(load: Callable[[str], AccessList]) -> None:
    """In every list; those of the same rights share them."""
    rules = load(
        "[[rule]]\nsubject = 'a*'\nsubmit = ['f']\nadmin = ['status']\n"
        "[[rule]]\nsubject = '*b'\nsubmit = ['g']\nwork = ['h']"
    )

    access = rules.access_for(subject("ab"), TLS_LISTENER)

    assert (access.may_submit(b"f"), access.may_submit(b"g"), access.may_submit(b"h")) == (True, True, False)
    assert access.may_work(b"h")
    assert access.may_administer(b"status")
    assert rules.access_for(subject("axb"), UNIX_LISTENER) is access


def test_rules_are_looked_through_once_for_each_kind_of_connection(
    load: Callable[[str], AccessList], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload asks for every connection, and nobody is served meanwhile; what is remembered has a limit."""
    monkeypatch.setattr("geartrain.server.acl._MAX_REMEMBERED", 2)
    rules = load('[[rule]]\nsubject = "worker-*"\nwork = ["mail"]\n')
    looked: list[str] = []

    def fit(_: str, text: str) -> bool:
        looked.append(text)
        return True

    monkeypatch.setattr("geartrain.server.acl._fits", fit)

    for name in ("worker-1", "worker-1", "worker-2", "worker-1", "worker-3", "worker-1"):
        assert rules.access_for(subject(name), TLS_LISTENER).may_work(b"mail")

    assert looked == ["worker-1", "worker-2", "worker-3", "worker-1"]


def test_names_are_compared_as_utf_8(load: Callable[[str], AccessList]) -> None:
    """On both sides."""
    rules = load('[[rule]]\nsubject = "Jörg"\nsubmit = ["größe_*"]')

    assert rules.access_for(subject("Jörg"), TLS_LISTENER).may_submit("größe_x".encode())


@pytest.mark.parametrize("text", ["", "# nothing\n", "rule = []"])
def test_a_file_without_rules_allows_nothing(load: Callable[[str], AccessList], text: str) -> None:
    """It is no mistake."""
    assert not may_submit(load(text), subject("a"))


def test_the_example_of_the_guide_does_what_it_says(load: Callable[[str], AccessList]) -> None:
    """It is the one in docs/access.md."""
    example = re.search(r"^```toml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert example is not None
    rules = load(example[1])
    shop = rules.access_for(subject("shop-1", organizationName="Example"), TLS_LISTENER)
    worker = rules.access_for(
        subject("worker-7", organizationName="Example", organizationalUnitName="Operations"), TLS_LISTENER
    )
    local = rules.access_for(None, UNIX_LISTENER)
    admin = rules.access_for(subject("admin-x"), TLS_LISTENER)
    monitor = rules.access_for(subject("monitor"), TLS_LISTENER)

    assert shop.may_submit(b"order_new")
    assert not shop.may_work(b"order_new")
    assert worker.may_work(b"report_year")
    assert not worker.may_submit(b"mail")
    assert local.may_submit(b"report_year")
    assert not local.may_submit(b"mail")
    assert monitor.may_administer(b"list workers")
    assert not monitor.may_administer(b"shutdown")
    assert admin.may_administer(b"shutdown")
    assert not rules.access_for(subject("admin-x"), UNIX_LISTENER).may_administer(b"status")


# --- files that cannot be used ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("rules = []", 0, "unknown key 'rules'; did you mean 'rule'?"),
        (
            "[rule]\nsubmit = ['f']",
            0,
            "rule: {'submit': ['f']} is not usable; expected tables, each headed [[rule]]",
        ),
        ("rule = 'f'", 0, "rule: 'f' is not usable; expected tables, each headed [[rule]]"),
        ("rule = [1]", 0, "rule: [1] is not usable; expected tables, each headed [[rule]]"),
        ("[[rule]]\n[[rule]]\nsubjet = 'a'", 2, "unknown key 'subjet'; did you mean 'subject'?"),
        (
            "[[rule]]\nfunctions = ['f']",
            1,
            "unknown key 'functions'; known are subject, listener, submit, work, admin",
        ),
        ("[[rule]]\nsubject = ['a']", 1, "subject: ['a'] is not usable; expected a pattern in quotes"),
        ("[[rule]]\nlistener = ''", 1, "listener: '' is not usable; expected a pattern in quotes"),
        (
            "[[rule]]\nsubmit = 'f'",
            1,
            "submit: 'f' is not usable; expected a list of patterns, such as [\"report_*\"]",
        ),
        (
            "[[rule]]\nwork = ['f', 1]",
            1,
            "work: ['f', 1] is not usable; expected a list of patterns, such as [\"report_*\"]",
        ),
        (
            "[[rule]]\nadmin = ['statsu']",
            1,
            "admin: 'statsu' is not usable; expected admin commands; did you mean 'status'?",
        ),
        ("[[rule]]\nSubmit = ['f']", 1, "unknown key 'Submit'; did you mean 'submit'?"),
        (
            "[[rule]]\nadmin = ['STATUS']",
            1,
            "admin: 'STATUS' is not usable; expected admin commands; did you mean 'status'?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    load: Callable[[str], AccessList], tmp_path: Path, text: str, rule: int, message: str
) -> None:
    """File, rule, key, value and what would do, in one line."""
    place = f"{tmp_path / 'access.toml'}, rule {rule}" if rule else f"{tmp_path / 'access.toml'}"

    with pytest.raises(AclError) as caught:
        load(text)

    assert str(caught.value) == f"cannot use the access rules {place}: {message}"
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    "content",
    [b"[[rule]\n", b"submit = [f]", b"\xff\xfe", b"a = " + b"[" * 20000, b"[[rule]]\n[[rule]]\nsubmit"],
)
def test_what_is_no_toml_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    """Whatever the parser trips over."""
    path = tmp_path / "access.toml"
    path.write_bytes(content)

    with pytest.raises(AclError, match=r"access\.toml: it is not TOML: ") as caught:
        AccessList.load(str(path))

    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With the reason of the system."""
    with pytest.raises(AclError, match=r"gone: No such file or directory$"):
        AccessList.load(str(tmp_path / "gone"))
    with pytest.raises(AclError, match=r"Is a directory$"):
        AccessList.load(str(tmp_path))


def test_a_big_value_is_not_shown_in_full(load: Callable[[str], AccessList]) -> None:
    """One line that can be read."""
    with pytest.raises(AclError) as caught:
        load(f"[[rule]]\nsubmit = '{'f' * 9999}'")

    assert len(str(caught.value)) < 400


def test_the_mistake_of_the_guide_is_told_as_it_says() -> None:
    """docs/access.md quotes it."""
    error = AclError("access.toml", "unknown key 'submits'; did you mean 'submit'?", rule=2)

    assert f"{error}\n" in DOCUMENT


# --- a server -----------------------------------------------------------------------------------------------

REFUSED = b"ERR NOT_ALLOWED This+connection+may+not+use+status"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "access.toml"
    path.write_text(
        """
        [[rule]]
        subject = "worker-*"
        work = ["f"]

        [[rule]]
        subject = "CN=shop,OU=Tests,O=Example"
        submit = ["f"]

        [[rule]]
        listener = "unix:*"
        admin = ["*"]
        """
    )
    return path


def context_for(certificates: Certificates, name: str) -> ssl.SSLContext:
    certificate, key = certificates.issue(name, f"{name}.example", common_name=name)
    return client_context(ca_file=certificates.ca_file, certificate=certificate, key=key)


def ask(wire: Wire, number: int, *arguments: bytes) -> Packet:
    wire.send(number, *arguments)
    return wire.read()


def is_refused(packet: Packet) -> bool:
    return packet.number == packets.ERROR and packet.arguments[0] == b"NOT_ALLOWED"


def test_certificates_and_listeners_decide_what_a_connection_may_do(
    certificates: Certificates, rules: Path, tmp_path: Path
) -> None:
    """The whole way: a client, a worker and an administrator, each with nothing but its own rights."""
    path = str(tmp_path / "socket")
    config = certificates.server_config(
        ssl_ca_file=certificates.ca_file, listen=("127.0.0.1", f"unix:{path}"), acl=str(rules)
    )
    with (
        run_in_thread(config) as server,
        TlsWire(server.port, context_for(certificates, "shop")) as client,
        TlsWire(server.port, certificates.known_client_context()) as worker,
        Wire(path) as admin,
    ):
        assert is_refused(ask(worker, packets.SUBMIT_JOB, b"f", b"", b""))
        assert is_refused(ask(worker, packets.CAN_DO, b"g"))
        assert is_refused(ask(client, packets.CAN_DO, b"f"))
        assert is_refused(ask(client, packets.SUBMIT_JOB, b"g", b"", b""))
        assert client.ask(b"status") == REFUSED
        assert is_refused(ask(admin, packets.SUBMIT_JOB, b"f", b"", b""))

        worker.send(packets.CAN_DO, b"f")
        handle = client.submit(b"f", b"x")
        assert worker.grab().arguments == (handle, b"f", b"x")
        worker.send(packets.WORK_COMPLETE, handle, b"r")

        assert client.read() == Packet(packets.WORK_COMPLETE, (handle, b"r"))
        assert [admin.ask(b"status"), admin.read_line()] == [b"f\t0\t0\t1", b"."]


def test_a_client_without_certificate_has_the_rights_of_rules_without_subject(
    certificates: Certificates, rules: Path
) -> None:
    """It may connect if certificates are optional."""
    with rules.open("a") as file:
        file.write("[[rule]]\nlistener = 'tls://127.0.0.1:*'\nsubmit = ['g']\n")
    config = certificates.server_config(
        ssl_ca_file=certificates.ca_file, ssl_verify="optional", listen=("127.0.0.1",), acl=str(rules)
    )
    with run_in_thread(config) as server, TlsWire(server.port, certificates.client_context()) as nobody:
        assert is_refused(ask(nobody, packets.SUBMIT_JOB, b"f", b"", b""))

        nobody.submit(b"g")


async def test_a_reload_changes_what_connections_may_do_that_are_there(
    certificates: Certificates, rules: Path
) -> None:
    """Registrations that are not allowed any more are taken back; new rights hold at once."""
    config = certificates.server_config(
        ssl_ca_file=certificates.ca_file, listen=("127.0.0.1",), acl=str(rules)
    )
    async with Server(config) as server:
        worker = await asyncio.to_thread(TlsWire, server.port, certificates.known_client_context())
        with worker:
            worker.send(packets.CAN_DO, b"f")
            assert await asyncio.to_thread(worker.ask, b"status") == REFUSED

            rules.write_text("[[rule]]\nsubject = '*'\nadmin = ['status', 'list workers']")
            server.reload()

            assert await asyncio.to_thread(worker.ask, b"status") == b"f\t0\t0\t0"


@pytest.mark.parametrize("content", ["[[rule]]\nsubmits = []", "[[rule]", None])
async def test_a_reload_of_a_bad_file_keeps_the_old_rules(
    certificates: Certificates, rules: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    """One error in the log says what is wrong."""
    config = certificates.server_config(
        ssl_ca_file=certificates.ca_file, listen=("127.0.0.1",), acl=str(rules)
    )
    async with Server(config) as server:
        if content is None:
            rules.unlink()
        else:
            rules.write_text(content)
        server.reload()
        context = context_for(certificates, "shop")

        with await asyncio.to_thread(TlsWire, server.port, context) as client:
            await asyncio.to_thread(client.submit, b"f")
            assert is_refused(await asyncio.to_thread(ask, client, packets.SUBMIT_JOB, b"g", b"", b""))

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "the access rules stay as they are" in record.getMessage()
    assert str(rules) in record.getMessage()


def test_the_log_says_who_was_refused_what_once(
    certificates: Certificates, rules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As docs/access.md shows it."""
    config = certificates.server_config(
        ssl_ca_file=certificates.ca_file, listen=("127.0.0.1",), acl=str(rules)
    )
    with run_in_thread(config) as server, TlsWire(server.port, context_for(certificates, "shop")) as client:
        for name in (b"report_year", b"g"):
            ask(client, packets.SUBMIT_JOB, name, b"", b"")
        port = server.port

    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line == (
        f"not allowed peer='127.0.0.1' listener='tls://127.0.0.1:{port}' subject='CN=shop,OU=Tests,O=Example'"
        " text=\"This connection may not submit to the function 'report_year'\""
    )


def test_at_debug_the_log_follows_each_job(caplog: pytest.LogCaptureFixture) -> None:
    """From the level that the server starts with; otherwise there is nothing to be seen of them."""
    with run_in_thread(port=0) as server, Wire(("127.0.0.1", server.port)) as client:
        client.submit(b"f")
    assert "job created" not in caplog.text
    caplog.set_level(logging.DEBUG, "geartrain.server")

    with run_in_thread(port=0) as server, Wire(("127.0.0.1", server.port)) as client:
        handle = client.submit(b"f", b"a secret")

    assert f"job created handle='{handle.decode()}' function='f' priority='normal'" in caplog.text
    assert "secret" not in caplog.text


def test_a_server_does_not_start_with_rules_that_cannot_be_used(rules: Path) -> None:
    """And binds nothing."""
    rules.write_text("[[rules]]")

    with (
        pytest.raises(AclError, match="unknown key 'rules'; did you mean 'rule'"),
        run_in_thread(port=0, acl=str(rules)),
    ):
        pass
