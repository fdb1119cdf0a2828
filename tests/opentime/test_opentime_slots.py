"""Slots: read with errors that say where, chosen by rule, expired in time."""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentime_samples import picture

from campaigns.core.errors import BadInput, NotFound
from campaigns.opentime import conditions
from campaigns.opentime.place import Place
from campaigns.opentime.rules import OpenFacts, choose
from campaigns.opentime.slot_definition import SlotDefinition
from campaigns.opentime.slots import parse_slots
from campaigns.opentime.weather import Condition, Weather

FILES = {
    "fleece.png": picture(colour="green"),
    "rain.png": picture(colour="blue"),
    "snow.png": picture(colour="white"),
    "over.png": picture(colour="grey"),
    "wide.png": picture(70, 30),
    "fine.png": picture(120, 60),
    "photo.jpg": picture(kind="JPEG"),
    "new.webp": picture(kind="WEBP"),
    "torn.png": picture(600, 300)[:-40],
    "words.png": b"no picture",
}
CAMPAIGN = """
[[slots]]
name = "hero"
width = 60
height = 30
alt = "A jacket for today's weather"
default = { picture = "fleece.png", link = "https://shop.example/fleece" }
expired = { picture = "over.png", link = "https://shop.example/" }
expires = 2026-12-24
[[slots.rules]]
name = "snow"
when = { weather = ["snow"] }
picture = "snow.png"
link = "https://shop.example/down"
[[slots.rules]]
when = { weather = ["rain", "drizzle", "showers"], temperature_above = 0 }
picture = "rain.png"
link = "https://shop.example/rain"
product = "JKT-1"
"""
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
OSLO = Place(59.9, 10.7, "address", "NO", "Europe/Oslo")


def read(name: str) -> bytes:
    return FILES[name]


def parsed(raw: list[dict[str, Any]]) -> SlotDefinition:
    return parse_slots(raw, read)[0][0]


@pytest.fixture
def raw() -> list[dict[str, Any]]:
    return deepcopy(tomllib.loads(CAMPAIGN)["slots"])


def test_a_slot_is_read_with_its_pictures(raw: list[dict[str, Any]]) -> None:
    slots, pictures = parse_slots(raw, read)
    slot = slots[0]
    assert (slot.name, slot.width, slot.height, slot.scale, slot.extension) == ("hero", 60, 30, 1, "png")
    assert [variant.name for variant in slot.variants] == ["snow", "rule_2", "default", "expired"]
    assert [variant.product for variant in slot.variants] == ["", "JKT-1", "", ""]
    assert {pictures[variant.picture].body for variant in slot.variants} == {
        FILES[name] for name in ("fleece.png", "rain.png", "snow.png", "over.png")
    }
    assert {(one.media_type, one.width, one.height) for one in pictures.values()} == {("image/png", 60, 30)}
    assert slot.expires == datetime(2026, 12, 25, tzinfo=UTC)
    assert slot.variant("snow") == slot.rules[0].variant and slot.variant("hail") is None


def test_fine_pictures_have_a_scale(raw: list[dict[str, Any]]) -> None:
    for variant in (raw[0]["default"], raw[0]["expired"], *raw[0]["rules"]):
        variant["picture"] = "fine.png"
    assert parsed(raw).scale == 2
    assert parsed(raw).pixel_size == (120, 60)


