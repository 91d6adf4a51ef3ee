"""What a newcomer sees first is true: README, links, make targets, changelog fragments."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.interop.peers import run
from tests.interop.processes import Program
from tests.interop.servers import JobServer, free_port

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted(
    page for folder in (".", "docs", "examples", "changes") for page in (ROOT / folder).glob("*.md")
)
KINDS = ("incompatible", "added", "changed", "fixed")


class Block(NamedTuple):
    """A piece of the README between fences; its name stands behind the language."""

    language: str
    name: str
    text: str


BLOCKS = {
    (block := Block(*match)).name: block
    for match in re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
}


def at(port: int, text: str, second_port: int = 0) -> str:
    """A text of the README for a server on another port, and on another second one."""
    return text.replace("4731", str(second_port)).replace("4730", str(port))


def environment(port: int) -> dict[str, str]:
    """The environment that the README asks for, and the server's port in place of the usual one."""
    line = BLOCKS["path"].text.replace("$PWD/.venv/bin", str(Path(sys.executable).parent))
    path = run("sh", "-c", line + 'printf %s "$PATH"').stdout.decode()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GEARMAN")}
    # The tools look at the queue of the usual port.
    queue = f"sqlite:///{os.environ['STATE_DIRECTORY']}/readme-{port}.db"
    return {**inherited, "PATH": path, "GEARMAN_SERVER": f"localhost:{port}", "GEARMAND_QUEUE": queue}


def start(line: str, port: int) -> Program:
    """Starts a command of the README that goes on."""
    return Program(shlex.split(at(port, line)), environment(port))


def outputs(name: str, port: int) -> list[str]:
    """What each of the commands of a block prints, that end by themselves and end well."""
    lines = at(port, BLOCKS[name].text.replace("\\\n", "")).splitlines()
    # Like the C tool, it takes no server from the environment.
    lines = [re.sub("^gearadmin", f"gearadmin --port {port}", line) for line in lines]
    return [run("sh", "-c", line, environment=environment(port)).stdout.decode() for line in lines]


@pytest.fixture
def server() -> Iterator[JobServer]:
    """The job server, started with the README's command."""
    port = free_port()
    program = start(BLOCKS["server"].text, port)
    try:
        program.stderr.search(f"listening on 127.0.0.1:{port}")
        yield JobServer(program, port)
    finally:
        program.stop()


@pytest.fixture
def folder(server: JobServer, tmp_path: Path) -> Path:
    """A folder with the README's programs, saved under the names it gives them."""
    save_files(tmp_path, server.port)
    return tmp_path


def save_files(folder: Path, port: int) -> None:
    for block in BLOCKS.values():
        if block.language in ("python", "toml"):
            (folder / block.name).write_text(at(port, block.text))


@pytest.fixture
def worker(folder: Path, server: JobServer) -> Iterator[Program]:
    """The README's worker at work."""
    program = Program([sys.executable, str(folder / "worker.py")])
    server.wait_for_status("reverse 0 0 1")
    yield program
    program.stop()


@pytest.fixture
def command_worker(server: JobServer) -> Iterator[Program]:
    """The README's command as a worker."""
    program = start(BLOCKS["command_worker"].text, server.port)
    try:
        server.wait_for_status("shout 0 0 1")
        yield program
    finally:
        program.stop()


def test_every_block_of_the_readme_is_tested() -> None:
    """A new block needs a test of its own, or it is not known to work."""
    set_up = {"", "demo", "path", "server"}
    tools = {"command_worker", "submit", "look", "durable", "moving"}
    programs = {"worker.py", "client.py", "run", "output", "admin.py", "in_process.py"}
    access = {"tls", "access.toml", "tls_client"}

    assert set(BLOCKS) == set_up | tools | programs | access
    assert README.count("```") == 2 * len(BLOCKS)


def test_the_two_commands_of_the_set_up_are_targets() -> None:
    """make knows both; what they do is tested by whoever runs them."""
    lines = BLOCKS[""].text.splitlines()

    assert lines == ["make demo", "make test"]
    assert "examples/demo.py" in dry_run("demo")
    assert "-m geartrain.cli.geartrain demo" in dry_run("demo")
    assert "-m pytest" in dry_run("test")


def test_the_help_lists_every_target() -> None:
    """make alone is make help, and names what a person may want."""
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    targets = re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)
    assert targets == [
        *("help", "demo", "test", "crash", "bench-queue"),
        *("lint", "format", "coverage", "clean"),
    ]
    for target in targets:
        dry_run(target)


def test_the_demo_shows_what_the_readme_says() -> None:
    """The lines stand in its output, one below the other."""
    printed = run(sys.executable, "-m", "geartrain.cli.geartrain", "demo").stdout.decode()

    assert BLOCKS["demo"].text in printed


# --- the commands ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("command_worker")
def test_jobs_are_submitted_with_the_commands_of_the_readme(server: JobServer) -> None:
    """Two wait for their results, the third gets a handle."""
    first, second, third = outputs("submit", server.port)

    assert first.strip() == "HELLO WORLD"
    assert second == "HELLO WORLD\n"
    assert re.fullmatch(r"H:\S+:\d+\n", third)
    server.wait_for_status("shout 0 0 1")


