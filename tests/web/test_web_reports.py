"""The pages of reports: made from what is kept, for every role, as CSV and on paper, with a heat map over a mail."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from web_story import Story

from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT
from campaigns.flows.opening.askers import Asker
from tests.shop import record_opens

READER = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")


@pytest.fixture
def reported(story: Story) -> Iterator[Story]:
    """The sent campaign with some clicks and a report; nothing is kept of it afterwards."""
    # The last ones: tests that take a mail of their own begin with the first.
    for ref in story.sends()[-6:]:
        story.runtime.opening.picture(story.token("open", ref.send_id, 0), READER)
        for kind in (CLICK_PICK, CLICK_SLOT, CLICK_CALL_TO_ACTION):
            story.runtime.feedback.click(story.token("click", ref.send_id, kind, 0), READER)
    record_opens(story.runtime)
    story.runtime.report_keeping.make(story.sent)
    yield story
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from kept_reports"))


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:2000]
    return answer.text


def statements(story: Story, client: FlaskClient, path: str) -> int:
    page(client, path)
    before = story.runtime.db.statements
    page(client, path)
    return story.runtime.db.statements - before


def test_without_a_report_the_counters_are_shown(signed_in: FlaskClient, story: Story) -> None:
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from kept_reports"))
    html = page(signed_in, f"/console/campaigns/{story.sent}/report")
    assert "being made" in html and "data-waiting" in html
    sent = story.runtime.reporting.report(story.sent).sent
    assert re.search(rf'data-step="sent">{sent:,}<', html)
    assert "no report before the campaign begins" in page(
        signed_in, f"/console/campaigns/{story.draft}/report"
    )
    page(signed_in, f"/console/campaigns/{story.sent}/report/tables.zip", 404)
    page(signed_in, "/console/campaigns/4711/report", 404)


def test_the_page_reads_what_is_kept(signed_in: FlaskClient, reported: Story) -> None:
    path = f"/console/campaigns/{reported.sent}/report"
    html = page(signed_in, path)
    assert "As of" in html and "agreed to be measured" in html
    assert "Not known: no holdout" in unescape(html), "what happened afterwards is not called an effect"
    with reported.runtime.db.transaction() as session:
        session.execute(text("update kept_reports set body = jsonb_set(body, '{counts,measured}', '123456')"))
    assert "123,456 measured" in page(signed_in, path), "nothing is counted anew"
    assert statements(reported, signed_in, path) < 20


def test_charts_are_named_and_the_policy_stays_strict(signed_in: FlaskClient, reported: Story) -> None:
    for path in (f"/console/campaigns/{reported.sent}/report", "/console/reports", "/console/recommender"):
        answer = signed_in.get(path)
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        assert not re.search(r"\sstyle=|<script(?![^>]*src=)", answer.text), path
        charts = re.findall(r"<svg xmlns.*?</svg>", answer.text, re.S)
        ids = re.findall(r'\bid="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), path
        for chart in charts:
            root = ElementTree.fromstring(chart)
            assert root.get("role") == "img" and root.get("aria-labelledby")
    assert len(re.findall("<svg xmlns", page(signed_in, f"/console/campaigns/{reported.sent}/report"))) >= 3


def test_on_paper(signed_in: FlaskClient, reported: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{reported.sent}/report/print")
    assert "Make it anew" not in html and "open-print" in html


def test_csv_and_archive(signed_in: FlaskClient, reported: Story) -> None:
    base = f"/console/campaigns/{reported.sent}/report"
    answer = signed_in.get(f"{base}/rates.csv")
    assert answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    kept = reported.runtime.report_keeping.current(reported.sent).report
    assert kept and int(rows[2]["Customers"]) == kept["rates"]["clicked"]["n"] >= 6
    page(signed_in, f"{base}/nothing.csv", 404)
    with zipfile.ZipFile(io.BytesIO(signed_in.get(f"{base}/tables.zip").data)) as archive:
        assert {"funnel.csv", "rates.csv", "places.csv", "revenue.csv", "costs.csv"} <= set(
            archive.namelist()
        )


def test_every_table_on_the_page_has_its_csv(signed_in: FlaskClient, reported: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{reported.sent}/report")
    links = re.findall(r'class="csv" href="([^"]+)"', html)
    assert len(links) > 8
    for link in links:
        assert signed_in.get(link).mimetype == "text/csv"


class TestHeatMap:
    def test_each_link_has_its_share(self, signed_in: FlaskClient, reported: Story) -> None:
        answer = signed_in.get(f"/console/campaigns/{reported.sent}/report/heat")
        html = unescape(unescape(answer.text))
        kept = reported.runtime.report_keeping.current(reported.sent).report
        assert kept
        share = next(row["rate"]["share"] for row in kept["clicks"] if row["place"] == "call_to_action")
        assert f"{100 * share:.1f} %</span>" in html
        framed = answer.text.partition("srcdoc=")[2].partition("</iframe>")[0]
        assert "/c/" not in framed, "a click in here is nobody's"
        assert "/o/" not in framed, "and looking at it is no open"
        assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]

    def test_a_mail_that_is_gone_leaves_the_table(self, signed_in: FlaskClient, reported: Story) -> None:
        with reported.runtime.db.transaction() as session:
            session.execute(
                text("update kept_reports set body = jsonb_set(body, '{sample_send}', '987654321')")
            )
        html = page(signed_in, f"/console/campaigns/{reported.sent}/report/heat")
        assert "cannot be shown" in html and "The button" in html and "<iframe" not in html


def test_asking_for_a_new_one(app: Flask, signed_in: FlaskClient, reported: Story, role: Any) -> None:
    path = f"/console/campaigns/{reported.sent}/report"
    role("viewer")
    answer = signed_in.post(path, follow_redirects=True)
    assert "being made anew" in answer.text and "A newer one is being made" in answer.text
    app.config["WTF_CSRF_ENABLED"] = True
    assert signed_in.post(path).status_code == 400
    assert app.test_client().get(path).status_code == 302


def test_overview_and_comparison(signed_in: FlaskClient, reported: Story) -> None:
    html = page(signed_in, "/console/reports")
    assert "Autumn on the trail" in html and f'value="{reported.sent}"' in html
    assert page(signed_in, f"/console/reports?before={reported.sent}").count("Autumn on the trail") == 0
    refused = page(signed_in, f"/console/reports/compare?campaign={reported.sent}", 400)
    assert "hoose 2 to 5 campaigns" in refused and "checked" in refused, "what was ticked stays"
    for odd in ("x", "9" * 30, "-1"):
        assert "needs numbers of campaigns" in unescape(
            page(signed_in, f"/console/reports/compare?campaign={odd}", 400)
        )
    assert signed_in.get("/console/reports/trend.csv").mimetype == "text/csv"
    assert statements(reported, signed_in, "/console/reports") < 15


def test_where_nothing_was_mailed_no_empty_chart_is_drawn(signed_in: FlaskClient, reported: Story) -> None:
    assert "<svg" in page(signed_in, "/console/reports").partition("<main")[2]
    with reported.runtime.db.transaction() as session:
        session.execute(text("delete from kept_reports"))
    html = page(signed_in, "/console/reports").partition("<main")[2]
    assert "Nothing has been mailed in this time" in html and "<svg" not in html


def test_two_campaigns_beside_one_another(signed_in: FlaskClient, reported: Story) -> None:
    with reported.runtime.db.transaction() as session:
        session.execute(
            text(
                "insert into kept_reports (campaign_id, body, headline, weeks, made_at) "
                "select :draft, body, headline, weeks, made_at from kept_reports where campaign_id = :sent"
            ),
            {"draft": reported.draft, "sent": reported.sent},
        )
    query = f"campaign={reported.sent}&campaign={reported.draft}"
    html = page(signed_in, f"/console/reports/compare?{query}")
    assert "2 campaigns compared" in html and "First frost" in html
    assert "not even a day has passed" in unescape(html), "open windows are not compared"
    answer = signed_in.get(f"/console/reports/compare/rate-clicked.csv?{query}")
    assert len(answer.text.splitlines()) == 3


class TestRecommender:
    def test_which_model_and_why(self, signed_in: FlaskClient, story: Story) -> None:
        story.runtime.model_judging.work()
        [version, *_] = story.runtime.training.versions()
        html = unescape(page(signed_in, "/console/recommender"))
        assert f"Model {version.id}" in html and version.meta["verdict"] in html
        for heading in ("How well it foretells", "Model by model", "What of the catalogue is shown", "Is anybody served worse?"):  # fmt: skip
            assert heading in html
        links = re.findall(r'class="csv" href="([^"]+)"', html)
        assert links and all(signed_in.get(link).status_code == 200 for link in links)
        assert statements(story, signed_in, "/console/recommender") < 15

    def test_only_approvers_change_it(self, signed_in: FlaskClient, story: Story, role: Any) -> None:
        [version, *_] = story.runtime.training.versions()
        assert (
            "is in use"
            in signed_in.post(
                "/console/recommender/use", data={"model": version.id}, follow_redirects=True
            ).text
        )
        assert signed_in.post("/console/recommender/use", data={"model": "x"}).status_code == 400
        assert signed_in.post("/console/recommender/use", data={"model": 4711}).status_code == 404
        assert signed_in.post("/console/recommender/train").status_code == 302
        assert ("train", 0) in story.runtime.jobs.hints
        role("author")
        assert "Train now" not in page(signed_in, "/console/recommender")
        assert signed_in.post("/console/recommender/train").status_code == 403
        assert signed_in.post("/console/recommender/use", data={"model": version.id}).status_code == 403