def test_a_slot_survives_json(raw: list[dict[str, Any]]) -> None:
    raw[0]["rules"][0]["when"] |= {
        "temperature_below": 1.5,
        "wind_above": 10,
        "daylight": "night",
        "country": ["no"],
        "local_hour": [18, 6],
        "months": [12, 1],
        "after": NOON,
        "before": "2026-12-24",
        "tags": ["vip"],
    }
    slot = parsed(raw)
    assert SlotDefinition.from_json(json.loads(json.dumps(slot.to_json()))) == slot


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", None, "slot 1, name: is required"),
        ("name", "The Hero", "slot 1, name: expects small letters"),
        ("width", "60", "slot 'hero', width: is required, as a whole number"),
        ("height", True, "slot 'hero', height"),
        ("width", 50, "slot 'hero', width: pictures of 60x30 are not 1, 2 or 3 times 50x30"),
        ("alt", " ", "slot 'hero', alt: is required"),
        ("alt", "two\nlines", "slot 'hero', alt: expects one line"),
        ("colour", "red", "slot 'hero': there is no field 'colour'"),
        ("default", None, "slot 'hero', default: is required"),
        ("expired", None, "slot 'hero', expired: is required"),
        ("expired", "over.png", "slot 'hero', expired: expects a table"),
        ("default.link", "javascript:alert(1)", "slot 'hero', default, link: expects a web address"),
        ("default.link", "https://shop.example@evil.example/", "slot 'hero', default, link"),
        ("default.link", "https://[", "slot 'hero', default, link"),
        ("default.link", None, "slot 'hero', default, link: is required"),
        ("default.picture", "gone.png", "slot 'hero', default, picture: gone.png: cannot be read"),
        ("default.picture", "words.png", "slot 'hero', default, picture, words.png: not a whole PNG"),
        ("default.picture", "torn.png", "not a whole PNG, JPEG or GIF"),
        ("default.picture", "new.webp", "not a whole PNG, JPEG or GIF"),
        ("expires", "soon", "slot 'hero', expires: expects a date"),
        ("rules", {}, "slot 'hero', rules: expects a list"),
        ("rules.0", 3, "slot 'hero', rule 1: expects a table"),
        ("rules.0.picture", "wide.png", "one size in pixels; here: default 60x30, expired 60x30, snow 70x30"),
        ("rules.0.picture", "photo.jpg", "one format (their URL ends in it); here: default image/png"),
        ("rules.1.name", "snow", "slot 'hero', rule 2, name: 'snow' names another variant"),
        ("rules.1.when", None, "slot 'hero', rule 2, when: has no condition"),
        ("rules.1.when.wether", ["rain"], "slot 'hero', rule 2, when: there is no field 'wether'"),
        ("rules.1.when.weather", ["hail"], "slot 'hero', rule 2, when.weather: there is no weather 'hail'"),
        ("rules.1.when.weather", "rain", "when.weather: expects a list"),
        ("rules.1.when.temperature_above", "warm", "when.temperature_above: expects a number"),
        ("rules.1.when.temperature_below", -5, "never hold together"),
        ("rules.1.when.daylight", "dusk", "when.daylight: expects"),
        ("rules.1.when.country", ["Norway"], "when.country: expects two-letter"),
        ("rules.1.when.local_hour", [6, 6], "when.local_hour: expects two"),
        ("rules.1.when.local_hour", [6, 25], "when.local_hour: expects two"),
        ("rules.1.when.months", [0], "when.months: expects months"),
        ("rules.1.when.after", "yesterday", "when.after: expects a date"),
        ("rules.1.when.tags", [""], "when.tags: expects tags"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    raw: list[dict[str, Any]], path: str, value: Any, said: str
) -> None:
    holder: Any = raw[0]
    *way, last = path.split(".")
    for step in way:
        holder = holder[int(step) if isinstance(holder, list) else step]
    if value is None:
        del holder[last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    with pytest.raises(BadInput) as caught:
        parse_slots(raw, read)
    assert said in caught.value.message


def test_more_that_is_refused(raw: list[dict[str, Any]]) -> None:
    with pytest.raises(BadInput, match="another slot has this name"):
        parse_slots([raw[0], raw[0]], read)
    with pytest.raises(BadInput, match="expects a list of tables"):
        parse_slots({"hero": raw[0]}, read)

    def nothing(name: str) -> bytes:
        raise NotFound(f"there is no picture {name}")

    with pytest.raises(BadInput, match="default, picture: there is no picture fleece"):
        parse_slots(raw, nothing)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_ANYTHING, st.sampled_from(sorted(conditions._KINDS)))
def test_any_condition_is_read_or_refused(value: Any, key: str) -> None:
    raw = deepcopy(tomllib.loads(CAMPAIGN)["slots"])
    raw[0]["rules"][0]["when"] = {key: value}
    try:
        slot = parsed(raw)
    except BadInput as error:
        assert "rule 1, when" in error.message
    else:
        assert SlotDefinition.from_json(json.loads(json.dumps(slot.to_json()))) == slot
        choose(slot, OpenFacts(NOON))


def shown(raw: list[dict[str, Any]], **facts: Any) -> str:
    return choose(parsed(raw), OpenFacts(**{"now": NOON, **facts})).variant_name


def test_the_first_rule_that_holds_decides(raw: list[dict[str, Any]]) -> None:
    assert shown(raw, weather=Weather(Condition.SNOW, -5.0)) == "snow"
    assert shown(raw, weather=Weather(Condition.SHOWERS, 5.0)) == "rule_2"
    assert shown(raw, weather=Weather(Condition.CLEAR, 5.0)) == "default"
    assert shown(raw) == "default"
    raw[0]["rules"][0]["when"] = {"weather": ["snow", "showers"]}
    assert shown(raw, weather=Weather(Condition.SHOWERS, 5.0)) == "snow"


