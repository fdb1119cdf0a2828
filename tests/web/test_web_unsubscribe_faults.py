"""Unsubscribing over real HTTP while PostgreSQL is stopped, hangs, or the web part is killed: done, and on record once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlencode

import psutil
import pytest
import requests
from opens_site import OpensSite
from sqlalchemy import text

from campaigns.compose.links import SendRef
from campaigns.core.db import Database
from campaigns.opentime.weather.fake_weather_server import FakeWeatherServer
from tests.waiting import until

pytestmark = pytest.mark.slow

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_SLOWEST = 10.0  # seconds: providers do not wait much longer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpensSite]:
    with FakeWeatherServer() as weather:
        site = OpensSite(tmp_path_factory.mktemp("unsubscribes"), weather)
        try:
            site.start_web()
            yield site
        finally:
            site.close()


def post(site: OpensSite, ref: SendRef) -> float:
    """One click, as a mail provider sends it; returns how many seconds the answer took."""
    token = site.runtime.signer.sign("unsubscribe", ref.campaign_id, ref.customer_id, ref.send_id)
    began = time.monotonic()
    answer = requests.post(
        f"http://127.0.0.1:{site.port}/u/{token}",
        data=urlencode(ONE_CLICK),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Cookie": "a=b"},
        allow_redirects=False,
        timeout=30,
    )
    took = time.monotonic() - began
    assert answer.status_code == 200, answer.text[:300]
    assert "You are unsubscribed" in answer.text
    return took


def withdrawals(site: OpensSite, ref: SendRef) -> int:
    """How often the ledger says so, asked over a connection that no fault has met."""
    database = Database(site.runtime.urls[0])
    try:
        with database.transaction() as session:
            found = session.execute(
                text(
                    "select count(*) from consent_entries e join consent_states s using (customer_id, purpose) "
                    "where e.customer_id = :id and e.purpose = 'marketing' and not s.granted"
                ),
                {"id": ref.customer_id},
            )
            return int(found.scalar_one())
    finally:
        database.close()


def test_while_postgres_is_stopped(site: OpensSite) -> None:
    one, two = site.groups["rain"][:2]
    with site.postgres_stopped():
        assert post(site, one) < _SLOWEST
        assert max(post(site, two) for _ in range(3)) < _SLOWEST
    for ref in (one, two):
        until(lambda ref=ref: withdrawals(site, ref) == 1, 40)  # type: ignore[misc]


def test_while_postgres_hangs(site: OpensSite) -> None:
    ref = site.groups["rain"][2]
    with site.postgres_hanging():
        assert post(site, ref) < _SLOWEST
    until(lambda: withdrawals(site, ref) == 1, 40)
    time.sleep(1.0)
    assert withdrawals(site, ref) == 1, "the answer that came late, and the line on disk, are one"


def test_the_page_asks_while_postgres_is_stopped(site: OpensSite) -> None:
    ref = site.groups["rain"][3]
    token = site.runtime.signer.sign("unsubscribe", ref.campaign_id, ref.customer_id, ref.send_id)
    with site.postgres_stopped():
        answer = requests.get(
            f"http://127.0.0.1:{site.port}/u/{token}", headers={"Accept-Language": "de"}, timeout=30
        )
    assert answer.status_code == 200
    assert "Abmelden" in answer.text
    assert withdrawals(site, ref) == 0


def test_what_a_killed_web_part_put_by_is_applied_when_it_starts_again(site: OpensSite) -> None:
    ref = site.groups["rain"][4]
    assert site._web is not None
    with site.postgres_stopped():
        post(site, ref)
        parent = psutil.Process(site._web.pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()
        site._web.wait(10)
    assert withdrawals(site, ref) == 0
    site.start_web()
    until(lambda: withdrawals(site, ref) == 1, 40)
    until(lambda: not list((site.runtime.settings.folder / "unsubscribes").glob("*.spool")), 20)
