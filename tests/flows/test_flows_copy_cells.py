"""Cells through the flows: registered, written once by whoever takes them, within the budget, and never in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.commands.copy_plan_command import show_forecast
from campaigns.copywriting.fake_server import BEHAVIOURS, Reply
from campaigns.copywriting.guard import check
from campaigns.copywriting.prompt import read_data
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput
from campaigns.flows.copy.copy_cells import claim_cells, let_go
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus, CopyCell, Customer, Send, WrittenCopyRow
from campaigns.runtime import Runtime
from tests.flows.flows_copy_story import MAILS, Story
from tests.shop import let_time_pass, make_runtime, send_on


def test_all_is_picked_and_counted_before_words_are_asked_and_each_cell_is_asked_once(story: Story) -> None:
    number = story.planned("Cells are counted first")
    waiting: list[int] = []
    seen: list[str] = []

    def look(body: dict[str, Any]) -> Reply:
        with story.runtime.db.transaction() as session:
            open_sends = (
                "select count(*) from sends where campaign_id = :n and status in ('planned', 'claimed')"
            )
            waiting.append(session.scalar(text(open_sends), {"n": number}) or 0)
        seen.append(json.dumps(read_data(body["messages"]), sort_keys=True))
        return BEHAVIOURS["good"](body)

    story.model.does = look
    assert story.runtime.wordsmith.work() == MAILS
    assert set(waiting) == {0}
    cells, spend = story.cells(number), story.spend(number)
    assert sum(cell.sends for cell in cells) == MAILS
    assert {cell.state for cell in cells} == {"written"}
    assert {cell.claimed_by for cell in cells} == {""}
    assert spend.first_pass == len(cells) <= len(seen) == len(set(seen)) == spend.calls
    assert len(seen) - len(cells) <= 3, "further lines are asked for many products at once"
    send_on(story.runtime, number)
    assert story.all_sent(number)


def test_what_copies_cost_is_told_once_and_with_what_the_writer_knew(story: Story) -> None:
    number = story.planned("What copies cost")
    send_on(story.runtime, number)
    spend = story.spend(number)
    assert spend.cost_micros > 0
    with story.runtime.db.transaction() as session:
        rows = list(
            session.scalars(select(WrittenCopyRow).where(WrittenCopyRow.created_at >= spend.began_at))
        )
    assert sum(row.cost_micros for row in rows) == spend.cost_micros
    assert sum(row.output_tokens for row in rows) == spend.output_tokens
    assert all(row.facts and row.facts["language"] for row in rows)
    heads = {row.id: row for row in rows}
    for cell in story.cells(number):
        assert cell.facts == (heads[cell.copy_id or 0].facts or {})


def test_words_of_an_earlier_campaign_cost_no_call(story: Story) -> None:
    first = story.planned("The same words again")
    send_on(story.runtime, first)
    let_time_pass(story.runtime)
    story.server.requests.clear()
    second = story.planned("The same words again")
    send_on(story.runtime, second)
    assert story.server.requests == []
    assert story.all_sent(second)
    assert {cell.state for cell in story.cells(second)} == {"written"}
    assert sum(cell.sends for cell in story.cells(second)) == MAILS


def test_the_budget_is_kept_to_the_call_and_the_rest_is_written_offline(story: Story) -> None:
    number = story.planned("A budget of five calls", max_calls=5)
    send_on(story.runtime, number)
    cells, spend = story.cells(number), story.spend(number)
    assert len(story.server.requests) == spend.calls == 5
    assert spend.first_pass == 5
    assert spend.over_budget == len(cells) - 5
    assert story.all_sent(number), "and it did not stop for that"
    # Those of most mails were begun first, as many as are written at the same time.
    sizes = sorted((cell.sends for cell in cells), reverse=True)
    at_once = story.runtime.settings.llm_concurrency
    assert min(cell.sends for cell in cells if cell.state == "written") >= sizes[at_once - 1]


def test_a_cell_that_another_worker_took_for_empty_is_counted_all_the_same(story: Story) -> None:
    """Its sends were a killed worker's when that other looked, and were given back before it let go."""
    runtime, number = story.runtime, story.planned("Taken for empty", max_cost="0")
    while runtime.sending.send_batch(number).claimed:
        pass
    assert {cell.state for cell in story.cells(number)} == {"waiting"}
    with runtime.db.transaction() as session:
        assert len(claim_cells(session, number, "another", 500)) == len(story.cells(number))
        let_go(session, number, "another", emptied=True)
    send_on(runtime, number)
    assert story.all_sent(number)
    assert {cell.state for cell in story.cells(number)} == {"offline"}
    assert story.spend(number).over_budget == len(story.cells(number))


def test_no_money_is_no_call(story: Story) -> None:
    number = story.planned("No money", max_cost="0")
    send_on(story.runtime, number)
    assert story.server.requests == []
    assert story.all_sent(number)


