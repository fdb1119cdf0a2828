"""A preview shows what is served: the same bytes as the picture's own address gives in the same scene."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select, update

from campaigns.audience.consent import record
from campaigns.compose.links import LinkMaker, SendRef
from campaigns.core.errors import ServiceUnavailable
from campaigns.flows.previewing.scenes import Scene
from campaigns.models import Campaign, Customer, Send
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.geo import FixedLookup, GeoAnswer
from campaigns.opentime.weather.weather import Condition, FixedWeather, Weather
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import sent_under_weather
from web.app import create_app

THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
APPLE = "Mozilla/5.0"
OSLO, ABROAD, APPLE_IN_LONDON = "81.2.69.1", "85.214.1.1", "172.224.226.1"
TROMSO = 69.6, 18.9
LONDON = 51.5, -0.1


@pytest.fixture
def sent(shop: Runtime, sample: SampleFiles) -> Runtime:
    """The sample shop with a campaign sent, addresses that are known, and rules that look at all kinds of things."""
    shop.geo = FixedLookup(
        {
            OSLO: GeoAnswer("Oslo", 59.9127, 10.7461, 5.0, "NO", "Europe/Oslo"),
            ABROAD: GeoAnswer("Tromsø", *TROMSO, 5.0, "NO", "Europe/Oslo"),
        }
    )
    shop.apple = AppleEgress([("172.224.226.0/27", ("GB", "GB-EN", "London"))])
    shop.__dict__["gazetteer"] = lambda country, region, city: LONDON if city == "London" else None
    return sent_under_weather(shop, sample)


@pytest.fixture
def tracked(sent: Runtime) -> tuple[Send, str]:
    """A mail to somebody who lives somewhere and allows everything, and what the shop calls them."""
    with sent.db.transaction() as session:
        send, customer = session.execute(
            select(Send, Customer)
            .join(Customer, Customer.id == Send.customer_id)
            .where(Send.tracked, Send.status == "sent", Customer.latitude.is_not(None))
            .order_by(Send.id)
            .limit(1)
        ).one()
        record(session, customer.id, "open_location", "granted", "w", "test", sent.clock.now())
        return send, customer.external_id


def under(runtime: Runtime, sky: Callable[[float, float], Weather]) -> None:
    """This weather everywhere, for parts that are made anew."""
    for name in ("weather", "viewing", "opening"):
        runtime.__dict__.pop(name, None)
    runtime.weather_source = FixedWeather(sky)
    runtime.redis.flushdb()


def served(runtime: Runtime, send: Send, slot: int, agent: str, address: str) -> bytes:
    ref = SendRef(send.id, send.campaign_id, send.customer_id, True)
    url = LinkMaker(runtime.signer, "http://x", runtime.clock).slot_picture(ref, slot)[8:]
    answer = (
        app_of(runtime)
        .test_client()
        .get(url, headers={"User-Agent": agent}, environ_base={"REMOTE_ADDR": address})
    )
    assert answer.status_code == 200
    return answer.data


def app_of(runtime: Runtime) -> Flask:
    app = create_app(runtime)
    app.testing = True
    return app


def _same(weather: Weather, latitude: float, longitude: float) -> Weather:
    return weather


def by_place(latitude: float, longitude: float) -> Weather:
    """Snow in the north, rain in London, and clear elsewhere."""
    if latitude > 65:
        return Weather(Condition.SNOW, temperature_c=-4.0)
    return Weather(Condition.RAIN if abs(latitude - LONDON[0]) < 1 else Condition.CLEAR, temperature_c=12.0)


def test_the_place_that_a_program_tells_decides_in_both(sent: Runtime, tracked: tuple[Send, str]) -> None:
    send, customer = tracked
    for scene, agent, address in (
        (Scene(), THUNDERBIRD, "9.9.9.9"),
        (Scene(requester="direct"), THUNDERBIRD, "9.9.9.9"),
        (Scene(place="69.6,18.9", requester="direct"), THUNDERBIRD, ABROAD),
        (Scene(place="Tromsø", requester="direct"), THUNDERBIRD, ABROAD),
        (Scene(place="69.6,18.9", requester="gmail_open"), GMAIL, ABROAD),
        (Scene(place="Tromsø", requester="yahoo"), YAHOO, ABROAD),
        (Scene(place="London", requester="apple_mpp"), APPLE, APPLE_IN_LONDON),
    ):
        under(sent, by_place)
        preview = sent.viewing.preview(send.campaign_id, customer, scene)
        assert preview.beyond_consent == ""
        assert preview.pictures["hero"].body == served(sent, send, 0, agent, address), scene


def test_weather_that_is_asked_for_is_the_picture_of_that_weather(
    sent: Runtime, tracked: tuple[Send, str]
) -> None:
    send, customer = tracked
    pictures = set()
    for sky in Condition:
        under(sent, partial(_same, Weather(sky)))
        preview = sent.viewing.preview(
            send.campaign_id, customer, Scene(weather=sky.value, requester="gmail_open")
        )
        assert preview.pictures["hero"].body == served(sent, send, 0, GMAIL, ABROAD), sky
        assert preview.skies["hero"][sky.value] == preview.shown["hero"]
        pictures.add(preview.pictures["hero"].body)
    assert len(pictures) == 4, "clear, rain, snow, and one for all else"


def test_a_weather_service_that_is_down_is_the_weather_nobody_knows(
    sent: Runtime, tracked: tuple[Send, str]
) -> None:
    send, customer = tracked

    def down(latitude: float, longitude: float) -> Weather:
        raise ServiceUnavailable("weather", "down")

    under(sent, down)
    asked = sent.viewing.preview(send.campaign_id, customer, Scene(weather="unknown"))
    now = sent.viewing.preview(send.campaign_id, customer)
    assert now.weather == "unknown"
    assert (
        asked.pictures["hero"].body
        == now.pictures["hero"].body
        == served(sent, send, 0, THUNDERBIRD, "9.9.9.9")
    )


def test_other_rules_decide_alike(sent: Runtime, tracked: tuple[Send, str]) -> None:
    send, customer = tracked
    for when in (
        {"temperature_below": 0},
        {"tags": ["nobody-has-this"]},
        {"country": ["GB"]},
        {"local_hour": [0, 12]},
        {"near": {"latitude": 69.6, "longitude": 18.9, "km": 100}},
        {"daylight": "day"},
    ):
        with sent.db.transaction() as session:
            slots = [dict(slot) for slot in session.get_one(Campaign, send.campaign_id).slots]
            slots[0]["rules"] = [{**slots[0]["rules"][0], "when": when}]
            session.execute(update(Campaign).where(Campaign.id == send.campaign_id).values(slots=slots))
        sent.__dict__.pop("gallery", None)
        for scene, agent, address in (
            (Scene(requester="gmail_open"), GMAIL, ABROAD),
            (Scene(place="69.6,18.9", requester="direct"), THUNDERBIRD, ABROAD),
            (Scene(place="51.5,-0.1", requester="apple_mpp"), APPLE, APPLE_IN_LONDON),
        ):
            under(sent, by_place)
            preview = sent.viewing.preview(send.campaign_id, customer, scene)
            assert preview.pictures["hero"].body == served(sent, send, 0, agent, address), (when, scene)


def test_a_card_of_a_pick_is_drawn_alike(sent: Runtime, tracked: tuple[Send, str]) -> None:
    """What is picked may have changed since; so the mail is told what the preview picks."""
    send, customer = tracked
    under(sent, by_place)
    preview = sent.viewing.preview(send.campaign_id, customer, Scene(requester="gmail_open"))
    with sent.db.transaction() as session:
        stored = [
            [pick.product.id, pick.reason.kind, pick.reason.because_id, pick.reason.because, 0]
            for pick in preview.picks
        ]
        session.execute(
            update(Send).where(Send.campaign_id == send.campaign_id, Send.id == send.id).values(picks=stored)
        )
    sent.offers.forget([send.id])
    assert preview.shown["offer"].drawing is not None
    assert preview.pictures["offer"].body == served(sent, send, 1, GMAIL, ABROAD)


def test_who_does_not_allow_opens_to_be_measured_gets_what_anybody_gets(
    sent: Runtime, tracked: tuple[Send, str]
) -> None:
    send, customer = tracked
    under(sent, by_place)
    with sent.db.transaction() as session:
        record(session, send.customer_id, "open_tracking", "withdrawn", "w", "test", sent.clock.now())
    for scene in (Scene(), Scene(requester="gmail_open")):
        preview = sent.viewing.preview(send.campaign_id, customer, scene)
        token = sent.signer.sign("open-anon", send.campaign_id, 0)
        anonymous = app_of(sent).test_client().get(f"/o/{token}.jpg").data
        assert preview.pictures["hero"].body == anonymous
        assert not preview.beyond_consent and not preview.skies
