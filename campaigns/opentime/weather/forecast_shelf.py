"""Forecasts of the next hours, kept until their service says that they expire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from campaigns.core.log import get_logger
from campaigns.core.remembering import Remembered
from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.weather.weather import Weather

KEEP_SECONDS = 12 * 3600

_PREFIX = "tailormail:weather:forecast:"
_IN_MEMORY = 500

_log = get_logger(__name__)


class Hour(NamedTuple):
    """The weather from `start` (seconds since the epoch) for `seconds`."""

    start: float
    seconds: float
    weather: Weather


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hours in order; not to be asked for again before `expires`, and then by what `last_modified` says."""

    hours: tuple[Hour, ...]
    expires: float
    last_modified: str = ""

    def at(self, now: float) -> Weather | None:
        """The weather of the hour that `now` (seconds since the epoch) falls into; None beyond them all."""
        begun = [hour for hour in self.hours if hour.start <= now < hour.start + hour.seconds]
        if begun:
            return begun[-1].weather
        # Clocks differ, and the first hour may be just about to begin.
        soon = self.hours and 0 < self.hours[0].start - now <= 3600
        return self.hours[0].weather if soon else None


class ForecastShelf:
    """In Redis, so that all processes together ask once; in memory (and then each for itself) without it."""

    def __init__(self, client: Any | None) -> None:
        self._redis = client
        self._memory: Remembered[Point, Forecast] = Remembered(_IN_MEMORY)

    def read(self, points: Sequence[Point]) -> list[Forecast | None]:
        """What is kept of each point."""
        blobs: list[Any] = [None] * len(points)
        if self._redis is not None and points:
            try:
                blobs = self._redis.mget([_key(point) for point in points])
            except (redis.RedisError, OSError) as error:
                _log.info("forecasts_from_memory", why=type(error).__name__)
        return [_load(blob) or self._memory.get(point) for blob, point in zip(blobs, points, strict=True)]

    def write(self, point: Point, forecast: Forecast) -> None:
        """Keep it."""
        if self._redis is not None:
            try:
                self._redis.set(_key(point), _dump(forecast), ex=KEEP_SECONDS)
                return
            except (redis.RedisError, OSError) as error:
                _log.info("forecasts_into_memory", why=type(error).__name__)
        self._memory[point] = forecast


def _key(point: Point) -> str:
    return f"{_PREFIX}{point[0]:g}:{point[1]:g}"


def _dump(forecast: Forecast) -> str:
    hours = [[hour.start, hour.seconds, hour.weather.to_json()] for hour in forecast.hours]
    return json.dumps([hours, forecast.expires, forecast.last_modified])


def _load(blob: Any) -> Forecast | None:
    """None for nothing and for what another version of this program wrote."""
    try:
        hours, expires, last_modified = json.loads(blob)
        read = tuple(Hour(float(at), float(seconds), Weather.from_json(raw)) for at, seconds, raw in hours)
        return Forecast(read, float(expires), str(last_modified))
    except (ValueError, TypeError, KeyError):
        return None
