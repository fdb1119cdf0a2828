"""Weather from Open-Meteo or a server that speaks its protocol (`GET /v1/forecast`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.weather.weather import Weather, condition_from_wmo, number_or_none
from campaigns.opentime.weather.weather_http import SERVICE, Reply, ask, raise_for

POINTS_A_REQUEST = 100  # what keeps the URL below 2,000 characters

_FIELDS = "temperature_2m,weather_code,wind_speed_10m,is_day,precipitation"


class OpenMeteo:
    """Asks `base_url` (paid, self-hosted, or the free one, which is for non-commercial use only).

    `timeout` in seconds bounds connecting and each wait for data.
    """

    def __init__(self, base_url: str, key: str | None = None, timeout: float = 3.0) -> None:
        self._url = base_url.rstrip("/").removesuffix("/v1/forecast") + "/v1/forecast"
        self._key = key
        self._timeout = timeout

    def at(self, points: Sequence[Point]) -> list[Weather]:
        """See `WeatherSource`; several points go into one request."""
        found: list[Weather] = []
        with requests.Session() as session:
            for start in range(0, len(points), POINTS_A_REQUEST):
                found += self._ask(session, points[start : start + POINTS_A_REQUEST])
        return found

    def _ask(self, session: requests.Session, points: Sequence[Point]) -> list[Weather]:
        params = {
            "latitude": ",".join(f"{latitude:.2f}" for latitude, _ in points),
            "longitude": ",".join(f"{longitude:.2f}" for _, longitude in points),
            "current": _FIELDS,
            "timezone": "auto",
        }
        if self._key:
            params["apikey"] = self._key
        reply = ask(session, self._url, params, self._timeout)
        raise_for(reply)
        places = _places(reply)
        if len(places) != len(points):
            raise ServiceUnavailable(SERVICE, f"answered {len(places)} places of {len(points)}")
        return [_weather(place) for place in places]


def _places(reply: Reply) -> list[Any]:
    answer = reply.json()
    if isinstance(answer, dict) and answer.get("error"):
        raise Rejected(f"{SERVICE}: {str(answer.get('reason'))[:200]}")
    return answer if isinstance(answer, list) else [answer]


def _weather(place: Any) -> Weather:
    current = place.get("current") if isinstance(place, dict) else None
    if not isinstance(current, dict):
        raise ServiceUnavailable(SERVICE, "an answer without current weather")
    day = current.get("is_day")
    offset = number_or_none(place.get("utc_offset_seconds"))
    return Weather(
        condition=condition_from_wmo(current.get("weather_code")),
        temperature_c=number_or_none(current.get("temperature_2m")),
        wind_kmh=number_or_none(current.get("wind_speed_10m")),
        is_day=bool(day) if day in (0, 1) else None,
        precipitation=number_or_none(current.get("precipitation")),
        utc_offset_seconds=None if offset is None else int(offset),
    )
