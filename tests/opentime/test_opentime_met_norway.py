"""MET Norway's terms: who asks, how often, how precisely; and what its symbols mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns import __version__
from campaigns.core.clock import FixedClock
from campaigns.core.errors import NotConfigured, ServiceUnavailable
from campaigns.core.settings import load_settings
from campaigns.opentime.weather.fake_weather_server import Behaviour, FakeWeatherServer
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.opentime.weather.forecast_shelf import Forecast, ForecastShelf, Hour
from campaigns.opentime.weather.met_norway import MetNorway
from campaigns.opentime.weather.met_norway_forecast import condition_from_symbol, hours_of
from campaigns.opentime.weather.open_meteo import OpenMeteo
from campaigns.opentime.weather.request_pace import RequestPace
from campaigns.opentime.weather.weather import UNKNOWN_WEATHER, Condition, FixedWeather, Weather
from campaigns.opentime.weather.weather_sources import weather_source_of

RAIN = Weather(Condition.RAIN, 8.0, 18.0, precipitation=1.2)
SNOW = Weather(Condition.SNOW, -3.0, 36.0, precipitation=0.5)
OSLO, CAIRO = (59.9, 10.7), (30.0, 31.2)
CONTACT = "post@example.com"
AWAY = redis.Redis("127.0.0.1", 9, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


@pytest.fixture
def server() -> Iterator[FakeWeatherServer]:
    with FakeWeatherServer() as server:
        server.everywhere = RAIN
        yield server


@pytest.fixture(params=["redis", "memory"])
def shelf(request: pytest.FixtureRequest) -> ForecastShelf:
    return ForecastShelf(request.getfixturevalue("redis_client") if request.param == "redis" else None)


class Time:
    """Seconds since the epoch, as told."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def source(server: FakeWeatherServer, shelf: ForecastShelf, now: Time) -> MetNorway:
    return MetNorway(server.met_url, CONTACT, shelf, lambda: None, 2, now)


def test_every_request_says_who_asks_and_is_no_finer_than_four_decimals(server: FakeWeatherServer) -> None:
    found = source(server, ForecastShelf(None), Time()).at([(59.912345678, 10.746123456), CAIRO])
    assert found == [RAIN, RAIN]  # the server refuses five decimals and strangers
    assert server.agents == [f"Tailormail/{__version__} {CONTACT}"] * 2
    assert server.requests == [[(59.91, 10.75)], [CAIRO]]


def test_nothing_is_asked_again_before_it_expires(server: FakeWeatherServer, shelf: ForecastShelf) -> None:
    now = Time()
    server.expires_in = 1200
    assert source(server, shelf, now).at([OSLO, OSLO, CAIRO]) == [RAIN] * 3
    now.now += 1100
    assert source(server, shelf, now).at([OSLO]) == [RAIN]  # a new object, as after a restart
    assert len(server.requests) == 2 if shelf._redis else 3


def test_what_expired_is_asked_for_conditionally(server: FakeWeatherServer, shelf: ForecastShelf) -> None:
    now = Time()
    met = source(server, shelf, now)
    met.at([OSLO])
    now.now += 1900
    assert met.at([OSLO]) == [RAIN]
    assert met.at([OSLO]) == [RAIN]  # 304 carried a new time of expiry
    assert server.conditions == [None, server.last_modified]
    now.now += 1900
    server.last_modified, server.everywhere = "Mon, 02 Mar 2026 12:00:00 GMT", SNOW
    assert met.at([OSLO]) == [SNOW]
    assert len(server.requests) == 3


def test_a_forecast_that_has_run_out_is_asked_for_as_a_whole(
    server: FakeWeatherServer, shelf: ForecastShelf
) -> None:
    now = Time()
    met = source(server, shelf, now)
    met.at([OSLO])
    now.now += 13 * 3600
    met.at([OSLO])
    assert server.conditions == [None, None]


def test_an_answer_without_an_expiry_is_kept_for_half_an_hour(server: FakeWeatherServer) -> None:
    now, server.expires_in = Time(), None
    met = source(server, ForecastShelf(None), now)
    for later in (0, 1700, 200):
        now.now += later
        met.at([OSLO])
    assert len(server.requests) == 2


def test_a_product_about_to_end_is_said_once(server: FakeWeatherServer) -> None:
    server.deprecated = True
    with structlog.testing.capture_logs() as logs:
        assert source(server, ForecastShelf(None), Time()).at([OSLO, CAIRO]) == [RAIN, RAIN]
    assert [log["event"] for log in logs] == ["weather_product_deprecated"]


def test_who_is_barred_asks_no_more_for_an_hour(server: FakeWeatherServer, redis_client: redis.Redis) -> None:
    server.behaviour = Behaviour.FORBIDDEN
    met = source(server, ForecastShelf(None), Time())
    with pytest.raises(ServiceUnavailable, match="TAILORMAIL_WEATHER_CONTACT") as caught:
        met.at([OSLO])
    assert caught.value.retry_after == 3600
    clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    cache = WeatherCache(redis_client, met, clock, 2)
    for later in (0, 1, 3597):
        clock.moment += timedelta(seconds=later)
        assert cache.at(*OSLO) == UNKNOWN_WEATHER
    assert len(server.requests) == 2


