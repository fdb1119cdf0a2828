"""`tailormail doctor` on deployments that are well, and on such as are not."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from campaigns.commands.doctor import run_doctor
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.locks import SCHEDULER_LOCK
from campaigns.opentime.weather.fake_weather_server import FakeWeatherServer
from campaigns.runtime import Runtime
from tests.shop import SECRET
from workers.lock import SessionLock

ROOT = Path(__file__).resolve().parents[2]
Found = dict[str, dict[str, str]]
Doctor = Callable[..., tuple[int, Found]]


@pytest.fixture
def doctor(
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Doctor:
    """Runs the doctor with these settings; returns (exit status, findings by part)."""
    there = runtime.settings
    before = logging.getLogger().handlers[:]
    request.addfinalizer(lambda: logging.getLogger().handlers.__setitem__(slice(None), before))

    def run(**settings: object) -> tuple[int, Found]:
        known = {"database_url": there.database_url, "redis_url": there.redis_url, "data_dir": there.folder}
        for name, value in {
            **known,
            "secret_key": SECRET,
            "public_url": "https://mail.test",
            **settings,
        }.items():
            monkeypatch.setenv(f"TAILORMAIL_{name.upper()}", str(value))
        capsys.readouterr()
        status = run_doctor(json_=True)
        return status, {finding["part"]: finding for finding in json.loads(capsys.readouterr().out)}

    return run


def test_a_deployment_that_is_well(doctor: Doctor, runtime: Runtime) -> None:
    lock = SessionLock(runtime.urls[0], SCHEDULER_LOCK)
    assert lock.held()
    status, found = doctor()
    lock.release()
    assert {part: finding for part, finding in found.items() if finding["severity"] == "error"} == {}
    assert status == 0
    for part in ("PostgreSQL", "PostgreSQL settings", "connections", "clock", "schema", "scheduler", "Redis",
                 "broker", "secret key", "public URL", "time zones", "data folder", "leases"):  # fmt: skip
        assert found[part]["severity"] == "ok", found[part]
    assert found["workers"]["severity"] == "warning"
    assert "no worker answers" in found["workers"]["says"]
    assert found["broker"]["says"].startswith("waiting: plan 0, pick 0, copy 0, send 0, feedback 0")


def test_a_connection_that_broke_since_is_no_finding(doctor: Doctor, runtime: Runtime) -> None:
    assert doctor()[0] == 0
    runtime.redis.client_kill_filter(_type="normal", skipme=True)
    status, found = doctor()
    assert (status, found["workers"]["severity"]) == (0, "warning"), found["workers"]


def test_without_a_scheduler(doctor: Doctor) -> None:
    status, found = doctor()
    assert status == 0
    assert found["scheduler"]["severity"] == "warning"


@pytest.mark.parametrize("setting", ["synchronous_commit"])
def test_a_database_that_forgets(doctor: Doctor, runtime: Runtime, setting: str) -> None:
    url = runtime.settings.database_url or ""
    status, found = doctor(database_url=f"{url}&options=-c%20{setting}%3Doff")
    assert status == 1
    assert found["PostgreSQL settings"]["severity"] == "error"
    assert f"{setting} off" in found["PostgreSQL settings"]["says"]


def test_a_redis_that_throws_tasks_away(doctor: Doctor, runtime: Runtime) -> None:
    before = runtime.redis.config_get("maxmemory-policy")["maxmemory-policy"] or "noeviction"
    runtime.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        status, found = doctor()
    finally:
        runtime.redis.config_set("maxmemory-policy", before)
    assert status == 1
    assert "set noeviction" in found["Redis"]["says"]


def test_servers_that_are_away_are_named_and_no_password_is(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = time.monotonic()
    status, found = doctor(
        database_url="postgresql://tm:a-password@127.0.0.1:9/tm",
        redis_url="redis://:a-password@127.0.0.1:9/0",
        broker_url="amqp://tm:a-password@127.0.0.1:9//",
        smtp_url="smtp://tm:a-password@127.0.0.1:9?tls=none",
    )
    assert time.monotonic() - begin < 10
    assert status == 1
    for part in ("PostgreSQL", "Redis", "broker", "mail"):
        assert found[part]["severity"] == "error", part
        assert not found[part]["fine"]
    assert "schema" not in found, "what cannot be seen is not talked about"
    assert "a-password" not in json.dumps(found)


def test_two_relays_one_of_them_away(doctor: Doctor, tmp_path: Path) -> None:
    path = tmp_path / "delivery.toml"
    path.write_text(
        '[[relays]]\nname = "one"\nurl = "smtp://127.0.0.1:1?tls=none"\nweight = 3\n'
        '[[relays]]\nname = "two"\nurl = "smtp://127.0.0.1:2?tls=none"\n'
    )
    status, found = doctor(delivery_path=path)
    assert status == 1
    assert found["mail: one"]["in_force"] == "127.0.0.1:1, weight 3"
    assert found["mail: two"]["severity"] == "error"
    assert found["delivery file"]["severity"] == "ok"


def test_a_delivery_file_that_cannot_be_read_is_a_finding(doctor: Doctor, tmp_path: Path) -> None:
    path = tmp_path / "delivery.toml"
    path.write_text("[[relays]]\nname = 'one'\n")
    status, found = doctor(delivery_path=path)
    assert status == 1
    assert found["delivery file"]["severity"] == "error"
    assert "url" in found["delivery file"]["says"]


def test_a_careless_machine(doctor: Doctor, runtime: Runtime) -> None:
    folder = runtime.settings.folder
    folder.chmod(0o755)
    try:
        status, found = doctor(secret_key="ab" * 20, public_url="http://mail.example.com")
    finally:
        folder.chmod(0o700)
    assert status == 0, "warnings do not stop a deployment"
    assert found["data folder"]["says"].startswith(f"open to everybody: run chmod 700 {folder}")
    assert "token_urlsafe" in found["secret key"]["says"]
    assert "https" in found["public URL"]["says"]
    assert {found[part]["severity"] for part in ("data folder", "secret key", "public URL")} == {"warning"}


def test_a_secret_that_only_this_machine_knows(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = doctor(secret_key="")
    assert "other machines need the same" in found["secret key"]["says"]


def test_a_journal_in_memory(doctor: Doctor, tmp_path: Path) -> None:
    memory = next((m.mountpoint for m in psutil.disk_partitions(all=True) if m.fstype == "tmpfs"), None)
    if memory is None or not os.access(memory, os.W_OK):
        pytest.skip("there is no tmpfs to write to")
    folder = Path(memory) / f"tailormail-doctor-{os.getpid()}"
    try:
        _, found = doctor(data_dir=folder)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert found["journal"]["severity"] in ("warning", "error")
    assert "tmpfs is lost when the machine restarts" in found["journal"]["says"]


@pytest.mark.parametrize(("bits", "severity"), [(1024, "warning"), (2048, "ok")])
def test_dkim_keys(doctor: Doctor, tmp_path: Path, bits: int, severity: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = tmp_path / "dkim.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    _, found = doctor(dkim_key=pem, dkim_selector="s1", dkim_domain="example.com")
    assert found["DKIM"]["severity"] == severity
    assert "dig +short TXT s1._domainkey.example.com" in found["DKIM"]["says"]
    assert "s1._domainkey.example.com TXT v=DKIM1; k=rsa; p=MI" in found["DKIM"]["says"]
    pem.write_text("no key at all")
    assert (
        doctor(dkim_key=pem, dkim_selector="s1", dkim_domain="example.com")[1]["DKIM"]["severity"] == "error"
    )


def test_for_people_no_line_is_cut(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / ("a-long-name-of-a-folder-" * 5)
    doctor(data_dir=folder)
    run_doctor(json_=False)
    out = capsys.readouterr().out
    assert str(folder) in out
    assert "…" not in out
    assert "errors" in out.splitlines()[-1]


@pytest.mark.slow
def test_workers_are_counted_by_queue(doctor: Doctor, servers: EmbeddedUrls, runtime: Runtime) -> None:
    log = runtime.settings.folder / "worker.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": servers.database_url or "",
        "TAILORMAIL_REDIS_URL": runtime.settings.redis_url or "",
        "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
        "TAILORMAIL_SECRET_KEY": SECRET,
    }
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.main", "worker", "--queues", "send,plan",
             "--concurrency", "1"],
            env=environment, stdout=output, stderr=output, cwd=runtime.settings.folder,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while (found := doctor()[1])["workers"]["says"].startswith("no worker"):
            assert time.monotonic() < deadline, log.read_text()
    finally:
        worker.terminate()
        worker.wait(20)
    said = found["workers"]["says"]
    assert said.startswith(
        "nobody works on pick, copy, feedback; 1 answer; by queue: plan 1, pick 0, copy 0, send 1"
    )


def test_lists_that_cannot_be_used_are_named(doctor: Doctor, tmp_path: Path) -> None:
    broken = tmp_path / "requesters.toml"
    broken.write_text('[[agent]]\nrequester = "nobody"\n[scanner]\n')
    status, found = doctor(requesters_path=broken, apple_egress_path=tmp_path / "missing.csv")
    assert status == 1
    assert found["requesters"]["severity"] == found["Apple egress list"]["severity"] == "error"
    assert "nobody" in found["requesters"]["says"]


def test_lists_and_services_in_force_are_told(doctor: Doctor, tmp_path: Path) -> None:
    egress = tmp_path / "egress.csv"
    egress.write_text("172.224.226.0/27,GB,GB-EN,London,\n172.224.226.32/27,GB,GB-EN,Atlantis,\n")
    with FakeWeatherServer() as server:
        _, found = doctor(
            apple_egress_path=egress, weather_url=server.met_url, weather_contact="post@example.com"
        )
    assert found["Apple egress list"]["says"].startswith("2 networks; 1 of 2 cities")
    assert found["weather"]["in_force"] == f"{server.met_url} (MET Norway)"
    assert found["weather"]["says"].startswith("Oslo: clear")
    assert found["requesters"]["severity"] == "ok"


def test_the_fonts_in_force_are_told_and_a_wrong_one_is_named(doctor: Doctor, tmp_path: Path) -> None:
    _, found = doctor()
    assert found["fonts"]["in_force"] == "Source Sans"
    assert found["fonts"]["severity"] == "ok"
    assert "draws Latin, Greek, Cyrillic" in found["fonts"]["says"]
    wrong = tmp_path / "brand.ttf"
    wrong.write_text("not a font")
    status, found = doctor(font_path=str(wrong))
    assert status == 1
    assert found["fonts"]["says"].startswith(f"{wrong} is not a font file")
