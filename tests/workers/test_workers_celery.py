"""A real Celery worker on the test servers: ids cross the broker, kills lose nobody, old schemas are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotConfigured
from campaigns.core.log import bind_trace
from campaigns.demo.inbox import read_inbox
from campaigns.flows.send_moves import counts, recount
from campaigns.models import CampaignStatus, schema
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SECRET, approved, fill_shop, make_runtime
from workers.app import celery_url, make_app
from workers.jobs import CeleryJobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(servers: EmbeddedUrls, db: object, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    """The sample shop with hints that go over the broker; mails in small batches and short leases."""
    runtime = make_runtime(servers, tmp_path / "data", batch_size=10, lease_seconds=5).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
    yield runtime
    runtime.close()


@contextmanager
def celery(runtime: Runtime, role: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker or beat in a process of its own, logging JSON into the data folder."""
    log = runtime.settings.folder / f"{role}.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": runtime.settings.database_url or "",
        "TAILORMAIL_REDIS_URL": runtime.settings.redis_url or "",
        "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
        "TAILORMAIL_SECRET_KEY": SECRET,
        "TAILORMAIL_LOG_JSON": "1",
        "TAILORMAIL_BATCH_SIZE": "10",
        "TAILORMAIL_LEASE_SECONDS": "5",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.main", role, "--loglevel", "info", *options],
            env=environment, stdout=output, stderr=output, cwd=runtime.settings.folder, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def worker(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return celery(runtime, "worker", "--concurrency", "2", "--queues", "plan,send,train")


def beat(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return celery(runtime, "beat", "--schedule", str(runtime.settings.folder / "schedule"), "--pidfile", "")


def wait_for(runtime: Runtime, campaign_id: int, status: CampaignStatus, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while runtime.campaigns.status(campaign_id) != status:
        assert time.monotonic() < deadline, runtime.campaigns.show(campaign_id)["counts"]
        time.sleep(0.1)


def logged(runtime: Runtime, event: str) -> list[dict[str, object]]:
    lines = (runtime.settings.folder / "worker.log").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return [row for row in rows if row["event"] == event]


def test_a_hint_becomes_mail_and_its_trace_crosses_the_broker(told: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(told, sample)
    trace = bind_trace()
    with worker(told):
        told.campaigns.send(campaign_id, "test")
        wait_for(told, campaign_id, CampaignStatus.SENT)
    assert {row["trace"] for row in logged(told, "campaign_planned")} == {trace}
    assert {row["trace"] for row in logged(told, "campaign_sent")} == {trace}, (
        "also what a task starts carries it"
    )


@pytest.mark.slow
def test_workers_killed_while_sending_lose_nobody_and_mail_nobody_twice(
    told: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(told, sample)
    with beat(told):
        told.campaigns.send(campaign_id, "test")
        for _ in range(3):
            with worker(told) as process:
                before = _ended(told, campaign_id)
                deadline = time.monotonic() + 30
                while _ended(told, campaign_id) == before and time.monotonic() < deadline:
                    time.sleep(0.002)
                os.killpg(process.pid, signal.SIGKILL)
        with worker(told):
            wait_for(told, campaign_id, CampaignStatus.SENT)
    with told.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    received = Counter(mail.recipient for mail in read_inbox(told.settings.captured_mail, campaign_id))
    uncertain = kept.get("uncertain", 0)
    assert set(received.values()) == {1}, "nobody gets it twice"
    assert kept["sent"] + uncertain + kept["held_back"] == 80, "nobody is lost"
    assert kept["sent"] <= len(received) <= kept["sent"] + uncertain
    assert uncertain <= 3 * 2, "at most the mail in flight of each process that was killed"
    assert len(told.reporting.reconcile(campaign_id)) == uncertain


def _ended(runtime: Runtime, campaign_id: int) -> int:
    with runtime.db.transaction() as session:
        found = session.scalar(
            text("select count(*) from sends where campaign_id = :id and status in ('sent', 'uncertain')"),
            {"id": campaign_id},
        )
    return int(found or 0)


def test_an_older_schema_is_refused(told: Runtime) -> None:
    with told.db.transaction() as session:
        session.execute(text("update alembic_version set version_num = '0000'"))
    try:
        with pytest.raises(NotConfigured, match="run: tailormail upgrade"):
            told.start()
        with celery(told, "worker") as process:
            assert process.wait(30) != 0
        assert "tailormail upgrade" in (told.settings.folder / "worker.log").read_text()
    finally:
        with told.db.transaction() as session:
            session.execute(text("update alembic_version set version_num = :v"), {"v": schema.head()})


def test_a_broker_that_is_away_does_not_hold_up_who_pressed_the_button(
    servers: EmbeddedUrls, told: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(told, sample)
    told.jobs = told.campaigns._jobs = CeleryJobs(make_app("redis://127.0.0.1:1/0"))
    told.campaigns.send(campaign_id, "test")
    assert told.campaigns.status(campaign_id) == CampaignStatus.PLANNING, "the scheduler will find it"


def test_urls_of_brokers() -> None:
    assert celery_url("unix:///run/redis.sock?db=3") == "redis+socket:///run/redis.sock?virtual_host=3"
    assert celery_url("redis://host:6379/1") == "redis://host:6379/1"
