"""The cities that time zones are named after, some four hundred: where one may look at a mail from.

Source: zone.tab of the IANA time zone database (public domain), as packed by tzdata.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from campaigns.core.log import get_logger
from campaigns.opentime.place.place import Place

_ROW = re.compile(r"([A-Z]{2})\t([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?\t(\S+)")

log = get_logger(__name__)


@cache
def zone_cities() -> dict[str, Place]:
    """Places by the name of the city ("New York"), in alphabetical order; none where tzdata has no such table."""
    try:
        table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError) as error:
        log.warning("zone_cities_missing", why=type(error).__name__)
        return {}
    found = {}
    for row in _ROW.finditer(table):
        country, zone = row[1], row[10]
        latitude, longitude = _degrees(*row.group(2, 3, 4, 5)), _degrees(*row.group(6, 7, 8, 9))
        found[zone.rpartition("/")[2].replace("_", " ")] = Place(
            latitude, longitude, "address", country, zone
        )
    return dict(sorted(found.items()))


def zone_city(name: str) -> Place | None:
    """The city of this name, whatever its case."""
    wanted = name.strip().lower()
    return next((place for city, place in zone_cities().items() if city.lower() == wanted), None)


def _degrees(sign: str, degrees: str, minutes: str, seconds: str | None) -> float:
    size = int(degrees) + int(minutes) / 60 + int(seconds or 0) / 3600
    return -size if sign == "-" else size
