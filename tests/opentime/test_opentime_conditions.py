"""The language of slot rules: each condition, what is refused, and that nothing is decided by a guess."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slot_strategies import WHEN, conditions, facts

from campaigns.core.errors import BadInput
from campaigns.opentime.place.place import Place
from campaigns.opentime.slots.condition_kinds import KINDS
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.season import SEASONS, months_of, season_of
from campaigns.opentime.weather.weather import Condition, Weather

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
JULY = datetime(2026, 7, 15, 12, tzinfo=UTC)
OSLO = Place(59.9, 10.7, "address", "NO", "Europe/Oslo")
BERGEN_100 = {"latitude": 60.4, "longitude": 5.3, "km": 100}
FIJI_300 = {"latitude": -18, "longitude": 178, "km": 300}
NORDIC = {"south": 55, "west": 4, "north": 71.5, "east": 31}
DATE_LINE = {"south": -20, "west": 177, "north": -15, "east": -177}


def parsed(when: object) -> Conditions:
    return Conditions.parse(when, "rule 1, when")


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
        ({"wind_below": 5}, {"weather": Weather(Condition.FOG, wind_kmh=4.9)}, True),
        ({"wind_below": 5}, {"weather": Weather(Condition.FOG, wind_kmh=5.0)}, False),
        ({"wind_below": 5}, {"weather": Weather(Condition.FOG)}, False),
        ({"weekday": ["mon"]}, {"place": OSLO}, True),
        ({"weekday": ["sat", "sun"]}, {"place": OSLO}, False),
        ({"weekday": ["tue"]}, {"timezone": "Asia/Tokyo", "now": NOON + timedelta(hours=4)}, True),
        ({"weekday": ["mon", "tue"]}, {}, False),
        ({"near": BERGEN_100}, {"place": Place(60.4, 5.3, "home")}, True),
        ({"near": BERGEN_100}, {"place": Place(60.4, 7.0, "home")}, True),
        ({"near": BERGEN_100}, {"place": Place(60.4, 7.3, "home")}, False),
        ({"near": BERGEN_100}, {"place": OSLO}, False),
        ({"near": BERGEN_100}, {}, False),
        ({"near": FIJI_300}, {"place": Place(-17.0, -179.5, "home")}, True),
        ({"area": NORDIC}, {"place": OSLO}, True),
        ({"area": NORDIC}, {"place": Place(54.9, 10.0, "home")}, False),
        ({"area": NORDIC}, {"place": Place(55.0, 31.0, "home")}, True),
        ({"area": NORDIC}, {"place": Place(60.0, 31.1, "home")}, False),
        ({"area": NORDIC}, {}, False),
        ({"area": DATE_LINE}, {"place": Place(-17.0, 178.0, "home")}, True),
        ({"area": DATE_LINE}, {"place": Place(-17.0, -178.0, "home")}, True),
        ({"area": DATE_LINE}, {"place": Place(-17.0, 0.0, "home")}, False),
        ({"season": ["autumn"]}, {"place": OSLO}, True),
        ({"season": ["winter"]}, {"place": OSLO, "now": NOON + timedelta(days=1)}, True),
        ({"season": ["spring"]}, {"place": Place(-36.8, 174.8, "home", "NZ")}, True),
        ({"season": ["winter"]}, {"place": Place(-36.8, 174.8, "home"), "now": JULY}, True),
        ({"season": ["summer"]}, {"place": OSLO, "now": JULY}, True),
        ({"season": ["autumn"]}, {}, True),
        ({"in_stock": ["A", "B"]}, {"stock": {"A": 1, "B": None}}, True),
        ({"in_stock": ["A", "B"]}, {"stock": {"A": 1, "B": 0}}, False),
        ({"in_stock": ["A", "B"]}, {"stock": {"A": 1}}, False),
        ({"sold_out": ["A", "B"]}, {"stock": {"A": 1, "B": 0}}, True),
        ({"sold_out": ["A", "B"]}, {"stock": {"A": 1, "B": None}}, False),
        ({"sold_out": ["A"]}, {}, False),
    ],
)
def test_each_condition(when: Any, facts: dict[str, Any], holds: bool) -> None:
    assert parsed(when).hold(OpenFacts(**{"now": NOON, **facts})) is holds


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"local_hour": [0, 24]}, "when.local_hour: expects two different hours"),
        ({"wind_below": 0}, "when.wind_below: expects more than 0 km/h"),
        ({"wind_below": 10, "wind_above": 10}, "wind_above and wind_below never hold together"),
        ({"after": "2026-12-01", "before": "2026-11-01"}, "after and before never hold together"),
        ({"in_stock": ["A", "B"], "sold_out": ["B"]}, "in_stock and sold_out never hold together"),
        ({"season": ["winter"], "months": [3, 4, 9]}, "season and months never hold together"),
        ({"weekday": ["saturday"]}, "when.weekday: there is no weekday 'saturday'; there are mon, tue, wed"),
        ({"weekday": "sat"}, "when.weekday: expects a list"),
        ({"season": ["monsoon"]}, "when.season: there is no season 'monsoon'; there are winter"),
        ({"near": "Bergen"}, "when.near: expects a table"),
        ({"near": {"latitude": 60, "longitude": 5}}, "needs latitude, longitude, km; km is missing"),
        ({"near": {**BERGEN_100, "miles": 3}}, "when.near: there is no field 'miles'"),
        (
            {"near": {**BERGEN_100, "km": 2}},
            "when.near.km: expects 10 to 20000 kilometres; a place is known to",
        ),
        ({"near": {**BERGEN_100, "latitude": 95}}, "when.near.latitude: expects degrees from -90 to 90"),
        ({"near": {**BERGEN_100, "longitude": "5"}}, "when.near.longitude: expects a number"),
        ({"area": {"south": 1, "west": 2, "north": 3}}, "when.area: needs south, west, north, east; east is"),
        (
            {"area": {**NORDIC, "north": 55}},
            "when.area: expects north to be at least 0.2 degrees above south",
        ),
        (
            {"area": {**NORDIC, "east": 4.1}},
            "when.area: expects east to be at least 0.2 degrees east of west",
        ),
        ({"area": {**NORDIC, "east": 181}}, "when.area.east: expects degrees from -180 to 180"),
        ({"in_stock": []}, "when.in_stock: expects a list"),
        ({"in_stock": [" "]}, "when.in_stock: expects SKUs as text"),
        ({"sold_out": [f"S{n}" for n in range(21)]}, "when.sold_out: expects at most 20 SKUs"),
    ],
)
def test_what_cannot_be_meant_is_refused(when: Any, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parsed(when)
    assert "rule 1, when" in caught.value.message and said in caught.value.message


def test_what_can_hold_together_is_not_refused() -> None:
    parsed({"in_stock": ["A"], "sold_out": ["A", "B"]})
    parsed({"season": ["winter"], "months": [7]})  # in the south
    parsed({"area": {"south": -90, "west": -180, "north": 90, "east": 180}})


def test_a_rule_says_what_has_to_be_known_for_it() -> None:
    asks = {key: (parsed(when).ask_weather, parsed(when).ask_place) for key, when in _ONE_OF_EACH.items()}
    weather = {"weather", "temperature_below", "temperature_above", "wind_below", "wind_above"}
    neither = {"after", "before", "tags", "in_stock", "sold_out"}
    assert asks == {key: (key in weather, key not in neither) for key in KINDS}
    assert parsed({"in_stock": ["A", "B"], "sold_out": ["B", "C"], "tags": ["vip"]}).skus == {"A", "B", "C"}
    assert parsed({"tags": ["vip"]}).skus == frozenset()


_ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "weather": {"weather": ["rain"]},
    "temperature_below": {"temperature_below": 1},
    "temperature_above": {"temperature_above": 1},
    "wind_below": {"wind_below": 1},
    "wind_above": {"wind_above": 1},
    "daylight": {"daylight": "day"},
    "country": {"country": ["NO"]},
    "near": {"near": BERGEN_100},
    "area": {"area": NORDIC},
    "local_hour": {"local_hour": [1, 2]},
    "weekday": {"weekday": ["sun"]},
    "months": {"months": [1]},
    "season": {"season": ["winter"]},
    "after": {"after": NOON},
    "before": {"before": NOON},
    "tags": {"tags": ["vip"]},
    "in_stock": {"in_stock": ["A"]},
    "sold_out": {"sold_out": ["A"]},
}


@pytest.mark.parametrize("season", SEASONS)
def test_seasons_are_half_a_year_apart_in_the_south(season: str) -> None:
    north = {month for month in range(1, 13) if season_of(month, 50.0) == season}
    south = {month for month in range(1, 13) if season_of(month, -50.0) == season}
    assert len(north) == len(south) == 3 and south == {(month + 5) % 12 + 1 for month in north}
    assert months_of(season) == north | south
    assert {month for month in range(1, 13) if season_of(month, None) == season} == north


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_ANYTHING, st.sampled_from(sorted(KINDS)))
def test_any_condition_is_read_or_refused(value: Any, key: str) -> None:
    try:
        read = parsed({key: value})
    except BadInput as error:
        assert f"rule 1, when.{key}" in error.message
    else:
        assert parsed(json.loads(json.dumps(read.to_json()))) == read
        assert read.hold(OpenFacts(NOON)) in (True, False)


@given(conditions)
def test_a_condition_survives_json(when: Conditions) -> None:
    assert parsed(json.loads(json.dumps(when.to_json()))) == when


def test_every_condition_takes_part_in_the_properties() -> None:
    assert set(WHEN) == set(KINDS)


@given(conditions, facts)
def test_what_is_not_known_matches_no_condition_on_it(when: Conditions, known: OpenFacts) -> None:
    key = when.wanted[0][0]
    if KINDS[key].weather:
        assert not when.hold(replace(known, weather=None))
    if key in ("near", "area"):
        assert not when.hold(replace(known, place=None))
    if key in ("country", "daylight", "local_hour", "weekday"):
        assert not when.hold(replace(known, place=None, weather=None, country="", timezone=""))
    if key in ("in_stock", "sold_out"):
        assert not when.hold(replace(known, stock={}))