@pytest.mark.usefixtures("command_worker")
def test_the_commands_of_the_readme_show_the_server(server: JobServer) -> None:
    """Functions, workers, answers, and what the C tool shows."""
    status, workers, ping, admin = outputs("look", server.port)

    assert re.search(r"^shout( +0){6} +1 ", status, re.MULTILINE)
    assert re.search(r"^\d+ +127\.0\.0\.1 .*\bshout$", workers, re.MULTILINE)
    assert re.search(rf"localhost:{server.port} +100 ", ping)
    assert admin == "shout\t0\t0\t1\n.\n"


def test_the_queue_of_the_readme_shows_what_is_kept(server: JobServer) -> None:
    """A background job is there at once, while the server runs."""
    handle, info, listed = outputs("durable", server.port)

    assert re.search(r"^shout +1 ", info, re.MULTILINE) or "shout" in info
    assert handle.strip() in listed


def test_options_of_the_c_server_move_over(tmp_path: Path) -> None:
    """A file of them is checked and translated; here it is Debian's, but for what needs root."""
    file = tmp_path / "gearmand.conf"
    file.write_text("--listen=localhost\n--job-retries 3\n--round-robin\n")
    check, show = BLOCKS["moving"].text.replace("/etc/gearmand.conf", str(file)).splitlines()

    run("sh", "-c", f"{check} --port {free_port()}", environment=environment(0))
    shown = run("sh", "-c", show, environment=environment(0)).stdout.decode()

    assert re.search(r"^job-retries = 3 .*gearmand\.conf", shown, re.MULTILINE)


# --- the Python programs --------------------------------------------------------------------------------


@pytest.mark.usefixtures("worker")
def test_the_client_of_the_readme_prints_what_it_says(folder: Path, server: JobServer) -> None:
    """Server, worker and client run as shown."""
    worker_line, client_line = BLOCKS["run"].text.splitlines()

    printed = run(sys.executable, str(folder / "client.py")).stdout.decode()

    assert worker_line == "python worker.py"
    assert client_line == "python client.py"
    assert printed == BLOCKS["output"].text
    server.wait_for_status("reverse 0 0 1")


def test_the_worker_of_the_readme_tells_what_it_does(worker: Program, folder: Path) -> None:
    """It prints a line for each job."""
    run(sys.executable, str(folder / "client.py"))

    worker.stdout.search("^Reversing string: Hello World!$")
    worker.stdout.search("^Reversing string: later$")


@pytest.mark.usefixtures("worker")
def test_the_admin_program_of_the_readme_works(folder: Path) -> None:
    """It prints the version and a line for each task."""
    printed = run(sys.executable, str(folder / "admin.py")).stdout.decode()

    assert re.fullmatch(r"OK \S+\nreverse jobs: 0 running: 0 workers: 1\n", printed)


def test_the_server_inside_a_program_works(folder: Path) -> None:
    """run_in_thread serves a client of the same process."""
    assert run(sys.executable, str(folder / "in_process.py")).stdout == b"CREATED\n"


# --- TLS and access -------------------------------------------------------------------------------------


def test_tls_and_access_rules_work_as_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of ours may submit; without one there is no connection, and no work with it."""
    save_certificates(tmp_path)
    port, plain_port = free_port(), free_port()
    save_files(tmp_path, port)
    monkeypatch.chdir(tmp_path)
    line = at(port, BLOCKS["tls"].text, plain_port).replace("\\\n", "").replace("0.0.0.0", "127.0.0.1")
    program = start(f"{line.rstrip()} --port {port}", port)
    try:
        program.stderr.search(rf"listening on 127\.0\.0\.1:{plain_port}")

        [handle] = outputs("tls_client", port)
        submission = shlex.split(at(port, BLOCKS["tls_client"].text))
        without = submission[: submission.index("--ssl-certificate")]
        refused = run(*without, status=3, environment=environment(port))
        local = run("geartrain", "status", "-s", f"127.0.0.1:{plain_port}", environment=environment(port))
    finally:
        program.stop()

    assert handle.startswith("H:")
    assert refused.stdout == b""
    assert b"shout" in local.stdout


def save_certificates(folder: Path) -> None:
    """An authority, and certificates with their keys for the server and a client."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, certificate in (
        ("server", authority.issue_cert("localhost")),
        ("web", authority.issue_cert("web-1.example.com", common_name="web-1")),
    ):
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")


# --- pages, make and changes ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file finds it, and each link to a heading finds the heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if heading:
            assert heading in headings(found), f"{page.name} links to {target}"


def test_fragments_of_the_changelog_have_a_known_kind() -> None:
    """changes/TOPIC.KIND.md, with text in it."""
    fragments = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]

    assert [path.name for path in fragments if not re.fullmatch(fragment_pattern(), path.name)] == []
    assert [path.name for path in fragments if not path.read_text().strip()] == []


def dry_run(target: str) -> str:
    """The commands that make would run for a target."""
    shown = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return shown.stdout


def headings(page: Path) -> set[str]:
    """The names by which the headings of a page can be linked to."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def fragment_pattern() -> str:
    return rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md"
