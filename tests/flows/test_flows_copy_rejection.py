"""What a person rejected goes out nowhere, what was approved goes out or nothing does, and forecasts on demand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.core.errors import Refused
from campaigns.flows.copy import copy_due
from campaigns.flows.copy.copy_approval import gone_since_approval
from campaigns.flows.copy.copy_due import CopyDue
from campaigns.models import Campaign, CopyCell, Product, Send, WrittenCopyRow
from campaigns.models.copy import line_ids
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import copy_draft, send_all


def cells_of(runtime: Runtime, campaign_id: int) -> dict[str, CopyCell]:
    with runtime.db.transaction() as session:
        found = session.scalars(select(CopyCell).where(CopyCell.campaign_id == campaign_id))
        return {cell.key: cell for cell in found}


def sharing_a_line(runtime: Runtime, campaign_id: int) -> tuple[CopyCell, CopyCell, set[int]]:
    """Two samples under different heads that have some lines, the third, in common."""
    cells = cells_of(runtime, campaign_id).values()
    return next(
        (one, other, shared)
        for one in cells
        for other in cells
        if one.key < other.key and (shared := set(one.line_ids) & set(other.line_ids))
    )


def rejected(runtime: Runtime) -> set[int]:
    with runtime.db.transaction() as session:
        return set(session.scalars(select(WrittenCopyRow.id).where(WrittenCopyRow.rejected_at.is_not(None))))


def test_no_mail_of_any_campaign_has_rejected_words(worded: Runtime, sample: SampleFiles) -> None:
    judged, other = copy_draft(worded, sample), copy_draft(worded, sample)
    worded.copy_samples.write(judged)
    cell, _, _ = sharing_a_line(worded, judged)
    key = cell.key
    worded.copy_samples.judge(judged, key, "rejected", "Ola")
    assert rejected(worded) == {cell.copy_id, *cell.line_ids}
    worded.campaigns.approve(other, "test")
    send_all(worded, other)
    with worded.db.transaction() as session:
        sends = session.scalars(select(Send).where(Send.campaign_id == other, Send.status == "sent")).all()
        words = {row.id: row for row in session.scalars(select(WrittenCopyRow))}
    used = [(send.copy_id or 0, *line_ids(send.picks)) for send in sends]
    assert used and not rejected(worded) & {number for numbers in used for number in numbers}
    # Under the model's heads the offline writer's lines stand in for those that were rejected.
    writers = [(words[head].writer, {words[line].writer for line in lines}) for head, *lines in used]
    assert ("model", {"model", "offline"}) in writers and ("model", {"model"}) in writers
    assert cells_of(worded, other)[key].state == "offline"
    worded.copy_samples.judge(judged, key, "approved", "Ola")
    assert rejected(worded) == set()


def test_words_that_an_approved_sample_has_too_still_go_out(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(worded, sample)
    worded.copy_samples.write(campaign_id)
    one, other, shared = sharing_a_line(worded, campaign_id)
    worded.copy_samples.judge(campaign_id, one.key, "rejected", "Ola")
    assert shared <= rejected(worded)
    worded.copy_samples.judge(campaign_id, other.key, "approved", "Ola")
    assert rejected(worded) == {one.copy_id, *one.line_ids} - shared
    worded.copy_samples.judge(campaign_id, one.key, "rejected", "Kari")
    assert not shared & rejected(worded)


def test_a_campaign_pauses_where_its_approved_words_would_not_go_out(
    worded: Runtime, sample: SampleFiles
) -> None:
    campaign_id = copy_draft(worded, sample, approve_samples=True)
    shown = worded.copy_samples.write(campaign_id)
    worded.copy_samples.approve_all(campaign_id, "Kari")
    worded.campaigns.approve(campaign_id, "test")
    now, model = worded.clock.now(), worded.shelf.model
    with worded.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        assert gone_since_approval(session, campaign, lambda: model, now) == ""
        assert "the model (" in gone_since_approval(session, campaign, lambda: "another", now)
        in_spring = gone_since_approval(session, campaign, lambda: model, now + timedelta(days=100))
        assert "12 of 12" in in_spring and "the season (" in in_spring
        sku = shown[0].told["picks"][0]["sku"]
        session.execute(update(Product).where(Product.sku == sku).values(description="Quite another thing."))
    worded.campaigns.send(campaign_id, "test")
    told = worded.campaigns.show(campaign_id)
    assert told["status"] == "paused" and shown[0].key[:12] in told["paused_because"]
    assert "the product texts" in told["paused_because"]
    assert ("plan", campaign_id) not in worded.jobs.hints  # type: ignore[attr-defined]
    worded.campaigns.resume(campaign_id, "test")
    assert worded.campaigns.status(campaign_id) == "planning"


def test_samples_keep_their_lease_while_the_audience_is_looked_through(
    worded: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = copy_draft(worded, sample)
    flow, planned = worded.copy_samples, worded.copy_samples._planned
    another = CopyDue(worded.db, worded.clock, Campaign.samples_due_at)
    beats = []

    def slowly(number: int, beat):  # type: ignore[no-untyped-def]
        def counted() -> None:
            with worded.db.transaction() as session:
                session.get_one(Campaign, number).samples_due_at = worded.clock.now()
            beat()
            beats.append(another.take())

        return planned(number, counted)

    monkeypatch.setattr(copy_due, "_RENEWED_EACH_SECONDS", 0.0)
    monkeypatch.setattr(flow, "_planned", slowly)
    flow.ask(campaign_id)
    assert flow.work() == 1
    assert beats and set(beats) == {None}


def test_a_forecast_is_made_by_a_worker(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(worded, sample)
    flow = worded.copy_forecasts
    assert not flow.waiting(campaign_id) and flow.work() == 0
    flow.ask(campaign_id)
    assert flow.waiting(campaign_id) and ("make_forecasts", 0) in worded.jobs.hints  # type: ignore[attr-defined]
    assert flow.work() == 1 and not flow.waiting(campaign_id)
    forecast = worded.copy_reporting.report(campaign_id).forecast
    assert forecast is not None and forecast["mails"] > 0
    with worded.db.transaction() as session:
        session.get_one(Campaign, campaign_id).status = "sending"
    with pytest.raises(Refused, match="before it begins"):
        flow.ask(campaign_id)


def test_words_for_one_customer_that_are_no_sample_any_more_are_not_kept(
    worded: Runtime, sample: SampleFiles
) -> None:
    campaign_id = copy_draft(worded, sample, granularity="customer")
    worded.copy_samples.write(campaign_id, most=3)
    own = [cell for cell in cells_of(worded, campaign_id).values() if cell.salt]
    assert own and all(cell.facts["granularity"] == "customer" for cell in own)
    worded.copy_samples.write(campaign_id, most=1)
    gone = {cell.key for cell in own} - set(cells_of(worded, campaign_id))
    with worded.db.transaction() as session:
        left = select(func.count()).where(WrittenCopyRow.content_hash.in_(gone))
        assert gone and session.scalar(left) == 0