def test_all_conditions_of_a_rule_must_hold_and_the_unknown_does_not(raw: list[dict[str, Any]]) -> None:
    assert shown(raw, weather=Weather(Condition.RAIN, 0.0)) == "default"
    assert shown(raw, weather=Weather(Condition.RAIN, None)) == "default"


def test_a_choice_says_picture_link_and_product(raw: list[dict[str, Any]]) -> None:
    slot = parsed(raw)
    choice = choose(slot, OpenFacts(NOON, weather=Weather(Condition.RAIN, 5.0)))
    assert (choice.picture, choice.link, choice.product) == (
        slot.rules[1].variant.picture,
        "https://shop.example/rain",
        "JKT-1",
    )


def test_after_the_last_day_the_expired_picture_is_shown(raw: list[dict[str, Any]]) -> None:
    snow = Weather(Condition.SNOW, -5.0)
    last = datetime(2026, 12, 24, 23, 59, 59, tzinfo=UTC)
    assert shown(raw, weather=snow, now=last) == "snow"
    assert shown(raw, weather=snow, now=last + timedelta(seconds=1)) == "expired"
    raw[0]["expires"] = datetime(2026, 12, 24, 18, tzinfo=UTC)
    assert shown(raw, now=datetime(2026, 12, 24, 18, tzinfo=UTC)) == "expired"
    del raw[0]["expires"]
    assert shown(raw, weather=snow, now=last + timedelta(days=4000)) == "snow"


@pytest.mark.parametrize(
    ("when", "facts", "holds"),
    [
        ({"weather": ["unknown"]}, {}, True),
        ({"weather": ["unknown"]}, {"weather": Weather(Condition.FOG)}, False),
        ({"temperature_below": 5}, {"weather": Weather(Condition.FOG, 4.9)}, True),
        ({"temperature_below": 5}, {"weather": Weather(Condition.FOG, 5.0)}, False),
        ({"wind_above": 40}, {"weather": Weather(Condition.FOG, wind_kmh=41.0)}, True),
        ({"wind_above": 40}, {"weather": Weather(Condition.FOG, wind_kmh=40.0)}, False),
        ({"wind_above": 40}, {}, False),
        ({"daylight": "day"}, {"weather": Weather(Condition.FOG, is_day=True)}, True),
        ({"daylight": "night"}, {"weather": Weather(Condition.FOG, is_day=True)}, False),
        ({"daylight": "day"}, {"place": OSLO}, True),
        ({"daylight": "night"}, {"place": OSLO, "now": NOON + timedelta(hours=9)}, True),
        ({"daylight": "night"}, {}, False),
        ({"daylight": "day"}, {}, False),
        ({"country": ["no", "SE"]}, {"place": OSLO}, True),
        ({"country": ["SE"]}, {"place": OSLO, "country": "SE"}, False),
        ({"country": ["SE"]}, {"country": "se"}, True),
        ({"country": ["SE"]}, {}, False),
        ({"local_hour": [13, 14]}, {"place": OSLO}, True),
        ({"local_hour": [12, 13]}, {"place": OSLO}, False),
        ({"local_hour": [22, 6]}, {"timezone": "Asia/Tokyo", "now": NOON + timedelta(hours=1)}, True),
        ({"local_hour": [22, 6]}, {"timezone": "Asia/Tokyo", "now": NOON}, False),
        ({"local_hour": [0, 24]}, {"timezone": "Asia/Tokyo"}, None),
        ({"local_hour": [7, 8]}, {"weather": Weather(Condition.FOG, utc_offset_seconds=-18000)}, True),
        ({"local_hour": [1, 24]}, {}, False),
        ({"local_hour": [1, 24]}, {"timezone": "Nowhere/At_All"}, False),
        ({"months": [12]}, {"timezone": "Asia/Tokyo", "now": NOON + timedelta(hours=4)}, True),
        ({"months": [12]}, {"now": NOON + timedelta(hours=4)}, False),
        ({"after": NOON}, {}, True),
        ({"after": "2026-12-01"}, {}, False),
        ({"before": NOON}, {}, False),
        ({"before": "2026-12-01"}, {}, True),
        ({"tags": ["vip", "club"]}, {"tags": frozenset({"club"})}, True),
        ({"tags": ["vip"]}, {"tags": frozenset()}, False),
    ],
)
def test_each_condition(
    raw: list[dict[str, Any]], when: Any, facts: dict[str, Any], holds: bool | None
) -> None:
    raw[0]["rules"] = [{**raw[0]["rules"][0], "when": when, "name": "it"}]
    if holds is None:
        with pytest.raises(BadInput, match="local_hour"):
            parse_slots(raw, read)
    else:
        assert (shown(raw, **facts) == "it") is holds
