"""Degrees on Earth, and the cells in which weather is asked for."""

from __future__ import annotations

import math

CELL_DEGREES = 0.25

Point = tuple[float, float]


def on_earth(latitude: float, longitude: float) -> bool:
    """Whether these are finite degrees within -90..90 and -180..180."""
    finite = math.isfinite(latitude) and math.isfinite(longitude)
    return finite and abs(latitude) <= 90 and abs(longitude) <= 180


def coarse(degrees: float) -> float:
    """Rounded to 0.1 degree (11 km): finer than that nobody's place goes anywhere."""
    return round(degrees, 1) + 0.0  # + 0.0: no minus zero


def cell_of(latitude: float, longitude: float) -> Point:
    """The middle of the place's cell of CELL_DEGREES: all that a weather service ever hears of a place.

    Raises:
        ValueError: not a place on Earth.
    """
    if not on_earth(latitude, longitude):
        raise ValueError("not a place on Earth")
    lat = round(latitude / CELL_DEGREES) * CELL_DEGREES + 0.0  # + 0.0: no minus zero
    lon = round(longitude / CELL_DEGREES) * CELL_DEGREES + 0.0
    return lat, -180.0 if lon == 180.0 else lon
