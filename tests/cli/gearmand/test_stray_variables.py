"""A typo in the environment does not go unnoticed."""

from __future__ import annotations

import pytest

from tests.cli.gearmand.run import GearmandCommand


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("GEARMAND_JOB_RETRYS", "GEARMAND_JOB_RETRIES"),
        ("GEARMAND_LISTENS", "GEARMAND_LISTEN"),
        ("GEARMAND_SERVER_PEN", "GEARMAND_SERVER_PEM"),
        ("GEARMAND_CONFIGFILE", "GEARMAND_CONFIG_FILE"),
    ],
)
def test_a_variable_that_looks_like_that_of_an_option_is_noted(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str
) -> None:
    """With the nearest that there is, and without its value; the server starts all the same."""
    monkeypatch.setenv(variable, "secret")

    (note,) = gearmand.options().notes

    assert note == ("no option has this environment variable", {"variable": variable, "nearest": nearest})


@pytest.mark.parametrize(
    "variable",
    [
        "GEARMAND_VERSION",
        "GEARMAND_HOME",
        "GEARMAND_SERVICE_HOST",
        "GEARMAND_SERVICE_PORT",
        "GEARMAND_PORT_4730_TCP",
        "GEARMAND_PORT_4730_TCP_PORT",
        "GEARMAN_PORT",
        "GEARMAND_JOB_RETRIES",
        "GEARMAND_SSL_KEY",
        "GEARMAND_SERVER_KEY",
    ],
)
def test_other_variables_are_left_alone(
    gearmand: GearmandCommand, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Those of images and of Kubernetes, and those that options have."""
    monkeypatch.setenv(variable, "3")

    assert gearmand.options().notes == ()
