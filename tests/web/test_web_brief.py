"""The brief on a campaign's page."""

from __future__ import annotations

from flask.testing import FlaskClient
from web_story import Story, description, picture

from web.console.wording import brief_words


def test_a_campaign_tells_the_brief_that_it_was_made_from(signed_in: FlaskClient, story: Story) -> None:
    raw = description("From a kept brief")
    voice = {"tone": "Warm", "good": ["Rain is coming. Good."], "avoid": ["epic", "ultimate"]}
    offer = {"amount": {"amount": 10, "currency": "EUR"}}
    story.runtime.briefs.save("on-a-page", {**raw["brief"], "voice": voice, "offer": offer}, "ada")
    pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
    kept = story.runtime.campaigns.create({**raw, "brief": "on-a-page@1"}, pictures)

    html = signed_in.get(f"/console/campaigns/{kept}").get_data(as_text=True)
    assert "<dd>on-a-page, version 1</dd>" in html
    for phrase in ("tone Warm", "good Rain is coming. Good.", "avoid epic; ultimate", "amount 10.00 EUR"):
        assert phrase in html
    html = signed_in.get(f"/console/campaigns/{story.draft}").get_data(as_text=True)
    assert "Kept as" not in html and "tone Warm and plain" in html


def test_a_field_of_a_brief_in_words() -> None:
    assert brief_words({"tone": "Dry", "good": [], "code": None, "emoji": 0}) == "tone Dry, emoji 0"
    assert brief_words([{"en": "Repairs"}, {"de": "Reparatur"}]) == "en Repairs; de Reparatur"
    assert brief_words("plain") == "plain"
