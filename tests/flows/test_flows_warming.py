"""What is made ready while a campaign goes out is what its first opens ask for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

import pytest
from sqlalchemy import event, select, text

from campaigns.core.db import Database
from campaigns.core.jobs import RecordedJobs
from campaigns.flows.opening.askers import Asker
from campaigns.flows.opening.warming import Warming
from campaigns.models import Customer, Picture, Product, Send
from campaigns.models.customer import ADDRESS_CONTEXT
from campaigns.opentime.place.coordinates import Point, cell_of
from campaigns.opentime.place.place import Place
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, send_all, sent_under_weather
from tests.waiting import until

THUNDERBIRD = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
OFFER = 1


@pytest.fixture
def sent(shop: Runtime, sample: SampleFiles) -> Runtime:
    """The sample's first campaign sent, which draws the pick for the weather, and that weather."""
    return sent_under_weather(shop, sample)


def measured(runtime: Runtime) -> list[Send]:
    """Mails to people who agreed to be measured."""
    with runtime.db.transaction() as session:
        return list(
            session.scalars(select(Send).where(Send.tracked, Send.status == "sent").order_by(Send.id))
        )


def answering(runtime: Runtime) -> Runtime:
    """A process that has just started to answer opens."""
    return Runtime(runtime.settings, RecordedJobs(), runtime.clock)


def store_picture(runtime: Runtime) -> None:
    """All products are shown by a picture of ours."""
    with runtime.db.transaction() as session:
        sha256 = session.scalars(select(Picture.sha256).limit(1)).one()
        for product in session.scalars(select(Product)):
            product.image_url = f"http://mail.test/i/{sha256}.jpg"


def test_the_first_opens_ask_postgres_nothing(sent: Runtime) -> None:
    store_picture(sent)
    send, *_ = measured(sent)
    kept = json.loads(sent.redis.get(f"tailormail:open:picks:{send.id}") or b"null")
    assert kept == [pick[0] for pick in send.picks or ()] and kept, "told by who sent it"
    sent.open_states.warm(send.campaign_id)
    sent.warming.run(send.campaign_id)
    process = answering(sent)
    try:
        opening = process.opening
        # Consents are believed when this process has listened for a while.
        process.known_states.get(send.customer_id)
        until(lambda: sent.open_states.catch_up() == 0 and process.known_states.settled, 10)
        asked: list[str] = []
        event.listen(process.db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        # A link as mails carry it, with the customer: older ones are looked up.
        token = process.signer.sign("open", send.campaign_id, send.id, OFFER, send.customer_id, 200_000_000)
        answer = opening.picture(token, THUNDERBIRD)
        assert answer.shown not in ("default", "expired", "plain")
        assert not asked
    finally:
        process.close()


def test_a_campaign_that_asks_for_no_picks_tells_none(shop: Runtime, sample: SampleFiles) -> None:
    campaign = shop.campaigns.create_from_file(sample.second_campaign)
    shop.campaigns.approve(campaign, "test")
    send_all(shop, campaign)
    assert measured(shop)
    assert not shop.redis.keys("tailormail:open:picks:*")
    assert shop.warming.products(campaign) == 0


def test_mail_goes_out_also_where_nobody_can_be_told_of_picks(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(picks: object) -> None:
        raise RuntimeError("whatever")

    monkeypatch.setattr(shop.offers, "remember", fail)
    send_all(shop, approved(shop, sample))
    assert measured(shop)


def test_of_who_is_erased_no_picks_are_kept(sent: Runtime) -> None:
    send, other, *_ = measured(sent)
    with sent.db.transaction() as session:
        cipher = session.get_one(Customer, send.customer_id).email_cipher
    email = sent.keyring.decrypt(cipher or b"", ADDRESS_CONTEXT)
    sent.rights.erase(email)
    assert not sent.redis.exists(f"tailormail:open:picks:{send.id}")
    assert sent.redis.exists(f"tailormail:open:picks:{other.id}")


class _Noting(WeatherCache):
    """Notes the homes for which weather is wanted."""

    def __init__(self) -> None:
        self.wanted: list[Point] = []

    def warm(self, points: Sequence[Point]) -> int:  # type: ignore[override]
        self.wanted += points
        return len(self.wanted)


def homes(number: int) -> list[Point]:
    """Homes anywhere, half of them between two tenths, or next to that."""
    random = Random(8)
    found = []
    for n in range(number):
        lat, lon = random.uniform(-90, 90), random.uniform(-180, 180)
        if n % 2:
            lat, lon = round(lat, 1) - 0.05, round(lon * 20) / 20
        found.append((max(-90.0, lat), lon))
    return found


def test_the_cells_that_are_warmed_are_those_that_opens_ask_for(sent: Runtime) -> None:
    (send, *_), where = measured(sent), homes(10_000)
    warm_these_homes(sent.db, send.campaign_id, where)
    noting = _Noting()
    Warming(sent.db, noting, sent.gallery, sent.offers).run(send.campaign_id)
    opened = [Place(*home, "home") for home in where]
    asked = {cell_of(place.latitude, place.longitude) for place in opened}
    assert {cell_of(*point) for point in noting.wanted} >= asked
    assert len(noting.wanted) <= len({(place.latitude, place.longitude) for place in opened}) + 80


def warm_these_homes(db: Database, campaign_id: int, where: Sequence[Point]) -> None:
    """A tracked mail to somebody at each of these homes, and one to nowhere on Earth."""
    with db.transaction() as session:
        session.execute(
            text("insert into customers (external_id, latitude, longitude) values (:id, :lat, :lon)"),
            [{"id": f"H{n}", "lat": lat, "lon": lon} for n, (lat, lon) in enumerate([*where, (999.0, 0.0)])],
        )
        session.execute(
            text(
                "insert into sends (campaign_id, customer_id, status, tracked) "
                "select :campaign, id, 'planned', true from customers where external_id like 'H%'"
            ),
            {"campaign": campaign_id},
        )
