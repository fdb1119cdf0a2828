"""Weather within a budget: fresh, stale, one flight, the breaker; with Redis, without, while it is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.core.clock import FixedClock, SystemClock
from campaigns.core.errors import ServiceUnavailable
from campaigns.opentime.place.coordinates import Point, cell_of
from campaigns.opentime.weather.fake_weather_server import Behaviour, FakeWeatherServer
from campaigns.opentime.weather.forecast_cache import FAILURES_TO_STAY_AWAY, WeatherCache
from campaigns.opentime.weather.open_meteo import OpenMeteo
from campaigns.opentime.weather.weather import UNKNOWN_WEATHER, Condition, FixedWeather, Weather
from campaigns.opentime.weather.weather_shelf import Kept, MemoryShelf, RedisShelf, Shelf
from tests.waiting import in_time, until

RAIN = Weather(Condition.RAIN, 8.0, 20.0, True, 1.2, 7200)
SNOW = Weather(Condition.SNOW, -3.0, 5.0, True, 0.5, 7200)
OSLO = (59.9, 10.7)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Source:
    """A source that counts, and does what it is told."""

    def __init__(self, weather: Weather = RAIN) -> None:
        self.weather = weather
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[list[Point]] = []

    def at(self, points: Sequence[Point]) -> list[Weather]:
        self.asked.append(list(points))
        self.gate.wait(20)
        if self.error:
            raise self.error
        return [self.weather for _ in points]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(params=["redis", "memory"])
def client(request: pytest.FixtureRequest) -> redis.Redis | None:
    if request.param == "memory":
        return None
    found: redis.Redis = request.getfixturevalue("redis_client")
    return found


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.gate.set()


def test_fresh_weather_is_asked_once(client: redis.Redis | None, source: Source, clock: FixedClock) -> None:
    cache = WeatherCache(client, source, clock, 2)
    assert [cache.at(*OSLO), cache.at(59.95, 10.8), cache.at(*OSLO)] == [RAIN] * 3
    assert source.asked == [[cell_of(*OSLO)]]  # and no finer coordinates than that
    clock.moment += timedelta(minutes=11)
    assert cache.at(*OSLO) == RAIN
    assert len(source.asked) == 1


def test_stale_weather_is_served_at_once_and_refreshed_behind(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 2)
    cache.at(*OSLO)
    clock.moment += timedelta(hours=3)
    source.weather = SNOW
    source.gate.clear()
    stale = [cache.at(*OSLO) for _ in range(5)]
    assert {one.condition for one in stale} == {Condition.RAIN}
    assert {one.is_day for one in stale} == {None}  # the sun moved on
    until(lambda: len(source.asked) == 2)  # one flight for five requests
    source.gate.set()
    until(lambda: cache.at(*OSLO) == SNOW)
    assert len(source.asked) == 2


def test_a_flight_that_takes_off_after_another_landed_asks_nothing(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    # A request may have read the stale entry right before the other flight wrote the fresh one.
    cache = WeatherCache(client, source, clock, 2)
    cache.at(*OSLO)
    late = cache._fly(cell_of(*OSLO))
    assert late is not None
    assert late.wait(5)
    assert len(source.asked) == 1
    assert cache._fly(cell_of(*OSLO)) is not None  # and it has landed: the cell is free


def test_weather_older_than_six_hours_is_not_served(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 0.2)
    cache.at(*OSLO)
    clock.moment += timedelta(hours=6, minutes=1)
    source.error = ServiceUnavailable("weather", "away")
    assert cache.at(*OSLO) == UNKNOWN_WEATHER


def test_the_budget_bounds_the_wait_and_a_late_answer_is_kept(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 0.2)
    source.gate.clear()
    started = time.monotonic()
    assert cache.at(*OSLO) == UNKNOWN_WEATHER
    assert cache.at(*OSLO) == UNKNOWN_WEATHER
    assert in_time(started, 1.0)
    source.gate.set()
    until(lambda: cache.at(*OSLO) == RAIN)
    assert len(source.asked) == 1


def test_one_flight_across_processes(redis_client: redis.Redis, clock: FixedClock, source: Source) -> None:
    # Two caches share nothing but Redis, as two processes do.
    first, second = (WeatherCache(redis_client, source, clock, 3) for _ in range(2))
    source.gate.clear()
    found: list[Weather] = []
    threads = [
        threading.Thread(target=lambda cache=c: found.append(cache.at(*OSLO))) for c in (first, second) * 3
    ]
    for thread in threads:
        thread.start()
    until(lambda: len(source.asked) == 1)
    time.sleep(0.1)
    source.gate.set()
    for thread in threads:
        thread.join()
    assert found == [RAIN] * 6
    assert len(source.asked) == 1


def test_a_hanging_service_holds_few_threads_and_delays_nobody_for_long(
    clock: FixedClock, source: Source
) -> None:
    cache = WeatherCache(None, source, clock, 0.02)
    source.gate.clear()
    assert {cache.at(float(n), 0.0) for n in range(60)} == {UNKNOWN_WEATHER}
    assert len(source.asked) <= 8


def test_repeated_failures_open_the_breaker_for_a_minute(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 2)
    source.error = RuntimeError("any error a source may have")
    for n in range(10):
        assert cache.at(float(n), 0.0) == UNKNOWN_WEATHER
    assert len(source.asked) == FAILURES_TO_STAY_AWAY
    clock.moment += timedelta(seconds=61)
    cache.at(20.0, 0.0)
    cache.at(21.0, 0.0)
    assert len(source.asked) == FAILURES_TO_STAY_AWAY + 1  # still broken: one more try was enough to know
    clock.moment += timedelta(seconds=61)
    source.error = None
    assert cache.at(22.0, 0.0) == RAIN
    source.error = RuntimeError("once")
    cache.at(23.0, 0.0)
    source.error = None
    assert cache.at(24.0, 0.0) == RAIN  # a success closed it: one failure opens nothing


def test_the_breaker_is_shared_and_honours_retry_after(redis_client: redis.Redis, clock: FixedClock) -> None:
    with FakeWeatherServer() as server:
        server.behaviour, server.retry_after = Behaviour.TOO_MANY, "120"
        first, second = (WeatherCache(redis_client, OpenMeteo(server.url), clock, 2) for _ in range(2))
        assert first.at(*OSLO) == UNKNOWN_WEATHER
        server.behaviour = Behaviour.GOOD
        assert second.at(*OSLO) == UNKNOWN_WEATHER
        assert second.warm([OSLO]) == 0
        clock.moment += timedelta(seconds=119)
        assert second.at(*OSLO) == UNKNOWN_WEATHER
        assert len(server.requests) == 1
        clock.moment += timedelta(seconds=2)
        assert second.at(*OSLO).condition is Condition.CLEAR


def test_while_left_alone_stale_weather_is_still_served(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 2)
    cache.at(*OSLO)
    source.error = ServiceUnavailable("weather", "HTTP 429", 3000)
    cache.at(0.0, 0.0)
    clock.moment += timedelta(minutes=45)
    assert cache.at(*OSLO).condition is Condition.RAIN
    assert len(source.asked) == 2


def test_warming_fetches_each_cell_once_and_in_few_requests(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 2)
    near = [(59.9 + n / 1000, 10.7) for n in range(20)]
    far = [(float(n), 20.0) for n in range(30)]
    assert cache.warm([*near, *far, (float("nan"), 0.0), (0.0, 400.0)]) == 31
    assert [len(points) for points in source.asked] == [31]
    assert cache.warm(far) == 0
    assert cache.at(*OSLO) == RAIN
    assert len(source.asked) == 1


def test_lifetimes_are_spread(redis_client: redis.Redis, source: Source, clock: FixedClock) -> None:
    points = [(float(n), 20.0) for n in range(30)]
    WeatherCache(redis_client, source, clock).warm(points)
    kept, _ = RedisShelf(redis_client).read([cell_of(*point) for point in points])
    ends = {round(one.fresh_until - NOON.timestamp()) for one in kept if one}
    assert len(ends) > 10 and min(ends) >= 720 and max(ends) <= 1080


def test_a_failing_source_does_not_break_warming(source: Source, clock: FixedClock) -> None:
    cache = WeatherCache(None, source, clock)
    source.error = ServiceUnavailable("weather", "away")
    assert cache.warm([OSLO]) == 0
    short = FixedWeather(lambda *_: RAIN)
    short.at = lambda points: []  # type: ignore[method-assign]  # a source that answers too few
    assert WeatherCache(None, short, clock, 1).warm([OSLO]) == 0
    assert WeatherCache(None, short, clock, 1).at(*OSLO) == UNKNOWN_WEATHER


def test_with_redis_away_there_is_weather_from_memory(source: Source, clock: FixedClock) -> None:
    away = redis.Redis("127.0.0.1", 9, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    cache = WeatherCache(away, source, clock, 2)
    assert cache.at(*OSLO) == RAIN
    assert cache.at(*OSLO) == RAIN
    assert cache.warm([OSLO, (0.0, 0.0)]) == 1
    assert len(source.asked) == 2


def test_strangers_in_redis_are_survived(
    redis_client: redis.Redis, source: Source, clock: FixedClock
) -> None:
    cell = cell_of(*OSLO)
    for blob in (b"\xff", b"{}", b"[1]", b'{"at":1,"fresh_until":9e9,"weather":{"condition":"hail"}}'):
        redis_client.set(f"tailormail:weather:cell:{cell[0]:g}:{cell[1]:g}", blob)
        assert WeatherCache(redis_client, source, clock, 2).at(*OSLO) == RAIN


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(), st.floats())
def test_any_coordinates_get_an_answer(latitude: float, longitude: float) -> None:
    cache = WeatherCache(None, FixedWeather(lambda *_: RAIN), FixedClock(NOON), 2)
    known = abs(latitude) <= 90 and abs(longitude) <= 180
    assert cache.at(latitude, longitude) == (RAIN if known else UNKNOWN_WEATHER)


def test_what_is_fresh_is_answered_without_redis(
    redis_client: redis.Redis, source: Source, clock: FixedClock
) -> None:
    first, second = (WeatherCache(redis_client, source, clock, 2) for _ in range(2))
    assert first.peek(*OSLO) is None and first.at(*OSLO) == RAIN
    assert second.peek(*OSLO) is None and second.at(*OSLO) == RAIN  # from Redis, into memory
    redis_client.flushall()
    asked = commands_processed(redis_client)
    for cache in (first, second):
        assert [cache.peek(*OSLO), cache.at(*OSLO), cache.at(59.95, 10.8)] == [RAIN] * 3
    assert commands_processed(redis_client) == asked + 1  # asking for the number is one itself
    clock.moment += timedelta(hours=1)
    assert first.peek(*OSLO) is None
    assert first.peek(float("nan"), 0.0) is None
    assert first.at(*OSLO).condition is Condition.RAIN  # stale, though Redis has lost it
    until(lambda: first.peek(*OSLO) == RAIN)  # and refreshed behind
    assert len(source.asked) == 2


def commands_processed(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])


def test_what_another_process_refreshed_is_taken_from_redis(
    redis_client: redis.Redis, source: Source, clock: FixedClock
) -> None:
    first, second = (WeatherCache(redis_client, source, clock, 2) for _ in range(2))
    first.at(*OSLO)
    clock.moment += timedelta(minutes=40)
    source.weather = SNOW
    second.warm([OSLO])
    assert first.at(*OSLO) == SNOW and first.peek(*OSLO) == SNOW
    assert len(source.asked) == 2


def test_memory_answers_in_microseconds(source: Source) -> None:
    cache = WeatherCache(None, source, SystemClock(), 2)
    cache.at(*OSLO)
    each = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(2000):
            cache.at(*OSLO)
        each.append((time.perf_counter() - started) / 2000)
    assert min(each) < 60e-6, each  # about 2 where nothing else runs


def test_a_hanging_service_makes_few_people_wait(
    client: redis.Redis | None, source: Source, clock: FixedClock
) -> None:
    cache = WeatherCache(client, source, clock, 0.4)
    source.gate.clear()
    started = time.monotonic()
    for n in range(30):
        assert cache.at(float(n), 0.0) == UNKNOWN_WEATHER
    assert in_time(started, 1.5)  # one of them waited; all would be twelve seconds
    source.gate.set()
    until(lambda: cache.peek(0.0, 0.0) == RAIN)
    assert cache.at(50.0, 0.0) == RAIN  # it answers again: waiting is worth while


def test_a_service_that_hangs_for_a_minute_is_not_noticed(clock: FixedClock) -> None:
    with FakeWeatherServer() as server:
        cache = WeatherCache(None, OpenMeteo(server.url, timeout=3), clock, 0.2)
        assert cache.at(*OSLO).condition is Condition.CLEAR
        server.behaviour = Behaviour.HANG
        clock.moment += timedelta(minutes=30)
        worst = 0.0
        for n in range(40):
            started = time.monotonic()
            cache.at(*OSLO)
            cache.at(float(n), 0.0)
            worst = max(worst, time.monotonic() - started)
        assert worst < 0.5
        server.release()
        until(lambda: all(thread.name != "weather" for thread in threading.enumerate()))


@pytest.fixture
def shelf(client: redis.Redis | None) -> Shelf:
    return MemoryShelf(cells=50) if client is None else RedisShelf(client)


def test_contract_of_shelves_keeping(shelf: Shelf) -> None:
    first, second = (1.0, 2.0), (-0.25, -180.0)
    assert shelf.read([first, second]) == ([None, None], 0)
    kept = Kept(SNOW, 1000.5, 2000.25)
    shelf.write([(second, kept)])
    assert shelf.read([first, second]) == ([None, kept], 0)


def test_contract_of_shelves_flights(shelf: Shelf) -> None:
    cell, other = (1.0, 2.0), (3.0, 4.0)
    assert shelf.take_off(cell) and not shelf.take_off(cell) and shelf.take_off(other)
    shelf.land(cell)
    assert shelf.take_off(cell)
    shelf.write([(cell, Kept(RAIN, 1, 2))])
    assert shelf.take_off(cell) and not shelf.take_off(other)


def test_contract_of_shelves_breaker(shelf: Shelf) -> None:
    assert [shelf.count_failure(), shelf.count_failure()] == [1, 2]
    shelf.write([((1.0, 2.0), Kept(RAIN, 1, 2))])
    assert shelf.count_failure() == 1
    shelf.leave_alone(until=1234.5, seconds=60)
    assert shelf.read([(1.0, 2.0)])[1] == 1234.5


def test_memory_keeps_what_is_newer() -> None:
    shelf = MemoryShelf(cells=3)
    cell = (1.0, 2.0)
    for kept in (Kept(RAIN, 5, 9), Kept(SNOW, 4, 99), Kept(RAIN, 5, 99)):
        shelf.keep([(cell, kept)])
        assert shelf.peek(cell) == Kept(RAIN, 5, 9)
    shelf.keep([(cell, Kept(SNOW, 6, 9))])
    assert shelf.peek(cell) == Kept(SNOW, 6, 9) and shelf.peek((0.0, 0.0)) is None


def test_memory_is_bounded() -> None:
    shelf = MemoryShelf(cells=3)
    cells = [(float(n), 0.0) for n in range(5)]
    shelf.write([(cell, Kept(RAIN, 1, 2)) for cell in cells])
    assert [kept is not None for kept in shelf.read(cells)[0]] == [False, False, True, True, True]
