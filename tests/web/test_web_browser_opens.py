"""One mail in Chromium, opened in rain, in snow, at night and after withdrawing: four pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from opens_world import HOME, World
from PIL import Image, ImageColor
from playwright.sync_api import Page
from sqlalchemy import text
from web_chromium import IN_CHROMIUM, chromium, keep_inside, serving
from web_story import COLOURS, Story

from campaigns.compose.links import SendRef
from campaigns.opentime.weather.weather import Condition, Weather
from web.app import create_app

pytestmark = IN_CHROMIUM
NIGHT = "midnightblue"
AT_NIGHT = {
    "name": "night",
    "when": {"daylight": "night", "weather": ["clear"]},
    "picture": "night",
    "link": "https://fjellandfern.example/p/LMP-01",
}
PURPOSES = ("marketing", "open_tracking")


@pytest.fixture
def world(story: Story, tmp_path: Path) -> Iterator[World]:
    """On a real socket, at the public address that mails name."""
    world = World(story, tmp_path)
    port = int(world.runtime.settings.public_url.rpartition(":")[2])
    with serving(create_app(world.runtime), port):
        yield world
    world.close()


@pytest.fixture
def mail(world: World, story: Story) -> tuple[SendRef, str]:
    """A mail as it was handed over, to somebody at home who may be measured: which, and its HTML."""
    ref = story.take()
    world.lives_at_home(ref, *PURPOSES)
    runtime = world.runtime
    with runtime.db.transaction() as session:
        session.execute(
            text("update customers set tags = array_append(tags, 'watched') where id = :id"),
            {"id": ref.customer_id},
        )
    campaign = world.campaign("Opened four times", {"tag": "watched"}, [AT_NIGHT], night=NIGHT)
    runtime.campaigns.approve(campaign, by="a test")
    runtime.campaigns.send(campaign, by="a test")
    runtime.sending.plan(campaign)
    while runtime.sending.send_batch(campaign).claimed:
        pass
    (file,) = runtime.settings.captured_mail.rglob("*.eml")
    body = message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("html",))
    assert body is not None
    with runtime.db.transaction() as session:
        (send,) = session.scalars(
            text("select id from sends where campaign_id = :id and tracked"), {"id": campaign}
        )
    return SendRef(send, campaign, ref.customer_id, True), body.get_content()


def opened(page: Page, html: str, width: int, keep: Path) -> tuple[int, int, int]:
    """The colour in the middle of the picture that the opened mail shows on a screen of this width."""
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(html, wait_until="networkidle")
    shown = page.get_by_alt_text("Something made for the weather out there")
    assert shown.evaluate("image => [image.complete, image.naturalWidth, image.naturalHeight]") == [
        True, 1200, 600,
    ]  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=keep, full_page=True)
    with Image.open(io.BytesIO(shown.screenshot())) as picture:
        assert picture.width > 0.8 * min(width, 600)
        colour = picture.convert("RGB").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(colour, tuple)
    return colour[0], colour[1], colour[2]


def is_close(colour: tuple[int, int, int], name: str) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(colour, ImageColor.getrgb(name)[:3], strict=True))


def test_one_mail_opened_four_times_shows_four_pictures(
    world: World, mail: tuple[SendRef, str], tmp_path: Path
) -> None:
    ref, html = mail
    begin = world.clock.moment

    def under(weather: Condition, when: datetime, expected: str) -> None:
        world.clock.moment = when
        world.weather[HOME] = Weather(weather)
        for width in (375, 1280):
            # A page of its own: within one page Chromium shows a picture again without asking.
            page = context.new_page()
            keep = tmp_path / f"{expected}-{width}.png"
            assert is_close(opened(page, html, width, keep), expected), (expected, width)
            page.close()

    with chromium() as browser:
        context = browser.new_context()
        keep_inside(context)
        # Each a day later, so that nobody goes by the weather of the day before.
        under(Condition.RAIN, begin + timedelta(days=1), COLOURS["rain"])
        under(Condition.SNOW, begin + timedelta(days=2), COLOURS["snow"])
        under(Condition.CLEAR, begin + timedelta(days=3, hours=9), NIGHT)
        world.allows(ref, "marketing")
        under(Condition.SNOW, begin + timedelta(days=4), COLOURS["neutral"])
        assert context.cookies() == []
