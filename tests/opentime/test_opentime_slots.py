"""Slots: read with errors that say where, chosen by rule, expired in time."""

from __future__ import annotations

import io
import json
import tomllib
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentime_samples import picture
from PIL import Image, ImageChops

from campaigns.core.errors import BadInput, NotFound
from campaigns.opentime.drawing.drawings import CardStyle
from campaigns.opentime.drawing.pictures import check_picture
from campaigns.opentime.drawing.still_gif import as_gif
from campaigns.opentime.slots.rules import OpenFacts, choose
from campaigns.opentime.slots.slot_definition import SlotDefinition
from campaigns.opentime.slots.slot_kinds import CountdownTo, NearestShop, PickCard
from campaigns.opentime.slots.slots import parse_slots
from campaigns.opentime.weather.weather import Condition, Weather

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


SHOPS_TOML = b"""
[[shops]]
name = "Oslo"
latitude = 59.91
longitude = 10.75
timezone = "Europe/Oslo"
hours = "Mo-Fr 09:00-18:00; Sa 10:00-16:00"
link = "https://shop.example/oslo"
"""
SHOPS_CSV = b"""\xef\xbb\xbfname,latitude,longitude,timezone,hours,link
Oslo,59.91,10.75,Europe/Oslo,Mo-Fr 09:00-18:00; Sa 10:00-16:00,https://shop.example/oslo
"""
DEADLINE = datetime(2026, 12, 1, 18, tzinfo=UTC)


def drawn(raw: list[dict[str, Any]], kind: str, **more: Any) -> SlotDefinition:
    """The slot of the campaign file as one of another kind, through JSON and back."""
    raw[0] |= {"kind": kind, **more}
    slot = parse_slots(raw, {**FILES, "shops.csv": SHOPS_CSV, "shops.toml": SHOPS_TOML}.__getitem__, NOON)[0][
        0
    ]
    assert slot.kind == kind
    assert SlotDefinition.from_json(json.loads(json.dumps(slot.to_json()))) == slot
    return slot


def test_a_slot_says_what_has_to_be_known_for_it(raw: list[dict[str, Any]]) -> None:
    def asks(slot: SlotDefinition) -> tuple[bool, bool, bool, frozenset[str]]:
        return slot.asks_weather, slot.asks_place, slot.asks_picks, slot.skus

    assert asks(parsed(raw)) == (True, True, False, frozenset())
    raw[0]["rules"] = [{**raw[0]["rules"][0], "when": {"tags": ["vip"], "sold_out": ["A"]}}]
    assert asks(parsed(raw)) == (False, False, False, {"A"})
    raw[0]["rules"].append(
        {**raw[0]["rules"][0], "name": "x", "when": {"in_stock": ["B"], "country": ["NO"]}}
    )
    assert asks(parsed(raw)) == (False, True, False, {"A", "B"})
    raw[0]["rules"] = []
    assert asks(drawn(raw, "weather_pick")) == (True, True, True, frozenset())
    assert asks(drawn(raw, "live_product")) == (False, False, True, frozenset())
    assert asks(drawn(raw, "nearest_shop", shops="shops.csv")) == (False, True, False, frozenset())
    del raw[0]["shops"]
    del raw[0]["expires"]
    assert asks(drawn(raw, "countdown", deadline=DEADLINE)) == (False, False, False, frozenset())


def test_what_was_stored_before_there_were_kinds_is_still_read(raw: list[dict[str, Any]]) -> None:
    slot = parsed(raw)
    stored = slot.to_json()
    del stored["kind"], stored["content"]
    assert SlotDefinition.from_json(stored) == slot and slot.kind == "picture"


def test_shops_are_read_from_a_file_or_from_the_campaign_itself(raw: list[dict[str, Any]]) -> None:
    inline = tomllib.loads(SHOPS_TOML.decode())["shops"]
    contents = [
        drawn(raw, "nearest_shop", shops=shops).content for shops in ("shops.csv", "shops.toml", inline)
    ]
    assert isinstance(contents[0], NearestShop) and contents == [contents[0]] * 3
    assert [(shop.name, shop.link) for shop in contents[0].shops] == [("Oslo", "https://shop.example/oslo")]
    assert contents[0].within_km == 50


