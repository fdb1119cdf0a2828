"""Both probes, the one that asks servers and the one that knows, say the same of the same links."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.compose import link_probe
from campaigns.compose.link_probe import KnownLinks, LinkProbe, LinkReport, LinkState, WebLinkProbe
from campaigns.core.public_http import PublicHttp
from tests.shop_site import ShopSite, shop_site

DEAD = {"/gone": 410, "/missing": 404, "/broken": 500}
SHY = {"/members": 401, "/robots": 403, "/busy": 429, "/resting": 503}


@pytest.fixture
def site() -> Iterator[ShopSite]:
    with shop_site() as site:
        site.show("/alive", b"here", "text/html")
        site.pages["/moved"] = (302, {"Location": "/alive"}, b"")
        site.pages["/round"] = (302, {"Location": "/round"}, b"")
        for path, status in {**DEAD, **SHY}.items():
            site.pages[path] = (status, {}, b"")
        yield site


def real(site: ShopSite) -> LinkProbe:
    return WebLinkProbe(PublicHttp("test", link_probe.SERVICE, frozenset([("127.0.0.1", site.port)])))


def known(site: ShopSite) -> LinkProbe:
    dead = {site.url(p): LinkReport(LinkState.DEAD, f"it answers {s}") for p, s in DEAD.items()}
    shy = {site.url(p): LinkReport(LinkState.UNKNOWN, f"it answers {s}") for p, s in SHY.items()}
    return KnownLinks({**dead, **shy})


@pytest.mark.parametrize("make", [real, known])
def test_the_contract(site: ShopSite, make: object) -> None:
    assert callable(make)
    urls = [site.url(path) for path in ("/alive", "/moved", *DEAD, *SHY)]
    reports = make(site).look([*urls, urls[0]])
    assert list(reports) == urls
    assert reports[site.url("/alive")] == reports[site.url("/moved")] == LinkReport(LinkState.ALIVE)
    for path, status in DEAD.items():
        assert reports[site.url(path)] == LinkReport(LinkState.DEAD, f"it answers {status}")
    for path, status in SHY.items():
        assert reports[site.url(path)] == LinkReport(LinkState.UNKNOWN, f"it answers {status}")
    assert make(site).look([]) == {}


def test_what_is_inside_is_not_asked(site: ShopSite) -> None:
    probe = WebLinkProbe(PublicHttp("test", link_probe.SERVICE))
    [report] = probe.look([site.url("/alive")]).values()
    assert report.state is LinkState.DEAD and "private network" in report.why
    assert not site.asked


def test_a_redirect_does_not_lead_inside(site: ShopSite) -> None:
    with shop_site() as inside:
        site.pages["/trap"] = (302, {"Location": inside.url("/secret")}, b"")
        [report] = real(site).look([site.url("/trap")]).values()
        assert report.state is LinkState.DEAD and not inside.asked


def test_names_for_examples_are_not_looked_up() -> None:
    def resolve(host: str, _: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    probe = WebLinkProbe(PublicHttp("test", link_probe.SERVICE, resolve=resolve))
    reports = probe.look(["https://shop.example/a", "http://x.test/"])
    assert {report.state for report in reports.values()} == {LinkState.UNKNOWN}


def test_a_host_without_an_address_is_not_a_dead_link() -> None:
    """An offline machine finds no host at all; that is no reason to refuse every campaign."""
    probe = WebLinkProbe(PublicHttp("test", link_probe.SERVICE, resolve=lambda *_: []))
    [report] = probe.look(["https://shop.fjell-and-fern.com/"]).values()
    assert report.state is LinkState.UNKNOWN


def test_endless_redirects(site: ShopSite) -> None:
    [report] = real(site).look([site.url("/round")]).values()
    assert report == LinkReport(LinkState.DEAD, "more than 3 redirects")


def test_number_and_time_are_bounded(site: ShopSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_probe, "MOST_LINKS", 5)
    urls = [site.url(f"/alive?{number}") for number in range(8)]
    for url in urls:
        site.pages[url.removeprefix(site.url(""))] = (200, {}, b"")
    reports = real(site).look(urls)
    assert [report.state for report in reports.values()] == [LinkState.ALIVE] * 5 + [LinkState.UNKNOWN] * 3
    monkeypatch.setattr(link_probe, "SECONDS_EACH", 0.2)
    site.delay = 1.0
    [report] = real(site).look([site.url("/alive")]).values()
    assert report.state is LinkState.UNKNOWN
