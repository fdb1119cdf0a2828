"""Address -> city, through a database file in MaxMind's format (MaxMind DB File Format 2.0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import maxminddb

from campaigns.core.errors import NotConfigured
from campaigns.core.log import get_logger
from campaigns.opentime.place.coordinates import on_earth

LARGEST_RADIUS_KM = 50.0

_log = get_logger(__name__)
_already_told: set[Path] = set()


@dataclass(frozen=True, slots=True)
class GeoAnswer:
    """A city: coordinates in degrees, how far off they may be, ISO 3166-1 country, IANA time zone."""

    city: str
    latitude: float
    longitude: float
    radius_km: float
    country: str = ""
    timezone: str = ""


class GeoLookup(Protocol):
    """Where an address is."""

    def lookup(self, address: str) -> GeoAnswer | None:
        """The city of this address, None unless it is known within LARGEST_RADIUS_KM; never raises."""
        ...


def _precise(answer: GeoAnswer) -> GeoAnswer | None:
    # A row without a city carries the centre of its country (Russia: in Siberia): worse than no answer.
    known = bool(answer.city) and on_earth(answer.latitude, answer.longitude)
    return answer if known and 0 < answer.radius_km <= LARGEST_RADIUS_KM else None


class MaxMindLookup:
    """A GeoLite2-City, GeoIP2-City or compatible file."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            NotConfigured: it is missing or is not an mmdb file.
        """
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise NotConfigured(f"TAILORMAIL_GEOIP_PATH: {path}: {type(error).__name__}") from None
        self._told = False

    def lookup(self, address: str) -> GeoAnswer | None:
        try:
            row = self._reader.get(address)
            return _precise(_answer(row)) if isinstance(row, dict) else None
        except ValueError:  # not an address, or IPv6 in a database of IPv4
            return None
        except (maxminddb.InvalidDatabaseError, KeyError, TypeError, AttributeError) as error:
            if not self._told:
                self._told = True
                _log.warning("geo_row_unreadable", why=type(error).__name__)
            return None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def lookup_in_force(path: Path | None) -> GeoLookup | None:
    """The file's look-up; None where there is none, or it cannot be used, which the log says once.

    Whoever opens a mail cannot mend it: homes decide meanwhile. `tailormail doctor` calls it an error.
    """
    if path is None:
        return None
    try:
        return MaxMindLookup(path)
    except NotConfigured as problem:
        if path not in _already_told:
            _already_told.add(path)
            _log.warning("geo_file_not_used", why=problem.message)
        return None


def _answer(row: dict[str, Any]) -> GeoAnswer:
    names = row.get("city", {}).get("names", {})
    location = row.get("location", {})
    return GeoAnswer(
        city=names.get("en") or next(iter(names.values()), ""),
        latitude=float(location.get("latitude", math.nan)),
        longitude=float(location.get("longitude", math.nan)),
        radius_km=float(location.get("accuracy_radius", math.nan)),
        country=row.get("country", {}).get("iso_code", ""),
        timezone=location.get("time_zone", ""),
    )


class FixedLookup:
    """Answers from a mapping, for tests and offline use; bound to the same rules of precision."""

    def __init__(self, answers: Mapping[str, GeoAnswer]) -> None:
        self._answers = dict(answers)

    def lookup(self, address: str) -> GeoAnswer | None:
        answer = self._answers.get(address)
        return _precise(answer) if answer else None
