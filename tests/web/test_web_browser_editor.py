"""The editor in Chromium: saves as one types, tells who was faster, lets rules be dragged, and works without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from web_chromium import IN_CHROMIUM, keep_inside, submit
from web_story import PASSWORD, Story, description, picture

pytestmark = IN_CHROMIUM


@pytest.fixture
def context(browser: Browser, live: str, first_link: str) -> Iterator[BrowserContext]:
    """Somebody who is signed in, on a phone's width."""
    context = browser.new_context(viewport={"width": 390, "height": 840})
    keep_inside(context)
    page = context.new_page()
    page.goto(first_link)
    page.get_by_label("Your name").fill("Ola")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("form button").last.click()
    page.wait_for_url(f"{live}/console/**")
    page.close()
    yield context
    context.close()


def editing(context: BrowserContext, live: str, number: int, step: str) -> Page:
    page = context.new_page()
    page.goto(f"{live}/console/campaigns/{number}/edit/{step}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
    return page


def test_it_saves_as_one_types_and_tells_what_is_wrong(
    context: BrowserContext, live: str, story: Story
) -> None:
    number = story.runtime.drafts.create("Typed", "Ola")
    page = editing(context, live, number, "picks")
    page.get_by_label("Products in each mail").fill("3")
    expect(page.locator("#saved")).to_contain_text(re.compile(r"Saved \d"))
    assert story.runtime.campaigns.show(number)["picks"] == 3
    page.get_by_label("Products in each mail").fill("33")
    problem = page.locator("[data-problem=picks]")
    expect(problem).to_contain_text("whole number from 0 to 12")
    assert page.locator("#picks").get_attribute("aria-invalid") == "true"
    assert "picks-problem" in (page.locator("#picks").get_attribute("aria-describedby") or "")
    assert story.runtime.campaigns.show(number)["picks"] == 3
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#faults")).to_be_focused()
    assert page.locator("#picks").input_value() == "33"


def test_the_second_is_told_while_typing(context: BrowserContext, live: str, story: Story) -> None:
    number = story.runtime.drafts.create("Two at once", "Ola")
    page = editing(context, live, number, "audience")
    kari = story.runtime.drafts.section(number, "audience")
    story.runtime.drafts.save(number, "audience", {**kari, "name": "Kari's name"}, "Kari")
    page.get_by_label("Name of the campaign").fill("Ola's name")
    expect(page.locator("#saved")).to_contain_text("Kari changed this step")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#overtaken")).to_contain_text("Kari's name")
    assert page.get_by_label("Name of the campaign").input_value() == "Ola's name"


def test_rules_are_dragged_and_pictures_go_up_at_once(
    context: BrowserContext, live: str, story: Story
) -> None:
    pictures = {"neutral": picture("green"), "rain": picture("blue"), "snow": picture("white")}
    number = story.runtime.campaigns.create(description("Dragged"), pictures)
    page = editing(context, live, number, "template")
    page.set_viewport_size({"width": 1280, "height": 900})

    def names() -> list[str]:
        return [rule["name"] for rule in story.runtime.campaigns.show(number)["slots"][0]["rules"]]

    assert names() == ["rain", "snow"]
    handle = page.locator("[data-handle]").nth(1)
    handle.scroll_into_view_if_needed()
    at = handle.bounding_box()
    assert at
    page.mouse.move(at["x"] + 12, at["y"] + 12)
    page.mouse.down()
    page.mouse.move(at["x"] + 18, at["y"] - 12, steps=4)
    page.wait_for_function("document.querySelector('.sorting')")
    first = "document.querySelector('.rule-item').classList.contains('dragged')"
    for nudge in range(40):
        to = page.locator(".rules").bounding_box()
        assert to
        page.mouse.move(to["x"] + 40 + nudge % 2, to["y"] + 8)
        if page.evaluate(first):
            break
        page.wait_for_timeout(50)
    page.mouse.up()
    page.wait_for_url("**#slots.0.rules.0")
    expect(page.locator(".rule-item h3").first).to_contain_text("snow")
    assert names() == ["snow", "rain"]
    # What is typed while a picture is on its way is kept: the page stays.
    was = page.locator("#slots\\.0\\.rules\\.0 img").get_attribute("src")

    def slowly(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/edit/template", slowly)
    page.locator('input[name="slots.0.rules.0.upload"]').set_input_files(
        {"name": "new.jpg", "mimeType": "image/jpeg", "buffer": picture("orange")}
    )
    page.get_by_label("What can be seen").fill("Typed meanwhile")
    expect(page.locator("#slots\\.0\\.rules\\.0 img")).not_to_have_attribute("src", was or "")
    assert page.get_by_label("What can be seen").input_value() == "Typed meanwhile"
    for _ in range(100):
        if story.runtime.campaigns.show(number)["slots"][0]["alt"] == "Typed meanwhile":
            break
        page.wait_for_timeout(100)
    assert story.runtime.campaigns.show(number)["slots"][0]["alt"] == "Typed meanwhile"
    shown = story.runtime.campaigns.show(number)["slots"][0]["rules"]
    assert shown[0]["picture"] != shown[1]["picture"] and names() == ["snow", "rain"]


def test_it_works_without_scripts(browser: Browser, context: BrowserContext, live: str, story: Story) -> None:
    number = story.runtime.drafts.create("Plain", "Ola")
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto(f"{live}/console/campaigns/{number}/edit/audience")
    page.get_by_label("customers by rules of this campaign's own").check()
    page.get_by_role("button", name="Add a rule").click()
    page.locator('input[name^="s.0:v."]').first.check()
    submit(page, "Save and go on")
    assert page.url.endswith("/edit/picks#main")
    assert story.runtime.campaigns.show(number)["segment"]
    plain.close()
