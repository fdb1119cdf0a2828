"""A wheel built from the tree holds everything, and runs the demo in a venv of its own outside the tree.

That venv has what the wheel asks for, and nothing else: what is installed here already is linked into it, because
fetching half a gigabyte anew would take a minute of every run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.endtoend.conftest import LONG, ROOT
from tests.shop import QUICK_TRAINING

PACKAGES = ("campaigns", "workers", "web", "templates")
NEEDED = {
    "campaigns/models/migrations/env.py",
    "campaigns/models/migrations/versions/0001_first_tables.py",
    "campaigns/copywriting/wording/en.toml",
    "campaigns/opentime/place/data/requesters.toml",
    "campaigns/sampleshop/briefs/autumn.toml",
    "templates/outdoor/mail.mjml.j2",
    "templates/outdoor/mail.txt.j2",
    "templates/outdoor/template.toml",
    "web/templates/console/campaign.html",
    "web/templates/public/unsubscribe.html",
    "web/static/console.css",
    "workers/main.py",
}


def run(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> str:
    """What it printed; fails with what it complained of."""
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, timeout=2 * LONG
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stderr}\n{done.stdout}"
    return done.stdout


def for_installing() -> dict[str, str]:
    """This environment with its way to the package index, but without a way back into the tree."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], folder, for_installing())
    (built,) = folder.glob("*.whl")
    return built


def asked_for(wheel: Path) -> dict[str, Distribution]:
    """The distributions that this wheel asks for, and those that these ask for, by name."""
    (metadata,) = (folder for folder in ZipPath(wheel).iterdir() if folder.name.endswith(".dist-info"))
    found: dict[str, Distribution] = {"": PathDistribution(metadata)}
    waiting, seen = [("", "")], set[tuple[str, str]]()
    while waiting:
        of, extra = waiting.pop()
        for line in found[of].requires or ():
            needed = Requirement(line)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            found[needed.name] = distribution(needed.name)
            further = {(needed.name, wanted) for wanted in ("", *needed.extras)} - seen
            seen |= further
            waiting += further
    del found[""]
    return found


def link(package: Distribution, site: Path) -> None:
    """Make a distribution of this environment one of another's."""
    for file in package.files or ():
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (site / top).exists():
            (site / top).symlink_to(Path(str(package.locate_file(top))))


@pytest.fixture
def programs(wheel: Path, tmp_path: Path) -> Iterator[Path]:
    """The programs of a new venv that holds the wheel and what it asks for, and nothing else."""
    venv = tmp_path / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", venv], tmp_path, for_installing())
    (site,) = venv.glob("lib/python*/site-packages")
    for package in asked_for(wheel).values():
        link(package, site)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", venv]
    run([*pip, "install", "--no-compile", "--no-deps", wheel], tmp_path, for_installing())
    yield venv / "bin"
    shutil.rmtree(venv)


@pytest.mark.slow
def test_the_wheel_holds_the_whole_house_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours >= NEEDED
    assert not ours - held, "what lies in the packages is in the wheel: pages, templates, data, migrations"
    beside = {name.split("/")[0] for name in held} - set(PACKAGES)
    assert len(beside) == 1, f"only the packages and their metadata: {beside}"
    assert beside.pop().endswith(".dist-info")


@pytest.mark.slow
def test_the_demo_runs_from_a_wheel_outside_the_tree(programs: Path, tmp_path: Path) -> None:
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    home.mkdir()
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), **QUICK_TRAINING}
    at = run([programs / "python", "-c", "import campaigns; print(campaigns.__file__)"], elsewhere, bare)
    assert Path(at.strip()).is_relative_to(programs.parent), "the installed one, not the tree's"

    told = json.loads(
        run([programs / "tailormail", "demo", "--no-serve", "--json", "--customers", "100"], elsewhere, bare)
    )
    assert told["adds_up"] is True
    assert told["customers"] == 100
    assert told["sent"] + told["held_back"] == 100
    assert (told["failed"], told["uncertain"]) == (0, 0)
    assert told["sent"] > told["second_campaign_sent"] > 0
    assert [path.name for path in elsewhere.iterdir()] == ["tailormail-data"], "all it keeps is in one folder"

    # The servers run on the venv's programs, so they must have ended before it is removed.
    pid_file = elsewhere / "tailormail-data" / "postgres" / "postmaster.pid"
    deadline = time.monotonic() + 30
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.3)
    assert not pid_file.exists(), "the embedded servers ended with the demo"
