"""Pictures at open, clicks, unsubscribing and the mail in a browser: by consent, place and weather."""

from __future__ import annotations

import base64
import hashlib
import io
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select, text

from campaigns.core.errors import BadInput, BadToken, NotFound
from campaigns.flows.opening.askers import Asker
from campaigns.flows.previewing.viewing import Scene
from campaigns.models import Campaign, ConsentState, Customer, Event, Product, Send, SlotServe
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SHOP, record_opens, send_all, sent_under_weather

THUNDERBIRD = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
GMAIL_PREFETCH = Asker(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
SEND, SLOT = "open", 0


@pytest.fixture
def sent(shop: Runtime, sample: SampleFiles) -> Runtime:
    """The sample shop with the first campaign sent and weather over its cities."""
    return sent_under_weather(shop, sample)


def hero(sample: SampleFiles, kind: str) -> str:
    return hashlib.sha256((sample.campaign.parent / f"hero-{kind}.jpg").read_bytes()).hexdigest()


def tracked_send(runtime: Runtime, sky: str) -> Send:
    """A sent mail to somebody who agreed to be measured and lives under this sky."""
    places = [place for place, there in SHOP.weather().items() if there == sky]
    with runtime.db.transaction() as session:
        rows = session.execute(
            select(Send, Customer.latitude, Customer.longitude)
            .join(Customer, Customer.id == Send.customer_id)
            .where(Send.tracked, Send.status == "sent", Customer.latitude.is_not(None))
        ).all()
    return next(
        send
        for send, latitude, longitude in rows
        if latitude is not None
        and longitude is not None
        and any(abs(lat - latitude) < 0.06 and abs(lon - longitude) < 0.06 for lat, lon in places)
    )


def shown(runtime: Runtime, send: Send, asker: Asker = THUNDERBIRD) -> str:
    answer = runtime.opening.picture(runtime.signer.sign("open", send.campaign_id, send.id, 0), asker)
    return hashlib.sha256(answer.body).hexdigest()


def withdraw(runtime: Runtime, send: Send, purpose: str) -> None:
    token = runtime.signer.sign("preferences", send.campaign_id, send.customer_id, send.id)
    granted = runtime.preferences.of(token).granted
    runtime.preferences.set_preferences(token, granted - {purpose}, "the page's words")


@pytest.mark.parametrize(("sky", "kind"), [("rain", "rain"), ("snow", "snow"), ("clear", "clear")])
def test_the_jacket_fits_the_weather_where_the_mail_is_opened(
    sent: Runtime, sample: SampleFiles, sky: str, kind: str
) -> None:
    assert shown(sent, tracked_send(sent, sky)) == hero(sample, kind)


def test_what_was_shown_is_kept_and_the_click_goes_there(sent: Runtime) -> None:
    send = tracked_send(sent, "snow")
    for _ in range(3):
        shown(sent, send)
    click = sent.signer.sign("click", send.campaign_id, send.id, 1, 0)
    before_it_is_recorded = sent.feedback.click(click, THUNDERBIRD)
    record_opens(sent)
    with sent.db.transaction() as session:
        serve = session.get_one(SlotServe, (send.campaign_id, send.id, 0))
        opens = session.scalars(select(Event).where(Event.name == "opened")).all()
    assert (serve.variant, serve.count, serve.signal) == ("snow", 3, "home")
    assert len(opens) == 1, "many fetches of one image are one open"
    assert not opens[0].machine
    assert before_it_is_recorded == serve.link == "https://fjellandfern.example/p/JKT-06"
    sent.redis.flushdb()
    assert sent.feedback.click(click, THUNDERBIRD) == serve.link, "also when Redis has forgotten it"


def test_machines_are_labelled_and_counted_apart(sent: Runtime) -> None:
    send = tracked_send(sent, "rain")
    shown(sent, send, GMAIL_PREFETCH)
    record_opens(sent)
    report = sent.reporting.report(send.campaign_id)
    assert (report.opens_human, report.opens_machine_only) == (0, 1)
    shown(sent, send)
    record_opens(sent)
    report = sent.reporting.report(send.campaign_id)
    assert (report.opens_human, report.opens_machine_only) == (1, 0)


def test_withdrawing_open_tracking_acts_on_mail_already_sent(sent: Runtime, sample: SampleFiles) -> None:
    send = tracked_send(sent, "snow")
    withdraw(sent, send, "open_tracking")
    assert shown(sent, send) == hero(sample, "neutral")
    pixel = sent.opening.picture(sent.signer.sign("open", send.campaign_id, send.id, 255), THUNDERBIRD)
    assert pixel.headers["Content-Type"] == "image/gif"
    assert sent.feedback.click(sent.signer.sign("click", send.campaign_id, send.id, 0, 0), THUNDERBIRD)
    with sent.db.transaction() as session:
        assert session.scalar(text("select count(*) from events where name in ('opened', 'clicked')")) == 0
        assert session.scalar(text("select count(*) from slot_serves")) == 0


def test_an_anonymous_picture_is_the_neutral_one_and_may_be_cached(
    sent: Runtime, sample: SampleFiles
) -> None:
    with sent.db.transaction() as session:
        campaign_id = session.scalars(select(Campaign.id)).one()
    answer = sent.opening.picture(sent.signer.sign("open-anon", campaign_id, 0), THUNDERBIRD)
    assert hashlib.sha256(answer.body).hexdigest() == hero(sample, "neutral")
    assert answer.headers["Cache-Control"].startswith("public")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(max_size=60), agent=st.text(max_size=60), forwarded=st.text(max_size=40))
