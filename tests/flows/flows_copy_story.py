"""The sample shop with a model that writes, for stories of many campaigns in one module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from campaigns.copywriting.fake_server import BEHAVIOURS, Behaviour, Reply, ScriptedModelServer
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CopyCell, CopySpend, Send, WrittenCopyRow
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import fill_shop, make_runtime
from tests.tables import begin_at_one, empty_tables

MAILS = 55


class Model:
    """What the server does just now."""

    def __init__(self) -> None:
        self.does: Behaviour = BEHAVIOURS["good"]

    def __call__(self, body: dict[str, Any]) -> Reply:
        return self.does(body)


class Story:
    """The sample shop with a model, and campaigns of different briefs, so that none finds words of another."""

    def __init__(
        self, runtime: Runtime, server: ScriptedModelServer, model: Model, sample: SampleFiles
    ) -> None:
        self.runtime = runtime
        self.server = server
        self.model = model
        self.sample = sample

    def campaign(self, goal: str, **terms: object) -> int:
        """An approved campaign with these terms of [copy]."""
        runtime = self.runtime
        quick = Campaigns(
            runtime.db, runtime.clock, runtime.jobs, prices=runtime.prices
        )  # without a preflight
        number = quick.create_from_file(self.sample.campaign)
        with runtime.db.transaction() as session:
            row = session.get_one(Campaign, number)
            row.brief, row.copy = {**row.brief, "goal": goal}, dict(terms)
        quick.approve(number, "test")
        return number

    def planned(self, goal: str, **terms: object) -> int:
        """The same with its audience frozen."""
        number = self.campaign(goal, **terms)
        self.runtime.campaigns.send(number, "test")
        self.runtime.sending.plan(number)
        return number

    def cells(self, number: int) -> list[CopyCell]:
        with self.runtime.db.transaction() as session:
            return list(session.scalars(select(CopyCell).where(CopyCell.campaign_id == number)))

    def spend(self, number: int) -> CopySpend:
        with self.runtime.db.transaction() as session:
            return session.get_one(CopySpend, number)

    def all_sent(self, number: int) -> bool:
        with self.runtime.db.transaction() as session:
            kept = counts(session, number)
            assert kept == recount(session, number)
        return kept == {"sent": MAILS, "held_back": 25}

    def words(self, number: int) -> dict[int, WrittenCopyRow]:
        """The head or whole of each customer's mail."""
        with self.runtime.db.transaction() as session:
            found = session.execute(
                select(Send.customer_id, WrittenCopyRow)
                .join(WrittenCopyRow, WrittenCopyRow.id == Send.copy_id)
                .where(Send.campaign_id == number)
            )
            return {row[0]: row[1] for row in found}


@contextmanager
def copy_story(
    servers: EmbeddedUrls, database: Database, sample: SampleFiles, folder: Path
) -> Iterator[Story]:
    """A story on the empty database, which is empty again after it."""
    begin_at_one(database)
    model = Model()
    with ScriptedModelServer([model]) as server:
        runtime = make_runtime(
            servers,
            folder,
            openai_base_url=server.base_url,
            openai_api_key="k",
            llm_input_price="0.25",
            llm_output_price="2",
            llm_currency="EUR",
        ).start()
        runtime.redis.flushdb()
        fill_shop(runtime, sample)
        yield Story(runtime, server, model, sample)
        runtime.close()
    empty_tables(database)
