"""Weather from Open-Meteo or a server that speaks its protocol (`GET /v1/forecast`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.opentime.coordinates import Point
from campaigns.opentime.weather import Weather, condition_from_wmo

POINTS_A_REQUEST = 100  # what keeps the URL below 2,000 characters

_SERVICE = "weather"
_LIMIT_SECONDS = 60.0  # its shortest limit is by the minute, and it does not always say so
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
        for start in range(0, len(points), POINTS_A_REQUEST):
            found += self._ask(points[start : start + POINTS_A_REQUEST])
        return found

    def _ask(self, points: Sequence[Point]) -> list[Weather]:
        params = {
            "latitude": ",".join(f"{latitude:.2f}" for latitude, _ in points),
            "longitude": ",".join(f"{longitude:.2f}" for _, longitude in points),
            "current": _FIELDS,
            "timezone": "auto",
        }
        if self._key:
            params["apikey"] = self._key
        try:
            reply = requests.get(self._url, params=params, timeout=self._timeout, allow_redirects=False)
            _raise_for(reply)
            places = _as_json(reply)
        except (requests.RequestException, ValueError) as error:
            # Only the type: the text of these errors carries the URL, and with it the key.
            raise ServiceUnavailable(_SERVICE, type(error).__name__) from None
        places = places if isinstance(places, list) else [places]
        if len(places) != len(points):
            raise ServiceUnavailable(_SERVICE, f"answered {len(places)} places of {len(points)}")
        return [_weather(place) for place in places]


def _raise_for(reply: requests.Response) -> None:
    """Turn every answer but 200 into the error that says what to do next."""
    status = reply.status_code
    if status == 429 or status >= 500:
        wait = _retry_after(reply.headers.get("Retry-After"))
        if wait is None and status == 429:
            wait = _LIMIT_SECONDS
        raise ServiceUnavailable(_SERVICE, f"HTTP {status}", wait)
    if 400 <= status < 500:
        raise Rejected(f"{_SERVICE}: HTTP {status}: {_reason(reply)}")
    if status != 200:
        raise ServiceUnavailable(_SERVICE, f"HTTP {status}")


def _as_json(reply: requests.Response) -> Any:
    answer = reply.json()
    if isinstance(answer, dict) and answer.get("error"):
        raise Rejected(f"{_SERVICE}: {str(answer.get('reason'))[:200]}")
    return answer


def _reason(reply: requests.Response) -> str:
    try:
        answer = reply.json()
    except ValueError:
        return "no reason given"
    return str(answer.get("reason"))[:200] if isinstance(answer, dict) else "no reason given"


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait by RFC 9110, 10.2.3 (a number of seconds or a date); None if it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _weather(place: Any) -> Weather:
    current = place.get("current") if isinstance(place, dict) else None
    if not isinstance(current, dict):
        raise ServiceUnavailable(_SERVICE, "an answer without current weather")
    day = current.get("is_day")
    offset = _number(place.get("utc_offset_seconds"))
    return Weather(
        condition=condition_from_wmo(current.get("weather_code")),
        temperature_c=_number(current.get("temperature_2m")),
        wind_kmh=_number(current.get("wind_speed_10m")),
        is_day=bool(day) if day in (0, 1) else None,
        precipitation=_number(current.get("precipitation")),
        utc_offset_seconds=None if offset is None else int(offset),
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
