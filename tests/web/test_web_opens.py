"""Pictures: whatever is asked, 200 with a picture and without a cookie."""

from __future__ import annotations

import hashlib
import io
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from web_story import COLOURS, Story, picture
from werkzeug.test import TestResponse

from campaigns.compose.links import PIXEL_SLOT

HEADER_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=80
)
NEUTRAL = hashlib.sha256(picture(COLOURS["neutral"])).hexdigest()


def assert_picture(response: TestResponse) -> None:
    assert response.status_code == 200
    assert response.content_type in ("image/png", "image/jpeg", "image/gif")
    assert int(response.headers["Content-Length"]) == len(response.data) > 0
    Image.open(io.BytesIO(response.data)).verify()
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.one_of(
        st.text(max_size=60), st.sampled_from(["", "/", "//", "../healthz", "a/b.png", "%00.gif", ".png"])
    ),
    agent=HEADER_TEXT,
    forwarded=HEADER_TEXT,
)
def test_any_request_is_answered_with_a_picture(app: Flask, path: str, agent: str, forwarded: str) -> None:
    headers = {"User-Agent": agent, "X-Forwarded-For": forwarded}
    path = path.encode("utf-8", "replace").decode()
    assert_picture(app.test_client().get(f"/o/{quote(path)}", headers=headers))


def test_every_extension_and_none_lead_to_the_same_picture(client: FlaskClient, story: Story) -> None:
    token = story.token("open", story.take().send_id, 0)
    bodies = {client.get(f"/o/{token}{end}").data for end in ("", ".jpg", ".png", ".GIF")}
    assert len(bodies) == 1
    assert hashlib.sha256(bodies.pop()).hexdigest() == NEUTRAL


def test_head_tells_the_length_and_sends_no_body(client: FlaskClient, story: Story) -> None:
    url = f"/o/{story.token('open', story.take().send_id, 0)}.jpg"
    head, got = client.head(url), client.get(url)
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.content_type == got.content_type == "image/jpeg"


def test_a_personal_picture_is_never_cached_and_recorded_once(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    for _ in range(3):
        response = client.get(
            f"/o/{story.token('open', ref.send_id, 0)}.jpg", headers={"User-Agent": "Thunderbird"}
        )
    assert (
        "no-cache" in response.headers["Cache-Control"] and "max-age=0" in response.headers["Cache-Control"]
    )
    assert len(story.events("opened", ref.send_id)) == 1


def test_the_pixel_is_a_gif(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    response = client.get(f"/o/{story.token('open', ref.send_id, PIXEL_SLOT)}.gif")
    assert_picture(response)
    assert response.content_type == "image/gif"


def test_an_anonymous_picture_records_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.sends(tracked=False)[0]
    response = client.get(f"/o/{story.token('open-anon', ref.campaign_id, 0)}.jpg")
    assert_picture(response)
    assert story.events("opened", ref.send_id) == []


def test_a_session_of_the_console_is_not_touched(signed_in: FlaskClient) -> None:
    assert_picture(signed_in.get("/o/whatever.png"))


def test_hosted_pictures_never_change(client: FlaskClient) -> None:
    response = client.get(f"/i/{NEUTRAL}.jpg")
    assert_picture(response)
    assert hashlib.sha256(response.data).hexdigest() == NEUTRAL
    assert "immutable" in response.headers["Cache-Control"]


def test_an_unknown_hosted_picture_is_not_found(client: FlaskClient) -> None:
    for name in ("0" * 64 + ".jpg", "short.jpg", NEUTRAL, f"{NEUTRAL.upper()}.jpg", "..", f"{NEUTRAL}."):
        assert client.get(f"/i/{name}").status_code == 404, name


def test_even_the_bare_address_is_a_picture(client: FlaskClient) -> None:
    assert_picture(client.get("/o"))
    assert_picture(client.get("/o/"))
