"""Weather at a place, now.

Source of the codes: WMO table 4677 in the selection Open-Meteo documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from campaigns.opentime.place.coordinates import Point, cell_of


class Condition(StrEnum):
    """What the sky does, as slot rules name it."""

    CLEAR = "clear"
    CLOUD = "cloud"
    FOG = "fog"
    DRIZZLE = "drizzle"
    RAIN = "rain"
    SNOW = "snow"
    SHOWERS = "showers"
    THUNDER = "thunder"
    UNKNOWN = "unknown"


_BY_CODE: dict[int, Condition] = {
    0: Condition.CLEAR,
    **dict.fromkeys(range(1, 4), Condition.CLOUD),
    **dict.fromkeys((45, 48), Condition.FOG),
    **dict.fromkeys(range(51, 58), Condition.DRIZZLE),
    **dict.fromkeys(range(61, 68), Condition.RAIN),
    **dict.fromkeys(range(71, 78), Condition.SNOW),
    **dict.fromkeys(range(80, 83), Condition.SHOWERS),
    **dict.fromkeys((85, 86), Condition.SNOW),  # snow showers: who opens in them sees snow
    **dict.fromkeys(range(95, 100), Condition.THUNDER),
}


def condition_from_wmo(code: object) -> Condition:
    """The condition of a WMO code; whatever is not such a code is unknown."""
    if isinstance(code, bool) or not isinstance(code, int | float) or code != code // 1:
        return Condition.UNKNOWN
    return _BY_CODE.get(int(code), Condition.UNKNOWN)


def number_or_none(value: object) -> float | None:
    """A finite number of a service's answer; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


@dataclass(frozen=True, slots=True)
class Weather:
    """Degrees Celsius, km/h, mm in the last interval; None where it is not known.

    `utc_offset_seconds` is local time minus UTC at that place.
    """

    condition: Condition
    temperature_c: float | None = None
    wind_kmh: float | None = None
    is_day: bool | None = None
    precipitation: float | None = None
    utc_offset_seconds: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Weather:
        """The reverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""
        return cls(**{**fields, "condition": Condition(fields["condition"])})


UNKNOWN_WEATHER = Weather(Condition.UNKNOWN)


class WeatherSource(Protocol):
    """Tells the weather."""

    def at(self, points: Sequence[Point]) -> list[Weather]:
        """The present weather at each (latitude, longitude) in degrees, in the same order.

        Raises:
            ServiceUnavailable: away, slow, or asks to wait.
            Rejected: it refuses these points or this key for good.
        """
        ...


class FixedWeather:
    """Weather from a mapping by place (compared by cell) or from a function: for tests, demos, offline."""

    def __init__(self, weather: Mapping[Point, Weather] | Callable[[float, float], Weather]) -> None:
        self._told: Callable[[float, float], Weather]
        if callable(weather):
            self._told = weather
        else:
            by_cell = {cell_of(*point): value for point, value in weather.items()}
            self._told = lambda *point: by_cell.get(cell_of(*point), UNKNOWN_WEATHER)

    def at(self, points: Sequence[Point]) -> list[Weather]:
        return [self._told(latitude, longitude) for latitude, longitude in points]
