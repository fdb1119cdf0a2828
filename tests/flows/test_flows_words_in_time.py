"""The words of a campaign and time: those written ahead, a campaign that is stopped meanwhile, and leases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.copywriting.fake_server import BEHAVIOURS, Reply
from campaigns.core.jobs import RecordedJobs
from campaigns.models import Campaign, CampaignStatus, Send
from tests.flows.flows_copy_story import MAILS, Story
from tests.shop import let_time_pass, send_on
from tests.waiting import until


def hints(story: Story) -> list[tuple[str, int]]:
    """What workers were told."""
    assert isinstance(story.runtime.jobs, RecordedJobs)
    return story.runtime.jobs.hints


def test_no_cell_is_forgotten_where_few_sends_are_looked_at_together(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers of one country were imported after those of another, so their cells come last."""
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._AT_ONCE", 10)
    number, runtime = story.campaign("By local time, by tens"), story.runtime
    with runtime.db.transaction() as session:
        session.get_one(Campaign, number).delivery = {"local_time": "09:00"}
    runtime.campaigns.send(number, "test")
    hints(story).clear()
    runtime.sending.plan(number)
    assert ("write_words", 1) in hints(story), "nobody is picked yet, and words are to be written"
    with runtime.db.transaction() as session:
        later = "update sends set not_before = now() + interval '2 days' where campaign_id = :n and status = 'planned'"
        session.execute(text(later), {"n": number})
    hints(story).clear()
    runtime.recovery.sweep()
    assert ("write_words", 1) in hints(story)
    assert runtime.wordsmith.work(120.0) == 0
    cells = story.cells(number)
    assert {cell.state for cell in cells} == {"written"}
    assert sum(cell.sends for cell in cells) == MAILS
    hints(story).clear()
    runtime.recovery.sweep()
    assert ("write_words", 1) not in hints(story), "all have been looked at"


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_a_campaign_that_is_stopped_gets_no_further_words(
    story: Story, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._RECORD_SECONDS", 0.0)
    number = story.planned(f"Words until {end}")

    def stopped(body: dict[str, Any]) -> Reply:
        if story.runtime.campaigns.status(number) == CampaignStatus.SENDING:
            getattr(story.runtime.campaigns, end)(number, "test")
        return BEHAVIOURS["good"](body)

    story.model.does = stopped
    story.runtime.wordsmith.work()
    assert 0 < len(story.server.requests) <= 2 * story.runtime.settings.llm_concurrency
    assert len(story.cells(number)) > len(story.server.requests)
    assert {cell.claimed_by for cell in story.cells(number)} == {""}


def test_picking_leaves_off_when_its_time_is_up(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._AT_ONCE", 10)
    number = story.planned("Picked a little at a time")
    hints(story).clear()
    assert story.runtime.wordsmith.work(0.0) == 0
    assert hints(story) == [("write_words", 1)]
    assert 0 <= sum(cell.sends for cell in story.cells(number)) <= 10
    assert not story.server.requests, "no words are asked for before all are picked"
    send_on(story.runtime, number)
    assert story.all_sent(number)


def test_a_worker_keeps_what_it_holds_while_the_model_thinks(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = story.planned("A slow model")
    left: list[bool] = []

    def holds(worker: dict[str, str]) -> bool:
        with story.runtime.db.transaction() as session:
            alive = "select lease_until > now() from worker_leases where worker = :w"
            return bool(session.scalar(text(alive), worker))

    def slow(body: dict[str, Any]) -> Reply:
        worker = {"w": story.runtime.outlet.worker}
        if not left:
            left.append(False)
            with story.runtime.db.transaction() as session:
                session.execute(
                    text("update worker_leases set lease_until = now() where worker = :w"), worker
                )
            until(lambda: holds(worker))
            left[0] = True
        return BEHAVIOURS["good"](body)

    story.model.does = slow
    # What is recorded now and then renews the lease too; this is about when there is nothing to record.
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._RECORD_SECONDS", 1e9)
    monkeypatch.setattr(story.runtime.wordsmith, "_renew_at", 0.0)
    story.runtime.wordsmith.work()
    assert left == [True]
    assert {cell.state for cell in story.cells(number)} == {"written"}


def test_no_word_is_handed_on_before_it_is_judged(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._RECORD_SECONDS", 1e9)
    number = story.planned("Judged first", fallback_limit=20)
    seen: list[str] = []
    monkeypatch.setattr(
        story.runtime.jobs, "send", lambda _: seen.append(story.runtime.campaigns.status(number))
    )
    story.model.does = BEHAVIOURS["refusal"]
    story.runtime.wordsmith.work()
    assert set(seen) == {CampaignStatus.PAUSED}


def test_sends_whose_words_are_there_are_counted_whoever_looks_at_them_first(story: Story) -> None:
    first = story.planned("Known, and looked at by two")
    send_on(story.runtime, first)
    let_time_pass(story.runtime)
    story.server.requests.clear()
    second = story.planned("Known, and looked at by two")
    assert story.runtime.wordsmith.work() == MAILS
    assert story.server.requests == []
    cells = story.cells(second)
    assert {cell.state for cell in cells} == {"written"}
    assert sum(cell.sends for cell in cells) == MAILS
    with story.runtime.db.transaction() as session:
        found = session.scalars(
            select(Send.cell_number).where(Send.campaign_id == second, Send.status == "written")
        )
        assert set(found) == {cell.number for cell in cells}
