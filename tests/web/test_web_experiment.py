"""The pages of an experiment: what they show, who may choose an arm, and setting one up in the editor."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from web_story import COLOURS, Story, description, picture

from campaigns.models import Campaign, Send
from tests.flows.flows_experiments import SEED, age_sends, click, sends_of
from tests.shop import send_all

SUBJECTS = {
    "factor": "subject",
    "seed": SEED,
    "holdout": 0.1,
    "test_share": 0.6,
    "least_mails": 10,
    "arms": [{"name": "As written"}, {"name": "<b>Plain</b>", "value": "Autumn is here"}],
}


def campaign(story: Story, experiment: dict[str, object] | None) -> int:
    """A draft of the test's own."""
    pictures = {name: picture(colour) for name, colour in COLOURS.items()}
    raw = description("Tries things out")
    return story.runtime.campaigns.create(raw | ({"experiment": experiment} if experiment else {}), pictures)


@pytest.fixture(scope="module")
def running(story: Story) -> int:
    """A campaign with mature mails and clicks, of which some wait for the decision."""
    number = campaign(story, SUBJECTS)
    story.runtime.campaigns.approve(number, "a test")
    send_all(story.runtime, number)
    age_sends(story.runtime, number, timedelta(hours=6))
    for send in sends_of(story.runtime, number):
        if send.status == "sent" and send.sent_at and send.customer_id % (9 if send.arm == 0 else 4) == 0:
            click(story.runtime, send, send.sent_at + timedelta(minutes=10))
    story.runtime.experiment_looks.look(number)
    return number


def page(client: FlaskClient, url: str, status: int = 200) -> str:
    response = client.get(url)
    html = response.get_data(as_text=True)
    assert response.status_code == status, html[-500:]
    return html


def test_it_shows_figures_with_doubt_and_no_markup_of_names(
    signed_in: FlaskClient, story: Story, running: int
) -> None:
    html = page(signed_in, f"/console/campaigns/{running}/experiment")
    assert "<b>Plain</b>" not in html
    assert "&lt;b&gt;Plain&lt;/b&gt;" in html
    assert re.search(r"likely the best", html) and "points" in html
    assert html.count('role="img"') == 2 and "<desc" in html
    assert "As they should be".lower() in html.lower()
    assert SEED not in html


def test_its_tables_go_out_as_csv(signed_in: FlaskClient, running: int) -> None:
    response = signed_in.get(f"/console/campaigns/{running}/experiment/arms.csv")
    rows = response.get_data(as_text=True).splitlines()
    assert response.mimetype == "text/csv" and len(rows) == 3 and rows[0].startswith("Arm,")
    assert signed_in.get(f"/console/campaigns/{running}/experiment/none.csv").status_code == 404


def test_only_an_approver_chooses_and_only_once(
    signed_in: FlaskClient, story: Story, running: int, role: object
) -> None:
    url = f"/console/campaigns/{running}/experiment"
    role("author")  # type: ignore[operator]
    assert "Choose it" not in page(signed_in, url)
    assert signed_in.post(f"{url}/decide", data={"arm": "1"}).status_code == 403
    role("approver")  # type: ignore[operator]
    assert "Choose it" in page(signed_in, url)
    assert signed_in.post(f"{url}/decide", data={"arm": "7"}).status_code == 404
    assert signed_in.post(f"{url}/decide", data={"arm": "1"}).status_code == 302
    story.runtime.experiment_looks.run()
    with story.runtime.db.transaction() as session:
        arms = session.scalars(select(Send.arm).where(Send.campaign_id == running, Send.status == "planned"))
        assert set(arms) == {1}
        entry = session.execute(
            text("select by, detail from audit_entries where action = 'experiment.decided' and subject = :s"),
            {"s": f"campaign {running}"},
        ).one()
    assert entry.by == "Ola" and entry.detail["arm"] == 1
    html = page(signed_in, url)
    assert "was chosen by Ola" in html and "Choose it" not in html
    assert signed_in.post(f"{url}/decide", data={"arm": "0"}).status_code in (400, 409)


def test_templates_are_offered(signed_in: FlaskClient, story: Story) -> None:
    number = campaign(story, None)
    url = f"/console/campaigns/{number}/edit/experiment"
    signed_in.post(url, data={"factor": "template", "version": "0"})
    assert "As the campaign has it" in page(signed_in, url)


def test_a_campaign_that_tries_nothing_says_so(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{campaign(story, None)}/experiment")
    assert "Nothing is tried out" in html and "/edit/experiment" in html


def test_a_draft_is_told_what_it_takes(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{campaign(story, SUBJECTS)}/experiment")
    assert "What it takes" in html and "each arm needs about" in html


def test_setting_one_up_keeps_what_was_typed_and_says_what_is_wrong(
    signed_in: FlaskClient, story: Story
) -> None:
    number = campaign(story, None)
    url = f"/console/campaigns/{number}/edit/experiment"
    assert signed_in.post(url, data={"factor": "subject", "version": "0"}).status_code == 302
    typed = {
        "factor": "subject", "version": "1", "arm.0.name": "One", "arm.2.name": "Two",
        "arm.2.value": "{price_1} off", "holdout": "12,5",
    }  # fmt: skip
    signed_in.post(url, data=typed)
    html = unescape(page(signed_in, url))
    assert "{price_1} off" in html and "may have {first_name}" in html.lower()
    with story.runtime.db.transaction() as session:
        assert session.get_one(Campaign, number).experiment is None
    typed |= {"version": "2", "arm.1.name": "Two", "arm.1.value": "en: Now in blue\nde: Jetzt in Blau"}
    typed |= {"arm.2.name": "", "arm.2.value": ""}
    signed_in.post(url, data=typed)
    with story.runtime.db.transaction() as session:
        stored = session.get_one(Campaign, number).experiment
    assert stored is not None and stored["holdout"] == 0.125
    assert stored["arms"][1]["value"] == {"en": "Now in blue", "de": "Jetzt in Blau"}
    signed_in.post(url, data=typed | {"version": "3", "arm.0.weight": "2"})
    with story.runtime.db.transaction() as session:
        again = session.get_one(Campaign, number).experiment
    assert again is not None and again["seed"] == stored["seed"] and again["arms"][0]["weight"] == 2


def test_pictures_and_picks_are_chosen(signed_in: FlaskClient, story: Story) -> None:
    number = campaign(story, None)
    url = f"/console/campaigns/{number}/edit/experiment"
    signed_in.post(url, data={"factor": "slot", "version": "0"})
    assert "always “snow”" in page(signed_in, url)
    arms = {"arm.0.name": "Weather", "arm.1.name": "Snow", "arm.1.value": "hero:snow"}
    signed_in.post(url, data={"factor": "slot", "version": "1", **arms})
    with story.runtime.db.transaction() as session:
        stored = session.get_one(Campaign, number).experiment
    assert stored is not None and stored["arms"][1]["value"]["rules"] == []
    html = page(signed_in, url)
    assert re.search(r'value="hero:snow" selected', html)
    picks = {"arm.0.name": "All", "arm.1.name": "Best", "arm.1.value": '{"strategy": "best_sellers"}'}
    signed_in.post(url, data={"factor": "picks", "version": "2"})
    signed_in.post(url, data={"factor": "picks", "version": "3", **picks})
    with story.runtime.db.transaction() as session:
        stored = session.get_one(Campaign, number).experiment
    assert stored is not None and stored["arms"][1]["value"] == {"strategy": "best_sellers"}
    signed_in.post(url, data={"factor": "", "version": "4"})
    with story.runtime.db.transaction() as session:
        assert session.get_one(Campaign, number).experiment is None
