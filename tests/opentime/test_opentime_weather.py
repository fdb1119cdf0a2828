"""Weather sources: one contract for Open-Meteo (against a server of its protocol) and the fixed one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.opentime.coordinates import cell_of
from campaigns.opentime.fake_weather_server import Behaviour, FakeOpenMeteoServer
from campaigns.opentime.open_meteo import POINTS_A_REQUEST, OpenMeteo
from campaigns.opentime.sun import is_daylight
from campaigns.opentime.weather import Condition, FixedWeather, Weather, WeatherSource, condition_from_wmo

RAIN = Weather(Condition.RAIN, 8.5, 20.0, True, 1.2, 7200)
SNOW = Weather(Condition.SNOW, -4.0, 3.0, False, 0.4, -18000)
CLEAR = Weather(Condition.CLEAR, 30.0, 0.0, True, 0.0, 0)
OSLO, NUUK, CAIRO = (59.9, 10.7), (64.2, -51.7), (30.0, 31.2)


@pytest.fixture
def server() -> Iterator[FakeOpenMeteoServer]:
    with FakeOpenMeteoServer() as server:
        yield server


@pytest.fixture(params=["open_meteo", "fixed_mapping", "fixed_function"])
def source(request: pytest.FixtureRequest, server: FakeOpenMeteoServer) -> WeatherSource:
    weather = {OSLO: RAIN, NUUK: SNOW, CAIRO: CLEAR}
    if request.param == "fixed_mapping":
        return FixedWeather(weather)
    if request.param == "fixed_function":
        by_cell = {cell_of(*point): value for point, value in weather.items()}
        return FixedWeather(lambda latitude, longitude: by_cell[cell_of(latitude, longitude)])
    for point, value in weather.items():
        server.script(*point, value)
    return OpenMeteo(server.url, timeout=2)


def test_contract_one_point(source: WeatherSource) -> None:
    assert source.at([OSLO]) == [RAIN]


def test_contract_several_points_in_their_order(source: WeatherSource) -> None:
    assert source.at([CAIRO, OSLO, NUUK, OSLO]) == [CLEAR, RAIN, SNOW, RAIN]


def test_contract_the_middle_of_the_cell_is_the_cell(source: WeatherSource) -> None:
    assert source.at([cell_of(*OSLO)]) == [RAIN]


def test_contract_no_point_is_no_weather(source: WeatherSource) -> None:
    assert source.at([]) == []


def test_many_points_are_few_requests(server: FakeOpenMeteoServer) -> None:
    points = [(float(n % 80), float(n // 80)) for n in range(POINTS_A_REQUEST + 5)]
    assert len(OpenMeteo(server.url + "/v1/forecast/", "a-key").at(points)) == len(points)
    assert [len(request) for request in server.requests] == [POINTS_A_REQUEST, 5]
    assert server.keys == ["a-key", "a-key"]


def test_too_many_requests_say_how_long_to_wait(server: FakeOpenMeteoServer) -> None:
    server.script(*OSLO, Behaviour.TOO_MANY)
    waits: list[float | None] = []
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for server.retry_after in (None, "7", later, "soon"):
        with pytest.raises(ServiceUnavailable) as caught:
            OpenMeteo(server.url).at([CAIRO, OSLO])
        waits.append(caught.value.retry_after)
    assert waits[:2] == [60.0, 7.0] and waits[3] == 60.0
    assert waits[2] is not None and 80 < waits[2] <= 90


@pytest.mark.parametrize("behaviour", [Behaviour.BROKEN, Behaviour.GARBAGE])
def test_a_broken_service_is_unavailable(server: FakeOpenMeteoServer, behaviour: Behaviour) -> None:
    server.behaviour = behaviour
    with pytest.raises(ServiceUnavailable) as caught:
        OpenMeteo(server.url).at([OSLO])
    assert caught.value.retry_after is None


def test_a_refusal_carries_the_reason(server: FakeOpenMeteoServer) -> None:
    server.script(*OSLO, Behaviour.BAD_REQUEST)
    with pytest.raises(Rejected, match="scripted 400"):
        OpenMeteo(server.url).at([OSLO])
    with pytest.raises(Rejected, match="Latitude"):
        OpenMeteo(server.url).at([(95.0, 0.0)])


def test_a_hanging_service_ends_at_the_time_limit(server: FakeOpenMeteoServer) -> None:
    server.behaviour = Behaviour.HANG
    started = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        OpenMeteo(server.url, timeout=0.2).at([OSLO])
    assert time.monotonic() - started < 2


def test_the_key_is_in_no_error() -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        OpenMeteo("http://127.0.0.1:9", "a-secret-key", timeout=1).at([OSLO])
    assert "a-secret-key" not in str(caught.value) and caught.value.__cause__ is None


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
