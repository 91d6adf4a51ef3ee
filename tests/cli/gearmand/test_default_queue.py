"""Where a job server keeps its jobs when nobody has said where."""

from __future__ import annotations

from pathlib import Path

import pytest

from geartrain.cli.gearmand.default_queue import default_queue, state_folder

_PERSON = 1000


def test_each_port_has_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several servers of one user do not share a queue."""
    monkeypatch.setenv("STATE_DIRECTORY", "/srv/state")

    assert default_queue(4730) == "sqlite:////srv/state/queue-4730.db"
    assert default_queue(4731) == "sqlite:////srv/state/queue-4731.db"


@pytest.mark.parametrize(
    ("environment", "user", "folder"),
    [
        ({"STATE_DIRECTORY": "/a/one:/a/two", "XDG_STATE_HOME": "/b"}, _PERSON, "/a/one"),
        ({"STATE_DIRECTORY": "/a"}, 0, "/a"),
        ({"XDG_STATE_HOME": "/b"}, 0, "/var/lib/geartrain"),
        ({"XDG_STATE_HOME": "/b"}, _PERSON, "/b/geartrain"),
    ],
)
def test_the_environment_names_the_folder(environment: dict[str, str], user: int, folder: str) -> None:
    """What systemd made comes first; root has the folder of the system."""
    assert state_folder(environment, user) == Path(folder)


def test_people_have_it_in_their_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative XDG_STATE_HOME does not count."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert state_folder({"XDG_STATE_HOME": "b"}, _PERSON) == tmp_path / ".local" / "state" / "geartrain"


@pytest.mark.parametrize("home", ["/nonexistent", "/"])
def test_users_of_services_have_no_home(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """They have the folder of the system."""
    monkeypatch.setenv("HOME", home)

    assert state_folder({}, _PERSON) == Path("/var/lib/geartrain")
