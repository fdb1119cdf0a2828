"""What an answer of MET Norway says, hour by hour.

Source: the data model of locationforecast 2.0 and the legend of its weather symbols.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.core.errors import ServiceUnavailable
from campaigns.opentime.weather.forecast_shelf import Hour
from campaigns.opentime.weather.weather import Condition, Weather, number_or_none
from campaigns.opentime.weather.weather_http import SERVICE

HOURS_KEPT = 12

_KMH = 3.6  # a metre a second
_SPANS = {"next_1_hours": 1, "next_6_hours": 6, "next_12_hours": 12}
_SKIES = {
    "clearsky": Condition.CLEAR,
    # Some clouds: as code 1 of the WMO, which is "mainly clear", counts as cloud.
    "fair": Condition.CLOUD,
    "partlycloudy": Condition.CLOUD,
    "cloudy": Condition.CLOUD,
    "fog": Condition.FOG,
}
# The first that is part of the symbol's name: thunder outweighs what falls, and what falls how it falls.
# Sleet is snow on the way: who opens in it sees snow. There is no drizzle; it is called light rain.
_FALLING = (
    ("thunder", Condition.THUNDER),
    ("sleet", Condition.SNOW),
    ("snow", Condition.SNOW),
    ("rainshowers", Condition.SHOWERS),
    ("rain", Condition.RAIN),
)


def condition_from_symbol(symbol: object) -> Condition:
    """The condition of a symbol_code such as `lightrainshowers_day`; of anything else it is unknown."""
    if not isinstance(symbol, str):
        return Condition.UNKNOWN
    name = symbol.partition("_")[0]
    falling = next((condition for part, condition in _FALLING if part in name), None)
    return falling or _SKIES.get(name, Condition.UNKNOWN)


def hours_of(answer: Any) -> tuple[Hour, ...]:
    """The first HOURS_KEPT entries of the time series, in order.

    Raises:
        ServiceUnavailable: it has no such entries.
    """
    try:
        series = answer["properties"]["timeseries"][:HOURS_KEPT]
        hours = tuple(sorted((_hour(entry) for entry in series), key=lambda hour: hour.start))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        hours = ()
    if not hours:
        raise ServiceUnavailable(SERVICE, "an answer without a forecast")
    return hours


def _hour(entry: dict[str, Any]) -> Hour:
    start = datetime.fromisoformat(entry["time"])
    if start.tzinfo is None:
        raise ValueError("a time without a zone")
    data = entry["data"]
    now = data["instant"]["details"]
    span = next((span for span in _SPANS if span in data), "next_1_hours")
    ahead = data.get(span, {})
    wind = number_or_none(now.get("wind_speed"))
    weather = Weather(
        condition=condition_from_symbol(ahead.get("summary", {}).get("symbol_code")),
        temperature_c=number_or_none(now.get("air_temperature")),
        wind_kmh=None if wind is None else round(wind * _KMH, 1),
        # Of more than an hour it would be another measure than that of the other services.
        precipitation=number_or_none(ahead.get("details", {}).get("precipitation_amount"))
        if span == "next_1_hours"
        else None,
    )
    return Hour(start.timestamp(), _SPANS[span] * 3600.0, weather)
