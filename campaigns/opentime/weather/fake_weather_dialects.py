"""The answers of a weather service, as Open-Meteo and as MET Norway put them: for the server of tests and demos."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.weather.weather import Condition, Weather

OPEN_METEO_PATH = "/v1/forecast"
MET_NORWAY_PATH = "/weatherapi/locationforecast/2.0/compact"

_CODES = {
    Condition.CLEAR: 0,
    Condition.CLOUD: 3,
    Condition.FOG: 45,
    Condition.DRIZZLE: 51,
    Condition.RAIN: 61,
    Condition.SNOW: 71,
    Condition.SHOWERS: 80,
    Condition.THUNDER: 95,
    Condition.UNKNOWN: -1,
}
_SYMBOLS = {
    Condition.CLEAR: "clearsky_day",
    Condition.CLOUD: "cloudy",
    Condition.FOG: "fog",
    Condition.DRIZZLE: "lightrain",  # it knows no drizzle
    Condition.RAIN: "rain",
    Condition.SNOW: "snow",
    Condition.SHOWERS: "rainshowers_night",
    Condition.THUNDER: "heavyrainandthunder",
    Condition.UNKNOWN: "volcanicash",
}


def open_meteo_answer(points: list[Point], weathers: list[Weather]) -> bytes:
    """A list of places, or the one place that was asked for."""
    places = [_place(point, weather) for point, weather in zip(points, weathers, strict=True)]
    return json.dumps(places if len(places) != 1 else places[0]).encode()


def open_meteo_error(reason: str) -> bytes:
    """How it says what was wrong."""
    return json.dumps({"error": True, "reason": reason}).encode()


def met_norway_answer(point: Point, weather: Weather, now: datetime, hours: int = 60) -> bytes:
    """The same weather every hour from the present one on, for `hours`."""
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    series = [_hour(first + timedelta(hours=number), weather) for number in range(hours)]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [point[1], point[0], 100]},
        "properties": {"meta": {"units": {"wind_speed": "m/s"}}, "timeseries": series},
    }
    return json.dumps(feature).encode()


def _place(point: Point, weather: Weather) -> dict[str, Any]:
    return {
        "latitude": point[0],
        "longitude": point[1],
        "utc_offset_seconds": weather.utc_offset_seconds,
        "current": {
            "temperature_2m": weather.temperature_c,
            "weather_code": _CODES[weather.condition],
            "wind_speed_10m": weather.wind_kmh,
            "is_day": None if weather.is_day is None else int(weather.is_day),
            "precipitation": weather.precipitation,
        },
    }


def _hour(start: datetime, weather: Weather) -> dict[str, Any]:
    wind = None if weather.wind_kmh is None else weather.wind_kmh / 3.6
    summary = {"symbol_code": _SYMBOLS[weather.condition]}
    return {
        "time": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "instant": {"details": {"air_temperature": weather.temperature_c, "wind_speed": wind}},
            "next_1_hours": {
                "summary": summary,
                "details": {"precipitation_amount": weather.precipitation},
            },
            "next_6_hours": {"summary": summary, "details": {}},
        },
    }
