"""What a newcomer sees first is true: README, links, make targets, changelog fragments."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.interop.peers import require, run
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


def command(line: str, port: int) -> list[str]:
    """A command of the README, for this environment and another port."""
    here = Path(sys.executable).parent
    return line.replace(".venv/bin", str(here)).replace("4730", str(port)).split()


@pytest.fixture
def server() -> Iterator[JobServer]:
    """The job server, started with the README's command."""
    port = free_port()
    program = Program(command(BLOCKS["server"].text, port))
    program.stderr.search(f"listening on 127.0.0.1:{port}")
    yield JobServer(program, port)
    program.stop()


@pytest.fixture
def folder(server: JobServer, tmp_path: Path) -> Path:
    """A folder with the README's programs, saved under the names it gives them."""
    for block in BLOCKS.values():
        if block.language == "python":
            (tmp_path / block.name).write_text(block.text.replace("4730", str(server.port)))
    return tmp_path


@pytest.fixture
def worker(folder: Path, server: JobServer) -> Iterator[Program]:
    """The README's worker at work."""
    program = Program([sys.executable, str(folder / "worker.py")])
    server.wait_for_status("reverse 0 0 1")
    yield program
    program.stop()


def test_every_block_of_the_readme_is_tested() -> None:
    """A new block needs a test of its own, or it is not known to work."""
    tested = {"", "server", "worker.py", "client.py", "run", "output", "tools", "admin.py", "in_process.py"}

    assert set(BLOCKS) == tested
    assert README.count("```") == 2 * len(BLOCKS)


def test_the_two_commands_of_the_set_up_are_targets() -> None:
    """make knows both; what they do is tested by whoever runs them."""
    lines = BLOCKS[""].text.splitlines()

    assert lines == ["make demo", "make test"]
    assert "examples/demo.py" in dry_run("demo")
    assert "-m pytest" in dry_run("test")


def test_the_help_lists_every_target() -> None:
    """make alone is make help, and names what a person may want."""
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    targets = re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)
    assert targets == ["help", "demo", "test", "lint", "format", "coverage", "clean"]
    for target in targets:
        dry_run(target)


@pytest.mark.usefixtures("worker")
def test_the_client_of_the_readme_prints_what_it_says(folder: Path, server: JobServer) -> None:
    """Server, worker and client run as shown."""
    worker_line, client_line = BLOCKS["run"].text.splitlines()

    printed = run(sys.executable, str(folder / "client.py")).stdout.decode()

    assert worker_line == ".venv/bin/python worker.py"
    assert client_line == ".venv/bin/python client.py"
    assert printed == BLOCKS["output"].text
    server.wait_for_status("reverse 0 0 1")


def test_the_worker_of_the_readme_tells_what_it_does(worker: Program, folder: Path) -> None:
    """It prints a line for each job."""
    run(sys.executable, str(folder / "client.py"))

    worker.stdout.search("^Reversing string: Hello World!$")
    worker.stdout.search("^Reversing string: later$")


@pytest.mark.usefixtures("worker")
def test_the_tools_of_the_readme_work(server: JobServer) -> None:
    """The C tools do what is shown with our server."""
    require("gearman", "gearman-tools")
    client_line, admin_line = BLOCKS["tools"].text.replace("4730", str(server.port)).splitlines()

    assert run("sh", "-c", client_line).stdout == b"\n!dlroW olleH"
    assert run("sh", "-c", admin_line).stdout == b"reverse\t0\t0\t1\n.\n"


@pytest.mark.usefixtures("worker")
def test_the_admin_program_of_the_readme_works(folder: Path) -> None:
    """It prints the version and a line for each task."""
    printed = run(sys.executable, str(folder / "admin.py")).stdout.decode()

    assert re.fullmatch(r"OK \S+\nreverse jobs: 0 running: 0 workers: 1\n", printed)


def test_the_server_inside_a_program_works(folder: Path) -> None:
    """run_in_thread serves a client of the same process."""
    assert run(sys.executable, str(folder / "in_process.py")).stdout == b"CREATED\n"


def test_every_option_in_the_readme_exists() -> None:
    """gearmand --help knows each option that the README names."""
    shown = run(*command(".venv/bin/gearmand --help", 0)).stdout.decode()

    table = README[README.index("| option |") : README.index("SIGTERM stops")]
    named = re.findall(r"`(--?[a-zA-Z-]+)`", table)
    assert len(named) >= 10
    assert [option for option in named if not re.search(rf"(?<!\S){option}\b", shown)] == []


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
