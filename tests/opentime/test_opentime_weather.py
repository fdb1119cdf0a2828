"""Weather sources: one contract for Open-Meteo, MET Norway (against a server of their protocols) and the fixed one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import Rejected, ServiceUnavailable, TailormailError
from campaigns.opentime.place.coordinates import cell_of
from campaigns.opentime.weather.fake_weather_server import Behaviour, FakeWeatherServer
from campaigns.opentime.weather.forecast_shelf import ForecastShelf
from campaigns.opentime.weather.met_norway import MetNorway
from campaigns.opentime.weather.open_meteo import POINTS_A_REQUEST, OpenMeteo
from campaigns.opentime.weather.sun import is_daylight
from campaigns.opentime.weather.weather import (
    Condition,
    FixedWeather,
    Weather,
    WeatherSource,
    condition_from_wmo,
)
from tests.waiting import in_time

RAIN = Weather(Condition.RAIN, 8.5, 20.0, True, 1.2, 7200)
SNOW = Weather(Condition.SNOW, -4.0, 3.0, False, 0.4, -18000)
CLEAR = Weather(Condition.CLEAR, 30.0, 0.0, True, 0.0, 0)
ODD = Weather(Condition.UNKNOWN, 11.0, 7.0, True, 0.0, 0)
OSLO, NUUK, CAIRO, ATLANTIS = (59.9, 10.7), (64.2, -51.7), (30.0, 31.2), (31.0, -24.0)
HTTP = ("open_meteo", "met_norway")
_PATIENCE = 20.0
"""Seconds, where no time limit is what is tested: a busy machine may let a server wait for some."""
MakeSource = Callable[[float], WeatherSource]


@pytest.fixture
def server() -> Iterator[FakeWeatherServer]:
    with FakeWeatherServer() as server:
        for point, value in {OSLO: RAIN, NUUK: SNOW, CAIRO: CLEAR, ATLANTIS: ODD}.items():
            server.script(*point, value)
        yield server


@pytest.fixture(params=HTTP)
def service(request: pytest.FixtureRequest, server: FakeWeatherServer) -> MakeSource:
    """Makes a source with a time limit that asks the server in one of its languages."""
    if request.param == "open_meteo":
        return lambda timeout: OpenMeteo(server.url, timeout=timeout)
    return lambda timeout: MetNorway(
        server.met_url, "tests@example.com", ForecastShelf(None), lambda: None, timeout
    )


@pytest.fixture(params=[*HTTP, "fixed_mapping", "fixed_function"])
def source(request: pytest.FixtureRequest, server: FakeWeatherServer) -> WeatherSource:
    weather = {OSLO: RAIN, NUUK: SNOW, CAIRO: CLEAR, ATLANTIS: ODD}
    if request.param == "fixed_mapping":
        return FixedWeather(weather)
    if request.param == "fixed_function":
        by_cell = {cell_of(*point): value for point, value in weather.items()}
        return FixedWeather(lambda latitude, longitude: by_cell[cell_of(latitude, longitude)])
    if request.param == "met_norway":
        return MetNorway(server.url, "tests@example.com", ForecastShelf(None), lambda: None, _PATIENCE)
    return OpenMeteo(server.url, timeout=_PATIENCE)


def told(source: WeatherSource, points: list[tuple[float, float]]) -> list[Weather]:
    """What a source says, without what not all of them say: day or night and the offset from UTC."""
    found = source.at(points)
    assert isinstance(source, MetNorway) or all(one.utc_offset_seconds is not None for one in found)
    return [replace(one, is_day=None, utc_offset_seconds=None) for one in found]


def plain(*weathers: Weather) -> list[Weather]:
    return [replace(one, is_day=None, utc_offset_seconds=None) for one in weathers]


def test_contract_one_point(source: WeatherSource) -> None:
    assert told(source, [OSLO]) == plain(RAIN)


def test_contract_several_points_in_their_order(source: WeatherSource) -> None:
    assert told(source, [CAIRO, OSLO, NUUK, OSLO]) == plain(CLEAR, RAIN, SNOW, RAIN)


def test_contract_the_middle_of_the_cell_is_the_cell(source: WeatherSource) -> None:
    assert told(source, [cell_of(*OSLO)]) == plain(RAIN)


def test_contract_no_point_is_no_weather(source: WeatherSource) -> None:
    assert source.at([]) == []


def test_contract_an_unknown_code_is_unknown_and_the_rest_is_told(source: WeatherSource) -> None:
    assert told(source, [ATLANTIS, OSLO]) == plain(ODD, RAIN)


def test_contract_too_many_requests_say_how_long_to_wait(
    server: FakeWeatherServer, service: MakeSource
) -> None:
    server.script(*OSLO, Behaviour.TOO_MANY)
    waits: list[float | None] = []
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for server.retry_after in (None, "7", later, "soon"):
        with pytest.raises(ServiceUnavailable) as caught:
            service(2).at([CAIRO, OSLO])
        waits.append(caught.value.retry_after)
    assert waits[:2] == [60.0, 7.0] and waits[3] == 60.0
    assert waits[2] is not None and 80 < waits[2] <= 90


@pytest.mark.parametrize("behaviour", [Behaviour.BROKEN, Behaviour.GARBAGE, Behaviour.TOO_SHORT])
def test_contract_a_broken_service_is_unavailable(
    server: FakeWeatherServer, service: MakeSource, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    with pytest.raises(ServiceUnavailable) as caught:
        service(2).at([OSLO])
    assert caught.value.retry_after is None


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.TRICKLE])
def test_contract_a_hanging_service_ends_at_the_time_limit(
    server: FakeWeatherServer, service: MakeSource, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    started = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        service(0.3).at([OSLO])
    assert in_time(started, 2)


def test_contract_a_refusal_is_one(server: FakeWeatherServer, service: MakeSource) -> None:
    server.script(*OSLO, Behaviour.BAD_REQUEST)
    with pytest.raises(Rejected, match="scripted 400"):
        service(2).at([OSLO])
    with pytest.raises(Rejected, match="400"):
        service(2).at([(95.0, 0.0)])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://127.0.0.1:9/v1/forecast", "http://nowhere.invalid"]
)
def test_contract_nobody_there_and_no_address_in_the_error(url: str) -> None:
    silent = MetNorway(url, "tests@example.com", ForecastShelf(None), lambda: None, 1)
    for source in (OpenMeteo(url, "a-secret-key", timeout=1), silent):
        with pytest.raises(ServiceUnavailable) as caught:
            source.at([OSLO])
        assert "a-secret-key" not in str(caught.value) and "127" not in str(caught.value)
        assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_open_meteo_is_asked_for_many_points_at_once(server: FakeWeatherServer) -> None:
    points = [(float(n % 80), float(n // 80)) for n in range(POINTS_A_REQUEST + 5)]
    assert len(OpenMeteo(server.url + "/v1/forecast/", "a-key").at(points)) == len(points)
    assert [len(request) for request in server.requests] == [POINTS_A_REQUEST, 5]
    assert server.keys == ["a-key", "a-key"]


def test_an_error_is_a_tailormail_error(server: FakeWeatherServer) -> None:
    server.behaviour = Behaviour.FORBIDDEN
    with pytest.raises(TailormailError):
        OpenMeteo(server.url).at([OSLO])


def test_codes_become_conditions() -> None:
    expected = {0: "clear", 2: "cloud", 48: "fog", 57: "drizzle", 65: "rain", 77: "snow", 81: "showers"}
    assert {code: condition_from_wmo(code) for code in expected} == expected
    assert condition_from_wmo(86) is Condition.SNOW and condition_from_wmo(96) is Condition.THUNDER
    assert condition_from_wmo(61.0) is Condition.RAIN
    for nothing in (None, "61", 4, -1, 61.5, True, float("nan"), float("inf"), [61]):
        assert condition_from_wmo(nothing) is Condition.UNKNOWN


@given(
    st.builds(
        Weather,
        st.sampled_from(Condition),
        st.none() | st.floats(-60, 60),
        st.none() | st.floats(0, 300),
        st.none() | st.booleans(),
        st.none() | st.floats(0, 100),
        st.none() | st.integers(-43200, 50400),
    )
)
def test_weather_survives_json(weather: Weather) -> None:
    assert Weather.from_json(weather.to_json()) == weather


@pytest.mark.parametrize("fields", [{}, {"condition": "hail"}, {"condition": "rain", "humidity": 3}])
def test_another_versions_weather_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        Weather.from_json(fields)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_cell_is_near_and_holds_its_middle(latitude: float, longitude: float) -> None:
    cell = cell_of(latitude, longitude)
    assert cell_of(*cell) == cell
    assert abs(cell[0] - latitude) <= 0.125
    assert min(abs(cell[1] - longitude), 360 - abs(cell[1] - longitude)) <= 0.125 + 1e-9


def test_the_sun_rises_when_almanacs_say() -> None:
    # Oslo, 21 June 2026: sunrise 03:54, sunset 22:44 local time (UTC+2).
    for hour, minute, day in ((1, 44, False), (2, 4, True), (20, 34, True), (20, 54, False)):
        assert is_daylight(59.91, 10.75, datetime(2026, 6, 21, hour, minute, tzinfo=UTC)) is day
    midnight, noon = datetime(2026, 6, 20, 23, tzinfo=UTC), datetime(2026, 12, 21, 11, tzinfo=UTC)
    assert is_daylight(69.65, 18.96, midnight) and not is_daylight(69.65, 18.96, noon)  # Tromsø
    assert not is_daylight(-33.87, 151.21, datetime(2026, 6, 20, 14, tzinfo=UTC))  # Sydney at midnight
