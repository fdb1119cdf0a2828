"""Day or night at a place, computed: true even where the weather is not known or hours old."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_SUNRISE_ALTITUDE = -0.833  # degrees: half the sun's disc and refraction at the horizon


def is_daylight(latitude: float, longitude: float, moment: datetime) -> bool:
    """Whether the sun is above the horizon there (degrees) at that aware moment, to within minutes.

    Source: the low-precision solar coordinates of the Astronomical Almanac (0.01 degree, 1950 to 2050).
    """
    days = (moment - _J2000).total_seconds() / 86400
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 0.0000004 * days)
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    sidereal = math.radians(280.46062 + 360.98564737 * days + longitude)
    hour_angle = sidereal - ascension
    place = math.radians(latitude)
    across = math.cos(place) * math.cos(declination) * math.cos(hour_angle)
    height = math.sin(place) * math.sin(declination) + across
    return height > math.sin(math.radians(_SUNRISE_ALTITUDE))
