"""The preference centre in Chromium: with and without JavaScript, by keyboard, for a phone, and what axe finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text
from web_chromium import IN_CHROMIUM, keep_inside
from web_story import COLOURS, Story, description, picture

from campaigns.compose.links import SendRef
from campaigns.models import Customer, Send
from web.public.words import LANGUAGES, words_for

TOPIC = "ninety words for snow, explained by those who shovel it"
pytestmark = IN_CHROMIUM


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of a computer's size, with scripts or without."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, java_script_enabled=request.param, accept_downloads=True
    )
    keep_inside(context)
    yield context.new_page()
    assert context.cookies() == []
    context.close()


@pytest.fixture
def topic(story: Story) -> Iterator[str]:
    """The sent campaign is about something."""
    for words in (TOPIC, ""):
        with story.runtime.db.transaction() as session:
            session.execute(
                text("update campaigns set topic = :topic where id = :id"), {"topic": words, "id": story.sent}
            )
        if words:
            yield words


def english(story: Story) -> SendRef:
    """A mail that no other test has taken, of somebody who is written to in English."""
    ref = story.take()
    with story.runtime.db.transaction() as session:
        session.get_one(Customer, ref.customer_id).locale = "en"
    return ref


def path(story: Story, ref: SendRef) -> str:
    return f"/p/{story.token('preferences', ref.customer_id, ref.send_id)}"


def test_everything_can_be_chosen(tab: Page, live: str, story: Story, topic: str) -> None:
    ref = english(story)
    tab.goto(live + path(story, ref))
    boxes = tab.get_by_role("group", name="What you agree to").get_by_role("checkbox")
    expect(boxes).to_have_count(4)
    for number in range(4):
        boxes.nth(number).set_checked(number in (0, 3))
    tab.get_by_label("Once a month at most").check()
    tab.get_by_label("No mails for 90 days").check()
    tab.get_by_label(topic).uncheck()
    tab.get_by_role("button", name="Save my choices").click()
    expect(tab.get_by_role("status")).to_contain_text("Saved")
    assert tab.title() == "Saved · Your choices"
    chosen = story.runtime.preferences.of(path(story, ref)[3:])
    assert chosen.granted == {"marketing", "open_location"}
    assert chosen.wishes.frequency == "monthly" and chosen.wishes.muted_topics == {topic}
    assert chosen.wishes.paused_until is not None
    assert chosen.wishes.paused_until - story.runtime.clock.now() > timedelta(days=89)
    expect(tab.get_by_label("Once a month at most")).to_be_checked()
    expect(tab.get_by_label(topic)).not_to_be_checked()
    tab.get_by_label("Go on with mails now").check()
    tab.get_by_role("button", name="Save my choices").click()
    expect(tab.get_by_label("No break")).to_be_checked()
    tab.get_by_role("button", name="Unsubscribe from all").click()
    expect(tab.get_by_text("You get no marketing mails from us")).to_be_visible()
    assert story.granted(ref.customer_id) == frozenset()


def test_why_and_ones_data(tab: Page, live: str, story: Story) -> None:
    ref = english(story)
    tab.goto(live + path(story, ref))
    told = story.runtime.preferences.why(path(story, ref)[3:])
    assert told is not None
    expect(tab.get_by_text(told.wording)).to_be_hidden()
    tab.get_by_text("Why did I get this mail?").click()
    expect(tab.get_by_text(told.wording)).to_be_visible()
    for pick in told.picks:
        expect(tab.get_by_text(pick.title).first).to_be_visible()
    tab.get_by_role("button", name="Download my data").click()
    expect(tab.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    tab.get_by_role("link", name="Back to your choices").click()
    expect(tab.get_by_role("heading", name="Your choices")).to_be_visible()
    ends = int(story.runtime.clock.now().timestamp()) + 600
    tab.goto(f"{live}/p/data/{story.runtime.signer.sign('own-data-export', ref.customer_id, ends)}")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "customer.json"
    tab.goto(f"{live}/p/erase/{story.runtime.signer.sign('own-data-erasure', ref.customer_id, ends)}")
    tab.get_by_role("button", name="Erase me for good").click()
    expect(tab.get_by_role("heading", name="You are erased")).to_be_visible()
    assert story.runtime.preferences.of(path(story, ref)[3:]).gone


def test_the_keyboard_is_enough_and_its_focus_is_seen(
    browser: Browser, live: str, story: Story, topic: str
) -> None:
    ref = english(story)
    tab = browser.new_page()
    tab.goto(live + path(story, ref))
    names, outlines = [], []
    for _ in range(12):
        tab.keyboard.press("Tab")
        names.append(
            tab.evaluate(
                "(e => e.name ? e.name + '=' + e.value : e.tagName.toLowerCase())(document.activeElement)"
            )
        )
        # The row of a box carries its outline; everything else carries its own.
        outlines.append(
            tab.evaluate(
                "(e => getComputedStyle(e.closest('.choice') || e).outlineStyle)(document.activeElement)"
            )
        )
    assert names == [
        "purpose=marketing", "purpose=profiling", "purpose=open_tracking", "purpose=open_location",
        "frequency=all", "pause=keep", f"topic={topic}", "action=save", "action=none", "summary",
        "action=export", "action=erase",
    ]  # fmt: skip
    assert set(outlines) == {"solid"}
    granted = "profiling" in story.granted(ref.customer_id)
    tab.goto(live + path(story, ref))
    for _ in range(2):
        tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status")).to_be_visible()
    assert ("profiling" in story.granted(ref.customer_id)) is not granted
    tab.close()


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    browser: Browser, live: str, story: Story, topic: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    ref = english(story)
    ends = int(story.runtime.clock.now().timestamp()) + 600
    sign = story.runtime.signer.sign
    pages = {
        "choices": path(story, ref),
        "without a mail": f"/p/{story.token('preferences', ref.customer_id, 0)}",
        "download": f"/p/data/{sign('own-data-export', ref.customer_id, ends)}",
        "expired": f"/p/data/{sign('own-data-export', ref.customer_id, 1)}",
        "erase": f"/p/erase/{sign('own-data-erasure', ref.customer_id, ends)}",
        "nobody": f"/p/{story.token('preferences', 999_999, 0)}",
        "forged": "/p/forged",
    }
    # axe is a script of its own, which the pages' policy would not let in.
    context = browser.new_context(
        color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 800}
    )
    tab = context.new_page()
    for name, where in pages.items():
        tab.goto(live + where)
        _fine(tab, width, name)
    tab.goto(live + pages["choices"])
    tab.get_by_role("button", name="Save my choices").click()
    tab.locator("summary").click()
    _fine(tab, width, "saved")
    tab.get_by_role("button", name="Erase me").click()
    _fine(tab, width, "asked")
    context.close()


def _fine(tab: Page, width: int, where: str) -> None:
    found = Axe().run(tab).response["violations"]
    assert found == [], (where, [(rule["id"], rule["nodes"][0]["html"]) for rule in found])
    assert tab.evaluate("document.documentElement.scrollWidth") <= width, where


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_fits_a_phone_and_says_which_it_is(
    browser: Browser, live: str, story: Story, topic: str, language: str
) -> None:
    ref = story.take()
    with story.runtime.db.transaction() as session:
        session.get_one(Customer, ref.customer_id).locale = language
    tab = browser.new_page(viewport={"width": 375, "height": 800})
    tab.goto(live + path(story, ref))
    tab.locator("summary").click()
    words = words_for(language)
    expect(tab.get_by_role("heading", level=1)).to_have_text(words["preferences_title"])
    assert tab.locator("html").get_attribute("lang") == ("nb" if language == "no" else language)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 375
    shown = tab.locator("main").inner_text()
    for key in (
        "agree_heading",
        "often_heading",
        "pause_heading",
        "topics_heading",
        "why_heading",
        "data_heading",
    ):
        assert words[key] in shown
    tab.close()


def test_a_choice_stops_mail_that_is_planned_already(live: str, story: Story, browser: Browser) -> None:
    runtime = story.runtime
    number = runtime.campaigns.create(
        description("Overtaken"), {name: picture(colour) for name, colour in COLOURS.items()}
    )
    runtime.campaigns.approve(number, by="a test")
    runtime.campaigns.send(number, by="a test")
    runtime.sending.plan(number)
    ref = english(story)
    tab = browser.new_page()
    tab.goto(live + path(story, ref))
    tab.get_by_label("No mails for 30 days").check()
    tab.get_by_role("button", name="Save my choices").click()
    expect(tab.get_by_role("status")).to_be_visible()
    tab.close()
    while runtime.sending.send_batch(number).claimed:
        pass
    with runtime.db.transaction() as session:
        send = session.query(Send).filter_by(campaign_id=number, customer_id=ref.customer_id).one()
        others = session.query(Send).filter_by(campaign_id=number, status="sent").count()
    assert (send.status, send.reason) == ("held_back", "paused")
    assert others > 50
