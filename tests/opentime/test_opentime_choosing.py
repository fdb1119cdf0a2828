"""What a slot shows where no rule holds: the pick for the weather, a live product, a countdown, the nearest shop."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from slot_strategies import SHOPS, facts, products, slots

from campaigns.opentime.drawing.drawings import CardStyle, Countdown, ProductCard, ShopCard, drawing_from_json
from campaigns.opentime.place.place import Place
from campaigns.opentime.slots.card_words import price_text, stock_note
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.slots.rules import Choice, choose
from campaigns.opentime.slots.slot_definition import Rule, SlotDefinition, Variant
from campaigns.opentime.slots.slot_kinds import Content, CountdownTo, NearestShop, PickCard, WeatherPick
from campaigns.opentime.weather.weather import Condition, Weather

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
DARK = CardStyle("#000000", "#ffffff", "#ffff00")
SHOP_LINK = "https://shop.example/default"


def product(number: int, *tags: str, stock: int | None = 9, **more: Any) -> LiveProduct:
    return LiveProduct(
        **{
            "product_id": number,
            "sku": f"SKU-{number}",
            "title": f"Product {number}",
            "price": Decimal("129.50"),
            "currency": "EUR",
            "stock": stock,
            "url": f"https://shop.example/p/{number}",
            "tags": frozenset(tags),
            "picture": "c" * 64,
            **more,
        }
    )


def slot(content: Content | None, *rules: Rule, expires: datetime | None = None) -> SlotDefinition:
    return SlotDefinition(
        name="pick",
        width=600,
        height=300,
        scale=1,
        media_type="image/png",
        alt="Your pick for today",
        default=Variant("default", "d" * 64, SHOP_LINK),
        expired=Variant("expired", "e" * 64, "https://shop.example/over"),
        expires=expires,
        rules=rules,
        content=content,
    )


def shown(content: Content, **known: Any) -> Choice:
    return choose(slot(content), OpenFacts(**{"now": NOON, **known}))


@pytest.mark.parametrize(
    ("weather", "tags", "best"),
    [
        # Made for this weather, before made for any, before made for other weather; then the rank.
        (Weather(Condition.RAIN), [("weather:clear",), (), ("weather:rain",)], 3),
        (Weather(Condition.RAIN), [("weather:rain",), (), ("weather:rain",)], 1),
        (Weather(Condition.RAIN), [("weather:clear",), ("hike",), ("weather:snow",)], 2),
        (Weather(Condition.RAIN), [("weather:clear",), ("weather:snow",)], 1),
        # What is made for rain suits every kind of it; what is made for showers does not suit all rain.
        (Weather(Condition.SHOWERS), [("weather:clear",), ("weather:rain",)], 2),
        (Weather(Condition.DRIZZLE), [("weather:clear",), ("weather:rain",)], 2),
        (Weather(Condition.THUNDER), [("weather:clear",), ("weather:rain",)], 2),
        (Weather(Condition.RAIN), [("weather:showers",), ()], 2),
        # Cold, warm and wind beside the sky, at their thresholds.
        (Weather(Condition.CLOUD, 4.9), [(), ("weather:cold",)], 2),
        (Weather(Condition.CLOUD, 5.0), [(), ("weather:cold",)], 1),
        (Weather(Condition.CLOUD, 20.0), [(), ("weather:warm",)], 1),
        (Weather(Condition.CLOUD, 20.1), [(), ("weather:warm",)], 2),
        (Weather(Condition.CLOUD, wind_kmh=40.0), [(), ("weather:windy",)], 1),
        (Weather(Condition.CLOUD, wind_kmh=40.1), [(), ("weather:windy",)], 2),
        (Weather(Condition.SNOW, -3.0), [("weather:clear", "weather:cold"), ("weather:snow",)], 1),
        # Unknown weather: the first pick, unless something is known of it after all.
        (None, [("weather:snow",), ("weather:rain",)], 1),
        (Weather(Condition.UNKNOWN), [("weather:snow",), ()], 1),
        (Weather(Condition.UNKNOWN, -3.0), [("weather:rain",), ("weather:cold",)], 2),
    ],
)
def test_the_pick_that_suits_the_weather_is_shown(weather: Weather | None, tags: Any, best: int) -> None:
    picks = tuple(product(number, *given) for number, given in enumerate(tags, 1))
    choice = shown(WeatherPick(DARK), picks=picks, weather=weather)
    assert (choice.variant_name, choice.product) == (f"product:{best}", f"SKU-{best}")
    assert choice.link == f"https://shop.example/p/{best}"


def test_a_sold_out_pick_is_no_pick_for_the_weather() -> None:
    picks = (product(1, "weather:rain", stock=0), product(2))
    assert shown(WeatherPick(), picks=picks, weather=Weather(Condition.RAIN)).variant_name == "product:2"
    for nothing in ((), (product(1, stock=0),)):
        assert shown(WeatherPick(), picks=nothing) == Choice("default", SHOP_LINK, "d" * 64)


def test_a_live_product_has_the_price_and_stock_of_now() -> None:
    choice = shown(PickCard(2, DARK), picks=(product(1), product(2, stock=3)))
    assert choice == Choice(
        "product:2",
        "https://shop.example/p/2",
        drawing=ProductCard("Product 2", "€129.50", "Only 3 left", "c" * 64, DARK),
        product="SKU-2",
    )


@pytest.mark.parametrize(
    ("rank", "stocks", "variant"),
    [
        (1, [5, 5], "product:1"),
        (1, [0, 5], "product:2"),
        (1, [None, 5], "product:1"),
        (1, [0, 0, 1], "product:3"),
        (2, [5, 0, 5], "product:3"),
        (2, [5, 0], "default"),
        (1, [0, 0], "default"),
        (3, [5, 5], "default"),
        (1, [], "default"),
    ],
)
def test_sold_out_gives_way_to_the_next_pick_in_stock(
    rank: int, stocks: list[int | None], variant: str
) -> None:
    picks = tuple(product(number, stock=stock) for number, stock in enumerate(stocks, 1))
    assert shown(PickCard(rank), picks=picks).variant_name == variant


def test_a_product_without_a_page_leads_where_the_default_leads() -> None:
    for url in ("", "javascript:alert(1)", "//shop.example", "https://a@b.example/"):
        assert shown(PickCard(), picks=(product(1, url=url),)).link == SHOP_LINK


@pytest.mark.parametrize(
    ("language", "stock", "note"),
    [
        ("en", 6, "In stock"), ("en", 5, "Only 5 left"), ("en", 1, "Only 1 left"), ("en", None, ""), ("en", 0, ""),
        ("de-AT", 6, "Vorrätig"), ("de", 2, "Nur noch 2 Stück"), ("fr_CA", 3, "Plus que 3 en stock"),
        ("es", 1, "Solo queda 1"), ("nb_NO", 6, "På lager"), ("pt_BR", 6, "In stock"), ("", 4, "Only 4 left"),
    ],
)  # fmt: skip
def test_the_stock_is_said_in_the_language_of_the_customer(
    language: str, stock: int | None, note: str
) -> None:
    assert stock_note(stock, language) == note


@pytest.mark.parametrize(
    ("price", "currency", "locale", "said"),
    [
        ("1299.5", "EUR", "de_DE", "1.299,50 €"),
        ("1299.5", "EUR", "en", "€1,299.50"),
        ("1299.5", "NOK", "nb_NO", "1 299,50 kr"),
        ("1299.5", "NOK", "no", "1 299,50 kr"),
        ("1299.5", "EUR", "fr", "1 299,50 €"),
        ("1299", "JPY", "en-GB", "JP¥1,299"),
        ("5", "EUR", "no locale", "€5.00"),
        (None, "EUR", "en", ""),
        ("5", "", "en", ""),
    ],
)
def test_a_price_is_written_the_way_of_the_locale(
    price: str | None, currency: str, locale: str, said: str
) -> None:
    written = price_text(None if price is None else Decimal(price), currency, locale)
    assert written.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") == said


def test_a_countdown_runs_until_its_deadline_and_then_expires() -> None:
    deadline = NOON + timedelta(days=2)
    content = CountdownTo(deadline, "Ends soon", style=DARK)
    german = shown(content, language="de")
    assert german == Choice(
        "countdown",
        SHOP_LINK,
        drawing=Countdown(deadline, "Ends soon", ("Tage", "Std.", "Min.", "Sek."), DARK),
    )
    named = shown(replace(content, units=("d", "h", "m", "s")), language="de").drawing
    assert isinstance(named, Countdown) and named.units == ("d", "h", "m", "s")
    assert shown(content, now=deadline - timedelta(seconds=1)).variant_name == "countdown"
    assert shown(content, now=deadline).variant_name == "expired"
    late = slot(content, expires=deadline + timedelta(days=9))
    assert choose(late, OpenFacts(deadline)).variant_name == "expired"


def test_the_nearest_shop_is_shown_with_its_distance_and_hours() -> None:
    content = NearestShop(SHOPS, 100, DARK)
    there = Place(59.5, 10.7, "home", "NO", "Europe/Oslo")
    choice = shown(content, place=there)
    assert (choice.variant_name, choice.link) == ("shop:1", "https://shop.example/oslo")
    assert choice.drawing == ShopCard("Oslo", "about 46 km", "Open until 18:00", DARK)
    assert shown(content, place=Place(60.4, 5.3, "home")).variant_name == "shop:2"
    assert shown(content, place=Place(60.4, 5.3, "home")).link == SHOP_LINK
    assert shown(content, place=Place(58.0, 8.0, "home")).variant_name == "default"
    assert shown(replace(content, within_km=300), place=Place(58.0, 8.0, "home")).variant_name == "shop:1"
    assert shown(content).variant_name == "default"


def test_rules_go_before_what_a_kind_draws_and_expiry_before_both() -> None:
    rule = Rule(
        Conditions.parse({"tags": ["vip"]}, "when"), Variant("vip", "f" * 64, "https://shop.example/vip")
    )
    both = slot(PickCard(), rule, expires=NOON + timedelta(days=1))
    known = OpenFacts(NOON, picks=(product(1),), tags=frozenset({"vip"}))
    assert choose(both, known).variant_name == "vip"
    assert choose(both, replace(known, tags=frozenset())).variant_name == "product:1"
    assert choose(both, replace(known, now=NOON + timedelta(days=1))).variant_name == "expired"


def test_a_choice_is_a_picture_or_a_drawing() -> None:
    with pytest.raises(ValueError, match="a picture or a drawing"):
        Choice("it", SHOP_LINK, "a" * 64, ProductCard("A", "1"))


@given(slots, facts)
def test_whatever_is_known_there_is_one_choice_and_its_link_is_allowed(
    any_slot: SlotDefinition, known: OpenFacts
) -> None:
    choice = choose(any_slot, known)
    stored = any_slot.variant(choice.variant_name)
    if stored is not None:
        assert choice == Choice.of(stored) and choice.picture and choice.drawing is None
        return
    assert any_slot.content is not None and not any_slot.expired_at(known.now) and not choice.picture
    pages = {pick.url for pick in known.picks if pick.url.startswith("https://")} | {
        shop.link for shop in SHOPS
    }
    assert choice.link in pages | {any_slot.default.link} and choice.link
    assert choice.drawing is not None
    assert drawing_from_json(json.loads(json.dumps(choice.drawing.to_json()))) == choice.drawing
    assert choose(any_slot, known) == choice


@given(slots)
def test_any_slot_survives_json(any_slot: SlotDefinition) -> None:
    assert SlotDefinition.from_json(json.loads(json.dumps(any_slot.to_json()))) == any_slot


@given(products)
def test_a_live_product_survives_json(one: LiveProduct) -> None:
    assert LiveProduct.from_json(json.loads(json.dumps(one.to_json()))) == one


@given(slots, facts)
def test_what_nothing_asks_for_changes_nothing(any_slot: SlotDefinition, known: OpenFacts) -> None:
    less = known
    if not any_slot.asks_weather and not any_slot.asks_place:
        less = replace(less, weather=None, place=None)
    if not any_slot.asks_picks:
        less = replace(less, picks=())
    less = replace(less, stock={sku: left for sku, left in less.stock.items() if sku in any_slot.skus})
    assert choose(any_slot, less) == choose(any_slot, known)
