"""Signing up in Chromium, without JavaScript, on a phone and on a desk; what assistive technology finds in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from web_chromium import IN_CHROMIUM, free_port, keep_inside, serving, submit
from werkzeug.serving import make_server

from campaigns.compose.notices import LANGUAGES
from campaigns.core.clock import FixedClock
from campaigns.core.embedded import EmbeddedUrls
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import fill_shop, make_runtime
from tests.signup_story import link_in, mails_to, make_form, waiting
from web.app import create_app
from web.public.signup_embed import embedded_form

pytestmark = IN_CHROMIUM
ADDRESS = "astrid@newcomers.example"
FAVOURITES = {"categories": ["Boots", "Hats", "Tents & sleep"], "products": ["JKT-01", "BOT-01"]}
WORDS = {
    language: {
        "title": f"Letters from the fells ({language})",
        "intro": "Twice a month.",
        "button": f"Go ({language})",
    }
    for language in LANGUAGES
}


@pytest.fixture
def site(servers: EmbeddedUrls, db: object, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    """The sample shop on a real socket, with a form in every language."""
    port = free_port()
    runtime = make_runtime(servers, tmp_path / "data", public_url=f"http://127.0.0.1:{port}").start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    make_form(
        runtime,
        words=WORDS,
        favourites=FAVOURITES,
        purposes=["marketing", "profiling", "open_tracking", "open_location"],
    )
    with serving(create_app(runtime), port):
        yield runtime
    runtime.close()


@pytest.fixture(params=[375, 1280])
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of a phone's and of a computer's width; pages get no JavaScript."""
    context = browser.new_context(
        viewport={"width": request.param, "height": 800}, java_script_enabled=False, locale="en-GB"
    )
    keep_inside(context)
    yield context.new_page()
    context.close()


@pytest.fixture
def looker(browser: Browser) -> Iterator[Page]:
    """A window for axe, which is a script that the pages' own policy would not let in."""
    context = browser.new_context(viewport={"width": 375, "height": 800}, bypass_csp=True)
    yield context.new_page()
    context.close()


def fits(tab: Page) -> None:
    """Nothing is wider than the window; asked of layout boxes, because scripts do not run."""
    width = tab.viewport_size["width"] if tab.viewport_size else 0
    for box in (element.bounding_box() for element in tab.locator("main *").all()):
        assert box is None or box["x"] + box["width"] <= width + 0.5


def shot(tab: Page, folder: Path, name: str) -> None:
    """For whoever wants to look."""
    width = tab.viewport_size["width"] if tab.viewport_size else 0
    tab.screenshot(path=folder / f"signup-{name}-{width}.png", full_page=True)


