"""Any slot and any facts, for properties that must hold whatever a marketer writes and whoever opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from campaigns.opentime.drawing.drawings import CardStyle
from campaigns.opentime.place.place import Place
from campaigns.opentime.slots.condition_kinds import WEEKDAYS
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.slots.season import SEASONS
from campaigns.opentime.slots.shops import Shop
from campaigns.opentime.slots.slot_definition import Rule, SlotDefinition, Variant
from campaigns.opentime.slots.slot_kinds import Content, CountdownTo, NearestShop, PickCard, WeatherPick
from campaigns.opentime.weather.weather import Condition, Weather

SKUS = ("JKT-1", "JKT-2", "HAT-1")
_OPEN = (*(((540, 1080),),) * 6, ())  # Monday to Saturday, 09:00 to 18:00
SHOPS = (
    Shop("Oslo", 59.91, 10.75, "Europe/Oslo", _OPEN, "https://shop.example/oslo"),
    Shop("Bergen", 60.39, 5.32, "Europe/Oslo", _OPEN, ""),
    Shop("Suva", -18.14, 178.44, "Pacific/Fiji", _OPEN, "https://shop.example/suva"),
)

_degrees = st.floats(-90, 90)
_temperatures = st.none() | st.floats(-40, 45)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))
_zones = st.sampled_from(["", "Europe/Oslo", "Pacific/Auckland", "America/Lima", "No/Where"])
_tags = st.frozensets(
    st.sampled_from(["vip", "weather:rain", "weather:clear", "weather:cold", "weather:windy"]), max_size=3
)
places = st.builds(
    Place,
    _degrees,
    st.floats(-180, 180),
    st.sampled_from(["address", "apple_city", "home"]),
    st.sampled_from(["", "NO", "NZ", "PE"]),
    _zones,
)
weathers = st.builds(
    Weather,
    st.sampled_from(Condition),
    _temperatures,
    st.none() | st.floats(0, 150),
    st.none() | st.booleans(),
    st.none() | st.floats(0, 50),
    st.none() | st.sampled_from([-18000, 0, 3600, 46800]),
)
products = st.builds(
    LiveProduct,
    st.integers(1, 10**9),
    st.sampled_from(SKUS),
    st.text(min_size=1, max_size=40),
    st.none() | st.decimals(Decimal(0), Decimal("99999.99"), places=2),
    st.sampled_from(["", "EUR", "NOK", "JPY"]),
    st.none() | st.integers(0, 20),
    st.sampled_from(["", "javascript:alert(1)", "https://shop.example/p/1", "https://shop.example/p/2"]),
    _tags,
    st.sampled_from(["", "a" * 64]),
)
facts = st.builds(
    OpenFacts,
    moments,
    st.none() | weathers,
    st.none() | places,
    st.sampled_from(["", "NO", "nz"]),
    _zones,
    _tags,
    st.sampled_from(["en", "de", "de_AT", "fr", "es", "no", "nb_NO", "xx", "", "not a locale"]),
    st.lists(products, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from(SKUS), st.none() | st.integers(0, 20)),
)


def _some(names: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(names)), min_size=1, max_size=3)


WHEN: dict[str, st.SearchStrategy[Any]] = {
    "weather": _some([condition.value for condition in Condition if condition is not Condition.UNKNOWN]),
    "temperature_below": st.floats(-40, 45),
    "temperature_above": st.floats(-40, 45),
    "wind_below": st.floats(0.1, 150),
    "wind_above": st.floats(0, 150),
    "daylight": st.sampled_from(["day", "night"]),
    "country": _some(["NO", "nz", "PE"]),
    "near": st.fixed_dictionaries(
        {"latitude": _degrees, "longitude": st.floats(-180, 180), "km": st.floats(10, 20_000)}
    ),
    "area": st.builds(
        lambda south, height, west, width: {
            "south": south,
            "west": west,
            "north": south + height,
            "east": (west + width + 180) % 360 - 180,
        },
        st.floats(-90, 60),
        st.floats(0.25, 30),
        st.floats(-180, 180),
        st.floats(1, 359),
    ),
    "local_hour": st.sampled_from([[18, 6], [6, 18], [0, 23]]),
    "weekday": _some(WEEKDAYS),
    "months": _some(range(1, 13)),
    "season": _some(SEASONS),
    "after": moments,
    "before": moments,
    "tags": _some(["vip", "club"]),
    "in_stock": _some(SKUS),
    "sold_out": _some(SKUS),
}
conditions = st.sampled_from(sorted(WHEN)).flatmap(
    lambda key: WHEN[key].map(lambda value: Conditions.parse({key: value}, "when"))
)

_styles = st.sampled_from([CardStyle(), CardStyle("#000000", "#ffffff", "#ffff00")])
_units = st.none() | st.just(("d", "h", "m", "s"))
contents: st.SearchStrategy[Content | None] = st.one_of(
    st.none(),
    st.builds(WeatherPick, _styles),
    st.builds(PickCard, st.integers(1, 4), _styles),
    st.builds(CountdownTo, moments, st.sampled_from(["", "Ends soon"]), _units, _styles),
    st.builds(NearestShop, st.just(SHOPS), st.floats(1, 20_000), _styles),
)


def _slot(rules: list[Conditions], expires: datetime | None, content: Content | None) -> SlotDefinition:
    return SlotDefinition(
        name="hero",
        width=60,
        height=30,
        scale=2,
        media_type="image/gif" if isinstance(content, CountdownTo) else "image/png",
        alt="A picture",
        default=Variant("default", "d" * 64, "https://shop.example/default"),
        expired=Variant("expired", "e" * 64, "https://shop.example/over"),
        expires=expires,
        rules=tuple(
            Rule(when, Variant(f"rule_{n}", f"{n}" * 64, f"https://shop.example/rule/{n}"))
            for n, when in enumerate(rules, 1)
        ),
        content=content,
    )


slots = st.builds(
    _slot,
    st.lists(conditions, max_size=3),
    st.none() | moments.map(lambda at: at + timedelta(days=365)),
    contents,
)
