"""Pictures: 200 with a picture and without a cookie; whatever else may be asked is in test_web_opens_anything.py."""

from __future__ import annotations

import hashlib
import io
from typing import NoReturn

import pytest
from flask.testing import FlaskClient
from PIL import Image
from web_story import COLOURS, Story, picture
from werkzeug.test import TestResponse

from campaigns.compose.links import PIXEL_SLOT
from campaigns.core.errors import ServiceUnavailable

NEUTRAL = hashlib.sha256(picture(COLOURS["neutral"])).hexdigest()


def assert_picture(response: TestResponse) -> None:
    assert response.status_code == 200
    assert response.content_type in ("image/png", "image/jpeg", "image/gif")
    assert int(response.headers["Content-Length"]) == len(response.data) > 0
    Image.open(io.BytesIO(response.data)).verify()
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


def test_every_extension_and_none_lead_to_the_same_picture(client: FlaskClient, story: Story) -> None:
    token = story.token("open", story.take().send_id, 0)
    bodies = {client.get(f"/o/{token}{end}").data for end in ("", ".jpg", ".png", ".GIF")}
    assert len(bodies) == 1
    assert hashlib.sha256(bodies.pop()).hexdigest() == NEUTRAL


def test_head_tells_the_length_and_sends_no_body(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    url = f"/o/{story.token('open', ref.send_id, 0)}.jpg"
    head = client.head(url)
    assert story.events("opened", ref.send_id) == [], "who only asks about a picture has not opened it"
    got = client.get(url)
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


def test_a_hosted_picture_that_cannot_be_read_now_is_asked_for_again(
    client: FlaskClient, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(sha256: str) -> NoReturn:
        raise ServiceUnavailable("PostgreSQL", "refused")

    monkeypatch.setattr(story.runtime.gallery, "hosted", away)
    response = client.get(f"/i/{NEUTRAL}.jpg")
    assert (response.status_code, response.headers["Cache-Control"]) == (503, "no-store")
    assert int(response.headers["Retry-After"]) > 0, "providers keep a 404 for weeks"
    assert "Set-Cookie" not in response.headers


def test_even_the_bare_address_is_a_picture(client: FlaskClient) -> None:
    assert_picture(client.get("/o"))
    assert_picture(client.get("/o/"))
