"""The preference page and the mail in a browser."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from web_story import Story

from campaigns.compose.links import SendRef
from campaigns.models import PURPOSES, ConsentEntry
from web.public.words import _PURPOSES, _WORDS, purposes_in


def url(story: Story, ref: SendRef) -> str:
    return f"/p/{story.token('preferences', ref.customer_id, ref.send_id)}"


def ticked(page: str) -> set[str]:
    return set(re.findall(r'value="(\w+)" checked', page))


def test_the_page_shows_what_holds_and_changes_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    before = story.granted(ref.customer_id)
    page = client.get(url(story, ref)).get_data(as_text=True)
    assert ticked(page) == before
    assert story.granted(ref.customer_id) == before
    assert "@" not in page  # A forwarded mail must not show whose it was.


def test_saving_makes_exactly_the_ticked_purposes_hold(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    for wanted in ({"marketing"}, {"profiling", "open_tracking"}, set(PURPOSES)):
        response = client.post(url(story, ref), data={"action": "save", "purpose": sorted(wanted)})
        assert response.status_code == 200
        assert story.granted(ref.customer_id) == wanted == ticked(response.get_data(as_text=True))


def test_a_grant_keeps_the_words_that_were_agreed_to(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    client.post(url(story, ref), data={"action": "none"})
    client.post(url(story, ref), data={"action": "save", "purpose": "profiling"})
    language = story.runtime.feedback.preferences(url(story, ref)[3:]).language
    with story.runtime.db.transaction() as session:
        entry = session.scalars(
            select(ConsentEntry)
            .where(ConsentEntry.customer_id == ref.customer_id, ConsentEntry.source == "preference page")
            .order_by(ConsentEntry.id.desc())
        ).first()
    assert entry and entry.action == "granted" and entry.purpose == "profiling"
    assert entry.wording == ": ".join(purposes_in(language)["profiling"])


def test_one_button_withdraws_everything(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    client.post(url(story, ref), data={"action": "none", "purpose": "marketing"})
    assert story.granted(ref.customer_id) == frozenset()
    assert len(story.events("unsubscribed", ref.send_id)) == 1


def test_what_the_page_does_not_offer_grants_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    assert client.post(url(story, ref), data={"purpose": ["marketing", "everything"]}).status_code == 200
    assert story.granted(ref.customer_id) == {"marketing"}


def test_only_its_own_kind_of_token_opens_it(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    wrong = f"/p/{story.token('unsubscribe', ref.customer_id, ref.send_id)}"
    assert client.get(wrong).status_code == 404
    assert client.post(wrong, data={"action": "none"}).status_code == 404
    assert "marketing" in story.granted(ref.customer_id)


@pytest.mark.parametrize("language", _WORDS)
def test_every_language_says_everything(language: str) -> None:
    assert _WORDS[language].keys() == _WORDS["en"].keys()
    assert all(text.strip() for text in _WORDS[language].values())
    assert len(_PURPOSES[language]) == len(PURPOSES)


def test_the_mail_in_a_browser_runs_nothing_and_counts_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    response = client.get(f"/v/{story.token('view', ref.send_id)}")
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "Fjell &amp; Fern" in html
    assert "/o/" not in html and "/i/" in html
    assert "script-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert client.get("/v/forged").status_code == 404
