"""The Procfile and the systemd units: they can be read, they start what exists, and they let workers finish."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from string import Template

import pytest

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.settings import Settings
from campaigns.runtime import Runtime
from tests.shop import SECRET
from workers.broker import QUEUES

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy/systemd"
PROGRAMS = Path(sys.executable).parent
# How long a worker may take to finish what it has (campaigns/supervisor.py gives it as much).
GRACE_SECONDS = 12

Unit = dict[str, dict[str, list[str]]]


def unit(path: Path) -> Unit:
    """Sections, and in them all values of each key."""
    sections: Unit = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
        else:
            key, _, value = line.partition("=")
            sections[section][key].append(value)
    return sections


def variables(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


SERVICES = sorted(UNITS.glob("*.service"))
SETS = sorted(UNITS.glob("worker-*.env"))


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command for name, _, command in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_service_lets_workers_finish_and_may_touch_little(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["KillMode"] == ["mixed"], "SIGTERM to the main process alone, SIGKILL to all that remain"
    assert int(service["TimeoutStopSec"][0]) > GRACE_SECONDS
    assert service["Restart"] == ["always"]
    assert service["User"] == ["tailormail"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["NoNewPrivileges"] == ["yes"]
    folder = re.search(r"TAILORMAIL_DATA_DIR=(\S+)", " ".join(service["Environment"]))
    assert folder
    assert folder[1] == f"/var/lib/{service['StateDirectory'][0]}", "the one folder that it may write to"
    assert service["StateDirectoryMode"] == ["0700"]


def test_every_service_belongs_to_the_target() -> None:
    for path in SERVICES:
        assert unit(path)["Unit"]["PartOf"] == ["tailormail.target"]
        assert unit(path)["Install"]["WantedBy"] == ["tailormail.target"]
    assert (UNITS / "tailormail.target").is_file()


def test_the_sets_of_queues_cover_each_queue_once() -> None:
    queues = [queue for path in SETS for queue in variables(path)["QUEUES"].split(",")]
    assert sorted(queues) == sorted(QUEUES)
    assert re.search(r"\$\{QUEUES:-([a-z,]+)\}", procfile()["worker"])[1].split(",") == list(QUEUES)  # type: ignore[index]


def test_the_example_environment_names_settings() -> None:
    text = (UNITS / "tailormail.env").read_text()
    for name in re.findall(r"^#?(TAILORMAIL_[A-Z_]+)=", text, re.MULTILINE):
        assert name.removeprefix("TAILORMAIL_").lower() in Settings.model_fields, name


def commands() -> dict[str, list[str]]:
    """What the units and the Procfile start, with their variables filled in."""
    filled = {"WEB_PORT": "8025", "WEB_PROCESSES": "1", "INBOUND_PORT": "8026"}
    found = {}
    for path in SERVICES:
        for env in SETS if "@" in path.name else [None]:
            known = {**filled, **(variables(env) if env else {})}
            line = unit(path)["Service"]["ExecStart"][0]
            line = Template(line).substitute(known)
            found[f"{path.stem}{env.stem if env else ''}"] = shlex.split(
                line.replace("%i", "x").replace("%%", "%")
            )
    for name, line in procfile().items():
        found[f"Procfile {name}"] = shlex.split(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line))
    return found


@pytest.mark.parametrize("name", commands())
def test_what_is_started_exists_and_takes_these_options(
    name: str, servers: EmbeddedUrls, runtime: Runtime, tmp_path: Path
) -> None:
    program, *arguments = commands()[name]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": servers.database_url or "",
        "TAILORMAIL_REDIS_URL": servers.redis_url or "",
        "TAILORMAIL_DATA_DIR": str(tmp_path),
        "TAILORMAIL_SECRET_KEY": SECRET,
    }
    # More than --help would tell, which is obeyed before the other options are looked at.
    ran = subprocess.run(
        [str(PROGRAMS / Path(program).name), *arguments, "--no-such-option"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert re.search(r"No such option:? '?--no-such-option", ran.stderr), ran.stderr


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    for path in [*SERVICES, UNITS / "tailormail.target"]:
        # The programs of the units are not on this machine; `true` is.
        text = re.sub(r"^(ExecStart=)\S+", rf"\1{shutil.which('true')}", path.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    names = [str(tmp_path / path.name.replace("@.", "@send.")) for path in SERVICES]
    (tmp_path / "tailormail-worker@send.service").symlink_to(tmp_path / "tailormail-worker@.service")
    ran = subprocess.run(
        ["systemd-analyze", "verify", *names, str(tmp_path / "tailormail.target")],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in ran.stderr.splitlines() if "tailormail" in line]
    assert not ours
