"""A campaign whose copy is asked for a day ahead, at a model server with batches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from campaigns.copywriting.answers import AnswerStore
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices
from campaigns.core.clock import SystemClock
from campaigns.core.db import Database
from campaigns.flows.copy.copy_answers import AnswersInDatabase
from campaigns.flows.copy.copy_batches import CopyBatches
from campaigns.flows.copy.wording import CopyShelf
from campaigns.models import Campaign, CampaignStatus
from campaigns.models.copy_work import CopyBatch, CopySpend
from tests.copywriting.copywriting_samples import a_brief, a_pick, a_request

CELLS = {f"cell {n}": a_request(picks=(a_pick(n), a_pick(n + 50))) for n in range(1, 6)}
PRICES = Prices(input=10, output=20)  # type: ignore[arg-type]


class Later(SystemClock):
    """The system's clock, moved."""

    moved = timedelta(0)

    def now(self) -> Any:
        """See Clock."""
        return super().now() + self.moved


class House:
    """A campaign that waits, and all that hands its copy over."""

    def __init__(self, db: Database, server: ScriptedModelServer, **terms: Any) -> None:
        self.db, self.server, self.clock = db, server, Later()
        self.batches = server.batches
        self.cells: dict[str, CopyRequest] = dict(CELLS)
        self.terms = CopyTerms(mode="batch", **terms)
        with db.transaction() as session:
            campaign = Campaign(
                name="spring", status="scheduled", template="t", picks=2, sender="a@b.example",
                postal_address="x", brief=a_brief().as_json(), segment={}, slots=[], delivery={},
                copy=self.terms.as_json(), scheduled_at=self.clock.now() + timedelta(hours=20),
            )  # fmt: skip
            session.add(campaign)
            session.flush()
            self.campaign = campaign.id
        self.answers: AnswerStore = AnswersInDatabase(db)

    def writer(self) -> ModelWriter:
        return ModelWriter(self.server.base_url, "k", "m", timeout=5, answers=self.answers)

    def flow(self, **options: Any) -> CopyBatches:
        """As a process begun just now has it."""
        writer = self.writer()
        return CopyBatches(
            db=self.db,
            clock=self.clock,
            writer=writer,
            shelf=CopyShelf(self.db, CopyDesk(writer, OfflineWriter()), PRICES),
            planned=lambda number: ((key, request, 1) for key, request in self.cells.items()),
            prices=PRICES,
            **options,
        )

    def rows(self) -> list[CopyBatch]:
        with self.db.transaction() as session:
            return list(session.scalars(select(CopyBatch).order_by(CopyBatch.id)))

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def calls_of_a_run(self) -> int:
        """How many calls the ordinary path makes for all cells."""
        before = len(self.server.requests)
        desk = CopyDesk(self.writer(), OfflineWriter())
        for request in self.cells.values():
            assert desk.copy_for(request).writer == "model"
        return len(self.server.requests) - before

    def spent(self) -> CopySpend | None:
        with self.db.transaction() as session:
            return session.get(CopySpend, self.campaign)

    def begin(self) -> None:
        """The campaign begins to send."""
        with self.db.transaction() as session:
            campaign = session.get_one(Campaign, self.campaign)
            for status in (CampaignStatus.PLANNING, CampaignStatus.SENDING):
                session.add(campaign.move(status, self.clock.now(), "test", "it is time"))
