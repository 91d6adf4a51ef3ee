"""The sample settings under deploy/, read by the server itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import trustme

from geartrain.server.acl import AccessList
from tests.deploy.files import DEPLOY
from tests.server.process import run_gearmand

_COMMENTED_SETTING = re.compile(r"^# (?=[a-z-]+ = )", re.MULTILINE)


def _check(path: Path) -> subprocess.CompletedProcess[str]:
    return run_gearmand("--config-file", str(path), "--port", "0", "--check-args")


@pytest.fixture
def sample(tmp_path: Path) -> str:
    """The sample, with the folders of a machine in one that is for this test, and free ports."""
    text = (DEPLOY / "gearmand.toml").read_text()
    for folder in ("/etc/geartrain", "/run/gearmand", "/var/log/gearmand"):
        assert folder in text
        text = text.replace(folder, str(tmp_path))
    return text.replace(":4731", ":0")


def test_the_sample_settings_are_accepted(tmp_path: Path, sample: str) -> None:
    """As they are."""
    path = tmp_path / "gearmand.toml"
    path.write_text(sample)

    done = _check(path)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_sample_settings_that_are_commented_out_are_accepted_too(tmp_path: Path, sample: str) -> None:
    """With certificates, and with the sample of the access rules."""
    authority = trustme.CA()
    certificate = authority.issue_cert("gearmand.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    (tmp_path / "acl.toml").write_text((DEPLOY / "acl.toml").read_text())
    # What is on and what it is instead: one line for each key.
    lines = [line for line in _COMMENTED_SETTING.sub("", sample).splitlines() if "stderr" not in line]
    path = tmp_path / "gearmand.toml"
    path.write_text("\n".join(lines).replace("/var/lib/geartrain", str(tmp_path)))

    done = _check(path)

    assert (done.returncode, done.stderr) == (0, "")
    assert sum(line.startswith(("ssl-", "acl", "listen", "log-file")) for line in lines) == 6


def test_a_wrong_setting_would_be_found(tmp_path: Path, sample: str) -> None:
    """So that the tests above mean something."""
    path = tmp_path / "gearmand.toml"
    path.write_text(sample.replace("job-retries", "job-retry"))

    assert _check(path).returncode == 1


def test_the_sample_rules_allow_what_they_say() -> None:
    """Somebody who copies them has to get what the comments promise."""
    rules = AccessList.load(str(DEPLOY / "acl.toml"))

    local = [rules.access_for(None, address) for address in ("127.0.0.1:4730", "[::1]:4730")]
    unix = rules.access_for(None, "unix:/run/gearmand/gearmand.sock")
    stranger = rules.access_for(None, "tls://0.0.0.0:4731")

    assert all(access.may_submit(b"f") and access.may_work(b"f") for access in local)
    assert not any(access.may_administer(b"status") for access in local)
    assert unix.may_administer(b"shutdown")
    assert not stranger.may_submit(b"f")
    assert not stranger.may_administer(b"status")
