"""The console in Chromium: from the one-time link to the report, and the bar that moves by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from web_chromium import IN_CHROMIUM, keep_inside
from web_story import NAME, PASSWORD, Story, description, picture

from campaigns.delivery.capture import list_captured

pytestmark = IN_CHROMIUM


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh window of a computer's size. What the console's own pages violate fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    keep_inside(context)
    page = context.new_page()
    crashes: list[str] = []
    page.on("pageerror", lambda error: crashes.append(str(error)))
    yield page
    context.close()
    assert crashes == []


def sign_in(tab: Page, link: str) -> None:
    tab.goto(link)
    tab.get_by_label("Your name").fill(NAME)
    tab.get_by_label("Password", exact=True).fill(PASSWORD)
    tab.get_by_label("The same again").fill(PASSWORD)
    tab.get_by_role("button", name="Open the console").click()
    expect(tab.get_by_role("heading", name="Campaigns")).to_be_visible()


def preview_in(tab: Page, weather: str) -> str:
    """Choose a weather and look; returns the address of the picture that the framed mail really shows."""
    tab.get_by_label("Weather").select_option(weather)
    tab.get_by_role("button", name="Show").click()
    expect(tab.locator("#shown[aria-busy=false] .sky-here")).to_contain_text(weather)
    shown = tab.frame_locator(".frame-phone").get_by_alt_text("Something made for the weather out there")
    expect(shown).to_be_visible()
    tab.wait_for_function(
        "url => Array.from(document.images).some(i => i.src.endsWith(url) && i.naturalWidth > 0)",
        arg=tab.locator('[data-slot="hero"]').get_attribute("src"),
    )
    return shown.get_attribute("src") or ""


def test_from_the_first_link_to_the_report(tab: Page, live: str, story: Story, first_link: str) -> None:
    sign_in(tab, first_link)
    expect(tab.get_by_role("status")).to_contain_text(f"Welcome, {NAME}")
    # By its address: other tests have made so many campaigns that it may not be on the first page any more.
    tab.goto(f"{live}/console/campaigns/{story.sent}")
    expect(tab.get_by_role("heading", name="Autumn on the trail")).to_be_visible()
    tab.get_by_role("link", name="Preview").click()
    snow, rain = preview_in(tab, "snow"), preview_in(tab, "rain")
    assert snow != rain
    assert snow.startswith(f"{live}/i/")
    expect(tab.frame_locator(".frame-wide").get_by_role("heading").first).to_be_visible()
    tab.get_by_role("link", name="Autumn on the trail").click()
    tab.get_by_role("link", name="Report", exact=True).click()
    sent = story.runtime.reporting.report(story.sent).sent
    expect(tab.locator('[data-step="sent"]')).to_have_text(str(sent))


@pytest.mark.parametrize("width", [375, 1280])
def test_no_page_is_wider_than_the_screen(
    tab: Page, live: str, story: Story, first_link: str, width: int
) -> None:
    sign_in(tab, first_link)
    tab.set_viewport_size({"width": width, "height": 800})
    number = story.sent
    mail = list_captured(story.runtime.settings.captured_mail, limit=1)[0].message_id.strip("<>")
    pages = (
        "/console/", f"/console/outbox/{mail}", f"/console/campaigns/{number}", f"/console/campaigns/{number}/preview",
        f"/console/campaigns/{number}/report", "/console/outbox", "/console/campaigns/999",
        f"/p/{story.token('preferences', 3, 3)}", f"/u/{story.token('unsubscribe', 3, 3)}", "/c/x",
    )  # fmt: skip
    for path in pages:
        tab.goto(live + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path


def test_progress_moves_by_itself(tab: Page, live: str, story: Story, first_link: str) -> None:
    runtime = story.runtime
    pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
    number = runtime.campaigns.create(description("Watched"), pictures)
    sign_in(tab, first_link)
    tab.goto(f"{live}/console/campaigns/{number}")
    tab.get_by_role("button", name="Approve").click()
    tab.get_by_role("button", name="Send now").click()
    expect(tab.locator(".status").first).to_have_text("Preparing")
    planned = runtime.sending.plan(number)
    expect(tab.locator(".status").first).to_have_text("Sending", timeout=5000)
    expect(tab.locator('[data-n="open"]')).to_have_text(str(planned))
    tab.get_by_role("button", name="Pause").click()
    expect(tab.locator(".status").first).to_have_text("Paused")
    tab.get_by_role("button", name="Resume").click()
    while runtime.sending.send_batch(number).claimed:
        pass
    expect(tab.locator(".status").first).to_have_text("Sent", timeout=5000)
    expect(tab.locator('[data-n="sent"]')).to_have_text(str(planned))


def test_the_keyboard_is_enough_and_its_focus_is_seen(tab: Page, live: str, first_link: str) -> None:
    sign_in(tab, first_link)
    tab.goto(f"{live}/console/")
    tab.keyboard.press("Tab")
    expect(tab.get_by_text("To the content")).to_be_focused()
    expect(tab.get_by_text("To the content")).to_be_in_viewport()
    for _ in range(4):
        tab.keyboard.press("Tab")
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"


def test_unsubscribing_without_javascript(browser: Browser, live: str, story: Story) -> None:
    ref = story.take()
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{live}/u/{story.token('unsubscribe', ref.customer_id, ref.send_id)}")
    tab.get_by_role("button").click()
    expect(tab.locator(".done")).to_be_visible()
    assert "marketing" not in story.granted(ref.customer_id)
    assert context.cookies() == []
    tab.goto(f"{live}/p/{story.token('preferences', ref.customer_id, ref.send_id)}")
    tab.get_by_role("checkbox").first.check()
    tab.get_by_role("button").first.click()
    expect(tab.get_by_role("status")).to_be_visible()
    assert "marketing" in story.granted(ref.customer_id)
    context.close()
