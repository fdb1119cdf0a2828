"""The console says in words why somebody is not mailed, and what kind of campaign it is."""

from __future__ import annotations

from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from campaigns.audience.contact import MARKETING, REPERMISSION
from campaigns.audience.verdict import ERASED, HELD_BACK_REASONS
from campaigns.audience.wall_times import TIME_PASSED
from campaigns.models import Campaign
from tests.web.web_story import Story
from web.console.wording import CAMPAIGN_KINDS, HELD_BACK_WORDS


def test_every_reason_and_every_kind_has_words() -> None:
    assert set(HELD_BACK_WORDS) == {*HELD_BACK_REASONS, ERASED, TIME_PASSED, "holdout"}
    assert set(CAMPAIGN_KINDS) == {MARKETING, REPERMISSION}


def test_a_campaign_tells_its_topic_its_kind_and_who_is_held_back(
    signed_in: FlaskClient, story: Story, request: pytest.FixtureRequest
) -> None:
    changed = {"topic": "Garden <news>", "kind": REPERMISSION}
    with story.runtime.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == story.draft).values(**changed))

    def as_before() -> None:
        with story.runtime.db.transaction() as session:
            session.execute(
                update(Campaign).where(Campaign.id == story.draft).values(topic="", kind=MARKETING)
            )

    request.addfinalizer(as_before)
    html = signed_in.get(f"/console/campaigns/{story.draft}").get_data(as_text=True)
    assert "Garden <news>" in unescape(html) and "Garden <news>" not in html
    assert CAMPAIGN_KINDS[REPERMISSION] in html
    assert HELD_BACK_WORDS["not_asked"] in html and HELD_BACK_WORDS["withdrawn"] in html