def test_a_style_belongs_to_what_is_drawn(raw: list[dict[str, Any]]) -> None:
    slot = drawn(raw, "live_product", pick=2, style={"background": "#000", "text": "#fff", "accent": "#FF0"})
    assert slot.content == PickCard(2, CardStyle("#000000", "#ffffff", "#ffff00"))
    assert slot.needs_picks == 2


def test_a_countdown_ends_at_its_deadline(raw: list[dict[str, Any]]) -> None:
    del raw[0]["expires"]
    slot = drawn(raw, "countdown", deadline=DEADLINE, label="Ends soon", units=["T", "S", "M", "s"])
    assert slot.content == CountdownTo(DEADLINE, "Ends soon", ("T", "S", "M", "s"))
    assert slot.expires == DEADLINE
    assert drawn(raw, "countdown", expires=DEADLINE - timedelta(hours=1)).expires == DEADLINE - timedelta(
        hours=1
    )
    day = drawn(raw, "countdown", deadline=DEADLINE.date(), expires=DEADLINE)
    assert isinstance(day.content, CountdownTo) and day.content.deadline == datetime(2026, 12, 2, tzinfo=UTC)
    # A stored one is read again however old it is.
    assert SlotDefinition.from_json({**slot.to_json(), "expires": None}).expires == DEADLINE


def test_the_pictures_of_a_countdown_become_gifs(raw: list[dict[str, Any]]) -> None:
    raw[0]["rules"][0]["picture"] = "photo.jpg"
    raw[0] |= {"kind": "countdown", "deadline": DEADLINE}
    del raw[0]["expires"]
    slots, pictures = parse_slots(raw, read, NOON)
    assert (slots[0].media_type, slots[0].extension, slots[0].pixel_size) == ("image/gif", "gif", (60, 30))
    assert {variant.picture for variant in slots[0].variants} == set(pictures)
    for one in pictures.values():
        assert (one.media_type, one.width, one.height) == ("image/gif", 60, 30)
    with Image.open(io.BytesIO(pictures[slots[0].default.picture].body)) as shown_as:
        assert shown_as.convert("RGB").getpixel((30, 15)) == (0, 128, 0)


