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
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime, send_all


def test_no_cell_is_asked_again(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles
) -> None:
    batches = ScriptedBatches()
    with ScriptedModelServer(batches=batches) as server:
        runtime = make_runtime(servers, tmp_path / "data", openai_base_url=server.base_url).start()
        fill_shop(runtime, sample)
        campaign_id = approved(runtime, sample)
        with db.transaction() as session:
            session.get_one(Campaign, campaign_id).copy = CopyTerms(mode="batch").as_json()
        runtime.campaigns.schedule(campaign_id, runtime.clock.now() + timedelta(hours=20), "test")
        runtime.copy_batches.run()
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
