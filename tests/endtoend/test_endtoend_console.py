"""A marketer's whole story in a browser, on the real command: from an empty console to the report.

Screenshots of its stations are kept in the folder that `SCREENSHOTS` names (`.ci/run` names one).
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from campaigns.delivery.capture import list_captured
from campaigns.sampleshop.shop import SampleFiles, SampleShop
from tests.endtoend.conftest import Command
from tests.web.web_chromium import IN_CHROMIUM, chromium, free_port

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]

THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"
SITE = "http://fjellandfern.example"
PASSWORD = "reindeer moss and granite"
PATIENCE = 90_000


class Album:
    """Keeps a picture of each station; without a folder it only looks."""

    def __init__(self, page: Page, folder: Path | None) -> None:
        self._page = page
        self._folder = folder
        self._number = 0
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def keep(self, name: str, height: int = 0) -> None:
        """The page as it is now, at desktop and at phone width; neither may be wider than its window.

        The whole page, or where it has frames, which Chromium leaves empty outside of the window, a window of `height`.
        """
        self._number += 1
        self._page.wait_for_load_state()
        for width, usual in ((1280, 900), (390, 844)):
            self._page.set_viewport_size({"width": width, "height": height or usual})
            assert self._page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
            if self._folder:
                path = self._folder / f"{self._number:02}-{name}-{width}.png"
                self._page.screenshot(path=path, full_page=not height)
        self._page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture
def shop(tmp_path: Path) -> SampleFiles:
    """The sample shop's files, whose products have pictures on the shop's own site."""
    files = SampleShop(customers=300, today=date.today()).write(tmp_path / "shop", pictures=True)
    with files.products.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with files.products.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "image_url": f"{SITE}/{row['image_url']}"} for row in rows)
    return files


@pytest.fixture
def site(shop: SampleFiles) -> Iterator[str]:
    """The shop's own site, as an option for Chromium to find it by its name, which is reserved for examples."""
    serve = partial(_Quiet, directory=str(shop.products.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"--host-resolver-rules=MAP {SITE.removeprefix('http://')}:80 127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def console(command: Command, tmp_path: Path) -> Iterator[str]:
    """`tailormail serve` in an empty folder; gives the one-time link that it prints."""
    port = free_port()
    command.environment["TAILORMAIL_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    said = tmp_path / "serve.log"
    with said.open("wb") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", "serve", "--port", str(port)],
            env=command.environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            yield _link(serving, said)
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(40)


def _link(serving: subprocess.Popen[bytes], said: Path) -> str:
    for _ in range(600):
        found = re.search(r"http://\S+/console/first/\S+", said.read_text(errors="replace"))
        if found:
            return found.group()
        assert serving.poll() is None, said.read_text(errors="replace")
        time.sleep(0.1)
    raise AssertionError(said.read_text(errors="replace"))


def test_a_campaign_from_the_first_file_to_its_report(
    console: str, shop: SampleFiles, site: str, command: Command
) -> None:
    folder = os.environ.get("SCREENSHOTS")
    with chromium(site) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        crashes: list[str] = []
        page.on("pageerror", lambda error: crashes.append(str(error)))
        album = Album(page, Path(folder) if folder else None)
        _sign_in(page, console, album)
        _import(page, shop, album)
        _keep_segment(page, album)
        _describe(page, shop, album)
        _preview(page, album)
        _approve_and_send(page, album)
        sent = _progress(page, album)
        mails = list_captured(command.folder / "outbox", limit=1000)
        assert len(mails) == sent
        _open_some(command.folder)
        _report(page, sent, album)
        assert crashes == []
        context.close()


def _sign_in(page: Page, link: str, album: Album) -> None:
    page.goto(link)
    expect(page.get_by_label("Your name")).to_be_visible()
    album.keep("first-sign-in")
    page.get_by_label("Your name").fill("Ola")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Open the console").click()
    expect(page.get_by_role("heading", name="Campaigns", exact=True)).to_be_visible()


def _import(page: Page, shop: SampleFiles, album: Album) -> None:
    for kind in ("Customers", "Products", "Orders", "Consents"):
        page.get_by_role("link", name="Import", exact=True).first.click()
        page.get_by_label(kind, exact=True).check()
        page.locator("input[type=file]").set_input_files(getattr(shop, kind.lower()))
        page.get_by_role("button", name="Send and match columns").click()
        try_out = page.get_by_role("button", name="Try it out")
        expect(try_out).to_be_visible()
        if kind == "Customers":
            album.keep("import-columns")
        try_out.click()
        page.get_by_role("button", name=re.compile("Import .* rows")).click()
        expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    album.keep("imported")


def _keep_segment(page: Page, album: Album) -> None:
    page.get_by_role("link", name="Segments", exact=True).first.click()
    page.get_by_role("link", name="New segment").first.click()
    page.get_by_label("United States").check()
    page.get_by_label("Canada").check()
    page.get_by_label("Name of the segment").fill("North America")
    expect(page.get_by_text("held back").first).to_be_visible()  # counted, with a sample and why
    album.keep("segment")
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", name="North America")).to_be_visible()


def _describe(page: Page, shop: SampleFiles, album: Album) -> None:
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Name").fill("Autumn on the trail")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("a segment", exact=True).check()
    page.get_by_label("Segment", exact=True).select_option(label="North America")
    page.get_by_label("Sender").fill("Fjell & Fern <hello@fjellandfern.example>")
    page.get_by_label("Postal address").fill("Fjell & Fern AS, Storgata 1, 5003 Bergen")
    album.keep("audience")
    _go_on(page, "picks")
    album.keep("picks")
    _go_on(page, "brief")
    page.get_by_label("Goal", exact=True).fill("Bring people outdoors in clothes that fit the weather")
    page.get_by_label("The button leads to").fill("https://fjellandfern.example/autumn")
    album.keep("brief")
    _go_on(page, "template")
    _choose_pictures(page, shop.campaign.parent)
    album.keep("template")
    _go_on(page, "schedule")
    album.keep("schedule")
    _go_on(page, "experiment")
    album.keep("experiment")
    _go_on(page, "check")


def _go_on(page: Page, step: str) -> None:
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url(re.compile(f"/edit/{step}"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def _choose_pictures(page: Page, folder: Path) -> None:
    page.get_by_label("Outdoor").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Add “hero”").click()
    page.get_by_label("What can be seen").fill("A jacket for the weather out there")
    for number, weather in enumerate(("rain", "snow")):
        page.get_by_role("button", name="Add a rule").click()
        rule = page.locator(f"[id='slots.0.rules.{number}.picture']")
        expect(rule).to_be_attached()
        _upload(page, f"rules.{number}", folder / f"hero-{weather}.jpg")
        page.get_by_label(weather, exact=False).nth(number).check()
    _upload(page, "default", folder / "hero-neutral.jpg")
    _upload(page, "expired", folder / "hero-expired.jpg")
    for field in page.get_by_label("Leads to").all():
        field.fill("https://fjellandfern.example/jackets")


def _upload(page: Page, place: str, picture: Path) -> None:
    page.locator(f"[id='slots.0.{place}.picture']").set_input_files(picture)
    expect(
        page.locator(f"[id='slots.0.{place}.picture']").locator("xpath=ancestor::*[.//img][1]//img").first
    ).to_be_visible()


def _preview(page: Page, album: Album) -> None:
    page.get_by_role("link", name="Preview", exact=True).click()
    shown = {weather: _shown_in(page, weather) for weather in ("rain", "snow")}
    assert shown["rain"] != shown["snow"]
    album.keep("preview-in-snow", height=1800)


def _shown_in(page: Page, weather: str) -> str:
    """The address of the picture that the framed mail shows in this weather, once it is really there."""
    page.get_by_label("Weather").select_option(weather)
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(f"weather={weather}"))
    picture = page.frame_locator(".frame-phone").first.get_by_alt_text("A jacket for the weather out there")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    return picture.get_attribute("src") or ""


def _approve_and_send(page: Page, album: Album) -> None:
    page.get_by_role("link", name="Check", exact=True).first.click()
    page.get_by_role("button", name="Run the preflight").click()
    expect(page.get_by_text("Nothing stands in the way of approval.")).to_be_visible()
    album.keep("check")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("button", name="Send now").click()


def _progress(page: Page, album: Album) -> int:
    page.get_by_role("link", name="Progress", exact=True).click()
    expect(page.locator("#progress[data-status=sent]")).to_be_visible()
    album.keep("progress")
    return int(page.locator("[data-n=sent]").first.inner_text().replace(",", ""))


def _open_some(data: Path) -> None:
    """Ten recipients open their mails, as a program of their own does."""
    for mail in list_captured(data / "outbox", limit=10):
        found = re.findall(
            r"http://127\.0\.0\.1:\d+/o/[\w.-]+", mail.path.read_text(errors="replace").replace("=\n", "")
        )
        for url in found:
            answer = requests.get(url, headers={"User-Agent": THUNDERBIRD}, timeout=10)
            assert answer.status_code == 200


def _report(page: Page, sent: int, album: Album) -> None:
    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.get_by_role("heading", name="From audience to order")).to_be_visible()
    # A worker makes it, and hears of the opens, a little later.
    opened = page.get_by_role("row", name=re.compile("^Opened"))
    for _ in range(60):
        page.reload()
        if opened.count() and re.search(r"[1-9]", opened.first.inner_text()):
            break
        again = page.get_by_role("button", name=re.compile("again|anew"))
        if again.count():
            again.first.click()
        page.wait_for_timeout(1000)
    expect(opened.first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(f"^Sent {sent}"))).to_be_visible()
    album.keep("report")