def accessible(tab: Page) -> None:
    """Nothing that axe calls serious or critical."""
    found = Axe().run(tab).response["violations"]
    assert [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_from_the_form_to_the_welcome(site: Runtime, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{site.settings.public_url}/s/news?lang=en")
    fits(tab)
    shot(tab, tmp_path, "form")
    tab.get_by_label("Your e-mail address").fill(ADDRESS)
    tab.get_by_role("button", name="Go (en)").click()
    expect(tab.get_by_role("heading", name="Letters from the fells (en)")).to_be_visible()
    assert waiting(site) == 0, "the browser itself asks for the box that is needed"
    tab.get_by_label("Marketing mails").check()
    tab.get_by_label("Personal suggestions").check()
    tab.get_by_label("Boots", exact=True).check()
    tab.get_by_role("button", name="Go (en)").click()
    expect(tab.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    fits(tab)
    shot(tab, tmp_path, "sent")
    (mail,) = mails_to(site, ADDRESS)
    tab.goto(site.settings.public_url + link_in(mail))
    expect(tab.get_by_role("heading", name="Do you want mails from Fjell & Fern?")).to_be_visible()
    fits(tab)
    shot(tab, tmp_path, "confirm")
    tab.get_by_role("button", name="Yes, confirm").click()
    expect(tab.get_by_role("heading", name="You are signed up")).to_be_visible()
    fits(tab)
    shot(tab, tmp_path, "welcome")
    tab.get_by_role("link", name="Change or withdraw it at any time").click()
    expect(tab.locator('input[name="purpose"][value="marketing"]')).to_be_checked()
    assert ADDRESS not in tab.content()


def test_what_does_not_fit_is_shown_beside_its_field(site: Runtime, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{site.settings.public_url}/s/news?lang=en")
    tab.get_by_label("Your e-mail address").fill("astrid@newcomers")
    tab.get_by_label("Marketing mails").check()
    tab.get_by_label("Hats", exact=True).check()
    tab.get_by_role("button", name="Go (en)").click()
    expect(tab.get_by_role("alert")).to_contain_text("does not look like an e-mail address")
    expect(tab.get_by_label("Your e-mail address")).to_have_value("astrid@newcomers")
    expect(tab.get_by_label("Hats", exact=True)).to_be_checked()
    fits(tab)
    shot(tab, tmp_path, "problem")


def test_the_form_is_usable_by_keyboard_and_the_trap_is_not_in_its_way(site: Runtime, tab: Page) -> None:
    tab.goto(f"{site.settings.public_url}/s/news?lang=en")
    expect(tab.get_by_label("Leave this field empty")).to_be_hidden()
    tab.get_by_label("Your e-mail address").focus()
    tab.keyboard.type(ADDRESS)
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Look into your mailbox")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_serious_in_any_language(site: Runtime, looker: Page, language: str) -> None:
    form = site.signup_forms.get("news")
    url = f"{site.settings.public_url}/s/news"
    looker.goto(f"{url}?lang={language}")
    assert looker.locator("html").get_attribute("lang") == ("nb" if language == "no" else language)
    accessible(looker)
    looker.locator('[name="email"]').fill(ADDRESS)
    looker.locator('[value="marketing"]').check()
    looker.locator('[name="version"]').evaluate("field => { field.value = 'changed' }")
    submit(looker, f"Go ({language})")
    expect(looker.get_by_role("alert")).to_be_visible()
    accessible(looker)
    submit(looker, f"Go ({language})")
    expect(looker.get_by_role("alert")).to_have_count(0)
    accessible(looker)
    (mail,) = mails_to(site, ADDRESS)
    looker.goto(site.settings.public_url + link_in(mail))
    expect(looker.get_by_text(form.said(language).purposes["marketing"][0], exact=True)).to_be_visible()
    accessible(looker)
    submit(looker)
    accessible(looker)
    site.signing_up._clock = FixedClock(site.clock.now() + timedelta(days=30))
    looker.goto(site.settings.public_url + link_in(mail))
    accessible(looker)


def test_the_mail_reads_well_without_pictures_and_on_a_phone(
    site: Runtime, tab: Page, tmp_path: Path
) -> None:
    tab.goto(f"{site.settings.public_url}/s/news?lang=de")
    tab.locator('[name="email"]').fill(ADDRESS)
    tab.locator('[value="marketing"]').check()
    submit(tab, "Go (de)")
    (mail,) = mails_to(site, ADDRESS)
    html = mail.get_body(("html",))
    assert html is not None
    tab.goto("about:blank")  # without the policy of our pages, as in a mail program
    tab.set_content(html.get_content())
    expect(tab.get_by_role("link", name="Anmeldung bestätigen")).to_be_visible()
    width = tab.viewport_size["width"] if tab.viewport_size else 0
    for box in (element.bounding_box() for element in tab.locator("body *").all()):
        assert box is None or box["x"] + box["width"] <= width + 0.5
    shot(tab, tmp_path, "mail")


def test_the_embedded_form_works_on_a_page_of_the_shop(site: Runtime, tab: Page) -> None:
    form = site.signup_forms.get("news")
    page = f"<!doctype html><title>Shop</title><h1>Shop</h1>{embedded_form(form, 'en', site.settings.public_url)}"
    shop = make_server(
        "127.0.0.1",
        0,
        lambda _, start: (start("200 OK", [("Content-Type", "text/html")]), [page.encode()])[1],
    )
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{shop.server_port}"
    for sites, arrived in ((["https://other.example"], 0), ([origin], 1)):
        make_form(site, words=WORDS, favourites=FAVOURITES, purposes=list(form.file.purposes), sites=sites)
        tab.goto(origin)
        tab.get_by_label("Your e-mail address").fill(ADDRESS)
        tab.get_by_label("Marketing mails").check()
        submit(tab, "Go (en)")
        assert urlsplit(tab.url).path == "/s/news"
        assert waiting(site) == arrived
    shop.shutdown()
    shop.server_close()
    expect(tab.get_by_role("heading", name="Look into your mailbox")).to_be_visible()


def test_no_page_can_be_framed(site: Runtime, tab: Page) -> None:
    tab.set_content(f'<iframe src="{site.settings.public_url}/s/news"></iframe>')
    tab.wait_for_timeout(500)
    assert "Letters" not in (tab.frames[1].content() if len(tab.frames) > 1 else "")
