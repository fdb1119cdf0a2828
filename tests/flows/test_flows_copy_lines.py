"""Lines of further products and variants through the flows: nothing is paid for twice, and variants differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from campaigns.copywriting.asking import read_asked
from campaigns.copywriting.fake_server import BEHAVIOURS, Reply, says
from campaigns.copywriting.guard import check
from campaigns.copywriting.request import CopyRequest
from campaigns.flows.copy.copy_cells import end_cells, register
from campaigns.flows.copy.copy_writing import ended_by
from campaigns.flows.copy.wording import CopyShelf, Worded
from campaigns.flows.describing.plans import load_plan
from campaigns.models import CopyCell, WrittenCopyRow
from campaigns.models.values import Pick
from tests.flows.flows_copy_story import Story


def written(story: Story, number: int, *requests: CopyRequest) -> dict[int, Worded]:
    """The words for these requests, as the wordsmith has them written."""
    with story.runtime.db.transaction() as session:
        plan = load_plan(session, number)
    words: dict[int, Worded] = {}
    for some in story.runtime.copy_writing.words_for(plan, dict(enumerate(requests))):
        words |= some
    assert [check(words[n].copy, request) for n, request in enumerate(requests)] == [[]] * len(requests)
    return words


def a_request(story: Story, number: int) -> CopyRequest:
    """A request of this campaign with at least three picks."""
    for _, request, _ in story.runtime.copy_forecast.planned_requests(number):
        if len(request.picks) > 2:
            return replace(request, favourite_category="")
    raise AssertionError("no mail has three picks")


def with_picks(request: CopyRequest, *picks: Pick) -> CopyRequest:
    return replace(request, picks=picks)


def bad_lines(body: dict[str, Any]) -> Reply:
    """An honest model that states a number in whatever is asked of it for lines alone."""
    if "subject" in read_asked(body["messages"]):
        return BEHAVIOURS["good"](body)
    return says(product_lines=["Only 5 are left." for _ in range(12)])(body)


def test_a_line_that_the_model_never_gets_right_is_paid_for_once(story: Story) -> None:
    number = story.campaign("A line that is never right")
    request = a_request(story, number)
    one, two, three = request.picks[:3]
    written(story, number, with_picks(request, one, two), with_picks(request, two, one))
    story.server.requests.clear()
    story.model.does = bad_lines
    first = written(story, number, with_picks(request, one, three))[0]
    assert len(story.server.requests) == 3, "asked, and mended twice"
    second = written(story, number, with_picks(request, two, three))[0]
    assert len(story.server.requests) == 3, "other mails with this product ask no more"
    assert first.line_ids[1] == second.line_ids[1]
    assert first.copy.product_lines[1] == second.copy.product_lines[1]
    with story.runtime.db.transaction() as session:
        head = session.get_one(WrittenCopyRow, first.copy_id)
        line = session.get_one(WrittenCopyRow, first.line_ids[1])
        assert (head.writer, head.offline_fields) == ("model", [])
        assert (line.writer, line.offline_fields) == ("offline", ["product_lines[0]"])
        assert line.output_tokens > 0, "what was tried is told with what came of it"
        assert line.facts is not None
        assert [pick["sku"] for pick in line.facts["picks"]] == [three.product.sku]
    fresh = CopyShelf(story.runtime.db, story.runtime.desk)
    assert fresh.copies_for({0: with_picks(request, two, three)}, write=False)[0] == second
    report = story.runtime.copy_reporting.report(number)
    assert report.line_orders == {"asked": 1, "refused": 1, "away": 0}


def test_a_line_is_asked_for_again_after_an_outage(story: Story) -> None:
    number = story.campaign("A line in an outage")
    request = a_request(story, number)
    one, two, three = request.picks[:3]
    written(story, number, with_picks(request, one, two))
    story.model.does = BEHAVIOURS["wrong_key"]
    written(story, number, with_picks(request, one, three))
    story.model.does = BEHAVIOURS["good"]
    story.runtime.desk._breaker.succeeded()
    again = written(story, number, with_picks(request, one, three))[0]
    with story.runtime.db.transaction() as session:
        assert session.get_one(WrittenCopyRow, again.line_ids[1]).writer == "model"
    assert story.runtime.copy_reporting.report(number).line_orders == {"asked": 2, "refused": 0, "away": 1}


def test_variants_that_are_asked_for_together_differ(story: Story) -> None:
    number = story.campaign("Two that are too similar", variants=2)
    request = a_request(story, number)
    pair = [replace(request, variant=variant) for variant in ("b", "a")]
    words = written(story, number, *pair)
    for mine, other in ((0, 1), (1, 0)):
        beside = replace(pair[mine], siblings=(words[other].copy,))
        assert check(words[mine].copy, beside) == [], "the model says the same of both"


def test_a_sample_that_was_tried_while_the_model_was_away_counts_when_it_is_tried_again(story: Story) -> None:
    number = story.campaign("Samples in an outage")
    request = a_request(story, number)
    shelf, key = story.runtime.shelf, story.runtime.shelf.cell_of(request)
    story.model.does = BEHAVIOURS["wrong_key"]
    offline = story.runtime.desk.copy_for(request)
    story.runtime.desk._breaker.succeeded()
    ended = ended_by(key, offline, shelf.offline_for({0: request})[0])
    assert (ended.state, ended.counts_as) == ("offline", "outages")
    with story.runtime.db.transaction() as session:
        session.add(CopyCell(campaign_id=number, key=key, facts=request.facts(), sample="shown"))
        session.flush()
        assert end_cells(session, number, [ended], as_samples=True) == {key}
    report = story.runtime.copy_reporting.report(number)
    assert sum(report.outcomes.values()) == 0
    assert (report.cells, report.tried, report.known_before) == ({"offline": 1}, 1, 0)
    with story.runtime.db.transaction() as session:
        register(session, number, {key: 5}, {key: request.facts()})
        state = session.scalar(select(CopyCell.state).where(CopyCell.campaign_id == number))
        assert state == "waiting"
        end_cells(session, number, [ended], as_samples=False)
    report = story.runtime.copy_reporting.report(number)
    assert (report.outcomes["outages"], report.tried, report.known_before) == (1, 0, 0)


def test_each_order_of_a_pick_set_has_the_facts_of_its_own_mail(story: Story) -> None:
    number = story.campaign("Facts in any order", granularity="pick_set")
    request = a_request(story, number)
    turned = with_picks(request, request.picks[0], *reversed(request.picks[1:]))
    words = written(story, number, request, turned)
    with story.runtime.db.transaction() as session:
        for n, one in enumerate((request, turned)):
            facts = session.get_one(WrittenCopyRow, words[n].copy_id).facts or {}
            assert [pick["sku"] for pick in facts["picks"]] == [pick.product.sku for pick in one.picks]
