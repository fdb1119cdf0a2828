"""`make bench-console`: how long every page of the console takes with a million customers, as JSON.

A shop is made large (million.py), web, workers and scheduler run as they do in production, and a browserless visitor
signs in as an admin, follows all links to find what pages there are, and asks for each of them again and again. Times are those of
the whole answer over HTTP on this machine. The visitor only reads.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import tomllib
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from werkzeug.exceptions import HTTPException

from benchmarks.bench import Bench, bench
from benchmarks.million import grow
from benchmarks.open_sites import Site, celery_running, environment_of, free_port
from campaigns.core.log import configure_logging
from campaigns.supervisor import web
from web.app import create_app
from web.console.users import ensure_admin

_SAMPLE_CUSTOMERS = 2_000
_LARGE = 3
_SETTLE_SECONDS = 20.0
_PATIENCE_SECONDS = 400.0  # until the reports of a million mails are made
_EXAMPLES = 4  # of each kind of page
_EXPERIMENT = {
    "factor": "subject",
    "holdout": 0.1,
    "arms": [{"name": "As written"}, {"name": "Plain", "value": "News"}],
}
_WANTED_MS = 200.0
_WARM = 4  # with two processes, so that each has most likely answered once
_SIGN_OUT = "/console/logout"


class _Read(HTMLParser):
    """The links of a page, and the token that its forms carry."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.token = ""

    @classmethod
    def page(cls, text: str) -> _Read:
        read = cls()
        read.feed(text)
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "input" and given.get("name") == "csrf_token":
            self.token = str(given["value"])


class Visitor:
    """Somebody who has signed in, and knows which view answers which address."""

    def __init__(self, shop: Bench, base: str) -> None:
        self._base = base
        self._session = requests.Session()
        self._views = create_app(shop.runtime).url_map.bind("127.0.0.1")
        link = ensure_admin(shop.runtime)
        assert link is not None
        page = self.get(urlsplit(link).path)
        token = _Read.page(page.text).token
        words = "a bench of a million customers"
        form = {"csrf_token": token, "name": "bench", "password": words, "again": words}
        self._session.post(page.url, data=form, timeout=30).raise_for_status()

    def get(self, path: str) -> requests.Response:
        """The page at this path."""
        return self._session.get(self._base + path, timeout=120)

    def pages(self, first: list[str]) -> dict[str, list[str]]:
        """The paths of all pages that links lead to, beginning with `first` and the home page, by their view."""
        found: dict[str, list[str]] = defaultdict(list)
        waiting = deque([*first, "/console/"])
        seen = set(waiting)
        while waiting:
            path = waiting.popleft()
            view = self._view(path)
            if view is None or len(found[view]) >= _EXAMPLES:
                continue
            found[view].append(path)
            answer = self.get(path)
            if answer.ok and answer.headers["Content-Type"].startswith("text/html"):
                fresh = [link for link in self._links(answer) if link not in seen]
                seen.update(fresh)
                waiting.extend(fresh)
        return {view: paths for view, paths in found.items() if paths}

    def wait_for_reports(self, campaigns: list[int]) -> None:
        """Until the workers have made the reports of these campaigns and judged the recommender."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        paths = [f"/console/campaigns/{number}/report" for number in campaigns]
        while time.monotonic() < deadline and any("is being made" in self.get(path).text for path in paths):
            time.sleep(2)

    def timed(self, path: str, times: int) -> list[float]:
        """Milliseconds of so many answers, in order of size; none of them the first of a process that has just begun."""
        for _ in range(_WARM):
            self.get(path)
        took = []
        for _ in range(times):
            began = time.perf_counter()
            self.get(path)
            took.append((time.perf_counter() - began) * 1000)
        return sorted(took)

    def _view(self, path: str) -> str | None:
        try:
            view, _ = self._views.match(urlsplit(path).path, method="GET")
        except HTTPException:
            return None
        return str(view)

    def _links(self, answer: requests.Response) -> Iterator[str]:
        for link in _Read.page(answer.text).links:
            whole = urldefrag(urljoin(answer.url, link)).url
            path = whole.removeprefix(self._base)
            if path.startswith("/console") and path != _SIGN_OUT:
                yield path


@contextmanager
def _deployed(shop: Bench) -> Iterator[str]:
    """Web, workers and scheduler; the address of the web part."""
    folder, port = shop.runtime.settings.folder, free_port()
    with celery_running(shop, "plan,send,pick,copy,feedback", folder / "console.log"):
        site = Site("web", web("127.0.0.1", port, 2).command, port, environment_of(shop), folder / "web.log")
        try:
            site.wait("/healthz")
            yield f"http://127.0.0.1:{port}"
        finally:
            site.stop()


def _fill(shop: Bench, customers: int) -> list[int]:
    """Make the shop large; returns two campaigns that everybody got, the second with arms, and a series."""
    runtime = shop.runtime
    for kind in ("customers", "products", "orders", "consents"):
        runtime.importing.run(kind, [getattr(shop.files, kind)])
    runtime.training.run()
    sent = shop.new_campaign()
    while runtime.sending.send_batch(sent).claimed:
        pass
    large = [runtime.campaigns.create_from_file(shop.files.campaign) for _ in range(_LARGE)]
    tried = _with(shop, {"experiment": _EXPERIMENT})
    series = _with(
        shop,
        {
            "series": {
                "every": "week",
                "weekdays": [0],
                "at": "09:00",
                "zone": "Europe/Oslo",
                "starts": date(2040, 1, 2),
            }
        },
    )
    runtime.campaigns.approve(series, "benchmarks")
    for _ in range(30):
        runtime.campaigns.create_from_file(shop.files.campaign)
    grow(runtime.db, sent, [*large, tried], customers)
    for country in ("NO", "US", "JP"):
        runtime.segments.create(f"Lives in {country}", {"country": [country]}, "benchmarks")
    runtime.webhooks.create("https://example.com/hook", ["mail.sent"], "benchmarks")
    return [large[-1], tried, series]


def _with(shop: Bench, more: dict[str, object]) -> int:
    """The sample's campaign with something more in its description."""
    raw = tomllib.loads(shop.files.campaign.read_text())
    folder = shop.files.campaign.parent
    files = {path.name: path.read_bytes() for path in folder.glob("*.jpg")}
    return shop.runtime.campaigns.create({**raw, **more}, files)


