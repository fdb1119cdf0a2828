"""The builder in a browser: counts follow what one types, by mouse and by keyboard, and all of it without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from web_chromium import IN_CHROMIUM, keep_inside, serving
from web_story import CUSTOMERS, NAME, PASSWORD, Story

from web.app import create_app
from web.console.users import ensure_admin

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def origin(story: Story) -> Iterator[str]:
    """The console on a socket."""
    story.runtime.redis.flushdb()
    port = int(story.runtime.settings.public_url.rpartition(":")[2])
    with serving(create_app(story.runtime), port):
        yield story.runtime.settings.public_url


@pytest.fixture
def page(browser: Browser, origin: str, story: Story, first_link: str) -> Iterator[Page]:
    """A page of somebody who may do everything; whatever a script complains of fails the test."""
    yield from _signed_in(browser, origin, ensure_admin(story.runtime) or first_link, scripts=True)


@pytest.fixture
def plain_page(browser: Browser, origin: str, story: Story, first_link: str) -> Iterator[Page]:
    """The same in a browser that runs no scripts."""
    yield from _signed_in(browser, origin, ensure_admin(story.runtime) or first_link, scripts=False)


def _signed_in(browser: Browser, origin: str, link: str, scripts: bool) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(java_script_enabled=scripts)
    keep_inside(context)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    page.goto(link)
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Open the console").click()
    page.wait_for_url(f"{origin}/console/")
    page.goto(f"{origin}/console/segments/new")
    yield page
    context.close()
    assert not wrong


def _fits(page: Page) -> str:
    return page.locator("[data-count-panel] dd").first.inner_text()


def test_counts_follow_what_is_typed(page: Page, story: Story) -> None:
    everybody = story.runtime.segment_counts.exact({}).n
    expect(page.locator("[data-count-panel] dd").first).to_have_text(str(everybody))
    page.get_by_role("checkbox", name="Norway").check()
    expect(page.locator("[data-count-panel] dd").first).not_to_have_text(str(everybody))
    norwegians = story.runtime.segment_counts.exact({"country": "NO"}).n
    expect(page.locator("[data-count-panel] dd").first).to_have_text(str(norwegians))
    expect(page.locator("[data-count-panel] .people li")).to_have_count(min(10, norwegians))
    expect(page.get_by_role("button", name="Count", exact=True)).to_have_count(0)
    # By the keyboard alone: a second rule, whose first field has the focus.
    page.get_by_role("button", name="Add a rule").press("Enter")
    about = page.get_by_label("What rule 2 is about")
    expect(about).to_be_focused()
    about.select_option("orders")
    page.get_by_label("At least").fill("100")
    expect(page.locator("[data-count-panel] dd").first).to_have_text("0")
    expect(page.locator(".count-bar")).to_contain_text("In the segment: 0")
    page.get_by_role("button", name="Remove rule 2").press("Enter")
    expect(page.locator("[data-count-panel] dd").first).to_have_text(str(norwegians))
    expect(page.get_by_role("button", name="Add a rule")).to_be_focused()
    page.get_by_label("Name of the segment").fill("By keyboard")
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")


def test_the_same_without_scripts(plain_page: Page) -> None:
    page = plain_page
    page.get_by_label("What rule 1 is about").select_option("tag")
    page.get_by_role("button", name="Show its fields").click()
    page.get_by_role("button", name="Add a group").click()
    page.get_by_label("What rule 1 is about").nth(1).select_option("not_bought")
    page.get_by_role("button", name="Show its fields").nth(1).click()
    page.get_by_role("button", name="Remove rule 1").first.click()
    page.get_by_role("button", name="Count", exact=True).last.click()
    assert int(_fits(page)) < CUSTOMERS
