"""Scripts of people who use ``gearman`` and ``gearadmin`` go on working with our tools, on either server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.servers import JobServer, start_c_server, start_ours
from tests.interop.tools.scenario import Outcome, Scenario, Tools
from tests.interop.tools.scenarios import DIFFERENCES, SCENARIOS

SERVERS: dict[str, Callable[[], JobServer]] = {
    "C server": start_c_server,
    "our server": lambda: start_ours("--verbose", "INFO"),
}


def play(scenario: Scenario, server: str, *, ours: bool) -> list[Outcome]:
    tools = Tools(ours=ours)
    job_server = SERVERS[server]()
    try:
        return tools.play(scenario, job_server)
    finally:
        job_server.stop()


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("ours", [False, True], ids=["C tools", "our tools"])
def test_a_script_works_with_both_tools_on_both_servers(name: str, server: str, ours: bool) -> None:
    """Output and exit status are those of the C tools, whoever takes part."""
    scenario = SCENARIOS[name]

    outcomes = play(scenario, server, ours=ours)

    assert outcomes == list(scenario.outcomes)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", DIFFERENCES)
def test_our_tools_differ_as_intended(name: str, server: str) -> None:
    """Where ours do better than the C tools, both outcomes are known."""
    difference = DIFFERENCES[name]

    theirs = play(difference.scenario, server, ours=False)
    ours = play(difference.scenario, server, ours=True)

    assert theirs == list(difference.scenario.outcomes)
    assert ours == list(difference.ours)
    assert ours != theirs
