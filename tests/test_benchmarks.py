"""`python -m benchmarks` measures every subject, each with its floor, and says so in one JSON object."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measuring import measure
from tests.shop import QUICK_TRAINING

ROOT = Path(__file__).resolve().parents[1]
FIGURES = {
    "import_customers", "import_products", "import_orders", "import_consents", "train", "picks",
    "copy_offline", "letters", "letters_dkim", "sends_captured", "sends_smtp", "opens",
}  # fmt: skip


def quick() -> dict[str, str]:
    """The environment as it is when a test runs: by then a developer's own settings are gone from it."""
    return {**os.environ, **QUICK_TRAINING}


@pytest.mark.slow
def test_everything_is_measured_beside_its_floor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--customers", "100", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env=quick(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["customers"] == 100
    assert told["seconds"] > 0
    assert told["figures"].keys() == FIGURES
    for name, figure in told["figures"].items():
        assert min(figure["value"], figure["floor"], figure["times_floor"]) > 0, name
        assert figure["floor_is"], name
        assert figure["unit"] == "s" or figure["unit"].endswith("/s"), name


def test_a_figure_is_a_median_without_its_warm_up() -> None:
    naps = iter([0.2, 0.02, 0.02, 0.02])  # The first time is slow, as first times are.

    def work() -> int:
        time.sleep(next(naps))
        return 5

    def floor() -> int:
        time.sleep(0.0005)
        return 1

    figure = measure(work, "mails/s", floor=floor, floor_is="a nap", seconds=0.0)
    assert figure.repetitions == 3
    assert 50 < figure.value <= 250, "4 ms a unit, or more where the machine is busy"
    assert figure.times_floor is not None and figure.times_floor > 1


def test_work_that_runs_out_ends_the_measurement() -> None:
    left = iter([7, 7, 0])
    assert measure(lambda: next(left), "opens/s").repetitions == 1
    with pytest.raises(RuntimeError, match="nothing was left"):
        measure(lambda: 0, "opens/s")


@pytest.mark.slow
def test_sending_is_measured_beside_bare_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.send", "--customers", "300", "--floor-seconds", "0.5"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env=quick(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["html_bytes"] >= 30_000
    assert told["real"]["sent"] + told["real"]["held_back"] == 300
    for way in ("plain", "prepared"):
        assert min(told["ratio"][way], told["ratio_of_cpu"][way], *told["floors"][way].values()) > 0
    stages = told["real"]["worker_cpu_by_stage_per_1000"]
    assert stages.keys() == {"claim", "consent", "pick", "copy", "write", "record", "smtp"}
    assert min(stages.values()) > 0
    assert told["real"]["statements_per_1000"] > 0
    assert 0 < told["real"]["peak_worker_own_mb"] <= told["real"]["peak_worker_mb"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed (Debian: apt-get install wrk)")
def test_opening_is_measured_beside_a_view_that_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.opens", "--links", "40", "--seconds", "1", "--rounds", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env=quick(),
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads(done.stdout)
    assert told["answered"] <= told["recorded"] <= told["answered"] + told["unheard_at_most"]
    assert told["not_200"] == told["socket_errors"] == 0
    assert {"bare", "real"} <= told["full_speed"].keys()
    assert min(told["ratio"], told["p99_ratio"], told["redis_bytes_a_customer"]) > 0
