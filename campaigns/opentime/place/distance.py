"""How far apart two points on Earth are."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from campaigns.opentime.place.coordinates import Point

_EARTH_RADIUS_KM = 6371.0088  # the mean radius of the IUGG


def km_between(one: Point, other: Point) -> float:
    """Kilometres along the great circle between two (latitude, longitude) in degrees; right to 0.5 %.

    Source: the haversine formula, on a sphere.
    """
    lat_one, lat_other = radians(one[0]), radians(other[0])
    half_lat = sin((lat_other - lat_one) / 2)
    half_lon = sin(radians(other[1] - one[1]) / 2)
    chord = half_lat * half_lat + cos(lat_one) * cos(lat_other) * half_lon * half_lon
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))
