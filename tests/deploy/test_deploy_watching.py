"""The dashboard and the alert rules: every number they name is told, and every expression can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from campaigns.core.meters import METERS, Sort
from campaigns.runtime import Runtime
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/tailormail.json"
_NAME = re.compile(r"\btailormail_[a-z_]+")


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    """Every expression of the dashboard, with Grafana's own variables filled in."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "5m")


@pytest.fixture
def told(runtime: Runtime) -> set[str]:
    """Names of samples that /metrics tells or will tell once there is something to count."""
    page = create_app(runtime).test_client().get("/metrics").get_data(as_text=True)
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


@pytest.mark.parametrize("file", [ALERTS, DASHBOARD], ids=["alerts", "dashboard"])
def test_every_number_exists(file: Path, told: set[str]) -> None:
    used = set(_NAME.findall(file.read_text()))
    assert len(used) >= 10
    assert used <= told, f"nobody tells {sorted(used - told)}"


def test_the_dashboard_shows_what_workers_count() -> None:
    used = set(_NAME.findall(DASHBOARD.read_text()))
    for name, meter in METERS.items():
        suffix = {Sort.COUNTER: "_total", Sort.GAUGE: "", Sort.HISTOGRAM: "_sum"}[meter.sort]
        wanted = {f"tailormail_{name}{suffix}", f"tailormail_{name}_bucket"}
        assert wanted & used, f"{name} is on no panel"


def test_labels_that_are_asked_for_exist() -> None:
    text = ALERTS.read_text() + "\n".join(expressions())
    for name, meter in METERS.items():
        for selector in re.findall(rf"tailormail_{name}(?:_total|_bucket|_sum|_count)?\{{([^}}]*)\}}", text):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", selector))
            assert asked <= {*meter.labels, "le"}, f"{name}{{{selector}}}"


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["uid"] == "tailormail"
    assert [variable["type"] for variable in dashboard["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}", "anybody's Prometheus, by whatever name"
    for one, other in combinations([panel["gridPos"] for panel in panels()], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, "panels lie upon one another"


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    return found


def test_prometheus_can_read_all_expressions(promtool: str, tmp_path: Path) -> None:
    _run(promtool, "check", "rules", str(ALERTS))
    rules = "".join(
        f"  - record: panel:{n}\n    expr: {json.dumps(e)}\n" for n, e in enumerate(expressions())
    )
    panels_ = tmp_path / "panels.yml"
    panels_.write_text(f"groups:\n- name: panels\n  rules:\n{rules}")
    _run(promtool, "check", "rules", str(panels_))


_SILENCE = """
rule_files: [{alerts}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'tailormail_oldest_planned_seconds{{instance="a"}}'
        values: '700+60x30'
      - series: 'tailormail_mails_total{{instance="a",kind="sent",relay="r"}}'
        values: '{mails}'
    alert_rule_test:
      - eval_time: 30m
        alertname: TailormailSendsNothing
        exp_alerts: {expected}
"""
_FIRES = """
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: Mail may go out, and none did for ten minutes.
              action: "`tailormail doctor` says what is away. Are workers running for the queue `send`?"
"""


@pytest.mark.parametrize(
    ("mails", "expected"), [("500+0x30", _FIRES), ("0+50x30", "[]")], ids=["none", "some"]
)
def test_silence_is_noticed_and_work_is_not(promtool: str, tmp_path: Path, mails: str, expected: str) -> None:
    case = tmp_path / "case.yml"
    case.write_text(_SILENCE.format(alerts=ALERTS, mails=mails, expected=expected))
    _run(promtool, "test", "rules", str(case))


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
