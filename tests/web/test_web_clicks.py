"""Clicks go where the database says; what is forged or gone looks the same."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from web_story import Story

from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT


def test_a_click_leads_on_and_is_recorded(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    for kind in (CLICK_CALL_TO_ACTION, CLICK_SLOT, CLICK_PICK):
        response = client.get(f"/c/{story.token('click', ref.send_id, kind, 0)}")
        assert response.status_code == 302
        assert response.headers["Location"].startswith("https://fjellandfern.example/")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in response.headers
    places = {event.detail["place"] for event in story.events("clicked", ref.send_id)}
    assert places == {"pick", "slot", "call_to_action"}


def test_nothing_in_the_address_changes_the_target(client: FlaskClient, story: Story) -> None:
    url = f"/c/{story.token('click', story.take().send_id, CLICK_CALL_TO_ACTION, 0)}"
    headers = {"X-Forwarded-Host": "evil.example", "Host": "evil.example"}
    answer = client.get(f"{url}?url=https://evil.example&next=//evil.example", headers=headers)
    assert answer.headers["Location"] == "https://fjellandfern.example/autumn"


def test_forged_gone_and_unknown_look_the_same(client: FlaskClient, story: Story) -> None:
    good = story.token("click", story.take().send_id, CLICK_CALL_TO_ACTION, 0)
    urls = {
        "forged": f"/c/{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        "another kind": f"/c/{story.token('open', 3, 0)}",
        "gone": f"/c/{story.runtime.signer.sign('click', 999_999, 999_999, CLICK_CALL_TO_ACTION, 0)}",
        "never was": "/nothing/here",
    }
    pages = {}
    for name, url in urls.items():
        response = client.get(url)
        assert response.status_code == 404, name
        pages[name] = re.sub(r"<code>.*?</code>", "", response.get_data(as_text=True))
    assert len(set(pages.values())) == 1


def test_the_friendly_page_speaks_the_browsers_language(client: FlaskClient) -> None:
    answer = client.get("/c/x", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.1"})
    assert "Dieser Link führt ins Leere" in answer.get_data(as_text=True)
