"""Where it is opened: consent first, then the requester, then the address; GeoLookup's contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentime_mmdb import write_mmdb
from opentime_samples import APPLE_ADDRESS, OSLO_ADDRESS

from campaigns.core.errors import NotConfigured
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.geo import FixedLookup, GeoAnswer, GeoLookup, MaxMindLookup, lookup_in_force
from campaigns.opentime.place.place import Home, Place, locate, signal_of
from campaigns.opentime.place.requester import Requester

OSLO = GeoAnswer("Oslo", 59.9127, 10.7461, 20.0, "NO", "Europe/Oslo")
HOME = Home(69.6492, 18.9553, "NO", "Europe/Oslo")
APPLE = AppleEgress([("172.224.226.0/27", ("GB", "GB-EN", "London"))])


class Watched:
    """A lookup that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def lookup(self, address: str) -> GeoAnswer | None:
        self.asked.append(address)
        return OSLO


def _record(city: str | None, latitude: float, longitude: float, radius: int | None) -> dict[str, object]:
    location: dict[str, object] = {"latitude": latitude, "longitude": longitude, "time_zone": "Europe/Oslo"}
    if radius is not None:
        location["accuracy_radius"] = radius
    record: dict[str, object] = {"country": {"iso_code": "NO"}, "location": location}
    return {**record, "city": {"names": {"en": city}}} if city else record


def _maxmind(folder: Path) -> GeoLookup:
    rows = {
        "81.2.69.0/24": _record("Oslo", 59.9127, 10.7461, 20),
        "2a02:2121::/32": _record("Oslo", 59.9127, 10.7461, 20),
        "80.0.0.0/8": _record(None, 60.0, 100.0, 1000),
        "77.0.0.0/8": _record("Oslo", 59.9127, 10.7461, 100),
        "78.0.0.0/8": _record("Oslo", 59.9127, 10.7461, None),
        "79.0.0.0/8": {"city": {"names": {"en": "Oslo"}}},
    }
    return MaxMindLookup(write_mmdb(folder / "city.mmdb", rows))


def _fixed(_: Path) -> GeoLookup:
    return FixedLookup(
        {
            OSLO_ADDRESS: OSLO,
            "2a02:2121::1": OSLO,
            "80.1.1.1": GeoAnswer("", 60.0, 100.0, 1000.0, "RU"),
            "77.1.1.1": GeoAnswer("Oslo", 59.9127, 10.7461, 100.0),
            "78.1.1.1": GeoAnswer("Oslo", 59.9127, 10.7461, float("nan")),
            "79.1.1.1": GeoAnswer("Oslo", float("nan"), float("nan"), 5.0),
        }
    )


@pytest.fixture(params=[_maxmind, _fixed], ids=["maxmind", "fixed"], scope="module")
def geo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GeoLookup:
    lookup: GeoLookup = request.param(tmp_path_factory.mktemp("geo"))
    return lookup


@pytest.mark.parametrize("address", [OSLO_ADDRESS, "2a02:2121::1"])
def test_contract_a_city_is_found(geo: GeoLookup, address: str) -> None:
    assert geo.lookup(address) == OSLO


@pytest.mark.parametrize(
    "address", ["80.1.1.1", "77.1.1.1", "78.1.1.1", "79.1.1.1", "9.9.9.9", "2001:db8::1"]
)
def test_contract_no_city_or_not_precise_is_nothing(geo: GeoLookup, address: str) -> None:
    assert geo.lookup(address) is None


@given(address=st.text())
def test_contract_any_text_is_survived(geo: GeoLookup, address: str) -> None:
    assert geo.lookup(address) is None


def test_a_missing_or_damaged_database_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(b"no database")
    for path in (tmp_path / "missing.mmdb", damaged):
        with pytest.raises(NotConfigured, match="TAILORMAIL_GEOIP_PATH"):
            MaxMindLookup(path)


def test_a_row_of_another_shape_is_survived(tmp_path: Path) -> None:
    rows = {"81.2.69.0/24": {"city": "Oslo", "location": ["here"]}, "81.2.70.0/24": "a text"}
    lookup = MaxMindLookup(write_mmdb(tmp_path / "odd.mmdb", rows))
    assert lookup.lookup("81.2.69.1") is None
    assert lookup.lookup("81.2.70.1") is None


