"""Copy by real workers: a slow model, a budget, a worker killed in the midst; each mail goes out, once."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.copywriting.fake_server import BEHAVIOURS, Reply, ScriptedModelServer
from campaigns.core.embedded import EmbeddedUrls
from campaigns.demo.inbox import read_inbox
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus, CopySpend
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleShop
from tests.shop import fill_shop, make_runtime
from tests.waiting import until
from tests.workers.processes import celery, wait_for, worker_options
from workers.app import make_app
from workers.jobs import CeleryJobs

_CUSTOMERS = 300
_MAX_CALLS = 60
_AT_ONCE = 4
_PROCESSES = 2
_THINKS = 0.1


class SlowModel:
    """Thinks for a moment; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Reply:
        with self._lock:
            self.asked.append(json.dumps(body["messages"], sort_keys=True))
        time.sleep(_THINKS)
        return BEHAVIOURS["good"](body)


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
def server(model: SlowModel) -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer([model]) as server:
        yield server


@pytest.fixture
def told(servers: EmbeddedUrls, db: object, tmp_path: Path, server: ScriptedModelServer) -> Iterator[Runtime]:
    """A shop of 300 customers, a model, hints that go over the broker; short leases."""
    runtime = make_runtime(
        servers,
        tmp_path / "data",
        batch_size=40,
        lease_seconds=5,
        openai_base_url=server.base_url,
        openai_api_key="k",
    ).start()
    runtime.redis.flushdb()
    files = SampleShop(customers=_CUSTOMERS, today=date(2026, 11, 1)).write(tmp_path)
    fill_shop(runtime, files)
    Campaigns(runtime.db, runtime.clock, runtime.jobs).create_from_file(files.campaign)
    runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
    yield runtime
    runtime.close()


@pytest.mark.slow
def test_a_killed_worker_costs_no_call_twice_and_every_mail_goes_out_once(
    told: Runtime, server: ScriptedModelServer, model: SlowModel
) -> None:
    with told.db.transaction() as session:
        campaign_id = session.scalar(text("select max(id) from campaigns")) or 0
        session.get_one(Campaign, campaign_id).copy = {"max_calls": _MAX_CALLS}
    Campaigns(told.db, told.clock, told.jobs).approve(campaign_id, "test")
    settings = {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "k",
        "LLM_CONCURRENCY": str(_AT_ONCE),
    }
    with celery(told, "beat", "--pidfile", "", **settings):
        told.campaigns.send(campaign_id, "test")
        with celery(told, "worker", *worker_options(_PROCESSES), **settings) as process:
            until(lambda: len(model.asked) >= 20, 60)
            os.killpg(process.pid, signal.SIGKILL)
        with celery(told, "worker", *worker_options(_PROCESSES), **settings):
            wait_for(told, campaign_id, CampaignStatus.SENT, 120)
    with told.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
        spend = session.get_one(CopySpend, campaign_id)
        found = session.execute(text("select state, count(*) from copy_cells group by 1")).all()
    states: dict[str, int] = {row[0]: row[1] for row in found}
    received = Counter(mail.recipient for mail in read_inbox(told.settings.captured_mail, campaign_id))
    assert set(received.values()) == {1}, "nobody gets it twice"
    assert kept["sent"] == len(received)
    assert kept["sent"] + kept["held_back"] == _CUSTOMERS, "nobody is lost"
    repeated = len(model.asked) - len(set(model.asked))
    assert repeated <= _AT_ONCE * _PROCESSES, "only what was in flight is asked again"
    assert len(model.asked) <= spend.calls <= _MAX_CALLS
    assert spend.over_budget > 0
    assert states["offline"] == spend.over_budget
    assert "waiting" not in states
