"""The report of a campaign's copy: shares of what was judged, what was spent of what was allowed, and why it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete

from campaigns.flows.copy.copy_fallback import FallbackStop
from campaigns.flows.copy.copy_report import CopyReport, copy_counts
from campaigns.flows.describing.plans import load_plan
from campaigns.models import (
    Campaign,
    CampaignStatus,
    CampaignTransition,
    CopyCell,
    CopySpend,
    Send,
    WrittenCopyRow,
)
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command

TERMS = {"max_calls": 100, "max_cost": "0.05", "max_tokens": 40_000, "max_minutes": 30}


def digits(field: str) -> dict[str, str]:
    return {"rule": "digits", "field": field, "message": "states a number"}


@pytest.fixture
def campaign(runtime: Runtime, sample: SampleFiles) -> int:
    """A draft whose copy has bounds."""
    number = runtime.campaigns.create_from_file(sample.campaign)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, number).copy = {"granularity": "pick_set", **TERMS}
    return number


def have(
    runtime: Runtime,
    campaign: int,
    cells: list[CopyCell],
    mails: Mapping[str, int] | None = None,
    **spent: Any,
) -> CopyReport:
    """The report of a campaign with these cells and mails by writer, and of which so much was spent."""
    with runtime.db.transaction() as session:
        for writer, n in (mails or {}).items():
            words = WrittenCopyRow(content_hash=writer, fields={}, writer=writer)
            session.add(words)
            session.flush()
            session.add_all(
                Send(campaign_id=campaign, customer_id=1000 * words.id + at, copy_id=words.id, status="sent")
                for at in range(n)
            )
        for number, cell in enumerate(cells):
            cell.campaign_id, cell.key = campaign, cell.key or f"cell-{number}"
            session.add(cell)
        session.add(CopySpend(campaign_id=campaign, **spent))
    return runtime.copy_reporting.report(campaign)


def test_shares_are_of_what_the_guard_judged(runtime: Runtime, campaign: int) -> None:
    cells = [CopyCell(state="written", sends=10) for _ in range(8)]
    cells += [CopyCell(state="partly_offline", sends=10, verdicts=[digits("subject"), digits("intro")])]
    cells += [CopyCell(state="offline", sends=5, verdicts=[digits("subject")]) for _ in range(2)]
    cells += [CopyCell(state="waiting", sends=900)]
    mails = {"model": 90, "offline": 10}
    found = have(
        runtime, campaign, cells, mails, first_pass=5, repaired=2, partly_offline=1, refused=1, outages=1
    )
    assert (found.all_cells, found.done_cells, found.done_mails) == (12, 11, 100)
    assert found.mails == {"written": 90, "offline": 10, "waiting": 900}
    assert (found.drafted, found.written_here, found.known_before) == (9, 10, 1)
    assert found.rates == {
        "first_try": pytest.approx(5 / 9),
        "after_repair": pytest.approx(7 / 9),
        "partly_offline": pytest.approx(1 / 9),
        "fallback_cells": pytest.approx(2 / 11),
        "fallback_mails": pytest.approx(10 / 100),
    }
    [rule] = found.rules
    assert (rule.rule, rule.times, rule.cells, rule.example) == ("digits", 4, 3, "states a number")


def test_what_was_rejected_counts_as_offline_whoever_wrote_the_sample(
    runtime: Runtime, campaign: int
) -> None:
    cells = [
        CopyCell(state="written", sends=3, sample="rejected"),
        CopyCell(state="written", sends=1, sample="approved"),
    ]
    found = have(runtime, campaign, cells)
    assert found.cells == {"offline": 1, "written": 1}
    assert found.samples == {"approved": 1, "rejected": 1}


def test_cost_is_told_of_a_thousand_mails_and_time_from_first_to_last_call(
    runtime: Runtime, campaign: int
) -> None:
    began = runtime.clock.now() - timedelta(minutes=10)
    found = have(
        runtime,
        campaign,
        [CopyCell(state="written", sends=400)],
        {"model": 400},
        calls=20,
        input_tokens=30_000,
        cached_tokens=24_000,
        output_tokens=2000,
        cost_micros=50_000,
        first_pass=1,
        began_at=began,
        last_at=began + timedelta(seconds=90),
    )
    assert found.spent.cost == Decimal("0.05") and found.cost_per_thousand == Decimal("0.125")
    assert found.spent.cached_share == pytest.approx(0.8) and found.spent.seconds == 90
    used = {bound.name: (bound.used, bound.limit, bound.unit) for bound in found.bounds}
    assert used == {
        "max_calls": (20, 100, "calls"),
        "max_tokens": (32_000, 40_000, "tokens"),
        "max_cost": (0.05, 0.05, "USD"),
        "max_minutes": (1.5, 30, "minutes"),
    }
    assert found.used_up == ("max_cost",)


def test_time_runs_on_only_while_cells_wait(runtime: Runtime, campaign: int) -> None:
    began = runtime.clock.now() - timedelta(minutes=40)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign).status = CampaignStatus.SENDING.value
    found = have(
        runtime, campaign, [CopyCell(state="waiting", sends=1)], began_at=began, last_at=began, calls=1
    )
    assert found.used_up == ("max_minutes",)
    with runtime.db.transaction() as session:
        session.get_one(CopyCell, (campaign, "cell-0")).state = "written"
    assert runtime.copy_reporting.report(campaign).used_up == ()


def test_cells_that_nobody_is_in_any_more_wait_for_nothing(runtime: Runtime, campaign: int) -> None:
    cells = [CopyCell(state="waiting"), CopyCell(state="written", sends=2), CopyCell(state="written")]
    found = have(runtime, campaign, cells)
    assert found.cells == {"written": 2}
    assert (found.all_cells, found.done_cells) == (2, 2)


def test_the_time_for_copy_stands_still_while_the_campaign_is_paused(runtime: Runtime, campaign: int) -> None:
    now = runtime.clock.now()
    paused = {"from_status": "sending", "to_status": "paused", "by": "test"}
    with runtime.db.transaction() as session:
        row = session.get_one(Campaign, campaign)
        row.status, row.audience_size = CampaignStatus.PAUSED.value, 1
        for minutes in (300, 60):  # the last pause counts, those before did when they ended
            at = now - timedelta(minutes=minutes)
            session.add(CampaignTransition(campaign_id=campaign, at=at, **paused))
    began = now - timedelta(minutes=70)
    cells = [CopyCell(state="waiting", sends=1)]
    have(runtime, campaign, cells, began_at=began, last_at=now - timedelta(minutes=61), calls=2)
    runtime.campaigns.resume(campaign, "test")
    found = runtime.copy_reporting.report(campaign)
    [used] = [bound.used for bound in found.bounds if bound.name == "max_minutes"]
    assert used == pytest.approx(10, abs=0.5)
    assert found.spent.seconds == pytest.approx(9 * 60, abs=1), "the speed of its calls stays what it was"


@pytest.mark.parametrize(("orders", "stops"), [(11, True), (9, False)])
def test_lines_that_the_model_fails_at_stop_a_campaign_too_if_they_are_many(
    runtime: Runtime, campaign: int, orders: int, stops: bool
) -> None:
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign).status = CampaignStatus.SENDING.value
    spent: dict[str, Any] = {"line_orders": orders, "line_orders_refused": orders - 2, "line_orders_away": 1}
    have(runtime, campaign, [CopyCell(state="written", sends=1)], first_pass=10, **spent)
    with runtime.db.transaction() as session:
        plan = load_plan(session, campaign)
    assert FallbackStop(runtime.db, runtime.clock, runtime.meters).check(plan) == stops
    found = runtime.copy_reporting.report(campaign)
    assert ("10 of 11 requests for lines" in found.stopped) == stops
    assert found.line_orders == {"asked": orders, "refused": orders - 2, "away": 1}


def test_tokens_without_a_price_have_no_cost(runtime: Runtime, campaign: int) -> None:
    found = have(
        runtime, campaign, [CopyCell(state="written", sends=4)], {"model": 4}, calls=1, input_tokens=9
    )
    assert found.spent.cost is None and found.cost_per_thousand is None
    assert found.as_json()["spent"]["cost"] is None


def test_it_says_why_the_campaign_stopped_and_not_why_a_person_did(runtime: Runtime, campaign: int) -> None:
    moment = runtime.clock.now()

    def paused(why: str, figures: dict[str, Any] | None) -> str:
        with runtime.db.transaction() as session:
            session.get_one(Campaign, campaign).status = CampaignStatus.PAUSED.value
            session.add(
                CampaignTransition(
                    campaign_id=campaign, from_status="sending", to_status="paused", at=moment, by="x", why=why,
                    figures=figures,
                )
            )  # fmt: skip
        return runtime.copy_reporting.report(campaign).stopped

    assert paused(
        "9 of 20 cells have none of the model's words", {"stopped_by": "copy", "cells": 20}
    ).startswith("9 of")
    assert paused("bounced", {"mails": 20, "bounced": 9}) == ""
    assert paused("from the console", None) == ""


def test_what_was_counted_is_kept_when_mails_and_cells_are_dropped(runtime: Runtime, campaign: int) -> None:
    cells = [CopyCell(state="written", sends=2, sample="approved", verdicts=[digits("subject")])]
    before = have(runtime, campaign, cells, {"model": 2, "offline": 1}, first_pass=1)
    with runtime.db.transaction() as session:
        row = session.get_one(Campaign, campaign)
        row.summary, row.sends_dropped_at = {"copy": copy_counts(session, campaign)}, runtime.clock.now()
        session.execute(delete(Send))
        session.execute(delete(CopyCell))
    assert runtime.copy_reporting.report(campaign).as_json() == before.as_json()


def test_a_campaign_without_cells_has_no_shares(runtime: Runtime, campaign: int, command: Command) -> None:
    assert set(runtime.copy_reporting.report(campaign).rates.values()) == {None}
    status, out, _ = command("copy", "report", campaign, "--json")
    told = json.loads(out)
    assert status == 0 and told["granularity"] == "pick_set" and told["cells"] == {}
    status, out, _ = command("copy", "report", campaign)
    assert status == 0 and "cost of a thousand mails" in out
    status, _, err = command("copy", "report", 999)
    assert status == 1 and "no campaign 999" in err
