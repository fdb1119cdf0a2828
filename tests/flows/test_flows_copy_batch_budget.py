"""What a batch takes of a campaign's budget: reserved when it is made, settled when it is over, never spent twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_batches import ScriptedBatches
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.usage import Usage
from campaigns.core.db import Database
from campaigns.flows.copy.copy_batch_budget import is_settling
from campaigns.flows.copy.copy_purse import CampaignPurse
from campaigns.models.copy_work import CopyBatchKey
from tests.flows.flows_copy_house import CELLS, PRICES, House


def test_it_costs_half(house: House, batches: ScriptedBatches) -> None:
    house.flow().run()
    batches.work()
    house.flow().run()
    house.flow().run()
    spent = house.spent()
    assert spent is not None and (spent.calls, spent.input_tokens, spent.output_tokens) == (5, 500, 100)
    assert spent.cost_micros == PRICES.micros(Usage(5, 500, 0, 100)) / 2
    written = CopyDesk(house.writer(), OfflineWriter()).copy_for(CELLS["cell 1"])
    assert written.batched == written.usage == Usage(1, 100, 0, 20)


@pytest.mark.parametrize(
    ("terms", "requests"),
    [({"max_calls": 3}, 3), ({"max_tokens": 1}, 0), ({"max_cost": "0.000001"}, 0), ({}, 5)],
)
def test_no_more_is_handed_over_than_the_budget_allows(
    db: Database, batches: ScriptedBatches, terms: dict[str, Any], requests: int
) -> None:
    with ScriptedModelServer(batches=batches) as server:
        House(db, server, **terms).flow().run()
    assert sum(len(batches.requests_of(batch)) for batch in batches.batches.values()) == requests


def is_settling_now(house: House) -> bool:
    with house.db.transaction() as session:
        return is_settling(session, house.campaign, house.clock.now())


def test_what_a_batch_will_take_is_spent_already(db: Database, batches: ScriptedBatches) -> None:
    """A campaign that begins while its batch is under way cannot spend the same budget again."""
    with ScriptedModelServer(batches=batches) as server:
        house = House(db, server, max_calls=5)
        house.flow().run()
        spent = house.spent()
        assert spent is not None and spent.calls == 5
        assert spent.cost_micros > 0 and spent.input_tokens > 500 and spent.output_tokens > 100
        purse = CampaignPurse(db, house.campaign, house.terms, PRICES)
        assert not purse.may_call()
        house.begin()
        house.flow().run()
        assert house.states()[0] == "cancelling" and is_settling_now(house)
        batches.work(status="cancelled", done=2)
        house.flow().run()
        assert not is_settling_now(house), "what it did not bring may be asked now"
        spent = house.spent()
        assert spent is not None and (spent.calls, spent.input_tokens, spent.output_tokens) == (2, 200, 40)
        assert spent.cost_micros == PRICES.micros(Usage(2, 200, 0, 40)) / 2
        assert [purse.may_call() for _ in range(4)] == [True, True, True, False]


def test_a_batch_that_does_not_settle_is_waited_for_no_longer(house: House) -> None:
    house.flow().run()
    assert not is_settling_now(house), "it has not begun"
    house.begin()
    assert is_settling_now(house)
    house.clock.moved = timedelta(minutes=11)
    assert not is_settling_now(house)


def test_nothing_stays_reserved_for_a_batch_that_is_lost(house: House, batches: ScriptedBatches) -> None:
    house.flow(most=2).run()
    with house.db.transaction() as session:
        assert len(session.scalars(select(CopyBatchKey.key)).all()) == 5
    batches.batches.clear()
    house.flow().run()
    spent = house.spent()
    assert spent is not None and (spent.calls, spent.input_tokens, spent.cost_micros) == (0, 0, 0)
    with house.db.transaction() as session:
        assert session.scalars(select(CopyBatchKey.key)).all() == []


def test_answers_and_what_they_took_are_kept_together(
    house: House, batches: ScriptedBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.flow().run()
    batches.work()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("campaigns.flows.copy.copy_batches.add_spend", ends_like_a_kill)
        house.flow().run()
    with house.db.transaction() as session:
        assert session.scalar(text("select count(*) from copy_answers")) == 0
    house.flow().run()
    spent = house.spent()
    assert spent is not None and (spent.calls, spent.input_tokens) == (5, 500)


def ends_like_a_kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_batch_whose_file_is_gone_is_given_up_after_a_while(house: House, batches: ScriptedBatches) -> None:
    house.flow().run()
    batches.work()
    (batch,) = batches.batches.values()
    del batches.files[batch["output_file_id"]]
    house.flow().run()
    assert house.states()[0] == "completed" and not house.rows()[0].collected, "it may come yet"
    house.clock.moved = timedelta(minutes=61)
    house.flow().run()
    spent = house.spent()
    assert house.states()[0] == "lost" and spent is not None and spent.calls == 0
    assert house.calls_of_a_run() == 5


def test_a_batch_that_never_ends_is_given_up_whoever_made_it(house: House) -> None:
    house.flow().run()
    with house.db.transaction() as session:
        session.execute(text("update copy_batches set model = 'another'"))
    house.clock.moved = timedelta(days=3, minutes=1)
    house.flow().run()
    assert house.states()[0] == "lost"


def test_a_question_that_two_cells_ask_is_asked_once_though_a_file_ends_between_them(
    house: House, batches: ScriptedBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.flows.copy.copy_batches._AT_ONCE", 2)
    house.cells = {
        "a": CELLS["cell 1"], "b": CELLS["cell 2"], "c": CELLS["cell 3"], "d": CELLS["cell 1"], "e": CELLS["cell 4"],
    }  # fmt: skip
    house.flow(most=2).run()
    asked = [line["custom_id"] for b in batches.batches.values() for line in batches.requests_of(b)]
    assert len(asked) == len(set(asked)) == 4
