"""The pages of copy: what it took, samples to approve, and what a writer was told, for people who may see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, update
from web_chromium import IN_CHROMIUM, keep_inside
from web_story import NAME, PASSWORD, Story, description, picture

from campaigns.core.jobs import RecordedJobs
from campaigns.models import Campaign, CopyCell, CopySpend
from campaigns.runtime import Runtime
from web.public.words.why import WORDS

SAMPLES = "/console/campaigns/{}/copy/samples"
FORECAST = {
    "at": "2026-11-21T12:00:00+00:00",
    "model": "gpt-5-mini",
    "mails": 12_000,
    "granularity": "cell",
    "mode": "now",
    "currency": "USD",
    "exceeds": ["90 calls are foreseen, and max_calls allows 50; what is beyond it is written offline"],
    "by_granularity": {
        name: {
            "cells": cells, "mails": 12_000, "largest_cell": 800, "median_cell": 30, "known_cells": 3,
            "calls": cells, "input_tokens": 1800 * cells, "output_tokens": 300 * cells, "cost": cost,
            "seconds": 2.0 * cells,
        }
        for name, cells, cost in (("cell", 90, "0.1250"), ("pick_set", 4000, "5.5"), ("customer", 12_000, None))
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def sampled(story: Story) -> int:
    """A draft whose samples are written, by the offline writer."""
    pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
    number = story.runtime.campaigns.create(
        {**description("Words to approve"), "copy": {"approve_samples": True}}, pictures
    )
    story.runtime.copy_samples.write(number)
    return number


@pytest.fixture
def written(story: Story, sampled: int) -> int:
    """The same, with nobody having said anything of them."""
    with story.runtime.db.transaction() as session:
        session.execute(update(CopyCell).where(CopyCell.campaign_id == sampled).values(sample="shown"))
    return sampled


@pytest.fixture
def told(story: Story) -> Iterator[int]:
    """The sent campaign with a forecast, cells and costs as a model leaves them."""
    runtime, number = story.runtime, story.sent
    refused = {"rule": "digits", "field": "subject", "message": "states a number in {curly} <b>words</b>"}
    began = runtime.clock.now() - timedelta(minutes=7)
    with runtime.db.transaction() as session:
        campaign = session.get_one(Campaign, number)
        campaign.copy, campaign.copy_forecast = {"max_calls": 50, "max_cost": "0.05"}, FORECAST
        for at in range(10):
            state = "offline" if at == 0 else "written"
            verdicts = [refused] if at < 3 else []
            session.add(CopyCell(campaign_id=number, key=f"c{at}", sends=30, state=state, verdicts=verdicts))
        session.add(
            CopySpend(
                campaign_id=number, calls=50, input_tokens=90_000, cached_tokens=60_000, output_tokens=9000,
                cost_micros=44_000, first_pass=7, repaired=1, refused=1, began_at=began,
                last_at=began + timedelta(seconds=200),
            )
        )  # fmt: skip
    yield number
    with runtime.db.transaction() as session:
        session.execute(delete(CopyCell).where(CopyCell.campaign_id == number))
        session.execute(delete(CopySpend).where(CopySpend.campaign_id == number))
        campaign = session.get_one(Campaign, number)
        campaign.copy, campaign.copy_forecast = {}, None


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def verdicts(runtime: Runtime, number: int) -> list[str]:
    return [sample.verdict for sample in runtime.copy_samples.shown(number)]


def test_the_page_tells_shares_costs_and_rules(signed_in: FlaskClient, told: int, story: Story) -> None:
    story.runtime.report_keeping.make(told)  # mails are counted by workers, not by pages
    html = page(signed_in, f"/console/campaigns/{told}/copy")
    report = story.runtime.copy_reporting.report(told)

    def cell(mark: str) -> str:
        found = re.search(rf'{mark}"[^>]*>([^<]+)<', html)
        assert found, mark
        return found[1]

    assert cell('data-rate="first_try') == "77.8 %" and cell('data-rate="after_repair') == "88.9 %"
    assert cell('data-rate="fallback_cells') == "10.0 %"
    assert cell('data-outcome="first_pass') == "7" and cell('data-outcome="known_before') == "1"
    assert cell('data-n="cost') == "0.0440 USD"
    assert report.cost_per_thousand is not None
    assert cell('data-n="cost_per_thousand') == f"{report.cost_per_thousand:.4f} USD"
    assert "states a number in {curly} &lt;b&gt;words&lt;/b&gt;" in html
    assert "3 min 20 s" in html and "66.7 % from the cache" in html
    assert "90 calls are foreseen" in html and "5.5000 USD" in html and "3 known" in html


def test_a_bound_that_is_used_up_is_said_at_the_top(signed_in: FlaskClient, told: int) -> None:
    assert "Max calls used up:" in page(signed_in, f"/console/campaigns/{told}/copy")


def test_without_a_model_there_is_nothing_to_tell_of_cost(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{story.draft}/copy")
    assert "the offline writer costs nothing" in html and "What it took" not in html


def test_samples_are_shown_as_mails_with_blanks_and_what_was_told(
    signed_in: FlaskClient, written: int, story: Story
) -> None:
    html = page(signed_in, SAMPLES.format(written))
    shown = story.runtime.copy_samples.shown(written)
    assert html.count("<article") == len(shown) == 12
    for sample in shown:
        assert sample.copy is not None
        assert f'lang="{sample.told["language"]}"' in html and str(escape(sample.titles[0])) in html
    assert "{first_name}" not in html and "{price_" not in html
    assert "no consent to profiling" in html and "<dt>Stage</dt>" in html


def test_each_is_approved_or_rejected_by_somebody(signed_in: FlaskClient, written: int, story: Story) -> None:
    runtime = story.runtime
    refused = signed_in.post(f"/console/campaigns/{written}/approve")
    assert refused.status_code == 409 and "12 of 12 samples" in refused.get_data(as_text=True)
    first, second, *_ = runtime.copy_samples.shown(written)
    for sample, verdict in ((first, "approve"), (second, "reject")):
        answer = signed_in.post(f"{SAMPLES.format(written)}/{sample.key}/{verdict}")
        assert answer.status_code == 302 and answer.headers["Location"].endswith(f"#s-{sample.key[:12]}")
    assert verdicts(runtime, written)[:3] == ["approved", "rejected", "shown"]
    assert {sample.judged_by for sample in runtime.copy_samples.shown(written)[:2]} == {NAME}
    signed_in.post(f"{SAMPLES.format(written)}/approve-all")
    assert verdicts(runtime, written) == ["approved", "rejected"] + ["approved"] * 10
    signed_in.post(f"{SAMPLES.format(written)}/{second.key}/approve")
    assert set(verdicts(runtime, written)) == {"approved"}
    assert f"by {NAME}" in page(signed_in, SAMPLES.format(written))


def test_only_who_may_change_campaigns_judges(
    signed_in: FlaskClient, written: int, story: Story, role: Any
) -> None:
    role("viewer")
    before = verdicts(story.runtime, written)
    key = story.runtime.copy_samples.shown(written)[0].key
    for way in ("", "/approve-all", f"/{key}/reject", f"/{key}/approve"):
        assert signed_in.post(SAMPLES.format(written) + way).status_code == 403
    assert verdicts(story.runtime, written) == before
    html = page(signed_in, SAMPLES.format(written))
    assert "<article" in html and 'method="post" action="/console/campaigns' not in html


def test_judging_takes_the_token_of_the_page(app: Flask, signed_in: FlaskClient, written: int) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    answer = signed_in.post(f"{SAMPLES.format(written)}/approve-all")
    assert answer.status_code == 400


def test_strangers_see_and_change_nothing(client: FlaskClient, written: int) -> None:
    for path in (f"/console/campaigns/{written}/copy", SAMPLES.format(written)):
        assert "/console/login" in client.get(path).headers["Location"]
    answer = client.post(f"{SAMPLES.format(written)}/approve-all")
    assert answer.status_code in (302, 400)


def test_samples_are_asked_of_a_worker_and_the_page_looks_again(signed_in: FlaskClient, story: Story) -> None:
    path = SAMPLES.format(story.draft)
    assert "Write samples" in page(signed_in, path)
    answer = signed_in.post(path)
    assert answer.status_code == 302
    assert isinstance(story.runtime.jobs, RecordedJobs)
    assert ("write_samples", 0) in story.runtime.jobs.hints
    html = page(signed_in, path)
    assert 'http-equiv="refresh"' in html and "Write samples" not in html
    assert story.runtime.copy_samples.work() == 1
    html = page(signed_in, path)
    assert 'http-equiv="refresh"' not in html and html.count("<article") == 12


def test_a_forecast_is_asked_of_a_worker_where_a_model_is_set(
    signed_in: FlaskClient, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runtime = f"/console/campaigns/{story.draft}/copy", story.runtime
    assert "Make a forecast" not in page(signed_in, path)
    assert signed_in.post(f"{path}/forecast").status_code == 409
    monkeypatch.setattr(type(runtime.settings), "uses_model", True)
    monkeypatch.setattr(runtime.copy_forecasts, "_uses_model", True)
    assert "Make a forecast" in page(signed_in, path)
    assert signed_in.post(f"{path}/forecast").status_code == 302
    assert isinstance(runtime.jobs, RecordedJobs) and ("make_forecasts", 0) in runtime.jobs.hints
    html = page(signed_in, path)
    assert 'http-equiv="refresh"' in html and "is being made" in html and "Make a forecast" not in html
    assert runtime.copy_forecasts.work() == 0, "there is no model, so it is refused"
    assert 'http-equiv="refresh"' not in page(signed_in, path)


def test_a_preview_tells_what_the_writer_was_told(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{story.draft}/preview")
    assert "What the writer was told" in html and "the offline writer" in html
    assert "<dt>Language</dt>" in html and "Nothing was refused." in html


def test_the_page_of_choices_says_whether_a_model_wrote(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    html = page(client, f"/p/{story.token('preferences', ref.customer_id, ref.send_id)}")
    assert any(escape(words["why_program"]) in html for words in WORDS.values())


def test_pages_of_campaigns_that_are_not_there(signed_in: FlaskClient) -> None:
    for path in ("/console/campaigns/999/copy", SAMPLES.format(999)):
        assert signed_in.get(path).status_code == 404


@pytest.fixture
def tab(browser: Browser, live: str, first_link: str) -> Iterator[Page]:
    """A signed-in window of a telephone's size, of somebody whose system is dark."""
    context = browser.new_context(viewport={"width": 375, "height": 800}, color_scheme="dark")
    keep_inside(context)
    tab = context.new_page()
    tab.goto(first_link)
    tab.get_by_label("Your name").fill(NAME)
    tab.get_by_label("Password", exact=True).fill(PASSWORD)
    tab.get_by_label("The same again").fill(PASSWORD)
    tab.get_by_role("button", name="Open the console").click()
    expect(tab.get_by_role("heading", name="Campaigns")).to_be_visible()
    yield tab
    context.close()


@pytest.mark.browser
class TestInChromium:
    """As people see and press it."""

    pytestmark = IN_CHROMIUM

    def test_pages_fit_a_telephone(self, tab: Page, live: str, told: int, written: int) -> None:
        for path in (f"/console/campaigns/{told}/copy", SAMPLES.format(written)):
            tab.goto(live + path)
            assert tab.evaluate("document.documentElement.scrollWidth") <= 375, path

    def test_a_sample_is_rejected_by_keyboard(self, tab: Page, live: str, story: Story, written: int) -> None:
        tab.goto(live + SAMPLES.format(written))
        button = tab.get_by_role("button", name="Reject sample 3", exact=True)
        button.focus()
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("status").first).to_contain_text("Rejected")
        assert verdicts(story.runtime, written)[2] == "rejected"
        expect(tab.locator("article").nth(2)).to_be_in_viewport()