def test_a_direct_client_with_consent_is_where_its_address_is() -> None:
    place = locate(Requester.DIRECT, OSLO_ADDRESS, HOME, True, Watched(), APPLE)
    assert place == Place(59.9, 10.7, "address", "NO", "Europe/Oslo")


def test_without_consent_the_stored_home_decides_and_nothing_is_looked_up() -> None:
    geo = Watched()
    for requester in Requester:
        place = locate(requester, OSLO_ADDRESS, HOME, False, geo, APPLE, lambda *_: (51.5, -0.1))
        assert place == Place(69.6, 19.0, "home", "NO", "Europe/Oslo")
    assert geo.asked == []


@pytest.mark.parametrize("requester", [one for one in Requester if one.hides_place])
def test_behind_a_proxy_the_home_decides(requester: Requester) -> None:
    geo = Watched()
    assert signal_of(locate(requester, OSLO_ADDRESS, HOME, True, geo, APPLE)) == "home"
    assert geo.asked == []


@pytest.mark.parametrize("requester", [Requester.APPLE_MPP, Requester.DIRECT])
def test_apples_addresses_never_reach_geoip(requester: Requester) -> None:
    geo = Watched()
    assert signal_of(locate(requester, APPLE_ADDRESS, HOME, True, geo, APPLE)) == "home"
    asked: list[tuple[str, str, str]] = []

    def london(country: str, region: str, city: str) -> tuple[float, float]:
        asked.append((country, region, city))
        return 51.5074, -0.1278

    place = locate(requester, APPLE_ADDRESS, HOME, True, geo, APPLE, london)
    assert place == Place(51.5, -0.1, "apple_city", "GB")
    assert asked == [("GB", "GB-EN", "London")]
    assert geo.asked == []


BERLIN = GeoAnswer("Berlin", 52.5, 13.4, 10.0, "DE", "Europe/Berlin")
CITY, ROUGH, COUNTRY, APPLES = OSLO_ADDRESS, "77.1.1.1", "80.1.1.1", APPLE_ADDRESS
KNOWN = FixedLookup(
    {
        CITY: BERLIN,
        APPLES: BERLIN,  # what GeoIP would say, and must never be asked
        ROUGH: GeoAnswer("Berlin", 52.5, 13.4, 51.0, "DE"),
        COUNTRY: GeoAnswer("", 60.0, 100.0, 20.0, "RU"),
    }
)
PROXIES = [one for one in Requester if one not in (Requester.DIRECT, Requester.APPLE_MPP)]
MATRIX = [
    # consent, requester, address, with a home, without one
    *(
        (False, one, kind, "home", "none")
        for one in Requester
        for kind in (CITY, ROUGH, COUNTRY, APPLES, None)
    ),
    *((True, one, kind, "home", "none") for one in PROXIES for kind in (CITY, ROUGH, COUNTRY, APPLES, None)),
    (True, Requester.DIRECT, CITY, "address", "address"),
    (True, Requester.DIRECT, ROUGH, "home", "none"),
    (True, Requester.DIRECT, COUNTRY, "home", "none"),
    (True, Requester.DIRECT, "9.9.9.9", "home", "none"),
    (True, Requester.DIRECT, APPLES, "apple_city", "apple_city"),  # a browser on Private Relay
    (True, Requester.DIRECT, None, "home", "none"),
    (True, Requester.APPLE_MPP, APPLES, "apple_city", "apple_city"),
    (True, Requester.APPLE_MPP, CITY, "home", "none"),  # its User-Agent, from an address not on the list
    (True, Requester.APPLE_MPP, COUNTRY, "home", "none"),
    (True, Requester.APPLE_MPP, None, "home", "none"),
]


