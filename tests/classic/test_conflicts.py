"""Other distributions that install a package called gearman."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(program: str, site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a program with one more directory of installed packages."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, *options, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def install(name: str, site: Path) -> None:
    """Makes a distribution look as if it were installed."""
    metadata = site / f"{name}-2.0.2.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0.2\n")


@pytest.mark.parametrize("name", ["gearman", "gearman3", "pygearman"])
def test_another_distribution_of_the_package_is_named_once(name: str, tmp_path: Path) -> None:
    """With what to do about it, at the line that imports the package; the program goes on."""
    install(name, tmp_path)
    program = tmp_path / "program.py"
    program.write_text("import gearman\nimport gearman.client\nprint(gearman.GearmanClient.__name__)\n")

    done = run(f"import runpy; runpy.run_path({str(program)!r})", tmp_path)

    assert done.stdout == "GearmanClient\n"
    assert done.stderr.count("RuntimeWarning") == 1
    assert f"{program}:1: RuntimeWarning" in done.stderr
    assert f"pip uninstall {name} && pip install --force-reinstall geartrain" in done.stderr


def test_several_distributions_are_named_together(tmp_path: Path) -> None:
    """One command gets rid of all."""
    install("gearman", tmp_path)
    install("gearman3", tmp_path)

    done = run("import gearman", tmp_path)

    assert "by geartrain and by gearman and gearman3" in done.stderr
    assert "pip uninstall gearman gearman3 &&" in done.stderr


def test_without_another_distribution_nothing_is_said(tmp_path: Path) -> None:
    """Warnings as errors would show it."""
    done = run("import gearman", tmp_path, "-W", "error")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
