"""What ``docs/deploy.md`` says is true, as far as that can be told without doing it."""

from __future__ import annotations

import re

import pytest

from tests.deploy.files import DEPLOY, ROOT, options_of, program

_TEXT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_file_is_listed() -> None:
    """And every file that is listed is there."""
    listed = set(re.findall(r"\]\(\.\./deploy/([^)]+)\)", _TEXT))

    assert listed == {path.name for path in DEPLOY.iterdir() if path.suffix != ".dockerignore"}


def test_every_other_page_is_there() -> None:
    """Links within the documentation."""
    for page in re.findall(r"\]\(([a-z]+\.md)", _TEXT):
        assert (ROOT / "docs" / page).exists(), page


@pytest.mark.parametrize(
    "name", re.findall(r"deploy/([\w.]+)", "\n".join(re.findall(r"```sh\n(.*?)```", _TEXT, re.S)))
)
def test_every_file_in_a_command_is_there(name: str) -> None:
    """Under the name that is copied from here."""
    assert (DEPLOY / name).is_file()


def test_every_option_of_the_server_is_one() -> None:
    """In commands and in the text around them."""
    (command,) = re.findall(r"^gearmand (.+)$", _TEXT, re.MULTILINE)
    mentioned = set(re.findall(r"--[a-z-]+", command)) | {"--drain-timeout", "--config-file"}

    assert mentioned <= options_of(program("gearmand"))


def test_directories_of_the_service_are_those_that_it_may_write_to() -> None:
    """Each is named in the unit by the last part of its path."""
    unit = (DEPLOY / "gearmand.service").read_text()

    for setting, folder, name in (
        ("Runtime", "/run", "gearmand"),
        ("Logs", "/var/log", "gearmand"),
        # Where the tools look for queues, too.
        ("State", "/var/lib", "geartrain"),
    ):
        assert f"{setting}Directory={name}\n" in unit
        assert f"`{folder}/{name}`" in _TEXT
