"""Rules for the whole test run."""

from __future__ import annotations

import os
import signal

import pytest

from tests.certificates import Certificates

# Set where every program that the tests talk to has to be there: a test that is skipped is a failure then.
REQUIRE_PEERS = os.environ.get("GEARTRAIN_REQUIRE_PEERS") == "1"


@pytest.fixture(scope="session", autouse=True)
def _hang_ups_are_heard() -> None:
    """By the programs that tests start, also when the tests run behind nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where servers that are told nothing keep their queues: not where those of this machine do."""
    os.environ["STATE_DIRECTORY"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and what it issued for servers and clients."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Makes skipped tests fail the run where nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not REQUIRE_PEERS or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.ensure_newline()
        reporter.write_line(
            f"GEARTRAIN_REQUIRE_PEERS=1 forbids skipping, but {len(skipped)} tests were skipped"
        )
