"""The command as people run it: a process of its own, a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.shop import QUICK_TRAINING

ROOT = Path(__file__).resolve().parents[2]
LONG = 300


class Command:
    """Runs `tailormail` with a data folder and environment of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(home),
            "TAILORMAIL_DATA_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
            **QUICK_TRAINING,
        }

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it to its end; fails with what it said when it exits otherwise than expected."""
        done = subprocess.run(
            [sys.executable, "-m", "campaigns.cli", *arguments],
            env=self.environment, cwd=self.folder.parent, text=True, capture_output=True, timeout=LONG,
        )  # fmt: skip
        assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    def json(self, *arguments: str) -> Any:
        """Run it with --json and read what it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *arguments],
            env=self.environment, cwd=self.folder.parent, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A newcomer's command: an empty home, an empty data folder."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(tmp_path / "data", home)
