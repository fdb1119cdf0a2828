"""What a draft would do: estimated at once, worked out by a worker, never counted on a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flows_drafts import clock_description, pictures
from sqlalchemy import text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.models import Campaign, CampaignOutlook
from campaigns.runtime import Runtime
from tests.shop import make_runtime


@pytest.fixture
def draft(shop: Runtime) -> int:
    """A draft for everybody in the small sample shop."""
    return shop.campaigns.create({**clock_description(), "delivery": {"per_second": 2}}, pictures())


@pytest.fixture
def with_model(servers: EmbeddedUrls, shop: Runtime, tmp_path: Path) -> Iterator[Runtime]:
    """The same shop, with a model set that nobody answers for: an outlook asks none."""
    terms = {"openai_base_url": "http://127.0.0.1:9/v1", "llm_input_price": 1, "llm_output_price": 2}
    runtime = make_runtime(servers, tmp_path / "data", **terms).start()
    yield runtime
    runtime.close()


def test_it_says_how_many_why_not_and_how_long(shop: Runtime, draft: int) -> None:
    outlook = shop.outlooks.of(draft)
    counted = shop.campaigns.count(draft)
    assert outlook.planned is not None and outlook.fits is not None
    assert outlook.audience()["planned"] == counted["planned"] > 0
    assert outlook.audience()["held_back"] == counted["held_back"]
    assert outlook.planned.exact and outlook.fits.n == 80
    assert outlook.seconds == counted["planned"] / 2
    assert not outlook.words.by_model
    shown = shop.campaigns.show(draft)["audience_now"]
    assert (shown["planned"], shown["held_back"]) == (counted["planned"], counted["held_back"])


def test_a_holdout_is_told_apart(shop: Runtime, draft: int) -> None:
    whole = shop.outlooks.of(draft).audience()["planned"]
    with shop.db.transaction() as session:
        session.get_one(Campaign, draft).experiment = {"factor": "none", "arms": [], "holdout": 0.25}
    told = shop.outlooks.of(draft).audience()
    assert told["held_back"]["holdout"] == round(whole * 0.25)
    assert told["planned"] + told["held_back"]["holdout"] == whole and not told["exact"]


def test_rules_that_cannot_be_read_any_more_are_told(shop: Runtime, draft: int) -> None:
    with shop.db.transaction() as session:
        session.get_one(Campaign, draft).segment = {"moon": 1}
    outlook = shop.outlooks.of(draft)
    assert outlook.planned is None and "moon" in outlook.problem
    assert shop.outlooks.look(draft) is None
    assert shop.campaigns.show(draft)["audience_now"]["planned"] == 0


def test_words_are_foreseen_once_a_draft_has_come_to_rest(with_model: Runtime) -> None:
    runtime = with_model
    draft = runtime.campaigns.create(clock_description(), pictures())
    assert runtime.outlooks.of(draft).words.at is None
    value = runtime.drafts.section(draft, "picks")
    runtime.drafts.save(draft, "picks", {**value, "picks": "3"}, "Ola")
    assert runtime.outlooks.of(draft).words.waiting
    assert runtime.outlooks.work() == 0, "somebody is still typing"
    _rested(runtime)
    assert runtime.outlooks.work() == 1
    words = runtime.outlooks.of(draft).words
    assert words.calls > 0 and words.cost is not None and not words.waiting and not words.stale
    runtime.drafts.save(draft, "picks", {**value, "picks": "2"}, "Ola")
    assert runtime.outlooks.of(draft).words.stale
    _rested(runtime)
    assert runtime.outlooks.work() == 1 and not runtime.outlooks.of(draft).words.stale


def test_what_is_changed_while_it_is_worked_out_is_worked_out_again(with_model: Runtime) -> None:
    runtime = with_model
    draft = runtime.campaigns.create(clock_description(), pictures())
    runtime.outlooks.changed(draft)
    _rested(runtime)
    foresee = runtime.outlooks._foresee

    def slowly(campaign_id: int) -> object:
        runtime.outlooks.changed(campaign_id)
        return foresee(campaign_id)

    runtime.outlooks._foresee = slowly
    assert runtime.outlooks.work() == 1
    assert runtime.outlooks.of(draft).words.waiting


def test_what_a_killed_worker_had_is_done_by_another(with_model: Runtime) -> None:
    runtime = with_model
    draft = runtime.campaigns.create(clock_description(), pictures())
    runtime.outlooks.changed(draft)
    _rested(runtime)
    assert runtime.outlooks._take() is not None
    assert runtime.outlooks.work() == 0, "it is somebody's"
    with runtime.db.transaction() as session:
        session.get_one(CampaignOutlook, draft).due_at = runtime.clock.now() - timedelta(seconds=1)
    assert runtime.outlooks.work() == 1


def test_no_page_counts_a_big_audience(runtime: Runtime) -> None:
    """Of 30,000 customers a page reads a sample; a worker counts them, and then the page knows."""
    with runtime.db.transaction() as session:
        session.execute(
            text(
                "insert into customers (external_id, first_name, last_name, locale, country, city, timezone) "
                "select 'C' || n, '', '', 'en', case when n % 3 = 0 then 'NO' else 'SE' end, '', '' "
                "from generate_series(1, 30000) n"
            )
        )
    with runtime.db.transaction() as session:
        session.execute(text("analyze customers"))
    draft = runtime.campaigns.create({**clock_description(), "segment": {"country": "NO"}}, pictures())
    shown = runtime.campaigns.show(draft)
    outlook = runtime.outlooks.of(draft)
    assert outlook.fits is not None and not outlook.fits.exact and outlook.waiting
    assert outlook.fits.low <= 10_000 <= outlook.fits.high
    assert not shown["audience_now"]["exact"]
    runtime.segment_counts.work()
    exact = runtime.outlooks.of(draft)
    assert exact.fits is not None and exact.fits.exact and exact.fits.n == 10_000 and not exact.waiting


def _rested(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        session.execute(text("update campaign_outlooks set due_at = due_at - interval '1 minute'"))