def test_the_cache_warms_with_it(server: FakeWeatherServer, redis_client: redis.Redis) -> None:
    met = source(server, ForecastShelf(redis_client), Time())
    cache = WeatherCache(redis_client, met, FixedClock(datetime.now(UTC)), 2)
    assert cache.warm([OSLO, (59.91, 10.72), CAIRO]) == 2
    assert cache.at(*OSLO) == RAIN and cache.peek(*CAIRO) == RAIN
    assert len(server.requests) == 2


def test_a_flood_is_spread_over_the_seconds_by_all_processes(redis_client: redis.Redis) -> None:
    now = Time()
    now.now = float(int(now.now))
    paces = [RequestPace(redis_client, "met", 15, now, now.sleep) for _ in range(3)]
    taken: dict[int, int] = {}
    for number in range(100):
        paces[number % 3].take_turn()
        taken[int(now())] = taken.get(int(now()), 0) + 1
    assert max(taken.values()) == 15 and len(taken) == 7


def test_without_redis_a_process_goes_slowly() -> None:
    now = Time()
    for client in (None, AWAY):
        pace = RequestPace(client, "met", 15, now, now.sleep)
        began = now()
        for _ in range(9):
            pace.take_turn()
        assert now() - began == pytest.approx(2.0)


def test_with_redis_away_forecasts_are_kept_in_memory(server: FakeWeatherServer) -> None:
    met = source(server, ForecastShelf(AWAY), Time())
    assert [met.at([OSLO]), met.at([OSLO])] == [[RAIN], [RAIN]]
    assert len(server.requests) == 1


@pytest.mark.parametrize("blob", [b"\xff", b"{}", b"[[1],2,3]", b'[[[1,2,{"condition":"hail"}]],3,""]'])
def test_strangers_on_the_shelf_are_survived(redis_client: redis.Redis, blob: bytes) -> None:
    redis_client.set("tailormail:weather:forecast:59.9:10.7", blob)
    assert ForecastShelf(redis_client).read([OSLO]) == [None]


def test_symbols_become_conditions() -> None:
    expected = {
        "clearsky_night": "clear",
        "fair_polartwilight": "cloud",
        "partlycloudy_day": "cloud",
        "cloudy": "cloud",
        "fog": "fog",
        "lightrain": "rain",
        "heavyrainshowers_day": "showers",
        "lightsleetshowers_day": "snow",
        "snowshowers_night": "snow",
        "lightssnowshowersandthunder_day": "thunder",  # written so by the service
        "rainandthunder": "thunder",
    }
    assert {symbol: condition_from_symbol(symbol) for symbol in expected} == expected
    for nothing in (None, 1, "", "hail", ["rain"]):
        assert condition_from_symbol(nothing) is Condition.UNKNOWN


def test_the_hour_of_now_is_told() -> None:
    forecast = Forecast((Hour(3600, 3600, RAIN), Hour(7200, 3600, SNOW), Hour(10800, 21600, RAIN)), 0)
    assert [forecast.at(now) for now in (3600, 7199, 7200, 10799, 32399)] == [RAIN, RAIN, SNOW, SNOW, RAIN]
    assert forecast.at(1800) == RAIN  # about to begin: clocks differ
    assert forecast.at(32400) is None and forecast.at(-1) is None and Forecast((), 0).at(0) is None


def test_hours_far_ahead_have_no_hourly_rain() -> None:
    six = {"summary": {"symbol_code": "rain"}, "details": {"precipitation_amount": 9.0}}
    entry = {
        "time": "2026-03-01T12:00:00Z",
        "data": {"instant": {"details": {"air_temperature": 1, "wind_speed": 10}}, "next_6_hours": six},
    }
    (hour,) = hours_of({"properties": {"timeseries": [entry]}})
    assert hour == Hour(1772366400.0, 21600.0, Weather(Condition.RAIN, 1.0, 36.0))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["time", "data", "instant"]), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(json_values, max_size=3))
def test_an_answer_of_another_shape_is_unavailable(series: list[object]) -> None:
    for answer in (series, {"properties": series}, {"properties": {"timeseries": series}}):
        with pytest.raises(ServiceUnavailable):
            hours_of(answer)


@pytest.mark.parametrize(
    ("url", "provider", "kind"),
    [
        ("https://api.met.no/weatherapi/locationforecast/2.0", None, MetNorway),
        ("https://api.met.no", None, MetNorway),
        ("http://cache.example.com/weatherapi/", None, MetNorway),
        ("http://cache.example.com", "met-norway", MetNorway),
        ("http://cache.example.com/weatherapi", "open-meteo", OpenMeteo),
        ("http://cache.example.com", None, OpenMeteo),
        (None, None, FixedWeather),
    ],
)
def test_the_address_or_a_setting_tells_which_service_it_is(
    url: str | None, provider: str | None, kind: type
) -> None:
    loaded = load_settings(
        {"weather_url": url, "weather_provider": provider, "weather_contact": "https://example.com"}
    )
    assert type(weather_source_of(loaded, lambda: None)) is kind


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"weather_url": "https://api.met.no"}, "TAILORMAIL_WEATHER_CONTACT: MET Norway"),
        ({"weather_url": "https://api.met.no", "weather_contact": "me"}, "TAILORMAIL_WEATHER_CONTACT: must"),
        ({"weather_contact": "a@b.c\r\nX: 1"}, "TAILORMAIL_WEATHER_CONTACT: must"),
        ({"weather_provider": "open-meteo"}, "TAILORMAIL_WEATHER_PROVIDER: needs"),
        ({"weather_url": "api.met.no"}, "TAILORMAIL_WEATHER_URL: must"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(NotConfigured, match=named):
        load_settings(wrong)
