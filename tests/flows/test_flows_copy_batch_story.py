"""A campaign that is scheduled a day ahead finds the words of all its cells where a batch left them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from campaigns.copywriting.answer import WHOLE_COPY
from campaigns.copywriting.asking import read_asked
from campaigns.copywriting.fake_batches import ScriptedBatches
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.copywriting.terms import CopyTerms
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.models import Campaign, WrittenCopyRow
from campaigns.models.copy_work import CopyBatch
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime, send_all


def scheduled(runtime: Runtime, sample: SampleFiles) -> int:
    """A campaign of the sample shop that begins tomorrow, whose copy was handed over."""
    fill_shop(runtime, sample)
    campaign_id = approved(runtime, sample)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign_id).copy = CopyTerms(mode="batch").as_json()
    runtime.campaigns.schedule(campaign_id, runtime.clock.now() + timedelta(hours=20), "test")
    runtime.copy_batches.run()
    return campaign_id


def test_a_campaign_that_begins_early_waits_until_its_batch_has_settled(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles
) -> None:
    batches = ScriptedBatches()
    with ScriptedModelServer(batches=batches) as server:
        runtime = make_runtime(servers, tmp_path / "data", openai_base_url=server.base_url).start()
        campaign_id = scheduled(runtime, sample)
        runtime.campaigns.send(campaign_id, "test")
        runtime.sending.plan(campaign_id)
        runtime.sending.work()
        assert runtime.wordsmith.work() == 0 and server.requests == [], "the batch may bring it all"
        runtime.copy_batches.run()
        batches.work(status="cancelled", done=3)
        (batch,) = batches.batches.values()
        bodies = [told["body"]["messages"] for told in batches.requests_of(batch)]
        runtime.copy_batches.run()
        assert runtime.wordsmith.work() > 0
        runtime.close()
        asked = [request.body["messages"] for request in server.requests]
    assert [body in asked for body in bodies] == [False] * 3 + [True] * (len(bodies) - 3)


def test_no_cell_is_asked_again(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles
) -> None:
    batches = ScriptedBatches()
    with ScriptedModelServer(batches=batches) as server:
        runtime = make_runtime(servers, tmp_path / "data", openai_base_url=server.base_url).start()
        campaign_id = scheduled(runtime, sample)
        batches.work()
        runtime.copy_batches.run()
        with db.transaction() as session:
            (batch,) = session.scalars(select(CopyBatch).where(CopyBatch.requests > 0))
        assert batch.collected and batch.answered == batch.requests > 5
        send_all(runtime, campaign_id)
        runtime.close()
        asked = [read_asked(request.body["messages"]) for request in server.requests]
    assert WHOLE_COPY not in asked, "calls are for lines of further products only"
    with db.transaction() as session:
        assert set(session.scalars(select(WrittenCopyRow.writer))) == {"model"}
