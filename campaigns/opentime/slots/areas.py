"""Parts of the Earth that slot rules name: around a point, and between degrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.place.distance import km_between
from campaigns.opentime.slots import slot_fields

# Places are rounded to 0.1 degree, so that anything finer would be decided by the rounding.
LEAST_KM = 10.0
LEAST_DEGREES = 0.2
_MOST_KM = 20_000.0


@dataclass(frozen=True, slots=True)
class Around:
    """At most `km` from a point in degrees."""

    latitude: float
    longitude: float
    km: float

    def holds(self, point: Point) -> bool:
        """Whether this (latitude, longitude) lies within."""
        return km_between((self.latitude, self.longitude), point) <= self.km

    def to_json(self) -> dict[str, float]:
        """As JSON-ready fields that `around` reads again."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Box:
    """Between two latitudes and two longitudes, borders included; from 170 east to -170 crosses the date line."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        """Whether this (latitude, longitude) lies within."""
        latitude, longitude = point
        if not self.south <= latitude <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= longitude <= self.east
        return longitude >= self.west or longitude <= self.east

    def to_json(self) -> dict[str, float]:
        """As JSON-ready fields that `box` reads again."""
        return asdict(self)


def around(raw: object, where: str) -> Around:
    """Read `{ latitude, longitude, km }`.

    Raises:
        BadInput: naming `where` and the field.
    """
    given = _all_of(Around, raw, where)
    latitude = _degrees(given, "latitude", 90, where)
    longitude = _degrees(given, "longitude", 180, where)
    km = slot_fields.number(given["km"], f"{where}.km")
    if not LEAST_KM <= km <= _MOST_KM:
        why = "; a place is known to about 10 km only" if km < LEAST_KM else ""
        raise BadInput(f"expects {LEAST_KM:g} to {_MOST_KM:g} kilometres{why}", f"{where}.km")
    return Around(latitude, longitude, km)


def box(raw: object, where: str) -> Box:
    """Read `{ south, west, north, east }`.

    Raises:
        BadInput: naming `where` and the field.
    """
    given = _all_of(Box, raw, where)
    south, north = (_degrees(given, key, 90, where) for key in ("south", "north"))
    west, east = (_degrees(given, key, 180, where) for key in ("west", "east"))
    if north - south < LEAST_DEGREES:
        raise BadInput(f"expects north to be at least {LEAST_DEGREES} degrees above south", where)
    if (east - west) % 360 < LEAST_DEGREES and (west, east) != (-180, 180):
        raise BadInput(f"expects east to be at least {LEAST_DEGREES} degrees east of west", where)
    return Box(south, west, north, east)


def _all_of(kind: type[Around] | type[Box], raw: object, where: str) -> Mapping[str, Any]:
    given = slot_fields.table(raw, where)
    keys = [field.name for field in fields(kind)]
    slot_fields.only_keys(given, keys, where)
    missing = [key for key in keys if key not in given]
    if missing:
        raise BadInput(f"needs {', '.join(keys)}; {missing[0]} is missing", where)
    return given


def _degrees(given: Mapping[str, Any], key: str, most: int, where: str) -> float:
    value = slot_fields.number(given[key], f"{where}.{key}")
    if abs(value) > most:
        raise BadInput(f"expects degrees from -{most} to {most}", f"{where}.{key}")
    return value
