"""Unsubscribing: GET asks, POST does, whatever the body; a forged link learns nothing (RFC 8058)."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from web_story import Story

from campaigns.compose.links import SendRef

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    "multipart/form-data; boundary=x",
)


def url(story: Story, ref: SendRef) -> str:
    return f"/u/{story.token('unsubscribe', ref.customer_id, ref.send_id)}"


def test_get_and_head_change_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    for _ in range(2):
        assert client.get(url(story, ref)).status_code == 200
        assert client.head(url(story, ref)).status_code == 200
    assert "marketing" in story.granted(ref.customer_id)
    assert story.events("unsubscribed", ref.send_id) == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        MULTIPART,
        (b"", ""),
        (b"\xff\x00 junk {", "application/json"),
        (b"not really multipart", "multipart/form-data; boundary=x"),
        (b"no boundary", "multipart/form-data"),
        (b"a=" + b"x" * 2_000_000, "application/x-www-form-urlencoded"),
    ],
    ids=["urlencoded", "multipart", "empty", "junk", "torn multipart", "no boundary", "too large"],
)
def test_post_unsubscribes_at_once(client: FlaskClient, story: Story, body: bytes, content_type: str) -> None:
    ref = story.take()
    response = client.post(url(story, ref), data=body, content_type=content_type)
    assert response.status_code == 200
    assert "Location" not in response.headers
    assert "Set-Cookie" not in response.headers
    assert "marketing" not in story.granted(ref.customer_id)
    assert [event.detail["source"] for event in story.events("unsubscribed", ref.send_id)] == [
        "one-click unsubscribe"
    ]


def test_post_twice_is_post_once(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    answers = [client.post(url(story, ref), data=ONE_CLICK) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len(story.events("unsubscribed", ref.send_id)) == 1


def test_the_button_of_the_page_is_told_apart(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    page = client.get(url(story, ref)).get_data(as_text=True)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page))
    assert fields["List-Unsubscribe"] == "One-Click"
    assert client.post(url(story, ref), data=fields).status_code == 200
    assert story.events("unsubscribed", ref.send_id)[0].detail["source"] == "unsubscribe page"


def test_the_next_campaign_leaves_that_customer_out(client: FlaskClient, story: Story) -> None:
    before = story.runtime.campaigns.show(story.draft)["audience_now"]["planned"]
    client.post(url(story, story.take()), data=ONE_CLICK)
    assert story.runtime.campaigns.show(story.draft)["audience_now"]["planned"] == before - 1


def test_a_forged_link_learns_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    good = url(story, ref)
    forged = [
        f"/u/{good[3:-1]}{'A' if good[-1] != 'A' else 'B'}",
        "/u/x",
        "/u/" + "A" * 5000,
        f"/u/{story.token('preferences', ref.customer_id, ref.send_id)}",
        f"/u/{story.token('open', ref.send_id, 0)}",
        f"/u/{story.runtime.signer.sign('unsubscribe', ref.customer_id)}",
    ]
    seen = set()
    for link in forged:
        for response in (client.get(link), client.post(link, data=ONE_CLICK)):
            assert response.status_code == 404, link
            seen.add(re.sub(r"<code>.*?</code>", "", response.get_data(as_text=True)))
    assert len(seen) == 1
    assert "marketing" in story.granted(ref.customer_id)


def test_a_customer_who_is_gone_is_answered_like_everybody(client: FlaskClient, story: Story) -> None:
    link = f"/u/{story.token('unsubscribe', 999_999, 999_999)}"
    assert client.get(link).status_code == 200
    assert client.post(link, data=ONE_CLICK).status_code == 200


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "Abmelden"), ("fr", "Me désabonner"), ("es", "Darme de baja"), ("ja", "Unsubscribe")],
)
def test_the_page_speaks_the_customers_language(
    client: FlaskClient, story: Story, language: str, words: str
) -> None:
    link = f"/u/{story.token('unsubscribe', story.speaking(language), 0)}"
    assert f"<button>{words}</button>" in client.get(link).get_data(as_text=True)


def test_other_methods_are_refused(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    assert client.put(url(story, ref)).status_code == 405
    assert client.delete(url(story, ref)).status_code == 405
    assert "marketing" in story.granted(ref.customer_id)
