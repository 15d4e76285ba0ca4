"""The package as users install it: `pip install .`, no extras, no clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.blocks import ROOT

#: Seconds that an installation, or one command, may take.
PATIENCE = 900
MODEL = """import numpy as np


def loss(x, scale=1.0):
    y = np.sin(x) * scale
    return np.sum(y**2)
"""


class Installed(NamedTuple):
    """A fresh environment with wengert, and an empty folder to work in."""

    programs: Path
    folder: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the folder."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return subprocess.run(
            [str(self.programs / words[0]), *words[1:]],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the package into an environment of its own."""
    home = tmp_path_factory.mktemp("installed")
    venv = [sys.executable, "-m", "venv", "--without-pip", home / "venv"]
    subprocess.run(venv, check=True)
    made = Installed(home / "venv" / "bin", home / "work")
    made.folder.mkdir()
    (made.folder / "model.py").write_text(MODEL)
    # SciPy's files are compiled as they are imported: most of them never.
    pip = [sys.executable, "-m", "pip", "--python", str(made.programs / "python")]
    words = "install --quiet --disable-pip-version-check --no-compile".split()
    done = subprocess.run(
        [*pip, *words, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    return made


def sources(page: Path) -> list[list[str]]:
    """Return the files that each microscope of a page shows."""
    text = page.read_text("utf-8")
    found = re.findall(r'<script type="application/json">(.*?)</script>', text, re.S)
    return [[file["file"] for file in json.loads(data)["sources"]] for data in found]


def test_the_demo_runs_and_shows_the_right_sources(installed: Installed) -> None:
    """Click's own source was shown for three of four tapes."""
    done = installed.run("wengert", "demo", "--quick", "-o", "demo.html")
    text = (installed.folder / "demo.html").read_text("utf-8")

    assert done.returncode == 0, done.stderr
    assert "matplotlib draws the plots and is not installed" in done.stderr
    assert "pip install scikit-learn" in " ".join(done.stderr.split())
    assert sources(installed.folder / "demo.html") == [
        ["hand_built_tape.py"],
        ["nile.py"],
        ["newton.py"],
        ["calibration.py"],
        ["collocation.py", "collocation.py"],  # two functions of it
        ["counts.py"],
        ["process.py"] * 3,  # three of it
        ["dynamics.py"],
    ]
    assert "Left out here: scikit-learn brings 1,797 pictures" in text
    assert "15099, 1469.2" in done.stdout


def test_show_gives_the_users_source(installed: Installed) -> None:
    where = ("model.py:loss", "--at", "[0.5, 1.5]")
    printed = installed.run("wengert", "show", *where)
    written = installed.run("wengert", "show", *where, "--html", "-o", "loss.html")

    assert "model.py:5" in printed.stdout
    assert written.stdout.strip() == "loss.html"
    assert sources(installed.folder / "loss.html") == [["model.py"]]


def test_show_gives_the_source_of_an_example_in_the_package(
    installed: Installed,
) -> None:
    function = "wengert.examples.newton:eccentric_anomaly"
    done = installed.run("wengert", "show", function, "--at", "[0.6, 1.0]")

    assert "newton.py:22" in done.stdout, done.stderr
    assert "click" not in done.stdout


def test_check_gives_its_verdict(installed: Installed) -> None:
    done = installed.run("wengert", "check", "model.py:loss", "--at", "[0.5, 1.5]")

    assert done.returncode == 0, done.stderr
    assert " right " in done.stdout


def test_the_tutorial_needs_no_clone(installed: Installed) -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    blocks = re.findall(r"```python[^\n]*\n(.*?)```", text, re.S)
    (installed.folder / "tutorial.py").write_text("\n".join(blocks), "utf-8")
    done = installed.run("python", "tutorial.py")

    assert done.returncode == 0, done.stderr
    assert "[15099.  1469.] -633.46" in done.stdout
