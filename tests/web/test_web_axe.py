"""axe-core finds nothing serious on any page of the console, on a phone and on a computer, light and dark.

The pages are in axe_pages.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
import pytest
from axe_pages import OPEN_PAGES, PAGES
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import text
from web_chromium import IN_CHROMIUM, keep_inside, serving, submit
from web_story import NAME, PASSWORD, Story

from web.app import create_app
from web.console.users import ensure_admin

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]

# A phone in the dark and a computer by day: both widths and both colours with two looks at each page.
LOOKS = {"phone, dark": (390, 844, "dark"), "computer, light": (1280, 900, "light")}
_SERIOUS = ("serious", "critical")
_AXE = Axe()
# Sideways scrolling of the page itself; what is wide scrolls in a box of its own.
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def origin(story: Story) -> Iterator[str]:
    """The console on a socket, with an admin who has a password."""
    story.runtime.redis.flushdb()
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from console_users"))
    app = create_app(story.runtime)
    port = int(story.runtime.settings.public_url.rpartition(":")[2])
    with serving(app, port):
        yield story.runtime.settings.public_url


@pytest.fixture(scope="module")
def signed_in_state(browser: Browser, origin: str, story: Story) -> dict[str, object]:
    """The cookies of an admin, who came in by the one-time link."""
    link = ensure_admin(story.runtime)
    assert link
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Open the console").click()
    page.wait_for_url(f"{origin}/console/")
    state = context.storage_state()
    context.close()
    return dict(state)


@pytest.fixture(scope="module")
def contexts(
    browser: Browser, origin: str, signed_in_state: dict[str, object]
) -> Iterator[dict[tuple[str, bool], BrowserContext]]:
    """A window for each look, signed in and not."""
    made = {}
    for look, (width, height, scheme) in LOOKS.items():
        for inside in (True, False):
            made[look, inside] = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
                storage_state=signed_in_state if inside else None,  # type: ignore[arg-type]
            )
            keep_inside(made[look, inside])
    yield made
    for context in made.values():
        context.close()


def complaints(page: Page) -> list[str]:
    """What is wrong with this page, and where."""
    found = [
        f"{violation['id']}: {violation['help']}: "
        + "; ".join(str(node["target"]) + " " + node["html"][:160] for node in violation["nodes"][:4])
        for violation in _AXE.run(page).response["violations"]
        if violation["impact"] in _SERIOUS
    ]
    too_wide = page.evaluate(_TOO_WIDE)
    if too_wide > 0:
        found.append(f"the page scrolls sideways by {too_wide} px")
    return found


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", [*PAGES, *OPEN_PAGES])
def test_everybody_can_use(
    name: str, look: str, contexts: dict[tuple[str, bool], BrowserContext], origin: str, story: Story
) -> None:
    path = (PAGES.get(name) or OPEN_PAGES[name])(story)
    page = contexts[look, name in PAGES].new_page()
    try:
        answer = page.goto(f"{origin}{path}")
        assert answer is not None and answer.status < 500, path
        asked_to_sign_in = "/console/login" in page.url
        assert asked_to_sign_in == (name == "sign in"), page.url
        assert page.locator("h1").count() == 1
        assert complaints(page) == []
    finally:
        page.close()


@pytest.mark.parametrize("look", LOOKS)
def test_pages_that_are_shown_once(
    look: str, contexts: dict[tuple[str, bool], BrowserContext], browser: Browser, origin: str, story: Story
) -> None:
    """An invitation, its password, a second factor, its recovery codes, and the question for a code."""
    name = f"Kari, {look}"
    admin = contexts[look, True].new_page()
    admin.goto(f"{origin}/console/people")
    admin.get_by_label("Name", exact=True).fill(name)
    submit(admin, "Make a link")
    assert complaints(admin) == []
    link = admin.locator("code.once").inner_text()
    admin.close()
    width, height, scheme = LOOKS[look]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(link)
    assert complaints(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    submit(page, "Open the console")
    page.goto(f"{origin}/console/account/second-factor")
    page.get_by_text("No camera?").click()
    phone = pyotp.TOTP(page.locator("code.once").inner_text().replace(" ", ""))
    page.get_by_label("The code that the app shows").fill(phone.now())
    submit(page, "Turn it on")
    assert page.locator(".codes li").count() == 10
    assert complaints(page) == []
    page.goto(f"{origin}/console/account")
    assert complaints(page) == []
    context.clear_cookies()
    page.goto(f"{origin}/console/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    submit(page, "Sign in")
    page.get_by_label("Code").fill("000000")
    submit(page, "Sign in")
    assert "does not fit" in page.locator(".problem").inner_text()
    assert complaints(page) == []
    context.close()


def test_a_fault_would_be_found(contexts: dict[tuple[str, bool], BrowserContext], origin: str) -> None:
    page = contexts["phone, dark", False].new_page()
    page.goto(f"{origin}/console/login")
    page.evaluate("document.querySelector('label').remove(); document.body.style.width = '900px'")
    found = complaints(page)
    page.close()
    assert any(line.startswith("label:") for line in found)
    assert any("sideways" in line for line in found)


def test_menus_work_without_scripts_and_by_keyboard(
    browser: Browser, origin: str, signed_in_state: dict[str, object]
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
        storage_state=signed_in_state,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(f"{origin}/console/")
    people = page.get_by_role("link", name="People", exact=True)
    assert not people.is_visible()
    page.get_by_text("Menu", exact=True).press("Enter")
    people.press("Enter")
    page.wait_for_url(f"{origin}/console/people")
    context.close()