@pytest.mark.parametrize(("consent", "requester", "address", "at_home", "homeless"), MATRIX)
def test_what_decides(
    consent: bool, requester: Requester, address: str | None, at_home: str, homeless: str
) -> None:
    for home, expected in ((HOME, at_home), (None, homeless)):
        place = locate(requester, address, home, consent, KNOWN, APPLE, lambda *_: (51.5, -0.1))
        where = {
            "home": Place(69.6, 19.0, "home", "NO", "Europe/Oslo"),
            "address": Place(52.5, 13.4, "address", "DE", "Europe/Berlin"),
            "apple_city": Place(51.5, -0.1, "apple_city", "GB"),
            "none": None,
        }
        assert place == where[expected]


def test_a_city_that_nobody_can_tell_from_its_namesakes_leaves_it_to_the_home() -> None:
    for nowhere in (None, (float("nan"), 0.0), (91.0, 0.0)):
        place = locate(Requester.APPLE_MPP, APPLE_ADDRESS, HOME, True, KNOWN, APPLE, lambda *_: nowhere)  # noqa: B023
        assert signal_of(place) == "home"


def test_nothing_known_is_no_place() -> None:
    assert locate(Requester.DIRECT, None, None, True, Watched(), APPLE) is None
    assert locate(Requester.DIRECT, OSLO_ADDRESS, None, True, None, None) is None
    assert locate(Requester.DIRECT, OSLO_ADDRESS, Home(float("nan"), 0), True, FixedLookup({}), None) is None
    assert signal_of(None) == "none"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_no_place_is_finer_than_a_tenth_of_a_degree(latitude: float, longitude: float) -> None:
    place = Place(latitude, longitude, "home")
    assert place.latitude == round(place.latitude, 1) and place.longitude == round(place.longitude, 1)
    assert abs(place.latitude - latitude) <= 0.051 and abs(place.longitude - longitude) <= 0.051


@pytest.mark.parametrize("degrees", [(91.0, 0.0), (0.0, -181.0), (float("nan"), 0.0), (0.0, float("inf"))])
def test_a_place_is_on_earth(degrees: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="Earth"):
        Place(*degrees, "home")


class WatchedEgress(AppleEgress):
    """A list that remembers whether a city was looked up in it."""

    def __init__(self) -> None:
        super().__init__(
            [("172.224.226.0/27", ("GB", "GB-EN", "London")), ("::/0", ("FR", "FR-75", "Paris"))]
        )
        self.asked: list[str | None] = []

    def city(self, address: str | None) -> tuple[str, str, str] | None:
        self.asked.append(address)
        return super().city(address)


addresses = (
    st.none() | st.text() | st.ip_addresses().map(str) | st.sampled_from([APPLE_ADDRESS, OSLO_ADDRESS])
)


@given(
    st.sampled_from(Requester),
    addresses,
    st.none() | st.builds(Home, st.floats(), st.floats(), st.text(), st.text()),
    st.booleans(),
)
def test_locate_answers_for_anything_and_looks_up_only_with_consent(
    requester: Requester, address: str | None, home: Home | None, consent: bool
) -> None:
    geo, egress = Watched(), WatchedEgress()
    cities: list[str] = []

    def gazetteer(country: str, region: str, city: str) -> tuple[float, float] | None:
        cities.append(city)
        return 51.5, -0.1

    place = locate(requester, address, home, consent, geo, egress, gazetteer)
    assert signal_of(place) in ("address", "apple_city", "home", "none")
    if not consent:
        assert (geo.asked, egress.asked, cities) == ([], [], [])
        assert signal_of(place) in ("home", "none")
    if requester is not Requester.DIRECT:
        assert geo.asked == []
    if requester.hides_place and requester is not Requester.APPLE_MPP:
        assert (egress.asked, cities) == ([], [])
    if egress.asked:
        assert geo.asked == []  # never both: GeoIP errs on Apple's addresses


def test_a_file_that_cannot_be_used_is_said_once_and_survived(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database")
    with structlog.testing.capture_logs() as logs:
        for path in (tmp_path / "missing.mmdb", broken):
            assert lookup_in_force(path) is lookup_in_force(path) is None
    assert [log["event"] for log in logs] == ["geo_file_not_used"] * 2
    assert lookup_in_force(None) is None