def test_whatever_is_asked_is_answered_with_a_picture(
    runtime: Runtime, token: str, agent: str, forwarded: str
) -> None:
    answer = runtime.opening.picture(token, Asker(agent, "127.0.0.1", forwarded))
    assert answer.headers["Content-Type"].startswith("image/")
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_a_picture_comes_when_the_database_is_away(sent: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    send = tracked_send(sent, "snow")

    def away() -> None:
        raise ConnectionError("PostgreSQL is away")

    monkeypatch.setattr(sent.db, "transaction", away)
    answer = sent.opening.picture(sent.signer.sign("open", send.campaign_id, send.id, 0), THUNDERBIRD)
    assert answer.headers["Content-Type"].startswith("image/")


def test_unsubscribing_is_idempotent_and_the_next_campaign_leaves_the_person_out(
    sent: Runtime, sample: SampleFiles
) -> None:
    send = tracked_send(sent, "rain")
    token = sent.signer.sign("unsubscribe", send.campaign_id, send.customer_id, send.id)
    sent.unsubscribing.check(token)
    with sent.db.transaction() as session:
        assert session.get_one(ConsentState, (send.customer_id, "marketing")).granted, (
            "asking changes nothing"
        )
    for _ in range(2):
        sent.unsubscribing.by_link(token)
    before = sent.reporting.report(send.campaign_id)
    assert before.unsubscribes == 1
    second = sent.campaigns.create_from_file(sample.second_campaign)
    sent.campaigns.approve(second, "test")
    send_all(sent, second)
    assert sent.reporting.report(second).sent == before.sent - 1
    with sent.db.transaction() as session:
        held = session.scalars(
            select(Send).where(Send.campaign_id == second, Send.customer_id == send.customer_id)
        ).one()
    assert (held.status, held.reason) == ("held_back", "withdrawn")


@pytest.mark.parametrize("kind", ["open", "click", "preferences", "view"])
def test_a_token_of_another_kind_does_not_unsubscribe(sent: Runtime, kind: str) -> None:
    send = tracked_send(sent, "rain")
    with pytest.raises(BadToken):
        sent.unsubscribing.by_link(sent.signer.sign(kind, send.customer_id, send.id))


def test_the_mail_in_a_browser_is_the_one_that_was_sent(sent: Runtime, sample: SampleFiles) -> None:
    send = tracked_send(sent, "snow")
    shown(sent, send)
    html = sent.viewing.in_browser(sent.signer.sign("view", send.campaign_id, send.id))
    assert hero(sample, "snow") in html
    with sent.db.transaction() as session:
        titles = [
            session.scalar(text("select title from products where id = :id"), {"id": row[0]})
            for row in send.picks or []
        ]
    assert len(titles) == 4
    assert all(title and title.split(",")[0].split("’")[0].split("&")[0] in html for title in titles)
    assert ".gif" not in html, "looking at it in a browser is not an open"


def test_a_preview_shows_any_weather_and_says_why(sent: Runtime, sample: SampleFiles) -> None:
    customer = SHOP.customers[0].external_id
    with sent.db.transaction() as session:
        campaign_id = session.scalars(select(Campaign.id)).one()
    rain = sent.viewing.preview(campaign_id, customer, Scene(weather="rain"))
    snow = sent.viewing.preview(campaign_id, customer, Scene(place="Tromsø"))
    assert hero(sample, "rain") in rain.letter.rendered.html
    assert hero(sample, "snow") in snow.letter.rendered.html
    assert len(rain.explained()["picks"]) == 4
    links = rain.letter.content.links
    sent.unsubscribing.by_link(links.unsubscribe.rpartition("/")[2])
    with sent.db.transaction() as session:
        assert (
            session.scalar(text("select count(*) from consent_entries where source like '%unsubscribe'")) == 0
        )
    assert not [f for f in rain.findings if f.severity == "error"]


def test_a_preview_tries_temperature_and_wind(sent: Runtime) -> None:
    customer = SHOP.customers[0].external_id
    with sent.db.transaction() as session:
        campaign = session.scalars(select(Campaign)).one()
        campaign_id = campaign.id
        slots = [dict(slot) for slot in campaign.slots]
        rules = {rule["name"]: rule for rule in slots[0]["rules"]}
        slots[0]["rules"] = [
            {**rules["snow"], "when": {"temperature_below": 0}},
            {**rules["rain"], "when": {"wind_above": 40}},
        ]
        campaign.slots = slots

    def hero_in(**typed: str) -> str:
        scene = Scene.of(typed.pop("place", ""), typed.pop("weather", ""), "", "", **typed)
        return sent.viewing.preview(campaign_id, customer, scene).shown["hero"].variant_name

    assert hero_in(weather="clear", temperature="-4.5", wind="50") == "snow"
    assert hero_in(weather="clear", temperature="4.5", wind=" 50 ") == "rain"
    assert hero_in(weather="clear", temperature="0", wind="0") == "default"
    assert hero_in(wind="50") == "rain", "with the weather that is there"
    assert hero_in(temperature="0", wind="0") == "default"


def test_a_scene_of_no_temperature_is_refused() -> None:
    for typed in ("warm", "nan", "inf", "-90.1", "60.1", "4,5"):
        with pytest.raises(BadInput, match="temperature: needs a number of degrees Celsius from -90 to 60"):
            Scene.of("", "", "", "", typed)
    for typed in ("-1", "411", "x"):
        with pytest.raises(BadInput, match="wind: needs a number of km/h from 0 to 410"):
            Scene.of("", "", "", "", wind=typed)
    assert not Scene.of("", "", "", "", " ", "").asked_for
    assert Scene.of("", "", "", "", "0").asked_for
    assert Scene.of("", "", "", "", wind="0").asked_for


def test_orders_after_a_mail_are_reported(sent: Runtime) -> None:
    send = tracked_send(sent, "rain")
    with sent.db.transaction() as session:
        product = session.scalar(text("select min(id) from products"))
        session.execute(
            text(
                "insert into order_lines (order_id, customer_id, product_id, quantity, unit_price, ordered_at) "
                "values ('after', :customer, :product, 2, 10.50, :at)"
            ),
            {
                "customer": send.customer_id,
                "product": product,
                "at": sent.clock.now() - timedelta(microseconds=1),
            },
        )
    report = sent.reporting.report(send.campaign_id)
    assert report.orders_after == 1
    assert report.revenue_after == {"EUR": "21.00"}


def test_links_of_mails_from_before_tokens_said_the_campaign_still_work(sent: Runtime) -> None:
    send, sign = tracked_send(sent, "snow"), sent.signer.sign
    # Another campaign with sends of its own: the right one has to be found.
    with sent.db.transaction() as session:
        own = session.get_one(Campaign, send.campaign_id)
        other = {c.name: getattr(own, c.name) for c in Campaign.__table__.columns if c.name != "id"}
        session.add(Campaign(**other))
        session.flush()
        session.add(Send(campaign_id=own.id + 1, customer_id=send.customer_id))
    answer = sent.opening.picture(sign("open", send.id, 0), THUNDERBIRD)
    assert hashlib.sha256(answer.body).hexdigest() == shown(sent, send)
    url = sent.feedback.click(sign("click", send.id, 1, 0), THUNDERBIRD)
    assert url == "https://fjellandfern.example/p/JKT-06", "where the picture pointed that was shown"
    assert sent.viewing.in_browser(sign("view", send.id)).count("/i/")
    token = sign("preferences", send.customer_id, send.id)
    assert "marketing" in sent.preferences.of(token).granted
    sent.unsubscribing.by_link(sign("unsubscribe", send.customer_id, send.id))
    assert "marketing" not in sent.preferences.of(token).granted
    assert sent.reporting.report(send.campaign_id).unsubscribes == 1
    with pytest.raises(BadToken):
        sent.unsubscribing.by_link(sign("unsubscribe", send.customer_id))
    with pytest.raises(NotFound):
        sent.feedback.click(sign("click", 10**9, 1, 0), THUNDERBIRD)


def test_a_card_of_the_pick_for_the_weather_is_drawn_kept_clicked_and_shown_again(
    sent: Runtime, sample: SampleFiles
) -> None:
    send = tracked_send(sent, "rain")
    token = sent.signer.sign("open", send.campaign_id, send.id, 1, send.customer_id, 1)
    answer = sent.opening.picture(token, THUNDERBIRD)
    with Image.open(io.BytesIO(answer.body)) as card:
        assert card.size == (1040, 340)
    number = int(answer.shown.removeprefix("product:"))
    with sent.db.transaction() as session:
        product = session.get_one(Product, number)
        picks = [pick[0] for pick in session.get_one(Send, (send.campaign_id, send.id)).picks or []]
    assert number in picks, "one of this customer's own"
    click = sent.signer.sign("click", send.campaign_id, send.id, 1, 1)
    for _ in ("before it is drained", "and after"):
        assert sent.feedback.click(click, THUNDERBIRD) == product.url
        again = sent.viewing.in_browser(sent.signer.sign("view", send.campaign_id, send.id))
        assert f"data:image/jpeg;base64,{base64.b64encode(answer.body).decode()}" in again
        record_opens(sent)
    with sent.db.transaction() as session:
        serve = session.get_one(SlotServe, (send.campaign_id, send.id, 1))
    assert (serve.variant, serve.link, (serve.detail or {})["kind"]) == (
        answer.shown,
        product.url,
        "product_card",
    )
    withdraw(sent, send, "open_tracking")
    neutral = (sample.campaign.parent / "offer-default.jpg").read_bytes()
    assert sent.opening.picture(token, THUNDERBIRD).body == neutral


def test_a_preview_says_what_the_customer_would_never_get(sent: Runtime, sample: SampleFiles) -> None:
    send = tracked_send(sent, "rain")
    with sent.db.transaction() as session:
        customer = session.get_one(Customer, send.customer_id).external_id
    assert not sent.viewing.preview(send.campaign_id, customer).beyond_consent
    withdraw(sent, send, "open_location")
    placed = sent.viewing.preview(send.campaign_id, customer, Scene(place="Tromsø", requester="apple_mpp"))
    assert (placed.signal, "home decides" in placed.beyond_consent) == ("apple_city", True)
    behind_a_proxy = sent.viewing.preview(
        send.campaign_id, customer, Scene(place="Tromsø", requester="yahoo")
    )
    assert behind_a_proxy.signal == "home"
    withdraw(sent, send, "open_tracking")
    bare = sent.viewing.preview(send.campaign_id, customer)
    assert {choice.variant_name for choice in bare.shown.values()} == {"default"}, (
        "nobody's picks, nobody's weather"
    )
    assert (
        "anybody gets"
        in sent.viewing.preview(send.campaign_id, customer, Scene(weather="snow")).beyond_consent
    )