def test_a_cost_that_nobody_can_know_is_refused(story: Story) -> None:
    runtime = story.runtime
    blind = Campaigns(runtime.db, runtime.clock, runtime.jobs)
    number = blind.create_from_file(story.sample.campaign)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, number).copy = {"max_cost": "5"}
    with pytest.raises(BadInput, match="TAILORMAIL_LLM_INPUT_PRICE"):
        blind.approve(number, "test")
    runtime.campaigns.approve(number, "test")


def test_a_campaign_whose_model_fails_stops_once_and_says_why(story: Story) -> None:
    number = story.planned("The model refuses", fallback_limit=20)
    story.model.does = BEHAVIOURS["refusal"]
    story.runtime.wordsmith.work()
    assert story.runtime.campaigns.status(number) == CampaignStatus.PAUSED
    last = story.runtime.campaigns.show(number)["history"][-1]
    assert last["by"] == "tailormail"
    assert last["figures"]["stopped_by"] == "copy"
    assert last["figures"]["cells"] == last["figures"]["refused"] >= 20
    assert "the limit is 20 %" in last["why"]
    story.runtime.campaigns.resume(number, "test")
    send_on(story.runtime, number)
    assert story.all_sent(number)
    cells = story.cells(number)
    assert {cell.state for cell in cells} == {"offline"}
    assert len(story.server.requests) <= len(cells) * 3, "no cell was asked again after the pause"


def test_a_rejected_sample_is_written_offline(story: Story) -> None:
    number = story.campaign("A sample is rejected")
    (key, request, sends), (other, second, _), *_ = story.runtime.copy_forecast.planned_requests(number)
    story.runtime.shelf.copies_for({0: request})
    with story.runtime.db.transaction() as session:
        row = CopyCell(campaign_id=number, key=key, sends=0, facts=request.facts(), sample="rejected")
        tried = CopyCell(
            campaign_id=number, key=other, sends=0, facts=second.facts(), state="offline", sample="shown"
        )
        session.add_all([row, tried])
    story.runtime.campaigns.send(number, "test")
    story.runtime.sending.plan(number)
    send_on(story.runtime, number)
    assert story.all_sent(number)
    cells = {cell.key: cell for cell in story.cells(number)}
    assert cells[other].state == "written", "the model was away when its sample was to be written"
    cell = cells[key]
    assert cell.state == "offline"
    assert cell.sends == sends
    writers = [row.writer for row in story.words(number).values()]
    assert writers.count("offline") == sends


