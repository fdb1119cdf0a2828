"""A real Celery worker on the test servers: ids cross the broker, kills lose nobody, old schemas are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotConfigured
from campaigns.core.log import bind_trace
from campaigns.demo.inbox import read_inbox
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import CampaignStatus, schema
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime
from tests.waiting import until
from tests.workers.processes import celery, wait_for, worker_options
from workers.app import MOST_WAITING, celery_url, make_app
from workers.broker import QUEUES, queue_lengths
from workers.jobs import CeleryJobs


@pytest.fixture
def told(servers: EmbeddedUrls, db: object, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    """The sample shop with hints that go over the broker; mails in small batches and short leases."""
    runtime = make_runtime(servers, tmp_path / "data", batch_size=10, lease_seconds=5).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
    yield runtime
    runtime.close()


def worker(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return celery(runtime, "worker", *worker_options())


def beat(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return celery(runtime, "beat", "--pidfile", "")


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
        for _ in range(2):
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
    assert uncertain <= 2 * 2, "at most the mail in flight of each process that was killed"
    assert len(told.reconciling.named(campaign_id)) == uncertain


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


def test_hints_carry_no_more_than_numbers_and_find_their_queues(told: Runtime) -> None:
    broker = told.urls[1]
    jobs = CeleryJobs(make_app(broker))
    jobs.plan(7)
    jobs.send(3)
    jobs.write_words()
    jobs.warm(7)
    jobs.train()
    assert queue_lengths(broker) == {"plan": 1, "pick": 2, "copy": 1, "send": 3, "feedback": 0}
    found = set()
    for queue in QUEUES:
        for task in told.redis.lrange(queue, 0, -1):
            headers = json.loads(task)["headers"]
            assert headers["expires"] is None, "a clock that is ahead would throw it away"
            found.add((headers["task"], headers["argsrepr"]))
    assert found == {
        ("tailormail.plan", "(7,)"), ("tailormail.send", "()"), ("tailormail.copy", "()"),
        ("tailormail.warm", "(7,)"), ("tailormail.train", "()"),
    }  # fmt: skip


def test_hints_do_not_pile_up_while_the_workers_are_away(told: Runtime) -> None:
    broker = told.urls[1]
    jobs = CeleryJobs(make_app(broker))
    for _ in range(5):
        jobs.send(40)
        for campaign_id in range(10):
            jobs.write_words()
            jobs.plan(campaign_id)
    waiting = queue_lengths(broker)
    assert waiting["send"] == MOST_WAITING["send"]
    assert waiting["copy"] == MOST_WAITING["copy"]
    assert waiting["plan"] == MOST_WAITING["plan"], (
        "the sweep repeats those that a busy worker leaves waiting"
    )


@pytest.mark.slow
def test_words_of_a_model_are_written_by_copy_workers_and_sent_by_others(
    told: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(told, sample)
    with ScriptedModelServer("good") as model:
        asked = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "any"}
        sender = ("--concurrency", "1", "--queues", "plan,pick,send", "--hostname", "sender@test")
        writer = ("--concurrency", "1", "--queues", "copy", "--hostname", "writer@test")
        with beat(told), celery(told, "worker", *sender, **asked):
            told.campaigns.send(campaign_id, "test")
            until(lambda: _standing(told, campaign_id).get("picked"), 40)
            time.sleep(1.0)
            standing = _standing(told, campaign_id)
            assert not standing.keys() & {"written", "sent"}, "nobody writes words yet"
            assert not model.requests
            with celery(told, "worker", *writer, **asked):
                wait_for(told, campaign_id, CampaignStatus.SENT)
        assert model.requests
    with told.db.transaction() as session:
        assert counts(session, campaign_id) == recount(session, campaign_id)
        writers = set(
            session.scalars(
                text(
                    "select distinct w.writer from sends s join copies w on w.id = s.copy_id "
                    "where s.campaign_id = :id and s.status = 'sent'"
                ),
                {"id": campaign_id},
            )
        )
    assert writers == {"model"}


def _standing(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    with runtime.db.transaction() as session:
        return counts(session, campaign_id)


def test_urls_of_brokers() -> None:
    assert celery_url("unix:///run/redis.sock?db=3") == "redis+socket:///run/redis.sock?virtual_host=3"
    assert celery_url("redis://host:6379/1") == "redis://host:6379/1"