def measure(customers: int, times: int) -> dict[str, object]:
    """All pages; JSON-ready."""
    with bench(_SAMPLE_CUSTOMERS) as shop:
        _say("making a shop")
        known = _fill(shop, customers - _SAMPLE_CUSTOMERS)
        with _deployed(shop) as base:
            visitor = Visitor(shop, base)
            _say("waiting for the workers")
            visitor.wait_for_reports(known[:2])
            _say("following links")
            pages = visitor.pages([f"/console/campaigns/{number}" for number in known])
            # What the first visit asked the workers for, such as counts and reports, is to be there.
            time.sleep(_SETTLE_SECONDS)
            figures = {}
            for view, paths in sorted(pages.items()):
                _say(view)
                for path in paths:
                    took = visitor.timed(path, times)
                    figures[path] = {
                        "view": view,
                        "status": visitor.get(path).status_code,
                        "p50_ms": round(took[len(took) // 2], 1),
                        "p95_ms": round(took[math.ceil(0.95 * len(took)) - 1], 1),  # by the nearest rank
                    }
    slow = [path for path, figure in figures.items() if float(figure["p95_ms"]) > _WANTED_MS]  # type: ignore[arg-type]
    broken = [path for path, figure in figures.items() if int(figure["status"]) >= 500]  # type: ignore[call-overload]
    worst = max(float(figure["p95_ms"]) for figure in figures.values())  # type: ignore[arg-type]
    return {
        "customers": customers,
        "times_each": times,
        "pages": figures,
        "worst_p95_ms": worst,
        "over_200_ms": slow,
        "broken": broken,
    }


def _say(what: str) -> None:
    sys.stderr.write(f"{what} ...\n")


def main() -> int:
    """Measure and print JSON; 1 where a page takes longer than it may, or is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=20, help="how often each page is asked for")
    asked = parser.parse_args()
    configure_logging("ERROR")
    result = measure(asked.customers, asked.times)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if result["over_200_ms"] or result["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
