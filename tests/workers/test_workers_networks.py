"""The networks that tests cut: each has addresses of its own, and none outlives its run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workers.networks import ROOT, Namespace

MADE_BY_A_RUN_THAT_IS_KILLED = """
import os, signal
from tests.workers.networks import Namespace
print(Namespace().address(0)[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_is_taken_away_and_its_addresses_are_free_again() -> None:
    if not Namespace.permitted():
        pytest.skip("network namespaces are not permitted")
    command = [sys.executable, "-c", MADE_BY_A_RUN_THAT_IS_KILLED]
    left = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    assert left in _addresses()
    first, second = Namespace(), Namespace()
    try:
        assert left not in _addresses()
        assert first.address(0) != second.address(0)
    finally:
        first.close()
        second.close()


def _addresses() -> str:
    return subprocess.run(["ip", "-4", "address"], capture_output=True, text=True, check=True).stdout