def test_a_picture_becomes_a_gif_that_looks_like_it() -> None:
    wash = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
    out = io.BytesIO()
    wash.save(out, "PNG")
    made = as_gif(check_picture(out.getvalue(), "here"), "here")
    assert (made.media_type, made.size) == ("image/gif", "90x60")
    with Image.open(io.BytesIO(made.body)) as again:
        worst = max(high for _, high in ImageChops.difference(again.convert("RGB"), wash).getextrema())  # type: ignore[misc]
    assert worst <= 8
    assert as_gif(made, "here") is made
    ghost = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(ghost, "PNG")
    with Image.open(io.BytesIO(as_gif(check_picture(ghost.getvalue(), "x"), "x").body)) as seen:
        assert seen.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"kind": "carousel"},
            "slot 'hero', kind: there is no kind 'carousel'; there are picture, weather_pick",
        ),
        ({"kind": ["picture"]}, "slot 'hero', kind: there is no kind"),
        ({"pick": 1}, "slot 'hero', pick: belongs to a slot of kind live_product; this one is 'picture'"),
        ({"kind": "live_product", "shops": []}, "shops: belongs to a slot of kind nearest_shop"),
        ({"kind": "countdown", "within_km": 3}, "within_km: belongs to a slot of kind nearest_shop"),
        ({"kind": "live_product", "pick": 0}, "slot 'hero', pick: expects a rank from 1"),
        ({"kind": "live_product", "pick": True}, "slot 'hero', pick: expects a rank from 1"),
        ({"kind": "live_product", "pick": 5}, "slot 'hero': shows pick 5, but the campaign has picks = 4"),
        ({"kind": "weather_pick", "style": "dark"}, "slot 'hero', style: expects a table"),
        ({"kind": "weather_pick", "style": {"text": "red"}}, "slot 'hero', style.text: expects a colour"),
        ({"kind": "countdown"}, "slot 'hero', deadline: is required, as a date"),
        ({"kind": "countdown", "deadline": "soon"}, "slot 'hero', deadline: expects a date"),
        ({"kind": "countdown", "deadline": NOON}, "deadline: 2026-11-30 12:00 UTC has passed already"),
        ({"kind": "countdown", "deadline": DEADLINE}, "slot 'hero', expires: is later than the deadline"),
        (
            {"kind": "countdown", "deadline": DEADLINE, "units": ["d"]},
            "slot 'hero', units: expects four names",
        ),
        (
            {"kind": "countdown", "deadline": DEADLINE, "units": ["d", "h", "m", "s" * 13]},
            "units: expects four",
        ),
        (
            {"kind": "countdown", "deadline": DEADLINE, "label": "l" * 61},
            "slot 'hero', label: expects one line",
        ),
        ({"kind": "nearest_shop"}, "slot 'hero', shops: is required: a file such as"),
        ({"kind": "nearest_shop", "shops": "shops.xlsx"}, "slot 'hero', shops: is required: a file such as"),
        ({"kind": "nearest_shop", "shops": "gone.csv"}, "slot 'hero', shops: gone.csv: cannot be read"),
        ({"kind": "nearest_shop", "shops": "latin.csv"}, "shops: latin.csv: is not written in UTF-8"),
        ({"kind": "nearest_shop", "shops": "bad.toml"}, "shops: bad.toml: cannot be read"),
        ({"kind": "nearest_shop", "shops": "none.toml"}, "shops: none.toml: expects a list of tables"),
        ({"kind": "nearest_shop", "shops": []}, "slot 'hero', shops: has no shop"),
        ({"kind": "nearest_shop", "shops": "line.csv"}, "shops, line.csv, line 2, latitude: expects degrees"),
        ({"kind": "nearest_shop", "shops": "shops.csv", "within_km": 0}, "within_km: expects kilometres"),
    ],
)
def test_what_is_wrong_with_a_kind_is_said_with_its_place(
    raw: list[dict[str, Any]], more: dict[str, Any], said: str
) -> None:
    files = {
        **FILES,
        "shops.csv": SHOPS_CSV,
        "line.csv": SHOPS_CSV.replace(b"59.91", b"north"),
        "latin.csv": "name\nTromsø".encode("latin-1"),
        "bad.toml": b"shops = [",
        "none.toml": b"shop = 1",
    }
    raw[0] |= more
    with pytest.raises(BadInput) as caught:
        parse_slots(raw, files.__getitem__, NOON, picks=4)
    assert said in caught.value.message


def test_a_rule_is_not_called_like_what_is_drawn(raw: list[dict[str, Any]]) -> None:
    for name in ("countdown", "product:7", "shop:1"):
        raw[0]["rules"][0]["name"] = name
        with pytest.raises(BadInput, match=r"rule 1, name: .* is what drawn pictures are called"):
            parse_slots(raw, read)


@pytest.mark.parametrize(
    ("code", "said"), [("UK", "the United Kingdom is GB"), ("XX", "ISO 3166"), ("EU", "ISO 3166")]
)
def test_a_country_that_does_not_exist_is_refused_where_a_slot_is_new(
    raw: list[dict[str, Any]], code: str, said: str
) -> None:
    good = parsed(raw)
    raw[0]["rules"][0]["when"] = {"country": [code]}
    with pytest.raises(BadInput, match=said) as refused:
        parse_slots(raw, read)
    assert refused.value.where == "slot 'hero', rule 1, when.country"
    stored = good.to_json()
    stored["rules"][0]["when"] = {"country": [code]}
    assert SlotDefinition.from_json(stored).rules, "what was stored before is read as it was"


def test_a_slot_that_is_over_already_is_refused(raw: list[dict[str, Any]]) -> None:
    with pytest.raises(BadInput, match="over already") as refused:
        parse_slots(raw, read, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert refused.value.where == "slot 'hero', expires"
    assert parse_slots(raw, read, now=NOON)[0]