def test_two_workers_at_once_ask_for_no_cell_twice(
    story: Story, servers: EmbeddedUrls, tmp_path: Path
) -> None:
    number = story.planned("Two workers")
    settings = {"openai_base_url": story.server.base_url, "openai_api_key": "k", "llm_concurrency": 2}
    workers = [make_runtime(servers, tmp_path / str(n), **settings).start() for n in range(2)]
    begin = Barrier(2)

    def write(worker: Runtime) -> None:
        begin.wait()
        worker.wordsmith.work()

    threads = [Thread(target=write, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    asked = [json.dumps(request.body, sort_keys=True) for request in story.server.requests]
    assert len(asked) == len(set(asked))
    assert story.spend(number).first_pass == len(story.cells(number))
    send_on(story.runtime, number)
    assert story.all_sent(number)


def test_cells_of_a_dead_worker_are_taken_over(story: Story) -> None:
    number = story.planned("A dead worker")
    story.runtime.sending.work()
    with story.runtime.db.transaction() as session:
        held = claim_cells(session, number, "far:dead", 1000)
        session.execute(
            text(
                "insert into worker_leases (worker, lease_until) values ('far:dead', now() + interval '1 hour')"
            )
        )
    assert story.runtime.wordsmith.work() == 0, "they are somebody's"
    with story.runtime.db.transaction() as session:
        session.execute(text("update worker_leases set lease_until = now() where worker = 'far:dead'"))
        assert sum(cell.sends for cell in held) == MAILS
    send_on(story.runtime, number)
    assert story.all_sent(number)
    with story.runtime.db.transaction() as session:
        let_go(session, number, "far:dead", emptied=False)


def test_words_are_there_before_the_local_time_at_which_they_are_mailed(story: Story) -> None:
    number = story.campaign("By local time")
    runtime = story.runtime
    hour = (runtime.clock.now() - timedelta(hours=3)).strftime("%H:00")
    with runtime.db.transaction() as session:
        session.get_one(Campaign, number).delivery = {"local_time": hour}
    runtime.campaigns.send(number, "test")
    runtime.sending.plan(number)
    runtime.sending.send_batch(number)
    with runtime.db.transaction() as session:
        later = {"n": number, "t": timedelta(days=2)}
        session.execute(
            text("update sends set not_before = now() + :t where campaign_id = :n and status = 'planned'"),
            later,
        )
    assert runtime.wordsmith.work() == 0
    cells = story.cells(number)
    assert {cell.state for cell in cells} == {"written"}
    assert sum(cell.sends for cell in cells) == MAILS
    asked = len(story.server.requests)
    with runtime.db.transaction() as session:
        assert counts(session, number) == recount(session, number) == {"planned": MAILS, "held_back": 25}
        session.execute(
            text("update sends set not_before = now() - :t where campaign_id = :n and status = 'planned'"),
            later,
        )
    send_on(runtime, number)
    assert story.all_sent(number)
    assert len(story.server.requests) == asked
    assert sum(cell.sends for cell in story.cells(number)) == MAILS


@pytest.mark.parametrize("granularity", ["pick_set", "customer"])
def test_finer_granularities_write_for_fewer_mails_each(story: Story, granularity: str) -> None:
    number = story.planned(f"Written by {granularity}", granularity=granularity)
    send_on(story.runtime, number)
    assert story.all_sent(number)
    cells, words = story.cells(number), story.words(number)
    assert len(words) == MAILS
    with story.runtime.db.transaction() as session:
        personal = set(
            session.scalars(select(Send.customer_id).where(Send.campaign_id == number, Send.personal))
        )
    if granularity == "customer":
        own = [words[customer].id for customer in personal if customer in words]
        assert len(own) == len(set(own)), "everybody who agreed has a copy of their own"
    assert story.spend(number).first_pass == len(cells)
    assert all(len(row.fields["product_lines"]) for row in words.values())


def test_the_words_of_a_pick_set_fit_each_order_of_its_picks(story: Story) -> None:
    number = story.campaign("Any order", granularity="pick_set")
    _, request, _ = next(story.runtime.copy_forecast.planned_requests(number))
    turned = replace(request, picks=(request.picks[0], *reversed(request.picks[1:])))
    shelf = story.runtime.shelf
    first = shelf.copies_for({0: request})[0]
    second = shelf.copies_for({0: turned}, write=False)[0]
    assert len(story.server.requests) == 1
    assert second.copy_id != first.copy_id
    assert second.copy.product_lines == (first.copy.product_lines[0], *reversed(first.copy.product_lines[1:]))
    assert check(second.copy, turned) == []
    assert shelf.copies_for({0: turned}, write=False)[0] == second


def test_variants_are_written_apart_and_nobody_changes_theirs(story: Story) -> None:
    number = story.planned("Two variants", variants=2)
    send_on(story.runtime, number)
    variants = {customer: (row.facts or {}).get("variant") for customer, row in story.words(number).items()}
    assert set(variants.values()) == {"a", "b"}
    assert min(list(variants.values()).count(name) for name in "ab") > MAILS / 4
    again = story.campaign("Two variants", variants=2)
    for _, request, _ in story.runtime.copy_forecast.planned_requests(again):
        assert request.variant in ("a", "b")


def test_the_forecast_is_what_happens_then(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    number = story.campaign("Foreseen", max_calls=3)
    looked: list[tuple[int, int]] = []
    told = story.runtime.copy_forecast.foresee(number, lambda done, size: looked.append((done, size)))
    assert looked[-1] == (MAILS, MAILS)
    own = told["by_granularity"]["cell"]
    assert own["mails"] == MAILS
    assert own["known_cells"] == 0
    assert own["cells"] <= told["by_granularity"]["pick_set"]["cells"]
    assert told["by_granularity"]["customer"]["cells"] <= MAILS
    assert float(own["cost"]) > 0
    assert told["currency"] == "EUR"
    assert len(told["exceeds"]) == 1
    assert story.runtime.campaigns.copy_warnings(number) == told["exceeds"]
    show_forecast(told)
    out = capsys.readouterr().out
    assert "max_calls allows 3" in " ".join(out.split())
    with story.runtime.db.transaction() as session:
        assert session.get_one(Campaign, number).copy_forecast == told
        session.get_one(Campaign, number).copy = {}
    planned = {key: sends for key, _, sends in story.runtime.copy_forecast.planned_requests(number)}
    story.runtime.campaigns.send(number, "test")
    story.runtime.sending.plan(number)
    send_on(story.runtime, number)
    assert {cell.key: cell.sends for cell in story.cells(number)} == planned
    assert own["cells"] == len(planned)
    assert own["largest_cell"] == max(planned.values())
    let_time_pass(story.runtime)
    again = story.runtime.copy_forecast.foresee(story.campaign("Foreseen"))["by_granularity"]["cell"]
    assert (again["known_cells"], again["calls"], float(again["cost"])) == (own["cells"], 0, 0)


def test_nobody_without_consent_to_profiling_has_words_of_their_own(story: Story) -> None:
    number = story.campaign("Consent decides", granularity="customer")
    with story.runtime.db.transaction() as session:
        customers = session.scalars(select(Customer.id)).all()
    for _, request, mails in story.runtime.copy_forecast.planned_requests(number):
        assert mails <= len(customers)
        assert (request.granularity == "customer") == request.personal
